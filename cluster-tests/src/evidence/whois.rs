//! Who may see real JIDs (§4.2, §7.2.3), by the log and not by what anybody was told.

use std::collections::BTreeMap;

use super::goodbyes::ceilings;
use super::{Ranks, Room, Seat, Session, Stay};
use crate::history::Event;

/// The eyes of all who were ever in a room.
pub(crate) struct Whois<'r, 'a> {
    room: &'r Room<'a>,
    /// From which entry on all may see, or no longer: the indexes.
    for_all: Vec<(u64, bool)>,
    /// By full JID.
    seats: BTreeMap<&'a str, Vec<&'r Seat<'a>>>,
}

impl<'r, 'a> Whois<'r, 'a> {
    /// Of one room.
    pub fn of(room: &'r Room<'a>) -> Whois<'r, 'a> {
        let (mut ranks, mut for_all) = (Ranks::default(), vec![(0, false)]);
        for entry in &room.entries {
            ranks.fold(entry);
            if for_all.last().is_none_or(|last| last.1 != ranks.shows_jids) {
                for_all.push((entry.index, ranks.shows_jids));
            }
        }
        let mut seats: BTreeMap<&str, Vec<&Seat<'_>>> = BTreeMap::new();
        room.seating.seats.iter().for_each(|seat| seats.entry(seat.jid).or_default().push(seat));
        Whois { room, for_all, seats }
    }

    /// For each line of a stay whether it may show the JIDs of others. Nothing if it is not known by which entry the stay began.
    pub fn may_see(&self, session: &Session<'a>, stay: &Stay<'a>) -> Option<Vec<bool>> {
        let first = stay.entered().filter(|_| !self.room.seating.vague)?;
        let joined = stay.joined?;
        let mut floor = first;
        let end = self.room.seating.end_of(session.jid, first).map_or(u64::MAX, |(entry, _)| entry.index);
        let spans = stay.lines.iter().zip(ceilings(self.room, stay)).map(|((line, _), ceiling)| {
            if let Event::Received { stanza_id, delayed: false, .. } = &line.event {
                floor = floor.max(self.room.message(stanza_id).map_or(0, |entry| entry.index));
            }
            // All that whoever enters is shown at the door is of that very entry.
            if line.at <= joined.at { (first, first) } else { (floor, ceiling.min(end)) }
        });
        Some(spans.map(|(from, to)| self.sees(session.jid, from, to)).collect())
    }

    /// Whether a session may see them behind any of the entries from one index to another.
    fn sees(&self, jid: &str, from: u64, to: u64) -> bool {
        let begin = self.for_all.partition_point(|turn| turn.0 <= from).saturating_sub(1);
        let mut turns = self.for_all[begin..].iter().take_while(|turn| turn.0 <= to);
        let mut roles = self.seats.get(jid).into_iter().flatten().flat_map(|seat| seat.roles_within(from, to));
        turns.any(|turn| turn.1) || roles.any(|role| matches!(role, "moderator" | ""))
    }
}
