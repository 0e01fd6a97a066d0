//! What is wrong, and where: the way from a rule to the stream error.

use std::borrow::Cow;

use crate::stream_error::{StreamCondition, StreamError};

/// A rule that was broken. Texts never repeat what the peer wrote, so that they are fit for any stream and short.
#[derive(Debug)]
pub(super) struct Fault {
    condition: StreamCondition,
    /// Bytes between the beginning of the stanza or header and the place, where there is one.
    at: Option<usize>,
    what: Cow<'static, str>,
}

impl Fault {
    pub fn new(condition: StreamCondition, at: usize, what: &'static str) -> Fault {
        Fault { condition, at: Some(at), what: Cow::Borrowed(what) }
    }

    pub fn malformed(at: usize, what: &'static str) -> Fault {
        Fault::new(StreamCondition::NotWellFormed, at, what)
    }

    pub fn restricted(at: usize, what: &'static str) -> Fault {
        Fault::new(StreamCondition::RestrictedXml, at, what)
    }

    /// A limit was passed.
    pub fn limit(what: String) -> Fault {
        Fault { condition: StreamCondition::PolicyViolation, at: None, what: Cow::Owned(what) }
    }

    /// Counts the place from `start` bytes earlier on.
    #[must_use]
    pub fn within(mut self, start: usize) -> Fault {
        self.at = self.at.map(|at| at + start);
        self
    }

    pub fn into_error(self, item: &str) -> StreamError {
        let text = match self.at {
            Some(at) => format!("byte {} of the {item}: {}", at + 1, self.what),
            None => self.what.into_owned(),
        };
        StreamError::new(self.condition).text(text)
    }
}
