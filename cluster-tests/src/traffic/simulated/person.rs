//! Somebody who plays in a simulation: one life after the other, by its dice.

use std::collections::{BTreeMap, VecDeque};

use conclave_xmpp::Element;

use super::is_kept;
use super::life::Life;
use super::scribe::Scribe;
use crate::act::{Act, Answer};
use crate::dice::Dice;
use crate::history::Event;
use crate::simulation::World;
use crate::traffic::cast::{Cast, Habit, Part};
use crate::traffic::kind::Kind;
use crate::traffic::scripts::{View, race};
use crate::traffic::seat::{Place, Seat};
use crate::traffic::sends::Settled;

/// Sends that are under way, at most.
const UNDER_WAY_MAX: usize = 8;

/// Somebody.
pub(super) struct Person {
    part: Part,
    dice: Dice,
    /// The accounts of the others.
    accounts: Vec<String>,
    lives: u32,
    sent: usize,
    life: Option<Life>,
    /// Between lives.
    seats: Vec<Seat>,
    /// What is to be done before anything else.
    errands: VecDeque<(usize, Act)>,
    /// What became of sends.
    outcomes: BTreeMap<String, bool>,
}

impl Person {
    pub fn new(cast: &Cast, at: usize) -> Person {
        let part = cast.parts[at].clone();
        let others = cast.parts.iter().map(|part| part.account.clone()).filter(|account| *account != part.account);
        let mut accounts: Vec<String> = others.collect();
        accounts.sort();
        accounts.dedup();
        Person {
            dice: Dice::new(0),
            accounts,
            lives: 0,
            sent: 0,
            life: None,
            seats: cast.rooms.iter().map(|_| Seat::outside(&part.nick)).collect(),
            errands: VecDeque::new(),
            outcomes: BTreeMap::new(),
            part,
        }
    }

    pub fn is_connected(&self) -> bool {
        self.life.is_some()
    }

    pub fn is_client(&self, client: usize) -> bool {
        self.life.as_ref().is_some_and(|life| life.client == client)
    }

    pub fn place(&self, room: usize) -> Place {
        self.seats[room].place
    }

    pub fn is_inside(&self, room: usize) -> bool {
        self.place(room) == Place::Inside
    }

    /// Rooms that it should be in and that are kept by somebody: those that it is in, and the others.
    pub fn rooms_kept(&self, cast: &Cast) -> (Vec<usize>, Vec<usize>) {
        let rooms = self.part.rooms.iter().copied().filter(|room| is_kept(&cast.rooms[*room]));
        rooms.partition(|room| self.is_inside(*room))
    }

    pub fn is_in_all(&self, cast: &Cast) -> bool {
        self.rooms_kept(cast).1.is_empty()
    }

    /// The nick that it has in a room, or will ask for, and that of another who is there.
    pub fn nicks(&self, room: usize) -> (String, Option<String>) {
        let seat = &self.seats[room];
        (seat.nick.clone(), seat.others.keys().next().cloned())
    }

    /// Whether it waits for nothing.
    pub fn is_quiet(&self) -> bool {
        self.life.as_ref().is_none_or(|life| life.sends.count() == 0)
    }

    pub fn waits_for(&self, send: &str) -> bool {
        self.life.as_ref().is_some_and(|life| life.sends.room(send).is_some())
    }

    pub fn succeeded(&self, send: &str) -> bool {
        self.outcomes.get(send) == Some(&true)
    }

    /// Another life begins.
    pub fn connect(&mut self, cast: &Cast, node: u32, world: &mut World) {
        self.lives += 1;
        // Dice of its own, so that what one does changes nothing of what another does.
        if self.lives == 1 {
            let seed = world.seed().wrapping_mul(1_000_003);
            let of_name = self.part.jid().bytes().fold(seed, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)));
            self.dice = Dice::new(of_name);
        }
        let client = world.connect_jid(&self.part.jid(), node);
        let name = format!("{}#{}", self.part.jid(), self.lives);
        self.life = Some(Life::new(client, name, node, cast.rooms.iter().map(|room| room.jid()).collect()));
    }

    /// In its next life it asks for the nick that is its own.
    pub fn take_own_nicks(&mut self) {
        for seat in self.seats.iter_mut().filter(|seat| seat.place == Place::Outside) {
            seat.nick.clone_from(&self.part.nick);
        }
    }

    pub fn enter(&mut self, room: usize, password: Option<String>, world: &mut World, scribe: &mut Scribe) {
        let nick = self.seats[room].nick.clone();
        self.ask(room, Act::Enter { nick, password, history: None }, world, scribe);
    }

    /// Asks for something; returns the name of the send.
    pub fn ask(&mut self, room: usize, mut act: Act, world: &mut World, scribe: &mut Scribe) -> String {
        self.sent += 1;
        let send = format!("{}-{}-{}", self.part.account, self.part.resource, self.sent);
        if let Act::Presence { status: text } | Act::Whisper { body: text, .. } | Act::Subject { text } = &mut act
            && text.is_empty()
        {
            text.clone_from(&send);
        }
        let wanted = *self.dice.pick(&[0, 5, 20]);
        if let Act::Enter { history, .. } = &mut act {
            history.get_or_insert(wanted);
        }
        if let Some(life) = &mut self.life {
            life.ask(&send, (room, &mut self.seats[room]), act, world, scribe);
        }
        send
    }

    /// Whatever there is to do.
    pub fn act(&mut self, cast: &Cast, world: &mut World, scribe: &mut Scribe) {
        if self.habit(world, scribe) {
            return;
        }
        if let Some((room, act)) = self.errands.pop_front() {
            self.ask(room, act, world, scribe);
            return;
        }
        let rooms: Vec<usize> = self.part.rooms.iter().copied().filter(|room| cast.rooms[*room].kind != Kind::Fresh).collect();
        let under_way = self.life.as_ref().map_or(0, |life| life.sends.count());
        if rooms.is_empty() || under_way >= UNDER_WAY_MAX {
            return;
        }
        let room = *self.dice.pick(&rooms);
        let kind = cast.rooms[room].kind;
        let busy = self.life.as_ref().is_some_and(|life| life.is_busy(room));
        match self.seats[room].place {
            Place::Outside if !busy => {
                if let Some(nick) = kind.nick(&mut self.dice) {
                    self.seats[room].nick = nick;
                }
                let password = kind.password(&mut self.dice);
                self.enter(room, password, world, scribe);
            }
            Place::Inside if !busy => {
                let view = View { seat: &self.seats[room], accounts: &self.accounts };
                if let Some(act) = kind.wish(&view, &mut self.dice) {
                    self.ask(room, act, world, scribe);
                }
            }
            _ => {}
        }
    }

    /// A stanza has come.
    pub fn hear(&mut self, stanza: &Element, cast: &Cast, world: &mut World, scribe: &mut Scribe) {
        let Some(life) = &mut self.life else { return };
        let settled = life.hear(stanza, &mut self.seats, world, scribe);
        for settled in settled {
            self.heed(settled, cast);
        }
    }

    /// Its node is gone, and it knows.
    pub fn notice_end(&mut self, world: &World, scribe: &mut Scribe) {
        if self.life.as_ref().is_some_and(|life| !world.clients[life.client].connected) {
            self.end("cut off: the node is gone", scribe);
        }
    }

    pub fn end(&mut self, why: &str, scribe: &mut Scribe) {
        if let Some(mut life) = self.life.take() {
            life.end(why, &mut self.seats, scribe);
            self.errands.clear();
        }
    }

    fn heed(&mut self, settled: Settled, cast: &Cast) {
        let (send, done) = match &settled.event {
            Event::Ok { send, .. } => (send, true),
            Event::Refused { send, .. } | Event::Unknown { send } => (send, false),
            _ => return,
        };
        self.outcomes.insert(send.clone(), done);
        let makes = matches!(&settled.event, Event::Ok { answer: Answer::Inside { created: true, .. }, .. });
        if makes && cast.rooms[settled.room].kind == Kind::Race {
            let opening = race::opening(&mut self.dice).into_iter().map(|act| (settled.room, act));
            self.errands.extend(opening);
        }
    }

    /// What it does with its connection, now and then. Whether it did.
    fn habit(&mut self, world: &mut World, scribe: &mut Scribe) -> bool {
        let closes = match self.part.habit {
            Habit::Restless => self.dice.below(100) < 4,
            Habit::Stormy => self.dice.below(100) < 6,
            Habit::Steady | Habit::Sleepy => false,
        };
        if closes && let Some(life) = &self.life {
            world.disconnect(life.client);
            self.end("left", scribe);
        }
        closes
    }
}
