//! Figures of the log of all groups, asked for when somebody reads.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use conclave_raft::LogStats;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

/// Who is asked.
type Ask = Box<dyn Fn() -> LogStats + Send + Sync>;

/// The log, if there is one.
#[derive(Clone, Default)]
pub(super) struct RaftLog(Arc<Mutex<Option<Ask>>>);

impl RaftLog {
    pub(super) fn ask(&self, ask: Ask) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(ask);
    }
}

impl Collector for RaftLog {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let stats = match self.0.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
            Some(ask) => ask(),
            None => return Ok(()),
        };
        for (name, help, unit, value) in [
            ("disk", "Size of all segments of the log", Some(Unit::Bytes), stats.disk_bytes),
            ("segments", "Files of the log", None, stats.segments),
            ("memory", "Size of the entries that are in memory", Some(Unit::Bytes), stats.tail_bytes as u64),
            ("queue", "Size of what waits for the log's writer", Some(Unit::Bytes), stats.queue_bytes as u64),
        ] {
            // No disk has 2^63 bytes.
            one(&mut encoder, name, help, unit.as_ref(), &ConstGauge::new(value as i64))?;
        }
        for (name, help, value) in [
            ("syncs", "Batches of the log that were synced to disk", stats.syncs),
            ("frames", "Frames written to the log", stats.frames),
            ("entries", "Entries written to the log", stats.entries),
        ] {
            one(&mut encoder, name, help, None, &ConstCounter::new(value))?;
        }
        Ok(())
    }
}

impl fmt::Debug for RaftLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RaftLog").finish_non_exhaustive()
    }
}

fn one(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    unit: Option<&Unit>,
    metric: &impl EncodeMetric,
) -> fmt::Result {
    let name = format!("log_{name}");
    metric.encode(encoder.encode_descriptor(&name, &format!("{help}."), unit, metric.metric_type())?)
}
