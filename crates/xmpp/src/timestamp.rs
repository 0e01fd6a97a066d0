//! Moments, as values: nothing here asks for the time.

use std::fmt;

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Hash)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// The profile of XEP-0082 §3.2, to the second or finer.
    pub fn parse(text: &str) -> Option<Timestamp> {
        let moment: jiff::Timestamp = text.parse().ok()?;
        u64::try_from(moment.as_millisecond()).ok().map(Timestamp)
    }

    /// This moment less some milliseconds; never before 1970.
    pub fn minus(self, milliseconds: u64) -> Timestamp {
        Timestamp(self.0.saturating_sub(milliseconds))
    }
}

/// As XEP-0082 §3.2 wants it, in UTC.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let milliseconds = i64::try_from(self.0).unwrap_or(i64::MAX);
        match jiff::Timestamp::from_millisecond(milliseconds) {
            Ok(moment) => write!(f, "{moment:.3}"),
            Err(_) => f.write_str("9999-12-31T23:59:59.999Z"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_and_read_as_xep_0082_shows() {
        let moment = Timestamp(1_793_239_200_120);
        assert_eq!(moment.to_string(), "2026-10-29T02:00:00.120Z");
        assert_eq!(Timestamp::parse(&moment.to_string()), Some(moment));
        assert_eq!(Timestamp::parse("2026-10-29T02:00:00Z"), Some(Timestamp(1_793_239_200_000)));
        assert_eq!(Timestamp::parse("2026-10-29T03:00:00+01:00"), Timestamp::parse("2026-10-29T02:00:00Z"));
        assert_eq!(Timestamp::parse("yesterday"), None);
    }
}
