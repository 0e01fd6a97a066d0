//! All is taken back.

use std::time::{Duration, Instant};

use conclave_preload::Orders;

use super::flow::lock;
use super::lives::within;
use super::{Arena, asking};

impl Arena {
    /// Takes all back that is broken, starts all nodes that do not run, and waits until the cluster is whole. The error says what did not come back.
    pub fn heal(&self, limit: Duration) -> Result<(), String> {
        let start = Instant::now();
        self.net.lift_all();
        let entrances: Vec<_> = lock(&self.nodes).values().map(|node| node.entrance.clone()).collect();
        entrances.iter().for_each(|entrance| entrance.lift_all());
        for node in self.nodes() {
            self.order(node, |orders| *orders = Orders::default())?;
            self.set_clock(node, 0, 0)?;
        }
        let (up, awake) = (self.up(), self.awake());
        up.iter().filter(|node| !awake.contains(node)).try_for_each(|node| self.thaw(*node))?;
        let down: Vec<u32> = self.nodes().into_iter().filter(|node| !up.contains(node)).collect();
        self.restart_all(&down, limit)?;
        // Those of whom nobody knows whether they serve: somebody started them and did not wait.
        up.iter().try_for_each(|node| self.await_serving(*node, limit.saturating_sub(start.elapsed())))?;
        self.await_whole(limit.saturating_sub(start.elapsed()))
    }

    /// Waits until every node that runs says that nothing is missing: all nodes serve, all shards have a home and all their replicas, those have what
    /// the others have, and the nodes that should lead do. Then one more may fall, and no home moves by itself.
    pub fn await_whole(&self, limit: Duration) -> Result<(), String> {
        self.await_health(limit, |node| Ok(Err(format!("node {node} ended by itself: {}", self.last_words(node)))))
    }

    /// The same while others take lives: nodes may be killed meanwhile and come back, or go for good.
    pub fn await_whole_again(&self, limit: Duration) -> Result<(), String> {
        self.await_health(
            limit,
            |node| {
                if self.nodes().contains(&node) { Err(format!("node {node} does not run")) } else { Ok(Ok(())) }
            },
        )
    }

    /// Of all that run now; `absent` judges those that do not any more.
    fn await_health(&self, limit: Duration, absent: impl Fn(u32) -> Result<Result<(), String>, String>) -> Result<(), String> {
        let start = Instant::now();
        self.up().into_iter().try_for_each(|node| {
            let left = limit.saturating_sub(start.elapsed());
            within(left, &format!("health at node {node}"), || match self.pid(node) {
                None => absent(node),
                Some(_) => asking::complaint(&self.node_dir(node)).map_or(Ok(Ok(())), Err),
            })?
        })
    }
}
