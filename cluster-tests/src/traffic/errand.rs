//! What somebody has to do, one thing behind the other, beside what the dice say.

use std::collections::VecDeque;

use tokio::time::{Duration, Instant};

use super::stage::{Board, Stage};
use crate::act::Act;
use crate::history::Event;

/// How long somebody waits to be where it can do a thing.
const READY_LIMIT: Duration = Duration::from_secs(20);

/// One thing that is to be done.
#[derive(Clone, Debug)]
pub(super) struct Errand {
    /// In which room.
    pub room: usize,
    /// What.
    pub act: Act,
    /// How often it is tried.
    pub tries: u32,
    /// Whether it must succeed.
    pub must: bool,
}

/// What is to be done, and what of it is under way.
pub(super) struct Errands {
    waiting: VecDeque<Errand>,
    under_way: Option<(String, Errand)>,
    /// Since when the first one waits.
    since: Instant,
}

impl Errands {
    /// Nothing.
    pub fn none() -> Errands {
        Errands { waiting: VecDeque::new(), under_way: None, since: Instant::now() }
    }

    /// Several things in one room.
    pub fn add(&mut self, room: usize, acts: Vec<Act>, tries: u32, must: bool) {
        if self.is_done() {
            self.since = Instant::now();
        }
        self.waiting.extend(acts.into_iter().map(|act| Errand { room, act, tries, must }));
    }

    /// Whether all is done.
    pub fn is_done(&self) -> bool {
        self.waiting.is_empty() && self.under_way.is_none()
    }

    /// Whether nothing is left to do in a room.
    pub fn are_done_in(&self, room: usize) -> bool {
        let under_way = self.under_way.iter().map(|(_, errand)| errand);
        self.waiting.iter().chain(under_way).all(|errand| errand.room != room)
    }

    /// Whoever lost its room has nothing to do in it.
    pub fn drop_those_in(&mut self, room: usize) {
        self.waiting.retain(|errand| errand.room != room || errand.must);
    }

    /// What could be done now, if nothing is under way.
    pub fn first(&self) -> Option<&Errand> {
        self.waiting.front().filter(|_| self.under_way.is_none())
    }

    /// The first one begins, under this name.
    pub fn begin(&mut self, send: &str) {
        self.under_way = self.waiting.pop_front().map(|errand| (send.to_owned(), errand));
    }

    /// The first one could not be done so far; when that has lasted too long it is given up.
    pub fn cannot_begin(&mut self, stage: &Stage) {
        if self.since.elapsed() < READY_LIMIT {
            return;
        }
        self.since = Instant::now();
        if let Some(errand) = self.waiting.pop_front().filter(|errand| errand.must) {
            complain(stage, &errand, "it was not in the room");
        }
    }

    /// What became of a send; one that failed may be tried again.
    pub fn settled(&mut self, event: &Event, stage: &Stage) {
        let (send, error) = match event {
            Event::Ok { send, .. } => (send, None),
            Event::Refused { send, error } => (send, Some(error.as_str())),
            Event::Unknown { send } => (send, Some("no answer")),
            _ => return,
        };
        let Some((_, mut errand)) = self.under_way.take_if(|(own, _)| own == send) else { return };
        self.since = Instant::now();
        let Some(error) = error else { return };
        errand.tries = errand.tries.saturating_sub(1);
        match errand.tries {
            0 if errand.must => complain(stage, &errand, error),
            0 => {}
            _ => self.waiting.push_front(errand),
        }
    }
}

fn complain(stage: &Stage, errand: &Errand, why: &str) {
    let what = format!("{:?} in {}: {why}", errand.act, stage.cast.rooms[errand.room].local);
    stage.board.send_modify(|board: &mut Board| board.failed.push(what));
}
