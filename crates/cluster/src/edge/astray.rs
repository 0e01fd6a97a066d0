//! An edge that has missed frames for good: nobody who sat by way of it knows what they missed, so all of them are out, and each of them hears that once.

use std::collections::BTreeMap;

use conclave_muc::{Audience, Seats, Session, removed_untold};
use conclave_xmpp::{BareJid, Encoded, Nick};

use crate::delivery::{Delivery, Part};

/// From the moment in which an edge is told to begin anew to the entry that says so in the log.
///
/// The entry's own frame tells everybody who still had a seat. Who had lost it before, in what was missed, is told by the edge.
#[derive(Debug)]
pub(super) struct Astray<H> {
    /// The number of the incarnation whose entry is awaited. Its earlier ones have theirs before.
    life: u32,
    /// Who sat here, as the edge believed.
    believed: BTreeMap<(BareJid, u64), Believed<H>>,
}

/// A seat, by room and session id.
#[derive(Debug)]
struct Believed<H> {
    session: Session,
    nick: Nick,
    handle: H,
}

impl<H: Clone> Astray<H> {
    pub fn new() -> Astray<H> {
        Astray { life: 0, believed: BTreeMap::new() }
    }

    /// The home is attended as this incarnation. Whoever sat here sits no more.
    pub fn attends(&mut self, life: u32) {
        self.life = life;
    }

    /// These seats are worth nothing.
    pub fn take(&mut self, rooms: &mut BTreeMap<BareJid, Seats<H>>) {
        for (room, seats) in std::mem::take(rooms) {
            for (session, nick, handle) in seats.sitting() {
                let (nick, handle) = (nick.clone(), handle.clone());
                self.believed.insert((room.clone(), session.id), Believed { session, nick, handle });
            }
        }
    }

    /// Whether a session is to hear that it is out before it hears anything else from a room; only what it asked before is answered.
    pub fn believes(&self, room: &BareJid, session: &Session) -> bool {
        self.believed.contains_key(&(room.clone(), session.id))
    }

    /// A frame of an entry that makes this edge begin anew tells those to whom it speaks. Whether it is the last such.
    pub fn hears(&mut self, delivery: &Delivery, life: u32) -> bool {
        for (room, parts) in &delivery.rooms {
            for part in parts {
                if let Part::Send { to: Audience::Session(session), .. } = part {
                    self.believed.remove(&(room.clone(), session.id));
                }
            }
        }
        life == self.life
    }

    /// Everybody who is left, and what to tell them.
    pub fn untold(self) -> impl Iterator<Item = (Session, H, Encoded)> {
        self.believed.into_iter().map(|((room, _), seat)| (seat.session, seat.handle, removed_untold(&room, &seat.nick)))
    }
}
