//! Which entries a group has.

use bytes::Bytes;
use thiserror::Error;

/// The indexes `first..next`, without a gap, behind what was purged.
///
/// The same rules serve what callers see and what is on disk, so that the one follows the other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Span {
    /// The last index that was purged, and the note left for it. Then `first` is the one behind it.
    pub purged: Option<(u64, Bytes)>,
    pub first: u64,
    pub next: u64,
}

/// A change that would leave a gap.
#[derive(Debug, PartialEq, Eq, Error)]
#[error("entry {index} does not follow; the next one is {expected}")]
pub(super) struct Gap {
    pub index: u64,
    pub expected: u64,
}

impl Span {
    pub fn is_empty(&self) -> bool {
        self.first == self.next
    }

    pub fn len(&self) -> u64 {
        self.next - self.first
    }

    pub fn last(&self) -> Option<u64> {
        (!self.is_empty()).then(|| self.next - 1)
    }

    /// A group that is empty and was never purged may begin anywhere.
    pub fn append(&mut self, index: u64, count: u64) -> Result<(), Gap> {
        let anywhere = self.is_empty() && self.purged.is_none();
        let next = index.checked_add(count).ok_or(Gap { index, expected: self.next })?;
        if !anywhere && index != self.next {
            return Err(Gap { index, expected: self.next });
        }
        if anywhere && count > 0 {
            self.first = index;
        }
        if count > 0 {
            self.next = next;
        }
        Ok(())
    }

    /// Says whether anything was dropped.
    pub fn truncate(&mut self, from: u64) -> bool {
        if from >= self.next || self.is_empty() {
            return false;
        }
        self.next = from.max(self.first);
        if self.is_empty() && self.purged.is_none() {
            (self.first, self.next) = (0, 0);
        }
        true
    }

    /// Says whether the purge point moved; it never goes back.
    pub fn purge(&mut self, upto: u64, note: Bytes) -> Result<bool, Gap> {
        if self.purged.as_ref().is_some_and(|(purged, _)| upto <= *purged) {
            return Ok(false);
        }
        let gap = Gap { index: upto, expected: self.first };
        let first = match upto.checked_add(1) {
            Some(first) if self.is_empty() || first >= self.first => first,
            _ => return Err(gap),
        };
        self.purged = Some((upto, note));
        self.first = first;
        self.next = self.next.max(first);
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(purged: Option<u64>, first: u64, next: u64) -> Span {
        Span { purged: purged.map(|index| (index, Bytes::new())), first, next }
    }

    #[test]
    fn entries_follow_each_other() {
        let mut begun = span(None, 0, 0);
        assert_eq!(begun.append(7, 2), Ok(()));
        assert_eq!(begun, span(None, 7, 9));
        assert_eq!(begun.append(10, 1), Err(Gap { index: 10, expected: 9 }));
        assert_eq!(begun.append(8, 1), Err(Gap { index: 8, expected: 9 }));
        assert_eq!(span(Some(4), 5, 5).append(6, 1), Err(Gap { index: 6, expected: 5 }));
        assert_eq!(span(None, 0, 0).append(u64::MAX, 1), Err(Gap { index: u64::MAX, expected: 0 }));
    }

    #[test]
    fn what_is_purged_never_comes_back() {
        let mut some = span(None, 3, 9);
        assert_eq!(some.purge(1, Bytes::new()), Err(Gap { index: 1, expected: 3 }));
        assert_eq!(some.purge(4, Bytes::new()), Ok(true));
        assert_eq!(some, span(Some(4), 5, 9));
        assert_eq!(some.purge(4, Bytes::new()), Ok(false));
        assert!(some.truncate(0));
        assert_eq!(some, span(Some(4), 5, 5));
        assert_eq!(some.purge(20, Bytes::new()), Ok(true));
        assert_eq!(some, span(Some(20), 21, 21));
        assert_eq!(some.purge(u64::MAX, Bytes::new()), Err(Gap { index: u64::MAX, expected: 21 }));
    }

    #[test]
    fn a_group_that_lost_all_and_was_never_purged_may_begin_anywhere() {
        let mut some = span(None, 3, 9);
        assert!(some.truncate(3));
        assert!(!some.truncate(0));
        assert_eq!(some.append(1, 1), Ok(()));
        assert_eq!(some, span(None, 1, 2));
    }
}
