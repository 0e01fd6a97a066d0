//! What clients saw from outside, and whether the cluster may have behaved so.
//!
//! Every client appends items that nobody else appends, and remembers what became of each. Afterwards the values are read, and `check` compares.

mod check;
mod clients;

use std::collections::BTreeMap;
use std::time::Instant;

pub use check::check;
pub use clients::{Clients, Load};

/// A list in the cluster that clients append to.
pub type Key = (u32, String);

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Acknowledged as committed at this index.
    Committed(u64),
    /// Surely not in the log.
    Refused,
    /// Nobody can tell: no answer, or one that says so.
    Unknown,
}

/// One append, as its client saw it.
#[derive(Debug, Clone)]
pub struct Append {
    pub key: Key,
    /// Unlike all others.
    pub item: String,
    pub asked: Instant,
    /// When the answer came, if one came.
    pub answered: Instant,
    pub outcome: Outcome,
}

/// One read behind a barrier, as its client saw it.
#[derive(Debug, Clone)]
pub struct Read {
    pub key: Key,
    pub asked: Instant,
    pub answered: Instant,
    pub items: Vec<String>,
}

/// All that was seen.
#[derive(Debug, Clone, Default)]
pub struct Record {
    pub appends: Vec<Append>,
    pub reads: Vec<Read>,
}

impl Record {
    pub fn add(&mut self, other: Record) {
        self.appends.extend(other.appends);
        self.reads.extend(other.reads);
    }

    pub fn committed(&self) -> usize {
        self.appends.iter().filter(|append| matches!(append.outcome, Outcome::Committed(_))).count()
    }

    /// How many appends were committed, refused, unknown.
    pub fn summary(&self) -> String {
        let count = |wanted: fn(&Outcome) -> bool| self.appends.iter().filter(|append| wanted(&append.outcome)).count();
        let (refused, unknown) = (count(|o| *o == Outcome::Refused), count(|o| *o == Outcome::Unknown));
        format!("{} committed, {refused} refused, {unknown} unknown, {} reads", self.committed(), self.reads.len())
    }
}

/// The lists as they are in the end, on one node.
pub type Lists = BTreeMap<Key, Vec<String>>;

/// An item list from a value of the map.
pub fn items(value: &str) -> Vec<String> {
    value.split(',').filter(|item| !item.is_empty()).map(str::to_owned).collect()
}
