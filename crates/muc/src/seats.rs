//! The seating of a room as whoever sends keeps it: folded from effects, it turns an audience into sessions and views.

use std::collections::BTreeMap;

use conclave_xmpp::{FullJid, Nick};

use crate::effect::{Audience, SeatChange, View};
use crate::occupant::Session;

/// Who sits in a room. `H` is what the sender holds of a session: a queue, an address.
#[derive(Clone, Debug)]
pub struct Seats<H> {
    seated: BTreeMap<FullJid, Place<H>>,
    real_jids_for_all: bool,
}

#[derive(Clone, Debug)]
struct Place<H> {
    /// Of the session; its JID may have had others.
    id: u64,
    nick: Nick,
    moderator: bool,
    handle: H,
}

impl<H> Default for Seats<H> {
    fn default() -> Seats<H> {
        Seats { seated: BTreeMap::new(), real_jids_for_all: false }
    }
}

impl<H> Seats<H> {
    /// Folds one change. `find` gives what the sender holds of a session; one that it does not know has no seat here.
    pub fn fold(&mut self, change: &SeatChange, find: impl FnOnce(&Session) -> Option<H>) {
        match change {
            SeatChange::Taken { session, nick, moderator, .. } => match find(session) {
                Some(handle) => {
                    let place = Place { id: session.id, nick: nick.clone(), moderator: *moderator, handle };
                    self.seated.insert(session.jid.clone(), place);
                }
                None => {
                    self.seated.remove(&session.jid);
                }
            },
            SeatChange::Left(session) => {
                self.seated.remove(session);
            }
            SeatChange::Moderator(nick, moderator) => {
                for place in self.seated.values_mut().filter(|place| place.nick == *nick) {
                    place.moderator = *moderator;
                }
            }
            SeatChange::RealJidsForAll(shown) => self.real_jids_for_all = *shown,
        }
    }

    /// Whether nobody sits here.
    pub fn is_empty(&self) -> bool {
        self.seated.is_empty()
    }

    /// What is held of the session with a full JID that sits here.
    pub fn find(&self, jid: &FullJid) -> Option<&H> {
        self.seated.get(jid).map(|place| &place.handle)
    }

    /// What is held of a session that sits here.
    pub fn get(&self, session: &Session) -> Option<&H> {
        self.place(session).map(|place| &place.handle)
    }

    /// Who sits here: the session, its nick, and what is held of it.
    pub fn sitting(&self) -> impl Iterator<Item = (Session, &Nick, &H)> {
        self.seated.iter().map(|(jid, place)| (Session { jid: jid.clone(), id: place.id }, &place.nick, &place.handle))
    }

    fn place(&self, session: &Session) -> Option<&Place<H>> {
        self.seated.get(&session.jid).filter(|place| place.id == session.id)
    }

    /// Calls `send` for every session of the audience that sits here, with its view of `subject`, the nick that is shown if any is.
    pub fn each(&self, audience: &Audience, subject: Option<&Nick>, mut send: impl FnMut(&H, View)) {
        if let Audience::Session(session) = audience {
            if let Some(place) = self.place(session) {
                send(&place.handle, self.view(place, subject));
            }
            return;
        }
        for place in self.seated.values().filter(|place| self.belongs(place, audience)) {
            send(&place.handle, self.view(place, subject));
        }
    }

    fn belongs(&self, place: &Place<H>, audience: &Audience) -> bool {
        match audience {
            Audience::Everyone => true,
            Audience::Others(nick) => place.nick != *nick,
            Audience::RealJidViewers => place.moderator || self.real_jids_for_all,
            Audience::Occupant(nick) => place.nick == *nick,
            Audience::Session(_) => false,
        }
    }

    fn view(&self, place: &Place<H>, subject: Option<&Nick>) -> View {
        if subject == Some(&place.nick) {
            View::Own
        } else if place.moderator || self.real_jids_for_all {
            View::RealJids
        } else {
            View::Plain
        }
    }
}
