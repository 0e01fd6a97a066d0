//! One life of somebody's connection in a simulation: what it asks, what it is shown, and all of it in the history.

use conclave_xmpp::Element;

use super::scribe::Scribe;
use crate::act::Act;
use crate::history::Event;
use crate::simulation::World;
use crate::traffic::asking::Asking;
use crate::traffic::seat::{Place, Seat};
use crate::traffic::sends::{Sends, Settled};
use crate::traffic::session::{courtesy, event_of, shown};

/// A connection.
pub(super) struct Life {
    /// Its place among the clients of the world.
    pub client: usize,
    /// Full JID and number of the life.
    name: String,
    node: u32,
    /// Bare JIDs.
    rooms: Vec<String>,
    pub sends: Sends,
}

impl Life {
    pub fn new(client: usize, name: String, node: u32, rooms: Vec<String>) -> Life {
        Life { client, name, node, rooms, sends: Sends::default() }
    }

    pub fn ask(&mut self, send: &str, (room, seat): (usize, &mut Seat), act: Act, world: &mut World, scribe: &mut Scribe) {
        if let Act::Enter { .. } = act {
            seat.place = Place::Asking;
        }
        self.write(room, Event::Invoke { send: send.to_owned(), act: act.clone() }, world.now(), scribe);
        let stanzas = Asking { send, room: &self.rooms[room], nick: &seat.nick }.stanzas(&act);
        self.sends.begin(send, room, act);
        for stanza in stanzas {
            world.send(self.client, stanza);
        }
    }

    /// Whether where it is in a room, or under which nick, is just being settled.
    pub fn is_busy(&self, room: usize) -> bool {
        self.sends.in_room(room).any(|act| matches!(act, Act::Enter { .. } | Act::Leave | Act::Rename { .. }))
    }

    /// Takes a stanza; says what came to an end by it.
    pub fn hear(&mut self, stanza: &Element, seats: &mut [Seat], world: &mut World, scribe: &mut Scribe) -> Vec<Settled> {
        if let Some(answer) = courtesy(stanza) {
            world.send(self.client, answer);
        }
        let now = world.now();
        let Some(room) = self.room_of(stanza) else {
            scribe.write(now, &self.name, self.node, "", Event::Seen { stanza: stanza.to_string() });
            return Vec::new();
        };
        self.write(room, shown(stanza), now, scribe);
        let settled = self.sends.take(room, stanza);
        for settled in &settled {
            self.settle(settled, seats, now, scribe);
        }
        if let Some(turn) = seats[room].take(stanza) {
            self.write(room, event_of(&turn), now, scribe);
        }
        settled
    }

    /// What was under way is unknown, and it is in no room any more.
    pub fn end(&mut self, why: &str, seats: &mut [Seat], scribe: &mut Scribe) {
        let now = scribe.now();
        for settled in self.sends.abandoned() {
            self.settle(&settled, seats, now, scribe);
        }
        for (room, seat) in seats.iter_mut().enumerate().filter(|(_, seat)| seat.place != Place::Outside) {
            seat.go_out();
            self.write(room, Event::Left { why: why.to_owned() }, now, scribe);
        }
    }

    fn settle(&self, settled: &Settled, seats: &mut [Seat], now: u64, scribe: &mut Scribe) {
        self.write(settled.room, settled.event.clone(), now, scribe);
        let seat = &mut seats[settled.room];
        if let (Act::Enter { .. }, Event::Refused { error, .. }, Place::Asking) = (&settled.act, &settled.event, seat.place) {
            seat.go_out();
            self.write(settled.room, Event::Left { why: format!("not let in: {error}") }, now, scribe);
        }
    }

    fn room_of(&self, stanza: &Element) -> Option<usize> {
        let from = stanza.attribute("from")?;
        let bare = from.split_once('/').map_or(from, |(bare, _)| bare);
        self.rooms.iter().position(|room| room == bare)
    }

    fn write(&self, room: usize, event: Event, now: u64, scribe: &mut Scribe) {
        scribe.write(now, &self.name, self.node, &self.rooms[room], event);
    }
}
