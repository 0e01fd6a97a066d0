//! The wires between nodes: one for each direction of each pair.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use tokio::runtime::Runtime;

use super::flow::{Flow, lock};
use super::front::{Front, Ways};
use super::passage::Passage;
use super::sockets;

/// From whom to whom.
pub type Way = (u32, u32);

/// All that nodes say to each other passes here. It ends when this is dropped.
pub struct Net {
    /// Of the cluster.
    dir: PathBuf,
    flows: Arc<Mutex<BTreeMap<Way, Arc<Flow>>>>,
    /// One thread for everything; none once it is ending.
    runtime: Option<Runtime>,
}

impl Net {
    /// Of the cluster whose nodes have their settings in `node1`, `node2` and so on below this directory.
    pub fn new(dir: &Path) -> Result<Net, String> {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).thread_name("wires").enable_all().build();
        let runtime = runtime.map_err(|error| format!("there is no thread for wires: {error}"))?;
        Ok(Net { dir: dir.to_owned(), flows: Arc::default(), runtime: Some(runtime) })
    }

    /// Puts a front before a node: the others find it there, and it listens behind.
    pub fn stand_before(&self, node: u32, found_at: SocketAddr, behind: SocketAddr) {
        let (dir, flows) = (self.dir.clone(), self.flows.clone());
        // Whoever has hung up already cannot be told from others, and need not be.
        self.serve(Front { found_at, behind }, move |from| {
            let dialler = sockets::owner(&dir, from, found_at)?;
            let (there, back) = (flow(&flows, (dialler, node)), flow(&flows, (node, dialler)));
            Some(Ways { there, back, _life: Arc::default() })
        });
    }

    /// Any front, on the thread of the wires.
    pub(super) fn serve(&self, front: Front, ways: impl Fn(SocketAddr) -> Option<Ways> + Send + Sync + 'static) {
        if let Some(runtime) = &self.runtime {
            runtime.spawn(front.serve(ways));
        }
    }

    /// A direction; it is there as soon as anybody asks for it.
    pub fn flow(&self, way: Way) -> Arc<Flow> {
        flow(&self.flows, way)
    }

    /// Lays the same on several directions.
    pub fn lay(&self, number: u32, ways: &[Way], passage: Passage) {
        ways.iter().for_each(|way| self.flow(*way).lay(number, passage));
    }

    /// Lifts what a number has laid, wherever.
    pub fn lift(&self, number: u32) {
        lock(&self.flows).values().for_each(|flow| flow.lift(number));
    }

    /// All is whole.
    pub fn lift_all(&self) {
        lock(&self.flows).values().for_each(|flow| flow.lift_all());
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Also where nobody may wait.
            runtime.shutdown_background();
        }
    }
}

fn flow(flows: &Mutex<BTreeMap<Way, Arc<Flow>>>, way: Way) -> Arc<Flow> {
    lock(flows).entry(way).or_default().clone()
}

/// All directions between some and others.
pub fn between(some: &[u32], others: &[u32]) -> Vec<Way> {
    let (there, back) = (away(some, others), away(others, some));
    there.into_iter().chain(back).collect()
}

/// The directions from some to others.
pub fn away(some: &[u32], others: &[u32]) -> Vec<Way> {
    some.iter().flat_map(|one| others.iter().map(|other| (*one, *other))).collect()
}
