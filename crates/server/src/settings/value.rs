//! What a source says of a key, before it is known to be right.

use std::fmt;

use super::complaint::Place;
use super::key::Key;

/// A key, what it is to be, and who says so.
#[derive(Debug)]
pub(super) struct Given {
    pub key: &'static Key,
    pub value: Value,
    pub place: Place,
}

/// A value as its source wrote it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Value {
    /// From the environment or a flag: a text, a number, or a list with commas, as the key will have it.
    Words(String),
    /// A string of the file.
    Text(String),
    /// A whole number of the file, in decimal digits.
    Number(String),
    /// An array of the file.
    List(Vec<Value>),
    /// Anything else of the file, by the name of its type.
    Other(&'static str),
}

impl Value {
    /// The text, where there is one.
    pub(super) fn text(&self) -> Option<String> {
        match self {
            Value::Words(text) | Value::Text(text) => Some(text.clone()),
            Value::Number(_) | Value::List(_) | Value::Other(_) => None,
        }
    }

    /// The number, where there is one.
    pub(super) fn number(&self) -> Option<u64> {
        match self {
            Value::Words(digits) | Value::Number(digits) => digits.parse().ok(),
            Value::Text(_) | Value::List(_) | Value::Other(_) => None,
        }
    }

    /// The texts, where there is a list of them. Words are separated by commas; no words are an empty list.
    pub(super) fn list(&self) -> Option<Vec<String>> {
        match self {
            Value::Words(words) if words.trim().is_empty() => Some(Vec::new()),
            Value::Words(words) => Some(words.split(',').map(|word| word.trim().to_owned()).collect()),
            Value::List(values) => values.iter().map(Value::text).collect(),
            Value::Text(_) | Value::Number(_) | Value::Other(_) => None,
        }
    }
}

/// As its source would write it.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Words(text) | Value::Text(text) => write!(f, "{text:?}"),
            Value::Number(digits) => f.write_str(digits),
            Value::List(values) => {
                let values: Vec<String> = values.iter().map(ToString::to_string).collect();
                write!(f, "[{}]", values.join(", "))
            }
            Value::Other(kind) => write!(f, "of the type {kind}"),
        }
    }
}
