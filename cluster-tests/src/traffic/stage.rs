//! What all the people of a play share.

use std::collections::BTreeSet;

use tokio::sync::watch;
use tokio::time::Duration;

use super::cast::Cast;
use crate::doors::Doors;
use crate::history::Phase;
use crate::recorder::Recorder;

/// The play, as everybody in it knows it.
pub(super) struct Stage {
    /// Who, and where.
    pub cast: Cast,
    /// All chance comes from it.
    pub seed: u64,
    /// Between two things that one of them does, in the mean.
    pub pause: Duration,
    /// Messages of history that rooms keep, if not the usual number.
    pub kept: Option<usize>,
    /// Where the nodes are.
    pub doors: Doors,
    /// Who writes it down.
    pub recorder: Recorder,
    /// How far the run is.
    pub phase: watch::Receiver<Phase>,
    /// How far the people are.
    pub board: watch::Sender<Board>,
}

/// How far the people are; rooms and parts by their places.
#[derive(Clone, Default, Debug)]
pub(super) struct Board {
    /// Rooms that are as they should be: others may enter.
    pub opened: BTreeSet<usize>,
    /// Parts that are in all their rooms, for the first time.
    pub arrived: BTreeSet<usize>,
    /// Parts that wait for nothing that they asked for before the last fault was behind.
    pub settled: BTreeSet<usize>,
    /// Parts that have put their rooms in order, behind the last fault.
    pub restored: BTreeSet<usize>,
    /// Parts that have shown that everything works for everybody.
    pub shown: BTreeSet<usize>,
    /// Parts that have shown that everything works for owners, too.
    pub proved: BTreeSet<usize>,
    /// Parts that ask for nothing more, and wait for nothing.
    pub quiet: BTreeSet<usize>,
    /// What did not work when all was whole, as sentences.
    pub failed: Vec<String>,
}

impl Stage {
    /// How far the run is.
    pub fn phase(&self) -> Phase {
        *self.phase.borrow()
    }

    /// Whether a part is on one of the lists of the board.
    pub fn is_on(&self, list: impl Fn(&Board) -> &BTreeSet<usize>, part: usize) -> bool {
        list(&self.board.borrow()).contains(&part)
    }

    /// Whether all parts are on a list.
    pub fn are_all_on(&self, list: impl Fn(&Board) -> &BTreeSet<usize>) -> bool {
        list(&self.board.borrow()).len() >= self.cast.parts.len()
    }

    /// Puts a part, or a room, on a list.
    pub fn put(&self, list: impl Fn(&mut Board) -> &mut BTreeSet<usize>, at: usize) {
        self.board.send_if_modified(|board| list(board).insert(at));
    }
}
