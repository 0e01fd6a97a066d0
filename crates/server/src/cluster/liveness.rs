//! Who lives: each node tells the leader of meta so, and the leader ends the incarnation of whoever is silent.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use conclave_cluster::Incarnation;
use conclave_cluster::meta::{EndReason, Meta, MetaRequest};
use conclave_raft::{Leader, Leadership, PeerState};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};
use tracing::{info, warn};

use super::deciding::{Outcome, decide};
use super::service::{self, wire};
use super::{ClusterTiming, Inner, number_of};
use crate::ticks;

/// How often the leader looks.
const LOOK: Duration = Duration::from_millis(100);

/// A leader that has not looked for so long was stopped, or starved: what it did not hear in that time says nothing.
const LOOK_MAX: Duration = Duration::from_secs(1);

/// The answer to a sign of life is not worth more.
const ANSWER_MAX: Duration = Duration::from_secs(1);

/// When the leader of meta heard of whom. A new leader begins anew: it cannot know what the last one heard.
#[derive(Debug, Default)]
pub(super) struct Clocks {
    leadership: Option<Leadership>,
    looked: Option<Instant>,
    /// By what `nodes` was counted.
    silent_max: Duration,
    nodes: BTreeMap<u32, Clock>,
}

#[derive(Debug)]
struct Clock {
    incarnation: u32,
    heard: Instant,
    /// Since when it is proven that its process is gone.
    dead: Option<Instant>,
}

impl Clocks {
    /// A sign of life.
    pub fn heard(&mut self, node: u32, incarnation: u32) {
        if let Some(clock) = self.nodes.get_mut(&node).filter(|clock| clock.incarnation == incarnation) {
            clock.heard = Instant::now();
        }
    }

    /// Whose incarnation is over, and why: `living` are all that count as living, `dead` the nodes whose process is gone.
    fn look(
        &mut self,
        leadership: Leadership,
        living: &[Incarnation],
        dead: &[u32],
        timing: ClusterTiming,
    ) -> Vec<(Incarnation, String)> {
        let now = Instant::now();
        let slept = self.looked.is_none_or(|looked| now - looked > LOOK_MAX);
        // Whoever has counted by another time has its chance to hear of this one.
        if self.leadership != Some(leadership) || slept || self.silent_max != timing.silent_max {
            (self.leadership, self.silent_max, self.nodes) = (Some(leadership), timing.silent_max, BTreeMap::new());
        }
        self.looked = Some(now);
        self.nodes.retain(|node, clock| living.iter().any(|one| (one.node, one.number) == (*node, clock.incarnation)));
        let mut ended = Vec::new();
        for incarnation in living {
            let fresh = Clock { incarnation: incarnation.number, heard: now, dead: None };
            let clock = self.nodes.entry(incarnation.node).or_insert(fresh);
            clock.dead = dead.contains(&incarnation.node).then(|| clock.dead.unwrap_or(now));
            let silent = now - clock.heard;
            if clock.dead.is_some_and(|dead| now - dead >= timing.dead_max) {
                ended.push((*incarnation, "its process is gone".to_owned()));
            } else if silent >= timing.silent_max {
                ended.push((*incarnation, format!("it has been silent for {} ms", silent.as_millis())));
            }
        }
        ended
    }
}

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
        let ended = inner.clocks().look(leadership, &living, &dead, inner.timing());
        for (incarnation, why) in ended {
            end(&inner, incarnation, &why).await;
        }
    }
}

async fn end(inner: &Inner, incarnation: Incarnation, why: &str) {
    warn!(node = incarnation.node, incarnation = incarnation.number, "this node counts as dead: {why}");
    match decide(inner, &MetaRequest::End { incarnation, why: EndReason::Silent }).await {
        Outcome::Judged { .. } => {}
        // Whoever leads next notices it, too; otherwise the next look does.
        Outcome::NotLeader(_) | Outcome::Unknown(_) => {
            info!(node = incarnation.node, "that could not be written down; trying again")
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
