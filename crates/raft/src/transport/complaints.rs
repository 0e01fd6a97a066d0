//! Warnings about peers and strangers, each no more often than makes sense.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Different complaints that are known at a time. With more, all are forgotten and may be said again.
const KINDS_MAX: usize = 1024;

/// Says the same about the same one only once in an interval.
pub(super) struct Complaints {
    interval: Duration,
    said: Mutex<BTreeMap<(String, String), Instant>>,
}

impl Complaints {
    pub fn new(interval: Duration) -> Self {
        Self { interval, said: Mutex::default() }
    }

    /// Logs it as a warning, unless that was done a moment ago.
    pub fn warn(&self, who: impl Display, what: &str) {
        let who = who.to_string();
        if self.is_due(&who, what) {
            tracing::warn!(who, "{what}");
        }
    }

    fn is_due(&self, who: &str, what: &str) -> bool {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (who.to_owned(), what.to_owned());
        if said.get(&key).is_some_and(|at| at.elapsed() < self.interval) {
            return false;
        }
        if said.len() >= KINDS_MAX {
            said.clear();
        }
        said.insert(key, Instant::now());
        true
    }
}
