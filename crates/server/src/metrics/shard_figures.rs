//! What a node knows of its shards, asked for when somebody reads.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

/// One shard, as this node sees it at one moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ShardFigures {
    /// Which one. None: the group of the register and the accounts, which is called meta.
    pub shard: Option<u16>,
    /// Who leads it, by what was heard last. None: nobody that is known of.
    pub leader: Option<u32>,
    /// Whether this node is its home: it leads, and its epoch is committed.
    pub is_home: bool,
    /// Index of the entry with which its home began to serve. None: no such entry, or no replica here.
    pub epoch: Option<u64>,
    /// Index of the last entry that was applied here. None: none, or no replica here.
    pub applied: Option<u64>,
    /// Index of the last entry that is known here to be on a majority. None: none, or no replica here.
    pub committed: Option<u64>,
    /// Rooms of the replica here.
    pub rooms: u64,
    /// Their occupants, detached ones among them.
    pub occupants: u64,
}

/// Who is asked.
type Ask = Box<dyn Fn() -> Vec<ShardFigures> + Send + Sync>;

/// One metric of every shard: what is behind `conclave_shard_`, its help, and its value, if a shard has one.
type Row = (&'static str, &'static str, fn(&ShardFigures) -> Option<u64>);

const ROWS: [Row; 7] = [
    ("leader", "The node that leads the shard; 0 for none that is known of", |shard| Some(shard.leader.unwrap_or(0).into())),
    ("home", "1 where this node is the shard's home, else 0", |shard| Some(shard.is_home.into())),
    ("epoch", "Index of the entry with which the shard's home began to serve", |shard| shard.epoch),
    ("applied_index", "Index of the last entry applied here", |shard| shard.applied),
    ("committed_index", "Index of the last entry that is known here to be on a majority", |shard| shard.committed),
    ("rooms", "Rooms of the shard's replica here", |shard| shard.shard.map(|_| shard.rooms)),
    ("occupants", "Occupants of the shard's replica here, detached ones among them", |shard| {
        shard.shard.map(|_| shard.occupants)
    }),
];

/// All who can be asked.
#[derive(Clone, Default)]
pub(super) struct Shards(Arc<Mutex<Vec<Ask>>>);

impl Shards {
    pub(super) fn ask(&self, ask: Ask) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(ask);
    }
}

impl Collector for Shards {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let shards: Vec<ShardFigures> =
            self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().flat_map(|ask| ask()).collect();
        for (name, help, value) in ROWS {
            let name = format!("shard_{name}");
            let kind = ConstGauge::new(0_i64).metric_type();
            let mut family = encoder.encode_descriptor(&name, &format!("{help}."), None::<&Unit>, kind)?;
            for shard in &shards {
                let Some(value) = value(shard) else { continue };
                // An index of a log stays below 2^63.
                ConstGauge::new(value as i64).encode(family.encode_family(&[("shard", shard.name())])?)?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Shards {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shards").finish_non_exhaustive()
    }
}

impl ShardFigures {
    fn name(&self) -> String {
        self.shard.map_or_else(|| "meta".to_owned(), |shard| shard.to_string())
    }
}
