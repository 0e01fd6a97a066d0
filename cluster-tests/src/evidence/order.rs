//! What is known of when the entries of a shard were decided and done, by the clock of the history. Two clocks are never compared unless
//! all that is known of both agrees: an entry was decided after everything before it was, and done before anybody was shown anything behind it.

use std::collections::BTreeMap;

use super::{Asked, Room};
use crate::history::Event;
use crate::journal::{Deed, Entry};
use crate::run_dir::Run;

/// What the clock of entries counts, in microseconds: the time of an entry is cut off to that.
const CLOCK_TICK: i64 = 1000;

/// The entries of one shard in time.
#[derive(Default)]
pub(crate) struct Order {
    /// Ascending.
    indexes: Vec<u64>,
    /// By place: not decided before.
    decided: Vec<u64>,
    /// By place: done by then; the end of time where nobody was seen to know.
    done: Vec<u64>,
    /// Whether the clock of the entries helped.
    by_clock: bool,
}

/// A span of microseconds.
#[derive(Clone, Copy)]
struct Span {
    from: u64,
    to: u64,
}

impl Order {
    /// Of each shard of the journal.
    pub fn of_shards(run: &Run, asked: &BTreeMap<&str, Asked<'_>>, rooms: &BTreeMap<&str, Room<'_>>) -> BTreeMap<u16, Order> {
        let shown = first_shown(rooms);
        let known = |entry: &Entry| span(entry, asked, &shown);
        let offset = offset(run, &known);
        let mut orders: BTreeMap<u16, Order> = BTreeMap::new();
        for entry in &run.journal {
            let order = orders.entry(entry.shard).or_default();
            let span = known(entry).unwrap_or(Span { from: 0, to: u64::MAX });
            order.by_clock = offset.is_some();
            let by_clock = offset.map_or(0, |offset| u64::try_from(microseconds(entry) - offset).unwrap_or(0));
            let before = order.decided.last().copied().unwrap_or(0);
            order.indexes.push(entry.index);
            order.decided.push(before.max(span.from).max(by_clock));
            order.done.push(span.to);
        }
        orders.values_mut().for_each(Order::hand_back);
        orders
    }

    /// What is behind an entry was not done before it.
    fn hand_back(&mut self) {
        let mut after = u64::MAX;
        for done in self.done.iter_mut().rev() {
            after = after.min(*done);
            *done = after;
        }
    }

    /// The moment before which an entry cannot have been decided.
    pub fn decided(&self, index: u64) -> u64 {
        let place = self.indexes.partition_point(|other| *other <= index);
        place.checked_sub(1).map_or(0, |place| self.decided[place])
    }

    /// The moment by which an entry was done; the end of time if nobody was seen to know.
    pub fn done(&self, index: u64) -> u64 {
        let place = self.indexes.partition_point(|other| *other < index);
        self.done.get(place).copied().unwrap_or(u64::MAX)
    }

    /// The last entry that was surely done at a moment; 0 if none was.
    pub fn surely_at(&self, at: u64) -> u64 {
        let place = self.done.partition_point(|done| *done <= at);
        place.checked_sub(1).map_or(0, |place| self.indexes[place])
    }

    /// The last entry that every replica must have that is whole some seconds behind a moment.
    pub fn due_at(&self, at: u64) -> u64 {
        if self.by_clock { self.possibly_at(at) } else { self.surely_at(at) }
    }

    /// The last entry that may have been done at a moment.
    pub fn possibly_at(&self, at: u64) -> u64 {
        let place = self.decided.partition_point(|decided| *decided <= at);
        place.checked_sub(1).map_or(0, |place| self.indexes[place])
    }
}

/// When anybody first saw each message, by room and what it calls it.
fn first_shown<'a>(rooms: &BTreeMap<&'a str, Room<'a>>) -> BTreeMap<(&'a str, &'a str), u64> {
    let mut shown = BTreeMap::new();
    for room in rooms.values() {
        for line in &room.lines {
            if let Event::Received { stanza_id, .. } = &line.event {
                shown.entry((room.jid, stanza_id.as_str())).or_insert(line.at);
            }
        }
    }
    shown
}

/// Of an entry whose sender is known.
fn span(entry: &Entry, asked: &BTreeMap<&str, Asked<'_>>, shown: &BTreeMap<(&str, &str), u64>) -> Option<Span> {
    let (room, Deed::Message { send: Some(send), stanza_id, .. }) = (entry.room.as_deref()?, &entry.deed) else { return None };
    let from = asked.get(send.as_str())?.line.at;
    Some(Span { from, to: shown.get(&(room, stanza_id.as_str())).copied().unwrap_or(u64::MAX) })
}

/// The greatest that the clock of the entries can be ahead of the history's, if all entries agree that it was the same all the time.
fn offset(run: &Run, known: &dyn Fn(&Entry) -> Option<Span>) -> Option<i64> {
    if run.plan.faults.iter().any(|class| class.contains("clock")) {
        return None;
    }
    let (mut least, mut most) = (i64::MIN, i64::MAX);
    for entry in run.journal.iter().filter(|entry| !entry.void) {
        let Some(span) = known(entry) else { continue };
        most = most.min(microseconds(entry).saturating_add(CLOCK_TICK).saturating_sub_unsigned(span.from));
        if span.to != u64::MAX {
            least = least.max(microseconds(entry).saturating_sub_unsigned(span.to));
        }
    }
    (least <= most && most != i64::MAX).then_some(most)
}

/// By the clock of whoever decided it, at the earliest.
fn microseconds(entry: &Entry) -> i64 {
    i64::try_from(entry.time).unwrap_or(i64::MAX / CLOCK_TICK).saturating_mul(CLOCK_TICK)
}
