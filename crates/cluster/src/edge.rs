//! The edge's part of a delivery: who sits where on this node, and what each of them is sent.

use std::collections::BTreeMap;

use conclave_muc::{Audience, Effect, Seats, Session, View, What};
use conclave_xmpp::{BareJid, Encoded};

use crate::frame::Frame;

/// The sessions of this node, as whoever owns their connections sees them.
pub trait Sessions {
    /// What is kept of a session to send to it.
    type Handle: Clone;

    /// This very session, if it still lives.
    fn find(&self, session: &Session) -> Option<Self::Handle>;

    /// Queues a stanza for a session. It never blocks: a session that does not read is its own problem.
    fn send(&self, to: &Self::Handle, stanza: &Encoded);
}

/// The seating of all rooms that have somebody on this node.
#[derive(Debug)]
pub struct Edge<H> {
    rooms: BTreeMap<BareJid, Seats<H>>,
}

impl<H> Default for Edge<H> {
    fn default() -> Edge<H> {
        Edge { rooms: BTreeMap::new() }
    }
}

impl<H: Clone> Edge<H> {
    /// Folds a frame into the seating and sends what it says, in its order, encoded at most once per view.
    pub fn deliver(&mut self, frame: &Frame, sessions: &impl Sessions<Handle = H>) {
        let mut seats = self.rooms.remove(&frame.room).unwrap_or_default();
        for effect in &frame.effects {
            match effect {
                Effect::Seat(change) => seats.fold(change, |session| sessions.find(session)),
                Effect::Send { to, what } => send(&seats, to, what, sessions),
            }
        }
        if !seats.is_empty() {
            self.rooms.insert(frame.room.clone(), seats);
        }
    }
}

fn send<H: Clone>(seats: &Seats<H>, to: &Audience, what: &What, sessions: &impl Sessions<Handle = H>) {
    let mut encodings = Encodings { what, by_view: [const { None }; 3] };
    if let Audience::Session(session) = to
        && seats.get(session).is_none()
    {
        // Answers go to sessions that sit nowhere, too.
        if let Some(handle) = sessions.find(session) {
            sessions.send(&handle, encodings.get(View::Plain));
        }
        return;
    }
    seats.each(to, what.shown_nick(), |handle, view| sessions.send(handle, encodings.get(view)));
}

struct Encodings<'a> {
    what: &'a What,
    by_view: [Option<Encoded>; 3],
}

impl Encodings<'_> {
    fn get(&mut self, view: View) -> &Encoded {
        let view = if self.what.differs_by_view() { view } else { View::Plain };
        self.by_view[view as usize].get_or_insert_with(|| self.what.encode(view))
    }
}
