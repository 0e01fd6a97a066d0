//! Which requests are in the log already: a client's send happens once, however often its edge has to repeat it.

use std::collections::BTreeMap;

use conclave_muc::Origin;

/// Numbers of one session that are remembered, at most: an edge leaves no more unanswered.
pub const UNANSWERED_MAX: usize = 64;

/// Entries after which a session that logged nothing more is forgotten: an edge repeats what is unanswered within
/// seconds; a shard does not log as many entries in that time.
const REMEMBERED_ENTRIES: u64 = 100_000;

/// The requests that the shard has logged and that may be repeated.
#[derive(Clone, Debug, Default)]
pub struct Repeats {
    sessions: BTreeMap<u64, Logged>,
    /// Sessions by their newest entry.
    by_age: BTreeMap<u64, u64>,
    /// Sessions that were forgotten, and are still in the store.
    forgotten: Vec<u64>,
}

/// Of one session.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Logged {
    /// Its newest entry.
    pub newest: u64,
    /// Numbers of requests, ascending, with the index of the entry.
    pub numbers: Vec<(u64, u64)>,
}

impl Repeats {
    /// An entry of the log answers to this stanza.
    pub fn note(&mut self, origin: &Origin, index: u64) {
        let mut logged = self.sessions.get(&origin.session.id).cloned().unwrap_or_default();
        self.by_age.remove(&logged.newest);
        logged.newest = index;
        logged.numbers.retain(|(number, _)| *number >= origin.floor && *number != origin.number);
        logged.numbers.push((origin.number, index));
        logged.numbers.sort_unstable();
        if logged.numbers.len() > UNANSWERED_MAX {
            logged.numbers.remove(0);
        }
        self.sessions.insert(origin.session.id, logged);
        self.by_age.insert(index, origin.session.id);
        self.forget(index);
    }

    /// The entry that answers to a request, if it was logged.
    pub fn find(&self, session: u64, number: u64) -> Option<u64> {
        let logged = self.sessions.get(&session)?;
        logged.numbers.iter().find(|(logged, _)| *logged == number).map(|(_, index)| *index)
    }

    /// Whether a later request of the session was logged: then everything that it asked here before was decided before.
    pub fn has_later(&self, session: u64, number: u64) -> bool {
        self.sessions.get(&session).is_some_and(|logged| logged.numbers.last().is_some_and(|(last, _)| *last > number))
    }

    /// All that is remembered, as it is now.
    pub fn frozen(&self) -> Vec<(u64, Logged)> {
        self.sessions.iter().map(|(session, logged)| (*session, logged.clone())).collect()
    }

    /// Sessions that were forgotten since this was last asked.
    pub fn take_forgotten(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.forgotten)
    }

    /// What is remembered of one.
    pub fn get(&self, session: u64) -> Option<&Logged> {
        self.sessions.get(&session)
    }

    /// Puts back what was stored.
    pub fn put(&mut self, session: u64, logged: Logged) {
        self.by_age.insert(logged.newest, session);
        self.sessions.insert(session, logged);
    }

    fn forget(&mut self, index: u64) {
        while let Some((newest, session)) = self.by_age.first_key_value() {
            if newest + REMEMBERED_ENTRIES > index {
                return;
            }
            let session = *session;
            self.by_age.pop_first();
            self.sessions.remove(&session);
            self.forgotten.push(session);
        }
    }
}

#[cfg(test)]
mod tests {
    use conclave_muc::Session;
    use conclave_xmpp::FullJid;

    use super::*;

    fn origin(id: u64, number: u64, floor: u64) -> Origin {
        let session = Session { jid: FullJid::parse("a@b/c").unwrap(), id };
        Origin { session, attachment: Default::default(), number, floor, iq: None }
    }

    #[test]
    fn what_is_answered_is_forgotten_and_what_is_not_is_known() {
        let mut repeats = Repeats::default();
        repeats.note(&origin(1, 5, 4), 100);
        repeats.note(&origin(1, 6, 5), 101);
        repeats.note(&origin(2, 6, 6), 102);
        assert_eq!(repeats.find(1, 5), Some(100));
        assert_eq!(repeats.find(1, 6), Some(101));
        assert_eq!(repeats.find(2, 5), None);
        assert!(repeats.has_later(1, 5) && !repeats.has_later(1, 6) && !repeats.has_later(3, 0));
        repeats.note(&origin(1, 7, 6), 103);
        assert_eq!(repeats.find(1, 5), None);
        for number in 8..200 {
            repeats.note(&origin(1, number, 6), 100 + number);
        }
        assert_eq!(repeats.get(1).unwrap().numbers.len(), UNANSWERED_MAX);
        repeats.note(&origin(3, 1, 1), 102 + REMEMBERED_ENTRIES);
        assert_eq!(repeats.get(2), None, "long silent");
        assert_eq!(repeats.find(1, 199), Some(299));
    }
}
