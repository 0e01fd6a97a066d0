//! When all is whole again: rooms are put in order, and then everything that a profile has must work.

use tokio::time::Instant;

use super::kind::Kind;
use super::person::Person;
use super::seat::{Place, Seat};
use super::session::Session;
use crate::act::Act;

/// How far somebody is with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Finale {
    /// Not begun.
    Before,
    /// It waits until nobody waits for what was asked for before: a ban that comes behind the order would spoil it.
    Settling,
    /// It puts its rooms in order.
    Restoring,
    /// It waits until all rooms are in order.
    Waiting,
    /// It goes into all its rooms.
    Entering,
    /// It does what everybody must be able to do.
    Showing,
    /// The same, and waits for the others to have done it.
    Shown,
    /// It does what owners must be able to do.
    Proving,
    /// All is done.
    Done,
}

impl Finale {
    /// Whether rooms are not yet in order, so that it is no use to ask to be let in.
    pub fn is_restoring(self) -> bool {
        matches!(self, Finale::Settling | Finale::Restoring | Finale::Waiting)
    }
}

impl Person {
    /// One step further, if it is time.
    pub(super) fn play_finale(&mut self, session: &mut Session<'_>) {
        let stage = self.stage.clone();
        let next = match self.finale {
            Finale::Before => Finale::Settling,
            Finale::Settling if session.sends.are_words() => {
                stage.put(|board| &mut board.settled, self.at);
                if stage.are_all_on(|board| &board.settled) {
                    self.restore();
                    Finale::Restoring
                } else {
                    Finale::Settling
                }
            }
            Finale::Restoring if self.errands.is_done() => {
                stage.put(|board| &mut board.restored, self.at);
                Finale::Waiting
            }
            Finale::Waiting if stage.are_all_on(|board| &board.restored) => {
                session.seats.iter_mut().for_each(|seat| seat.not_before = Instant::now());
                Finale::Entering
            }
            Finale::Entering if self.errands.is_done() && self.is_in_all(session) => {
                // Also whoever was outside: it may have come back to a seat that was kept as it was.
                self.leave_as_visitor(session);
                if self.errands.is_done() {
                    self.show(session);
                    Finale::Showing
                } else {
                    Finale::Entering
                }
            }
            Finale::Showing if self.errands.is_done() && self.is_in_all(session) => {
                stage.put(|board| &mut board.shown, self.at);
                Finale::Shown
            }
            Finale::Shown if stage.are_all_on(|board| &board.shown) => {
                self.prove(session);
                Finale::Proving
            }
            Finale::Proving if self.errands.is_done() => {
                stage.put(|board| &mut board.proved, self.at);
                Finale::Done
            }
            as_it_is => as_it_is,
        };
        self.finale = next;
    }

    fn restore(&mut self) {
        let stage = self.stage.clone();
        for (at, room) in stage.cast.rooms.iter().enumerate() {
            if room.owner == Some(self.at) && room.kind != Kind::Fresh {
                self.errands.add(at, room.restoration(&stage.cast), 10, true);
            }
        }
    }

    /// Whoever has no voice keeps having none until it enters again; then it must have one.
    fn leave_as_visitor(&mut self, session: &Session<'_>) {
        let without_voice = |(_, seat): &(usize, &Seat)| seat.place == Place::Inside && seat.role == "visitor";
        for (at, _) in session.seats.iter().enumerate().filter(without_voice) {
            if self.left_for_voice.insert(at) {
                self.errands.add(at, vec![Act::Leave], 1, true);
            }
        }
    }

    fn show(&mut self, session: &Session<'_>) {
        let stage = self.stage.clone();
        for at in self.part().rooms.clone() {
            let (seat, kind) = (&session.seats[at], stage.cast.rooms[at].kind);
            let nick = seat.nick.clone();
            if kind == Kind::Fresh {
                self.errands.add(at, vec![Act::Enter { nick: nick.clone(), password: None, history: None }], 1, true);
            } else if kind == Kind::Race || seat.place != Place::Inside {
                continue;
            }
            let another = seat.others.keys().next().map(String::as_str);
            self.errands.add(at, kind.proof(&nick, another), 1, true);
        }
    }

    fn prove(&mut self, session: &Session<'_>) {
        let stage = self.stage.clone();
        for (at, room) in stage.cast.rooms.iter().enumerate().filter(|(_, room)| room.owner == Some(self.at)) {
            let another = session.seats[at].others.keys().next().map(String::as_str);
            self.errands.add(at, room.kind.proof_of_owner(another), 1, true);
        }
    }
}
