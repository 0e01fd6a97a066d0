//! Who lives: each node tells the leader of meta so, and the leader ends the incarnation of whoever is silent.

use std::sync::Arc;
use std::time::Duration;

use conclave_cluster::Incarnation;
use conclave_cluster::meta::{EndReason, Limits, Meta, MetaRequest, Silence};
use conclave_raft::{Leader, PeerState};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};
use tracing::{info, warn};

use super::deciding::{Outcome, decide};
use super::service::{self, wire};
use super::{Inner, number_of};
use crate::ticks;

/// How often the leader looks.
const LOOK: Duration = Duration::from_millis(100);

/// The answer to a sign of life is not worth more.
const ANSWER_MAX: Duration = Duration::from_secs(1);

/// Tells the leader of meta that this node lives.
pub(super) async fn tell(inner: Arc<Inner>) {
    let mut pulse = Pulse::new(&inner);
    loop {
        pulse.beat(&inner).await;
        let Leader::Other(leader) = inner.meta_group.leader().now() else { continue };
        let Some(mut client) = service::client(&inner.raft, leader) else { continue };
        let incarnation = inner.me.borrow().number;
        // Its silence is noticed by Raft.
        let _ = timeout(ANSWER_MAX, client.alive(wire::AliveRequest { incarnation })).await;
    }
}

/// When signs of life are due.
struct Pulse {
    meta: watch::Receiver<Arc<Meta>>,
    interval: Duration,
    last: Instant,
}

impl Pulse {
    fn new(inner: &Inner) -> Pulse {
        Pulse { meta: inner.meta.clone(), interval: inner.timing().alive_interval(), last: Instant::now() }
    }

    /// Until the next is due; that is now, where they are due at other times from now on.
    async fn beat(&mut self, inner: &Inner) {
        let due = self.last + self.interval;
        loop {
            match timeout_at(due, self.meta.changed()).await {
                Ok(Ok(())) => {
                    let interval = inner.timing().alive_interval();
                    if std::mem::replace(&mut self.interval, interval) != interval {
                        break;
                    }
                }
                // The node is about to end.
                Ok(Err(_)) => break sleep_until(due).await,
                Err(_) => break,
            }
        }
        self.last = Instant::now();
    }
}

/// Ends the incarnations of the silent, while this node leads meta.
pub(super) async fn watch(inner: Arc<Inner>) {
    let mut ticks = ticks::every(LOOK);
    loop {
        ticks.tick().await;
        let Leader::Us(leadership) = inner.meta_group.leader().now() else { continue };
        let dead = dead(&inner);
        let living = others_that_run(&inner.meta(), inner.node);
        let timing = inner.timing();
        let limits = Limits { silent: timing.silent_max, dead: timing.dead_max };
        let ended = inner.liveness().look(leadership.term(), inner.now(), &living, &dead, limits);
        for (incarnation, why) in ended {
            end(&inner, incarnation, why).await;
        }
    }
}

async fn end(inner: &Inner, incarnation: Incarnation, why: Silence) {
    let Incarnation { node, number } = incarnation;
    match why {
        Silence::Dead => warn!(node, incarnation = number, "this node counts as dead: its process is gone"),
        Silence::For(silent) => {
            warn!(node, incarnation = number, "this node counts as dead: it has been silent for {} ms", silent.as_millis());
        }
    }
    match decide(inner, &MetaRequest::End { incarnation, why: EndReason::Silent }).await {
        Outcome::Judged { .. } => {}
        // Whoever leads next notices it, too; otherwise the next look does.
        Outcome::NotLeader(_) | Outcome::Unknown(_) => {
            info!(node, "that could not be written down; trying again")
        }
    }
}

fn dead(inner: &Inner) -> Vec<u32> {
    let peers = inner.raft.peers().into_iter().filter(|peer| peer.state == PeerState::Dead);
    peers.filter_map(|peer| number_of(peer.node)).collect()
}

fn others_that_run(meta: &Meta, me: u32) -> Vec<Incarnation> {
    let all = meta.nodes().iter().filter(|(node, entry)| **node != me && entry.runs());
    all.map(|(node, entry)| Incarnation { node: *node, number: entry.incarnation }).collect()
}
