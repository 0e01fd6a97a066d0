//! One at a time starts, stops or forgets a group on this node: two cores over one log would each vote for somebody else.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use tokio::sync::OwnedMutexGuard;
use tokio_util::sync::CancellationToken;

use crate::GroupId;
use crate::node::held;

/// Whose turn it is, for each group.
#[derive(Default)]
pub(crate) struct Turns(Mutex<BTreeMap<GroupId, Arc<Turn>>>);

#[derive(Default)]
struct Turn {
    lock: Arc<tokio::sync::Mutex<()>>,
    /// Of the start that is under way.
    starting: Mutex<CancellationToken>,
}

/// The group is this one's alone until it is dropped.
pub(crate) struct Mine {
    /// Somebody wants the group stopped: a start that waits for something gives up.
    pub interrupted: CancellationToken,
    _lock: OwnedMutexGuard<()>,
}

impl Turns {
    /// For a start.
    pub async fn start(&self, group: GroupId) -> Mine {
        let turn = self.of(group);
        let lock = turn.lock.clone().lock_owned().await;
        let interrupted = CancellationToken::new();
        *held(&turn.starting) = interrupted.clone();
        Mine { interrupted, _lock: lock }
    }

    /// For a stop; a start that is under way is interrupted.
    pub async fn stop(&self, group: GroupId) -> Mine {
        let turn = self.of(group);
        held(&turn.starting).cancel();
        let lock = turn.lock.clone().lock_owned().await;
        Mine { interrupted: CancellationToken::new(), _lock: lock }
    }

    fn of(&self, group: GroupId) -> Arc<Turn> {
        held(&self.0).entry(group).or_default().clone()
    }
}
