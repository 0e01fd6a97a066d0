//! What a node stands on: its disk and its clock, each of which can be made bad while it runs.

use std::path::Path;

use conclave_preload::{Clock, Disk, Lost, Orders};

use super::Arena;

/// What lies beside the directory of a node.
#[derive(Clone)]
pub(super) struct Base {
    pub disk: Disk,
    pub clock: Clock,
}

impl Base {
    /// Of the node with this directory.
    pub fn under(dir: &Path) -> Result<Base, String> {
        let beside = |ending: &str| dir.with_extension(ending);
        let clock = Clock::new(&beside("clock")).map_err(|error| format!("a clock: {error}"))?;
        let disk = Disk::new(dir, &beside("journal")).map_err(|error| format!("a disk: {error}"))?;
        Ok(Base { disk, clock })
    }
}

/// What a disk did that it was ordered to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Suffered {
    /// Calls that failed.
    pub failed: u64,
    /// Syncs that were slow.
    pub slowed: u64,
    /// The first call that failed since the last order.
    pub hit: Option<String>,
}

impl Arena {
    /// From now on calls of a node fail, in place of those of before: `call[@part]:nth:ERROR`, see `crates/preload`. Without an order none does.
    pub fn fail_calls(&self, node: u32, order: Option<&str>) -> Result<(), String> {
        self.order(node, |orders| orders.fail = order.map(str::to_owned))
    }

    /// From now on each sync of a node takes so many milliseconds more; 0 is none.
    pub fn slow_syncs(&self, node: u32, ms: u64) -> Result<(), String> {
        self.order(node, |orders| orders.slow_sync_ms = Some(ms).filter(|ms| *ms > 0))
    }

    pub(super) fn order(&self, node: u32, change: impl FnOnce(&mut Orders)) -> Result<(), String> {
        self.with(node, |node| {
            change(&mut node.orders);
            // Before its first start there is nobody to hear.
            if node.started { node.base.disk.order(&node.orders).map_err(|error| error.to_string()) } else { Ok(()) }
        })
    }

    /// What the disk of a node did so far.
    pub fn suffered(&self, node: u32) -> Result<Suffered, String> {
        self.with(node, |node| {
            let disk = &node.base.disk;
            let counted = |count: std::io::Result<u64>| count.map_err(|error| error.to_string());
            Ok(Suffered { failed: counted(disk.failed())?, slowed: counted(disk.slowed())?, hit: disk.hit() })
        })
    }

    /// The power of a node goes: its process dies, and what was not synced is lost; with a whim, some of it stays. Nobody can start it in between.
    pub fn lose_power(&self, node: u32, whim: Option<u64>) -> Result<Lost, String> {
        self.doors.close(node);
        self.with(node, |node| {
            if let Some(process) = &mut node.process {
                process.kill()?;
            }
            node.base.disk.lose_power(whim).map_err(|error| error.to_string())
        })
    }

    /// What was not synced stays as it is: its files are not there any more.
    pub(super) fn lose_journal(&self, node: u32) -> Result<(), String> {
        self.with(node, |node| node.base.disk.forgive().map_err(|error| error.to_string()))
    }

    /// From now on the wall clock of a node is so many milliseconds ahead, or behind, and so many millionths too fast, or too slow.
    pub fn set_clock(&self, node: u32, ahead_ms: i64, drift_ppm: i64) -> Result<(), String> {
        self.with(node, |node| node.base.clock.set(ahead_ms, drift_ppm).map_err(|error| error.to_string()))
    }

    /// How often a node has read the wrong time since its clock was set.
    pub fn wrong_reads(&self, node: u32) -> Result<u64, String> {
        self.with(node, |node| node.base.clock.wrong_reads().map_err(|error| error.to_string()))
    }
}
