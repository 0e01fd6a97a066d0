//! The TOML file.

use std::ops::Range;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::complaint::{Complaint, Place};
use super::key::{Key, Takes};
use super::value::{Given, Value};

/// The tables that a file may have.
const TABLES: &[&str] = &["limits"];

/// Reads what the file gives; unknown keys and bad TOML are complaints. A file that cannot be read is the one complaint there is.
pub(super) fn read(path: &Path, given: &mut Vec<Given>, complaints: &mut Vec<Complaint>) -> Result<(), Complaint> {
    let text = std::fs::read_to_string(path)
        .map_err(|cause| Complaint::new(Place::WholeFile(path.to_owned()), format!("this file cannot be read: {cause}")))?;
    File { path, text: &text, given, complaints }.read();
    Ok(())
}

struct File<'a> {
    path: &'a Path,
    text: &'a str,
    given: &'a mut Vec<Given>,
    complaints: &'a mut Vec<Complaint>,
}

impl File<'_> {
    fn read(mut self) {
        let (table, errors) = DeTable::parse_recoverable(self.text);
        for error in errors {
            self.complain(error.span().unwrap_or(0..0), format!("this is not TOML: {}", error.message()));
        }
        self.table(None, table.get_ref());
    }

    fn table(&mut self, table: Option<&str>, entries: &DeTable<'_>) {
        for (name, value) in entries {
            match value.get_ref() {
                DeValue::Table(entries) if table.is_none() && TABLES.contains(&name.get_ref().as_ref()) => {
                    self.table(Some(name.get_ref()), entries);
                }
                _ => self.entry(table, name, value),
            }
        }
    }

    fn entry(&mut self, table: Option<&str>, name: &Spanned<std::borrow::Cow<'_, str>>, value: &Spanned<DeValue<'_>>) {
        let Some(key) = Key::find(table, name.get_ref()) else {
            return self.complain(name.span(), unknown(table, name.get_ref()));
        };
        let place = self.place(value.span());
        self.given.push(Given { key, value: self.beside_the_file(key, to_value(value.get_ref())), place });
    }

    /// A relative path of the file means a file beside it, wherever the node is started.
    fn beside_the_file(&self, key: &Key, value: Value) -> Value {
        match (&key.takes, self.path.parent(), value) {
            (Takes::Path { .. }, Some(directory), Value::Text(text)) if !text.is_empty() => {
                match directory.join(&text).into_os_string().into_string() {
                    Ok(joined) => Value::Text(joined),
                    Err(_) => Value::Text(text),
                }
            }
            (_, _, value) => value,
        }
    }

    fn complain(&mut self, span: Range<usize>, text: String) {
        let place = self.place(span);
        self.complaints.push(Complaint::new(place, text));
    }

    fn place(&self, span: Range<usize>) -> Place {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = before.matches('\n').count() + 1;
        Place::File { path: self.path.to_owned(), line, column: before[line_start..].chars().count() + 1 }
    }
}

fn unknown(table: Option<&str>, name: &str) -> String {
    if let Some(elsewhere) = Key::all().find(|key| key.name == name) {
        return match elsewhere.table {
            Some(table) => format!("`{name}` belongs into the table [{table}]"),
            None => format!("`{name}` belongs above all tables, at the top of the file"),
        };
    }
    match table {
        None if TABLES.contains(&name) => format!("`{name}` is a table; its keys stand below a line [{name}]"),
        Some(table) => format!("there is no key `{name}` in [{table}]; there are: {}", Key::names(Some(table))),
        None => format!("there is no key `{name}`; there are: {}, and the table [limits]", Key::names(None)),
    }
}

fn to_value(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(number) => Value::Number(decimal(number.as_str(), number.radix())),
        DeValue::Array(values) => Value::List(values.iter().map(|value| to_value(value.get_ref())).collect()),
        other => Value::Other(other.type_str()),
    }
}

/// TOML has hexadecimal, octal and binary numbers too; what does not fit stays as it is, and is refused as too large.
fn decimal(digits: &str, radix: u32) -> String {
    i128::from_str_radix(digits, radix).map_or_else(|_| digits.to_owned(), |number| number.to_string())
}
