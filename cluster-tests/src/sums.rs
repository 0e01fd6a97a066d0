//! What became of the messages of a run.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::act::{Act, Answer};
use crate::history::Event;
use crate::journal::Deed;
use crate::run_dir::Run;

/// Counts over a whole run. What is compared with the log is not known where there is none.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize)]
pub struct Sums {
    /// Whatever was asked for, messages and all else.
    pub operations: usize,
    /// Messages to all.
    pub sent: usize,
    /// Of those: shown to their senders.
    pub acknowledged: usize,
    /// Of those that were sent: came back as errors.
    pub refused: usize,
    /// Of those that were sent: nobody knows.
    pub unknown: usize,
    /// Times that somebody was shown one while in the room.
    pub delivered: usize,
    /// Acknowledged, and in no log.
    pub lost: Option<usize>,
    /// Sends that are several entries of the log, and messages that a stay was shown again; but for history, which who enters twice is shown twice.
    pub doubled: usize,
    /// Times that somebody was shown one behind another that stands later in the log, history apart.
    pub out_of_order: Option<usize>,
}

impl Sums {
    /// Counts.
    pub(crate) fn of(run: &Run) -> Sums {
        let mut counting = Counting::new(run);
        for line in &run.history.lines {
            counting.take(&line.session, &line.room, &line.event);
        }
        counting.sums
    }
}

struct Counting<'a> {
    sums: Sums,
    /// The places of messages in the log, by what rooms call them.
    places: BTreeMap<(&'a str, &'a str), u64>,
    /// Messages to all that have been sent.
    says: BTreeSet<&'a str>,
    /// What each stay has been shown, and the highest place among it.
    stays: BTreeMap<(&'a str, &'a str), (BTreeSet<&'a str>, u64)>,
}

impl<'a> Counting<'a> {
    fn new(run: &'a Run) -> Counting<'a> {
        let mut places = BTreeMap::new();
        let mut entries: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        for entry in run.journal.iter().filter(|entry| !entry.void) {
            let (Some(room), Deed::Message { stanza_id, send, .. }) = (&entry.room, &entry.deed) else { continue };
            places.insert((room.as_str(), stanza_id.as_str()), entry.index);
            send.iter().for_each(|send| *entries.entry((room, send)).or_default() += 1);
        }
        let known = (!run.journal.is_empty()).then_some(0);
        let doubled = entries.values().map(|count| count - 1).sum();
        let sums = Sums { lost: known, out_of_order: known, doubled, ..Sums::default() };
        Counting { sums, places, says: BTreeSet::new(), stays: BTreeMap::new() }
    }

    fn take(&mut self, session: &'a str, room: &'a str, event: &'a Event) {
        match event {
            Event::Invoke { send, act } => {
                self.sums.operations += 1;
                if matches!(act, Act::Say { .. }) {
                    self.sums.sent += 1;
                    self.says.insert(send);
                }
            }
            Event::Ok { send, answer } if self.says.contains(send.as_str()) => {
                self.sums.acknowledged += 1;
                let Answer::Reflected { stanza_id } = answer else { return };
                let lost = !self.places.contains_key(&(room, stanza_id));
                self.sums.lost = self.sums.lost.map(|before| before + usize::from(lost));
            }
            Event::Refused { send, .. } => self.sums.refused += usize::from(self.says.contains(send.as_str())),
            Event::Unknown { send } => self.sums.unknown += usize::from(self.says.contains(send.as_str())),
            Event::Left { .. } => drop(self.stays.remove(&(session, room))),
            Event::Received { stanza_id, delayed, .. } => self.show((session, room), stanza_id, *delayed),
            _ => {}
        }
    }

    fn show(&mut self, (session, room): (&'a str, &'a str), stanza_id: &'a str, delayed: bool) {
        self.sums.delivered += usize::from(!delayed);
        let (shown, highest) = self.stays.entry((session, room)).or_default();
        if !shown.insert(stanza_id) && !delayed {
            self.sums.doubled += 1;
        }
        let Some(place) = self.places.get(&(room, stanza_id)).copied() else { return };
        let behind = usize::from(place < *highest && !delayed);
        *highest = place.max(*highest);
        self.sums.out_of_order = self.sums.out_of_order.map(|before| before + behind);
    }
}
