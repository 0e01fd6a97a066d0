//! What is remembered of peers over every restart of ours: so that none comes back with less than it had.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::hello::{Expected, check};
use super::refusal::Refusal;
use crate::NodeId;
use crate::wire::Hello;

/// What is remembered of a peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Remembered {
    /// Of its data directory, made with it.
    pub storage: [u8; 16],
    /// How often that was started.
    pub incarnation: u64,
    /// Of the start that was last seen.
    pub life: [u8; 16],
    /// The last frame of its log that it said to have on disk.
    pub synced: u64,
}

/// Where it is remembered.
pub(crate) trait Memory: Send + Sync {
    /// What was last remembered.
    fn recall(&self, node: NodeId) -> Option<Remembered>;
    /// It is on disk when the future is ready.
    fn remember(&self, node: NodeId, peer: Remembered) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
    /// The last frame of our own log that is on disk.
    fn synced(&self) -> u64;
}

/// Everybody we have met: what is on disk of them, and what was heard since.
pub(super) struct Acquaintances {
    memory: Arc<dyn Memory>,
    interval: Duration,
    heard: Mutex<BTreeMap<NodeId, Heard>>,
    /// Whoever writes to the memory holds it, so that no older record replaces a newer one.
    writing: tokio::sync::Mutex<()>,
}

/// What was heard since it was last written.
struct Heard {
    synced: u64,
    written: Instant,
    /// Somebody will write it.
    due: bool,
}

impl Heard {
    fn written(synced: u64) -> Self {
        Self { synced, written: Instant::now(), due: false }
    }

    /// What is heard from here on has to be written again.
    fn write(&mut self, synced: u64) {
        *self = Self::written(self.synced.max(synced));
    }
}

impl Acquaintances {
    pub fn new(memory: Arc<dyn Memory>, interval: Duration) -> Self {
        Self { memory, interval, heard: Mutex::default(), writing: tokio::sync::Mutex::default() }
    }

    /// The last frame of our own log that is on disk.
    pub fn synced(&self) -> u64 {
        self.memory.synced()
    }

    /// Checks a greeting, and remembers whom it lets in before it does.
    pub async fn admit(&self, hello: &Hello, mut expected: Expected<'_>) -> Result<Remembered, Refusal> {
        let node = NodeId(hello.node);
        let writing = self.writing.lock().await;
        expected.remembered = self.recall(node);
        let now = check(hello, &expected)?;
        if expected.remembered.as_ref() == Some(&now) {
            self.heard().entry(node).or_insert_with(|| Heard::written(now.synced));
        } else {
            self.write(node, now.clone()).await;
        }
        drop(writing);
        Ok(now)
    }

    /// A peer said what it has on disk. Known at once; written some time within the interval.
    pub fn observe(self: &Arc<Self>, node: NodeId, synced: u64) {
        let Some(written) = self.raise(node, synced) else { return };
        let all = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep_until(written + all.interval).await;
            let _writing = all.writing.lock().await;
            if let Some(now) = all.recall(node) {
                all.write(node, now).await;
            }
        });
    }

    /// When it was last written, if it has to be written now and nobody does yet.
    fn raise(&self, node: NodeId, synced: u64) -> Option<Instant> {
        let mut heard = self.heard();
        // Only who was let in is listened to.
        let entry = heard.get_mut(&node)?;
        if synced <= entry.synced {
            return None;
        }
        entry.synced = synced;
        (!std::mem::replace(&mut entry.due, true)).then_some(entry.written)
    }

    fn recall(&self, node: NodeId) -> Option<Remembered> {
        let stored = self.memory.recall(node)?;
        let heard = self.heard().get(&node).map_or(0, |heard| heard.synced);
        Some(Remembered { synced: stored.synced.max(heard), ..stored })
    }

    async fn write(&self, node: NodeId, now: Remembered) {
        self.heard().entry(node).or_insert_with(|| Heard::written(0)).write(now.synced);
        self.memory.remember(node, now).await;
    }

    fn heard(&self) -> std::sync::MutexGuard<'_, BTreeMap<NodeId, Heard>> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
