//! How far a stay goes beyond what it was seen to be shown: else whoever is shown nothing any more would miss nothing.

use super::{Gone, Order, Room, Seating, Stay};
use crate::journal::Entry;

/// When all is whole, what is done is shown to everybody within this time, in microseconds (I13).
const SHOWN_WITHIN: u64 = 5_000_000;

/// Of all stays of a room. `whole` is when the last fault was behind, if the run came so far.
pub(super) fn extend(room: &mut Room<'_>, order: &Order, whole: Option<u64>) {
    if room.seating.vague {
        return;
    }
    let mut sessions = std::mem::take(&mut room.sessions);
    for session in &mut sessions {
        for stay in &mut session.stays {
            stay.seen = stay.seen.max(reach(&room.seating, session.jid, stay, order, whole));
        }
    }
    room.sessions = sessions;
}

/// All before this entry it must have been shown.
fn reach(seating: &Seating<'_>, jid: &str, stay: &Stay<'_>, order: &Order, whole: Option<u64>) -> u64 {
    let Some(entered) = stay.entered() else { return 0 };
    let end = seating.end_of(jid, entered);
    let in_time = whole.map_or(0, |whole| in_time(stay, order, whole));
    by_farewell(stay, end, order).max(in_time.min(end.map_or(u64::MAX, |(entry, _)| entry.index)))
}

/// The room says in its turn that one is out, unless one has missed something.
fn by_farewell(stay: &Stay<'_>, end: Option<(&Entry, Gone)>, order: &Order) -> u64 {
    let (Some((line, presence)), Some((entry, how))) = (&stay.told, end) else { return 0 };
    let in_turn = how != Gone::Replaced && !presence.is_failure() && order.decided(entry.index) <= line.at;
    if in_turn { entry.index } else { 0 }
}

/// Whoever is there when all is whole is shown all that was done, unless it has just been.
fn in_time(stay: &Stay<'_>, order: &Order, whole: u64) -> u64 {
    let shown = stay.end().map_or(u64::MAX, |end| end.at.saturating_sub(SHOWN_WITHIN));
    if shown >= whole { order.surely_at(shown) } else { 0 }
}
