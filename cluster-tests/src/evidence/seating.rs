//! Who sat where in a room, folded from the journal by itself: it must not trust the program that is under test.

mod fold;

use std::collections::{BTreeMap, BTreeSet};

use crate::journal::Entry;

/// Everybody who ever sat in a room, all lives of it one behind the other.
#[derive(Default)]
pub(crate) struct Seating<'a> {
    /// Each time that a session took a seat, in the order of the log.
    pub seats: Vec<Seat<'a>>,
    /// Each time that a nick came to be taken, or was nobody's any more: the index, which nick, and whether it came.
    pub turns: Vec<(u64, &'a str, bool)>,
    /// Those of them in which it came, with the bare JID that bears it.
    pub arrivals: Vec<(&'a Entry, &'a str, &'a str)>,
    /// The same, as the indexes from one to another between which each nick was taken; the last one is the entry by which it went.
    pub taken: BTreeMap<&'a str, Vec<(u64, u64)>>,
    /// Each time that a nick was seen to go, in the order of the log.
    pub departures: Vec<Departure<'a>>,
    /// After each entry that changed it: index, how many nicks are taken, how many of the seats are detached.
    pub crowd: Vec<(u64, usize, usize)>,
    /// In which standing each message to all, or to one, was said; by index.
    pub standing: BTreeMap<u64, Standing<'a>>,
    /// The place among the entries of what each message is called.
    pub spoken: BTreeMap<&'a str, usize>,
    /// When the room was made: the indexes.
    pub made: Vec<u64>,
    /// When it ended by a deed: the indexes.
    pub destroyed: Vec<u64>,
    /// Whether it takes more than the journal says to know who was lost with a node.
    pub vague: bool,
}

/// One time that a session sat under a nick. Whoever is called something else sits on in another seat.
#[derive(Clone, Debug)]
pub(crate) struct Seat<'a> {
    /// Full JID.
    pub jid: &'a str,
    pub nick: &'a str,
    pub taken: &'a Entry,
    pub until: Option<(&'a Entry, Gone)>,
    /// From which entry on it has which role, by index; a role is empty if the journal does not tell.
    pub roles: Vec<(u64, &'a str)>,
    /// By which entries it was detached.
    pub detached: Vec<&'a Entry>,
    /// By way of which life of which node, in the end.
    pub via: Option<(u32, u32)>,
    /// The entry that says, behind its end, that this life or a later one of that node has missed something for good: how the seat ended may be among it.
    pub missed: Option<&'a Entry>,
}

/// A nick that is nobody's from here on.
#[derive(Clone, Debug)]
pub(crate) struct Departure<'a> {
    pub entry: &'a Entry,
    pub nick: &'a str,
    /// The bare JID that bore it.
    pub bare: &'a str,
    pub how: Gone,
}

/// How somebody goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Gone {
    /// §7.14, or its stream ended.
    Left,
    /// Its grace is over.
    Expired,
    /// By a role, 307.
    Kicked,
    /// By an affiliation: 301, 321, or 307 if the nick is somebody else's.
    Disaffiliated,
    /// By the configuration, 322.
    Closed,
    /// With a node that missed something, 333.
    Lost,
    /// Another session came back by this seat.
    Replaced,
    /// It is called something else.
    Renamed,
    /// With the room.
    Destroyed,
}

/// What a speaker is while it speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Standing<'a> {
    /// The nick under which the session sits; none if it sits nowhere.
    pub nick: Option<&'a str>,
    /// Its role; empty if the journal does not tell.
    pub role: &'a str,
}

impl<'a> Seating<'a> {
    /// Folds the entries of one room.
    pub fn of(entries: &[&'a Entry]) -> Seating<'a> {
        fold::fold(entries)
    }

    /// Whether `is` says yes to the nicks that are taken behind any of the entries from one index to another.
    pub fn any_crowd(&self, from: u64, to: u64, mut is: impl FnMut(&BTreeSet<&'a str>) -> bool) -> bool {
        let mut nicks = BTreeSet::new();
        let mut turns = self.turns.iter().peekable();
        let mut index = from;
        loop {
            while let Some((_, nick, comes)) = turns.next_if(|turn| turn.0 <= index) {
                if *comes {
                    nicks.insert(*nick)
                } else {
                    nicks.remove(nick)
                };
            }
            if is(&nicks) {
                return true;
            }
            match turns.peek() {
                Some(turn) if turn.0 <= to => index = turn.0,
                _ => return false,
            }
        }
    }

    /// The nicks that are taken behind an entry.
    pub fn crowd_at(&self, index: u64) -> BTreeSet<&'a str> {
        let mut crowd = BTreeSet::new();
        self.any_crowd(index, index, |nicks| {
            crowd.clone_from(nicks);
            true
        });
        crowd
    }

    /// How many nicks are taken, and how many seats are detached, behind each of the entries from one index to another.
    pub fn counts(&self, from: u64, to: u64) -> impl Iterator<Item = (usize, usize)> {
        let begin = self.crowd.partition_point(|count| count.0 <= from);
        let before = begin.checked_sub(1).map_or((0, 0), |at| (self.crowd[at].1, self.crowd[at].2));
        let behind = self.crowd[begin..].iter().take_while(move |count| count.0 <= to);
        std::iter::once(before).chain(behind.map(|count| (count.1, count.2)))
    }

    /// The entry by which whoever took a seat at this index sits no more, under whatever nicks; none while it does.
    pub fn end_of(&self, jid: &str, taken: u64) -> Option<(&'a Entry, Gone)> {
        let mut seats = self.seats.iter().filter(|seat| seat.jid == jid && seat.taken.index >= taken);
        seats.find_map(|seat| seat.until.filter(|(_, how)| *how != Gone::Renamed))
    }

    /// The last entry by which somebody took a seat under a nick, or the nick went.
    pub fn last_of(&self, nick: &str) -> Option<&'a Entry> {
        let seat = self.seats.iter().rfind(|seat| seat.nick == nick).map(|seat| seat.taken);
        let gone = self.departures.iter().rfind(|gone| gone.nick == nick).map(|gone| gone.entry);
        seat.into_iter().chain(gone).max_by_key(|entry| entry.index)
    }
}

impl Seat<'_> {
    /// Whether the session sits here behind the entry with this index.
    pub fn covers(&self, index: u64) -> bool {
        self.taken.index <= index && self.ends_behind(index)
    }

    /// The roles that it has behind any of the entries from one index to another.
    pub fn roles_within(&self, from: u64, to: u64) -> impl Iterator<Item = &str> {
        let begin = self.roles.partition_point(|role| role.0 <= from).saturating_sub(1);
        let sits = self.taken.index <= to && self.until.is_none_or(|(entry, _)| entry.index >= from);
        let roles = self.roles[begin..].iter().take_while(move |role| sits && role.0 <= to);
        roles.map(|(_, role)| *role)
    }

    /// Whether the session still sits here behind the entry with this index, if it did before.
    pub fn ends_behind(&self, index: u64) -> bool {
        self.until.is_none_or(|(entry, _)| entry.index > index)
    }
}
