//! What a node counts of itself, as Prometheus reads it.
//!
//! What happens often is counted in atomic numbers, without a lock; what a shard or the log knows anyway is asked for when somebody reads.

mod format;
mod histogram;
mod raft_log;
mod shard_figures;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::atomic::AtomicU64;

use conclave_raft::LogStats;
use prometheus_client::encoding::text;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

pub use format::Format;
pub use histogram::Histogram;
pub use shard_figures::ShardFigures;

use raft_log::RaftLog;
use shard_figures::Shards;

/// A number that only grows.
pub type Counter = prometheus_client::metrics::counter::Counter<u64, AtomicU64>;

/// A number that goes up and down.
pub type Gauge = prometheus_client::metrics::gauge::Gauge;

/// The counts of one node. Every field is one metric, by its own name behind `conclave_`.
pub struct Metrics {
    /// Bound sessions with their connection at this node.
    pub sessions: Gauge,
    /// Rooms whose home is this node.
    pub rooms: Gauge,
    /// Occupants of the rooms whose home is this node, detached ones among them.
    pub occupants: Gauge,
    /// Frames to other nodes.
    pub frames_sent: Counter,
    /// Frames from other nodes.
    pub frames_received: Counter,
    /// Bytes of the frames to other nodes.
    pub frame_bytes_sent: Counter,
    /// Bytes of the frames from other nodes.
    pub frame_bytes_received: Counter,
    /// Stanzas from the clients of this node.
    pub stanzas_in: Counter,
    /// Stanzas put into the queues of sessions of this node.
    pub deliveries: Counter,
    /// Entries that this node proposed and that were committed.
    pub commits: Counter,
    /// From proposing an entry to having applied it, at its home.
    pub commit_seconds: Histogram,
    /// From the time of an entry, by its home's clock, to its stanzas being in the queues of this node's sessions.
    pub delivery_seconds: Histogram,
    registry: Registry,
    shards: Shards,
    raft_log: RaftLog,
}

impl Metrics {
    /// All at nothing.
    pub fn new() -> Metrics {
        let mut metrics = Metrics {
            sessions: Gauge::default(),
            rooms: Gauge::default(),
            occupants: Gauge::default(),
            frames_sent: Counter::default(),
            frames_received: Counter::default(),
            frame_bytes_sent: Counter::default(),
            frame_bytes_received: Counter::default(),
            stanzas_in: Counter::default(),
            deliveries: Counter::default(),
            commits: Counter::default(),
            commit_seconds: Histogram::default(),
            delivery_seconds: Histogram::default(),
            registry: Registry::with_prefix("conclave"),
            shards: Shards::default(),
            raft_log: RaftLog::default(),
        };
        metrics.register_gauges();
        metrics.register_counters();
        metrics.register_histograms();
        metrics.registry.register_collector(Box::new(metrics.shards.clone()));
        metrics.registry.register_collector(Box::new(metrics.raft_log.clone()));
        metrics
    }

    /// Whom to ask for the shards, each time that somebody reads. It must not wait for anything.
    pub fn register_shards(&self, ask: Box<dyn Fn() -> Vec<ShardFigures> + Send + Sync>) {
        self.shards.ask(ask);
    }

    /// Whom to ask for the figures of the log, each time that somebody reads.
    pub fn register_log(&self, ask: Box<dyn Fn() -> LogStats + Send + Sync>) {
        self.raft_log.ask(ask);
    }

    /// Everything, in this format.
    pub fn text_in(&self, format: Format) -> String {
        match format {
            Format::OpenMetrics => self.text(),
            Format::Prometheus => format::prometheus(&self.text()),
        }
    }

    /// Everything, in OpenMetrics.
    fn text(&self) -> String {
        let mut text = String::new();
        match text::encode(&mut text, &self.registry) {
            Ok(()) => text,
            // Writing to a string does not fail; a metric that fails is none.
            Err(fmt::Error) => "# EOF\n".to_owned(),
        }
    }

    fn register_gauges(&mut self) {
        let version = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        self.registry.register("build", "The version of the program", version);
        for (name, help, gauge) in [
            ("sessions", "Bound sessions with their connection at this node", &self.sessions),
            ("rooms", "Rooms whose home is this node", &self.rooms),
            ("occupants", "Occupants of the rooms whose home is this node, detached ones among them", &self.occupants),
        ] {
            self.registry.register(name, help, gauge.clone());
        }
    }

    fn register_counters(&mut self) {
        for (name, help, counter) in [
            ("frames_sent", "Frames to other nodes", &self.frames_sent),
            ("frames_received", "Frames from other nodes", &self.frames_received),
            ("stanzas_in", "Stanzas from the clients of this node", &self.stanzas_in),
            ("deliveries", "Stanzas put into the queues of sessions of this node", &self.deliveries),
            ("commits", "Entries that this node proposed and that were committed", &self.commits),
        ] {
            self.registry.register(name, help, counter.clone());
        }
        for (name, help, counter) in [
            ("frame_sent", "Bytes of the frames to other nodes", &self.frame_bytes_sent),
            ("frame_received", "Bytes of the frames from other nodes", &self.frame_bytes_received),
        ] {
            self.registry.register_with_unit(name, help, Unit::Bytes, counter.clone());
        }
    }

    fn register_histograms(&mut self) {
        for (name, help, histogram) in [
            ("commit", "From proposing an entry to having applied it, at its home", &self.commit_seconds),
            (
                "delivery",
                "From the time of an entry, by its home's clock, to its stanzas being in the queues of this node's sessions",
                &self.delivery_seconds,
            ),
        ] {
            self.registry.register_with_unit(name, help, Unit::Seconds, histogram.clone());
        }
    }
}

impl Default for Metrics {
    fn default() -> Metrics {
        Metrics::new()
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}
