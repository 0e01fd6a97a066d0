//! Occupants (§4.1): a nick in a room, with one or more sessions of one bare JID.

use std::sync::Arc;

use conclave_xmpp::{BareJid, Fragment, FullJid, Nick};

use crate::role::Role;

/// Where a session's connection is, as those who run the room name it; the room only keeps it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Hash)]
pub struct Attachment(pub u64);

/// One bound life of a full JID. A JID that is bound again is another session, told apart by `id`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Session {
    /// The full JID.
    pub jid: FullJid,
    /// Unique among all sessions there ever were.
    pub id: u64,
}

/// A session that is in the room.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Seat {
    /// Whose.
    pub session: Session,
    /// Where its connection is, or was.
    pub attachment: Attachment,
    /// The entry since which its connection is gone; nothing while it is there.
    pub detached: Option<u64>,
    /// What it last said of itself: `show`, `status`, capabilities and so on.
    pub presence: Fragment,
}

/// A session that waits for its connection to come back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Detached {
    /// Which.
    pub session: Session,
    /// Where its connection was.
    pub attachment: Attachment,
    /// The entry since which it is gone.
    pub since: u64,
}

/// A nick's bearer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Occupant {
    /// The nick.
    pub nick: Nick,
    /// The account behind it.
    pub jid: BareJid,
    /// What it may do.
    pub role: Role,
    /// XEP-0421: the same for the same account in this room, whatever the nick.
    pub id: Arc<str>,
    /// Its sessions, the one that spoke last of itself at the end; never empty.
    pub seats: Vec<Seat>,
}

impl Occupant {
    /// The presence that others see: of the session that spoke last of itself.
    pub fn presence(&self) -> Fragment {
        self.seats.last().map(|seat| seat.presence.clone()).unwrap_or_default()
    }

    /// The full JIDs of its sessions.
    pub fn jids(&self) -> impl Iterator<Item = &FullJid> {
        self.seats.iter().map(|seat| &seat.session.jid)
    }

    /// The place of a session.
    pub fn seat(&self, jid: &FullJid) -> Option<&Seat> {
        self.seats.iter().find(|seat| seat.session.jid == *jid)
    }

    /// This occupant with a session added, or replaced.
    pub fn with_seat(&self, seat: Seat) -> Occupant {
        let mut occupant = self.without(&seat.session.jid);
        occupant.seats.push(seat);
        occupant
    }

    /// This occupant with a session in the place of another that it is the return of. It counts as having spoken of itself only if it says
    /// something else.
    pub fn with_return(&self, replaced: &FullJid, seat: Seat) -> Occupant {
        let mut occupant = self.clone();
        occupant.seats.retain(|other| other.session.jid == *replaced || other.session.jid != seat.session.jid);
        match occupant.seats.iter_mut().find(|other| other.session.jid == *replaced) {
            Some(place) if place.presence == seat.presence => *place = seat,
            _ => return self.without(replaced).with_seat(seat),
        }
        occupant
    }

    /// This occupant with every seat as `change` leaves it, in its place.
    pub fn with_each_seat(&self, change: impl FnMut(&mut Seat)) -> Occupant {
        let mut occupant = self.clone();
        occupant.seats.iter_mut().for_each(change);
        occupant
    }

    /// This occupant without a session; it may be left with none.
    pub fn without(&self, jid: &FullJid) -> Occupant {
        let mut occupant = self.clone();
        occupant.seats.retain(|seat| seat.session.jid != *jid);
        occupant
    }
}
