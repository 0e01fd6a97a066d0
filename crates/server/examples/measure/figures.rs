//! Many values told in one line.

use std::fmt;

/// Values in order, with the unit they are told in.
pub struct Figures {
    values: Vec<f64>,
    unit: &'static str,
}

impl Figures {
    /// Of these; there may be none.
    pub fn new(values: impl IntoIterator<Item = f64>, unit: &'static str) -> Figures {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        Figures { values, unit }
    }

    /// The smallest value that so many percent of all are not above; NaN if there is none.
    pub fn percentile(&self, percent: f64) -> f64 {
        let rank = (self.values.len() as f64 * percent / 100.0).ceil() as usize;
        self.values.get(rank.max(1) - 1).copied().unwrap_or(f64::NAN)
    }

    pub fn lowest(&self) -> f64 {
        self.percentile(0.0)
    }

    pub fn median(&self) -> f64 {
        self.percentile(50.0)
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (count, unit) = (self.values.len(), self.unit);
        let [lowest, p50, p99, highest] = [0.0, 50.0, 99.0, 100.0].map(|percent| self.percentile(percent));
        write!(f, "lowest {lowest:.2}, median {p50:.2}, p99 {p99:.2}, highest {highest:.2} {unit} of {count}")
    }
}
