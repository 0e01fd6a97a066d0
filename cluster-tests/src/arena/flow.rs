//! One direction between two ends, whatever connections use it: how bytes pass there now, and how many it concerned.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use super::passage::Passage;
use crate::dice::Dice;

/// A connection that is to be reset in the middle of something, and says nothing, is reset after this time.
const RESET_WITHIN: Duration = Duration::from_secs(1);

/// Whole until told otherwise. Several can tell, each by a number of its own, and it is as bad as all of them together.
pub struct Flow {
    layers: Mutex<BTreeMap<u32, Passage>>,
    passage: watch::Sender<Passage>,
    /// How often its connections were told to break, and how often they were left without anything.
    told: watch::Sender<Told>,
    /// When the slow wire is free again.
    free_at: Mutex<Option<Instant>>,
    dice: Mutex<Dice>,
    counts: [AtomicU64; 4],
}

/// What the connections of a direction were told so far; what a connection was not told when it was made concerns it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Told {
    pub breaks: u64,
    pub strands: u64,
}

/// What happened to the bytes of a direction, from the beginning.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Bytes that have arrived.
    pub passed: u64,
    /// Bytes, and connections in the making, that came while nothing passed.
    pub held: u64,
    /// Bytes that were late or slow on purpose.
    pub delayed: u64,
    /// Connections that were reset.
    pub reset: u64,
}

impl Counts {
    /// Of both together.
    pub fn and(self, other: Counts) -> Counts {
        Counts {
            passed: self.passed + other.passed,
            held: self.held + other.held,
            delayed: self.delayed + other.delayed,
            reset: self.reset + other.reset,
        }
    }

    /// What has come since it was so much.
    pub fn since(self, before: Counts) -> Counts {
        Counts {
            passed: self.passed - before.passed,
            held: self.held - before.held,
            delayed: self.delayed - before.delayed,
            reset: self.reset - before.reset,
        }
    }
}

impl Default for Flow {
    fn default() -> Flow {
        Flow {
            layers: Mutex::default(),
            passage: watch::Sender::default(),
            told: watch::Sender::default(),
            free_at: Mutex::default(),
            dice: Mutex::new(Dice::new(1)),
            counts: Default::default(),
        }
    }
}

impl Flow {
    /// From now on, until this number is lifted.
    pub fn lay(&self, number: u32, passage: Passage) {
        self.change(|layers| layers.insert(number, passage));
    }

    /// What this number laid is over.
    pub fn lift(&self, number: u32) {
        self.change(|layers| layers.remove(&number));
    }

    /// All is over.
    pub fn lift_all(&self) {
        self.change(|layers| layers.clear());
    }

    /// Its connections break in the middle of what they carry next, or soon if they carry nothing.
    pub fn break_all(&self) {
        self.told.send_modify(|told| told.breaks += 1);
    }

    /// Its connections carry nothing any more, for ever, and nobody closes them. New ones do.
    pub fn strand_all(&self) {
        self.told.send_modify(|told| told.strands += 1);
    }

    /// So far.
    pub fn counts(&self) -> Counts {
        let [passed, held, delayed, reset] = self.counts.each_ref().map(|count| count.load(Ordering::Relaxed));
        Counts { passed, held, delayed, reset }
    }

    fn change<T>(&self, change: impl FnOnce(&mut BTreeMap<u32, Passage>) -> T) {
        let mut layers = lock(&self.layers);
        change(&mut layers);
        let passage = layers.values().copied().fold(Passage::default(), Passage::and);
        self.passage.send_replace(passage);
    }

    pub(super) fn told(&self) -> Told {
        *self.told.borrow()
    }

    /// Bytes have come through a connection that was told so much, or something else is to pass.
    pub(super) fn came(&self, bytes: usize, told: Told) {
        let passage = *self.passage.borrow();
        if passage.held || self.told().strands != told.strands {
            self.count(1, bytes);
        } else if passage.delay + passage.jitter > Duration::ZERO || passage.bytes_per_second > 0 {
            self.count(2, bytes);
        }
    }

    pub(super) fn arrived(&self, bytes: usize) {
        self.count(0, bytes);
    }

    pub(super) fn was_reset(&self) {
        self.count(3, 1);
    }

    fn count(&self, which: usize, much: usize) {
        self.counts[which].fetch_add(much as u64, Ordering::Relaxed);
    }

    /// Until bytes that came then may be there.
    pub(super) async fn travel(&self, came: Instant) {
        let passage = *self.passage.borrow();
        let jitter = usize::try_from(passage.jitter.as_micros()).unwrap_or(usize::MAX);
        let more = if jitter == 0 { 0 } else { lock(&self.dice).below(jitter) };
        let there = came + passage.delay + Duration::from_micros(more as u64);
        if there > Instant::now() {
            sleep_until(there).await;
        }
    }

    pub(super) fn is_slow(&self) -> bool {
        self.passage.borrow().bytes_per_second > 0
    }

    /// Until so many bytes have gone through the slow wire, which all connections of this direction share.
    pub(super) async fn squeeze(&self, bytes: usize) {
        let limit = self.passage.borrow().bytes_per_second;
        if limit == 0 {
            return;
        }
        let takes = Duration::from_secs_f64(bytes as f64 / f64::from(limit));
        let through = {
            let mut free_at = lock(&self.free_at);
            let begins = free_at.map_or_else(Instant::now, |free| free.max(Instant::now()));
            *free_at.insert(begins + takes)
        };
        let mut passage = self.passage.subscribe();
        let lifted = async { drop(passage.wait_for(|passage| passage.bytes_per_second != limit).await) };
        tokio::select! {
            () = sleep_until(through) => {}
            () = lifted => *lock(&self.free_at) = None,
        }
    }

    /// Until nothing is held back of a connection that was told so much.
    pub(super) async fn passes(&self, told: Told) {
        let (mut passage, mut later) = (self.passage.subscribe(), self.told.subscribe());
        loop {
            if later.borrow_and_update().strands != told.strands {
                return std::future::pending().await;
            }
            if !passage.borrow_and_update().held {
                return;
            }
            // Neither ends before this does.
            tokio::select! {
                _ = passage.changed() => {}
                _ = later.changed() => {}
            }
        }
    }

    /// Until the connections must not be any more that were told so much.
    pub(super) async fn breaks_off(&self, told: Told) {
        let (mut passage, mut later) = (self.passage.subscribe(), self.told.subscribe());
        let closed = async { drop(passage.wait_for(|passage| passage.closed).await) };
        let broken = async { drop(later.wait_for(|later| later.breaks != told.breaks).await) };
        tokio::select! {
            () = closed => {}
            () = async { broken.await; sleep(RESET_WITHIN).await } => {}
        }
    }

    /// Until the connections carry nothing any more that were told so much.
    pub(super) async fn strands(&self, told: Told) {
        drop(self.told.subscribe().wait_for(|later| later.strands != told.strands).await);
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
