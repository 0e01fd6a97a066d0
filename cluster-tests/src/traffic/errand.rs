//! What somebody has to do, one thing behind the other, beside what the dice say.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

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

/// What is to be done, and what of it is under way: in each room one thing behind the other.
pub(super) struct Errands {
    waiting: VecDeque<Errand>,
    /// By the names of the sends.
    under_way: BTreeMap<String, Errand>,
    /// When something was last begun or came to its end.
    progress: Instant,
}

impl Errands {
    /// Nothing.
    pub fn none() -> Errands {
        Errands { waiting: VecDeque::new(), under_way: BTreeMap::new(), progress: Instant::now() }
    }

    /// Several things in one room.
    pub fn add(&mut self, room: usize, acts: Vec<Act>, tries: u32, must: bool) {
        if self.is_done() {
            self.progress = Instant::now();
        }
        self.waiting.extend(acts.into_iter().map(|act| Errand { room, act, tries, must }));
    }

    /// Whether all is done.
    pub fn is_done(&self) -> bool {
        self.waiting.is_empty() && self.under_way.is_empty()
    }

    /// Whether nothing is left to do in a room.
    pub fn are_done_in(&self, room: usize) -> bool {
        self.waiting.iter().chain(self.under_way.values()).all(|errand| errand.room != room)
    }

    /// Whoever lost its room has nothing to do in it.
    pub fn drop_those_in(&mut self, room: usize) {
        self.waiting.retain(|errand| errand.room != room || errand.must);
    }

    /// Takes the first thing that can be done now. What could not be done for too long is given up.
    pub fn take_ready(&mut self, stage: &Stage, is_ready: impl Fn(&Errand) -> bool) -> Option<Errand> {
        let mut rooms: BTreeSet<usize> = self.under_way.values().map(|errand| errand.room).collect();
        let at = self.waiting.iter().position(|errand| rooms.insert(errand.room) && is_ready(errand));
        let errand = at.and_then(|at| self.waiting.remove(at));
        if errand.is_some() {
            self.progress = Instant::now();
        } else if self.under_way.is_empty() && self.progress.elapsed() > READY_LIMIT {
            self.progress = Instant::now();
            if let Some(errand) = self.waiting.pop_front().filter(|errand| errand.must) {
                complain(stage, &errand, "it was not in the room");
            }
        }
        errand
    }

    /// What was taken is under way, under this name.
    pub fn begin(&mut self, send: String, errand: Errand) {
        self.under_way.insert(send, errand);
    }

    /// What became of a send; one that failed may be tried again.
    pub fn settled(&mut self, event: &Event, stage: &Stage) {
        let (send, error) = match event {
            Event::Ok { send, .. } => (send, None),
            Event::Refused { send, error } => (send, Some(error.as_str())),
            Event::Unknown { send } => (send, Some("no answer")),
            _ => return,
        };
        let Some(mut errand) = self.under_way.remove(send) else { return };
        self.progress = Instant::now();
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

#[cfg(test)]
mod tests {
    use tokio::sync::watch;

    use super::*;
    use crate::act::Answer;
    use crate::history::Phase;
    use crate::recorder::Recorder;
    use crate::traffic::Profile;

    fn stage() -> Stage {
        let dir = tempfile::tempdir().expect("a directory");
        Stage {
            cast: Profile::Chat.cast(),
            seed: 1,
            pause: Duration::from_secs(1),
            kept: None,
            doors: Default::default(),
            recorder: Recorder::to(&dir.path().join("history.jsonl")).expect("a file"),
            phase: watch::channel(Phase::Setting).1,
            board: watch::Sender::default(),
        }
    }

    fn refused(send: &str) -> Event {
        Event::Refused { send: send.to_owned(), error: "wait resource-constraint".to_owned() }
    }

    #[test]
    fn one_thing_at_a_time_is_done_in_each_room() {
        let (stage, mut errands) = (stage(), Errands::none());
        errands.add(0, vec![Act::Ping, Act::Leave], 1, true);
        errands.add(1, vec![Act::Ping], 1, true);
        let first = errands.take_ready(&stage, |_| true).expect("something to do");
        errands.begin("s1".to_owned(), first);
        let second = errands.take_ready(&stage, |_| true).expect("something to do in the other room");
        assert_eq!((second.room, second.act.clone()), (1, Act::Ping));
        errands.begin("s2".to_owned(), second);
        assert!(errands.take_ready(&stage, |_| true).is_none());
        errands.settled(&Event::Ok { send: "s1".to_owned(), answer: Answer::Joined { joined: true } }, &stage);
        assert_eq!(errands.take_ready(&stage, |_| true).map(|errand| errand.act), Some(Act::Leave));
        assert!(!errands.is_done() && !errands.are_done_in(1));
    }

    #[test]
    fn what_fails_is_tried_again_and_in_the_end_told() {
        let (stage, mut errands) = (stage(), Errands::none());
        errands.add(0, vec![Act::Ping], 2, true);
        for send in ["s1", "s2"] {
            assert!(!errands.is_done());
            let errand = errands.take_ready(&stage, |_| true).expect("something to do");
            errands.begin(send.to_owned(), errand);
            errands.settled(&refused(send), &stage);
        }
        assert!(errands.is_done());
        assert_eq!(stage.board.borrow().failed, ["Ping in talk1: wait resource-constraint"]);
    }
}
