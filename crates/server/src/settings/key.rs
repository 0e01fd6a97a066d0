//! One key: its names, what it takes, and where its value goes.

use std::ops::RangeInclusive;
use std::path::PathBuf;

use super::draft::Draft;
use super::value::Value;
use super::{keys, limits};

/// One row of the tables.
#[derive(Debug)]
pub(super) struct Key {
    /// In the file; with dashes it is the flag, in capitals behind `CONCLAVE_` the variable.
    pub name: &'static str,
    /// The table of the file in which it stands, if in one.
    pub table: Option<&'static str>,
    /// What it is, for people.
    pub help: &'static str,
    /// What it may be.
    pub takes: Takes,
}

/// What a key may be, said for people, and what becomes of it. A `set` that fails says why, unless that is plain.
#[derive(Debug)]
pub(super) enum Takes {
    Text { what: &'static str, set: fn(&mut Draft, &str) -> Result<(), String> },
    List { what: &'static str, set: fn(&mut Draft, &[String]) -> Result<(), String> },
    Path { what: &'static str, set: fn(&mut Draft, PathBuf) },
    Number { range: RangeInclusive<u64>, unit: &'static str, default: u64, set: fn(&mut Draft, u64) },
}

impl Key {
    /// All keys, in the order in which people should read them.
    pub(super) fn all() -> impl Iterator<Item = &'static Key> {
        keys::KEYS.iter().chain(limits::LIMITS)
    }

    /// `[limits]` keys carry their table in the file only.
    pub(super) fn find(table: Option<&str>, name: &str) -> Option<&'static Key> {
        Key::all().find(|key| key.table == table && key.name == name)
    }

    /// Names of the keys of a table, for people.
    pub(super) fn names(table: Option<&str>) -> String {
        let names: Vec<&str> = Key::all().filter(|key| key.table == table).map(|key| key.name).collect();
        names.join(", ")
    }

    /// The variable of the environment.
    pub(super) fn variable(&self) -> String {
        super::variable_of(self.name)
    }

    /// The flag, without its dashes.
    pub(super) fn flag(&self) -> String {
        self.name.replace('_', "-")
    }

    /// Puts the value where it belongs, or says what is wrong with it.
    pub(super) fn set(&self, value: &Value, draft: &mut Draft) -> Result<(), String> {
        let done = match &self.takes {
            Takes::Text { set, .. } => value.text().map(|text| set(draft, &text)),
            Takes::List { set, .. } => value.list().map(|list| set(draft, &list)),
            Takes::Path { set, .. } => value.text().filter(|text| !text.is_empty()).map(|text| {
                set(draft, text.into());
                Ok(())
            }),
            Takes::Number { range, set, .. } => value.number().filter(|number| range.contains(number)).map(|number| {
                set(draft, number);
                Ok(())
            }),
        };
        let why = match done {
            Some(Ok(())) => return Ok(()),
            Some(Err(why)) if !why.is_empty() => format!(" ({why})"),
            Some(Err(_)) | None => String::new(),
        };
        Err(format!("`{}` cannot be {value}{why}; it takes {}", self.name, self.takes.what()))
    }
}

impl Takes {
    /// What it may be, for people.
    pub(super) fn what(&self) -> String {
        match self {
            Takes::Text { what, .. } | Takes::List { what, .. } | Takes::Path { what, .. } => (*what).to_owned(),
            Takes::Number { range, unit, .. } => format!("a number from {} to {} ({unit})", range.start(), range.end()),
        }
    }
}
