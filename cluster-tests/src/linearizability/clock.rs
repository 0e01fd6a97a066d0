//! Between which entries of the log a stretch of the history lies.

use std::collections::BTreeMap;

use crate::act::{Act, Answer};
use crate::history::{Event, History};
use crate::journal::{Deed, Entry};

/// For one room: what of its log was there for certain when a line was written, and what was not.
pub struct Clock {
    /// Lines by which an entry was seen: all up to its index had been committed by then. Both ever higher.
    seen: Vec<(usize, u64)>,
    /// Lines with which a message was sent: no entry from its index on had been made by then. Both ever higher.
    sent: Vec<(usize, u64)>,
}

impl Clock {
    /// From the messages of a room.
    pub fn of(history: &History, entries: &[&Entry], room: &str) -> Clock {
        let mut by_name: BTreeMap<&str, u64> = BTreeMap::new();
        let mut by_send: BTreeMap<&str, u64> = BTreeMap::new();
        for entry in entries {
            if let Deed::Message { stanza_id, send, .. } = &entry.deed {
                by_name.insert(stanza_id, entry.index);
                by_send.extend(send.iter().map(|send| (send.as_str(), entry.index)));
            }
        }
        let mut clock = Clock { seen: Vec::new(), sent: Vec::new() };
        for (number, line) in history.lines.iter().enumerate().filter(|(_, line)| line.room == room) {
            match &line.event {
                Event::Received { stanza_id, .. } | Event::Ok { answer: Answer::Reflected { stanza_id }, .. } => {
                    clock.saw(number, by_name.get(stanza_id.as_str()).copied());
                }
                Event::Invoke { send, act: Act::Say { .. } | Act::Subject { .. } } => {
                    clock.sends(number, by_send.get(send.as_str()).copied());
                }
                _ => {}
            }
        }
        clock
    }

    /// The index of the last entry that was certainly there when the line of this number was written; 0 if none was.
    pub fn certainly_by(&self, line: usize) -> u64 {
        let at = self.seen.partition_point(|(seen, _)| *seen <= line);
        at.checked_sub(1).map_or(0, |at| self.seen[at].1)
    }

    /// The index of the last entry that can have been there when the line of this number was written.
    pub fn possibly_by(&self, line: usize) -> u64 {
        let at = self.sent.partition_point(|(sent, _)| *sent < line);
        self.sent.get(at).map_or(u64::MAX, |(_, index)| index - 1)
    }

    fn saw(&mut self, line: usize, index: Option<u64>) {
        let higher = |index: &u64| self.seen.last().is_none_or(|(_, seen)| seen < index);
        self.seen.extend(index.filter(higher).map(|index| (line, index)));
    }

    fn sends(&mut self, line: usize, index: Option<u64>) {
        let Some(index) = index else { return };
        // What was sent before and came later says nothing that this does not.
        while self.sent.last().is_some_and(|(_, earlier)| *earlier > index) {
            self.sent.pop();
        }
        self.sent.push((line, index));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linearizability::sketch::{entries, lines};
    use crate::sketch::ROOM;

    #[test]
    fn messages_say_what_was_there() {
        let journal = entries("3 a message i3 s1\n5 a message i5 s2\n7 b message i7 s3");
        let history = lines("a asks s1 say\na asks s2 say\nb received i5\na told s1 reflected i3\nb asks s3 say\na received i7");
        let clock = Clock::of(&history, &journal.iter().collect::<Vec<_>>(), ROOM);
        let windows: Vec<_> = (0..6).map(|line| (clock.certainly_by(line), clock.possibly_by(line))).collect();
        assert_eq!(windows, [(0, 2), (0, 4), (5, 6), (5, 6), (5, 6), (7, u64::MAX)]);
    }

    #[test]
    fn what_was_sent_first_may_come_last() {
        let journal = entries("3 a message i3 s2\n5 a message i5 s1");
        let history = lines("a asks s1 say\nb asks s2 say");
        let clock = Clock::of(&history, &journal.iter().collect::<Vec<_>>(), ROOM);
        assert_eq!((clock.possibly_by(0), clock.possibly_by(1), clock.possibly_by(2)), (2, 2, u64::MAX));
    }
}
