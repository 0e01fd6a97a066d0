//! Folds the entries of meta's log, and publishes what came of them.

use std::sync::Arc;

use bytes::Bytes;
use conclave_cluster::meta::{Meta, codec};
use conclave_raft::{Applied, Change, Pair, Step};
use tokio::sync::watch;

/// What the task publishes. `applied` counts the entries that are in `meta`, and is published after it.
pub(super) struct Published {
    pub meta: watch::Sender<Arc<Meta>>,
    pub applied: watch::Sender<u64>,
}

impl Published {
    pub fn new() -> Published {
        Published { meta: watch::Sender::new(Arc::new(Meta::default())), applied: watch::Sender::new(0) }
    }
}

/// Until the group is stopped. `Err` says what in the log or on disk cannot be understood: this node must not go on with less than the others know.
pub(super) async fn run(mut steps: Applied, published: Published) -> Result<(), String> {
    let mut fold = Fold { meta: Meta::default(), count: 0, stored: Meta::default() };
    while let Some(step) = steps.next().await {
        fold.take(step)?;
        // What has come in the meantime is published at once.
        while let Some(step) = steps.try_next() {
            fold.take(step)?;
        }
        fold.publish(&published);
    }
    Ok(())
}

struct Fold {
    meta: Meta,
    count: u64,
    /// As it was when it was last asked what has changed.
    stored: Meta,
}

impl Fold {
    fn take(&mut self, step: Step) -> Result<(), String> {
        match step {
            Step::State { index, pairs } => {
                self.meta = Meta::read(&pairs).map_err(|cause| format!("the register of the cluster on disk: {cause}"))?;
                self.stored = self.meta.clone();
                self.count = index.map_or(0, |index| index + 1);
            }
            Step::Entry { index, proposal } => {
                if let Some(bytes) = proposal {
                    let changes = codec::decode_entry(&bytes);
                    let changes = changes.map_err(|cause| format!("entry {index} of the register of the cluster: {cause}"))?;
                    changes.iter().for_each(|change| self.meta.apply(change));
                }
                self.count = index + 1;
            }
            Step::Changes(answer) => answer.give(self.changes()),
            Step::Freeze(answer) => {
                let meta = self.meta.clone();
                let pair = |(key, value)| -> Pair { (Bytes::from(key), Bytes::from(value)) };
                // They are made where they are taken.
                answer.give(Box::new(std::iter::once_with(move || meta.records()).flatten().map(pair)));
            }
        }
        Ok(())
    }

    fn changes(&mut self) -> Vec<Change> {
        let before = std::mem::replace(&mut self.stored, self.meta.clone());
        let changes = Meta::changes(&before, &self.meta).into_iter();
        changes.map(|(key, value)| (key.into(), value.map(Bytes::from))).collect()
    }

    fn publish(&self, published: &Published) {
        if *published.applied.borrow() != self.count {
            published.meta.send_replace(Arc::new(self.meta.clone()));
            published.applied.send_replace(self.count);
        }
    }
}
