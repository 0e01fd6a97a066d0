//! Snapshots as openraft hands them around: either a name for what a checkpoint holds, or a file that is being made, or one that came.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::sync::watch;

use super::codec;
use super::types::SnapshotMeta;
use crate::applied::Frozen;
use crate::fatal;
use crate::node::held;
use crate::state::SnapshotFile;

/// What travels with a snapshot's position.
#[derive(Clone)]
pub(crate) enum Snapshot {
    /// Nothing: the position is that of a checkpoint, and nobody asked for the state itself.
    Checkpoint,
    /// A file for another replica, written beside the group's work.
    Outgoing(Outgoing),
    /// A file that a leader sent, complete and verified.
    Received(SnapshotFile),
}

/// A file that is being written; it can be named before it is done.
#[derive(Clone)]
pub(crate) struct Outgoing {
    pub meta: SnapshotMeta,
    file: watch::Receiver<Option<SnapshotFile>>,
    /// One more for each transfer that is under way; those of a group are counted together.
    sending: Arc<AtomicUsize>,
}

/// A transfer that is under way.
pub(crate) struct Sending(Arc<AtomicUsize>);

impl Drop for Sending {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Outgoing {
    /// Writes `frozen` on a thread of its own. `frozen` may still be on its way.
    pub fn write(
        dir: PathBuf,
        group: u32,
        meta: SnapshotMeta,
        frozen: impl Future<Output = Option<Frozen>> + Send + 'static,
        last: &LastOutgoing,
    ) -> Self {
        let (done, file) = watch::channel(None);
        let note = codec::encode_applied(&meta);
        let index = meta.last_log_id.as_ref().map_or(0, |id| id.index);
        tokio::spawn(async move {
            let Some(frozen) = frozen.await else { return };
            let written = tokio::task::spawn_blocking(move || match SnapshotFile::write(&dir, group, index, note, frozen) {
                Ok(file) => file,
                Err(error) => fatal::stop(&dir, "write a snapshot into", &error),
            });
            if let Ok(file) = written.await {
                done.send_replace(Some(file));
            }
        });
        Self { meta, file, sending: last.sending.clone() }
    }

    /// Counts as being sent until the answer is dropped.
    pub fn sending(&self) -> Sending {
        self.sending.fetch_add(1, Ordering::AcqRel);
        Sending(self.sending.clone())
    }

    /// It will never be complete.
    fn has_failed(&self) -> bool {
        self.file.has_changed().is_err() && self.file.borrow().is_none()
    }

    /// The file when it is complete; `None` when the group was stopped first.
    pub async fn file(mut self) -> Option<SnapshotFile> {
        let file = self.file.wait_for(Option::is_some).await.ok()?;
        file.clone()
    }
}

/// The last file that was made for others. It is kept so that a transfer which broke off can go on.
#[derive(Clone, Default)]
pub(crate) struct LastOutgoing {
    last: Arc<Mutex<Option<Outgoing>>>,
    sending: Arc<AtomicUsize>,
}

impl LastOutgoing {
    /// The last one, if it holds at least everything up to `index`.
    pub fn at_least(&self, index: Option<u64>) -> Option<Outgoing> {
        let last = held(&self.last);
        last.clone().filter(|outgoing| outgoing.meta.last_log_id.as_ref().map(|id| id.index) >= index && !outgoing.has_failed())
    }

    /// Whether any file of the group is on its way.
    pub fn is_being_sent(&self) -> bool {
        self.sending.load(Ordering::Acquire) > 0
    }

    pub fn put(&self, outgoing: Outgoing) {
        *held(&self.last) = Some(outgoing);
    }

    pub fn clear(&self) {
        *held(&self.last) = None;
    }
}
