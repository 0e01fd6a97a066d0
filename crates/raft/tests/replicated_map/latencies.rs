//! Latencies in buckets an eighth of an octave wide: a percentile is off by less than a tenth, and two nodes' counts can be added.

use std::collections::BTreeMap;
use std::time::Duration;

/// How often each latency came.
#[derive(Default)]
pub struct Latencies(BTreeMap<u32, u64>);

impl Latencies {
    pub fn add(&mut self, latency: Duration) {
        *self.0.entry(bucket(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX))).or_default() += 1;
    }

    pub fn merge(&mut self, other: &Latencies) {
        for (bucket, count) in &other.0 {
            *self.0.entry(*bucket).or_default() += count;
        }
    }

    pub fn count(&self) -> u64 {
        self.0.values().sum()
    }

    /// The latency that this share of all did not exceed, in microseconds.
    #[allow(dead_code)] // the node only counts
    pub fn percentile(&self, share: f64) -> u64 {
        let wanted = (self.count() as f64 * share).ceil() as u64;
        let mut seen = 0;
        for (bucket, count) in &self.0 {
            seen += count;
            if seen >= wanted {
                return upper(*bucket);
            }
        }
        0
    }

    /// `bucket:count,bucket:count`, or `-`.
    pub fn print(&self) -> String {
        let buckets: Vec<String> = self.0.iter().map(|(bucket, count)| format!("{bucket}:{count}")).collect();
        if buckets.is_empty() { "-".to_owned() } else { buckets.join(",") }
    }

    #[allow(dead_code)] // the node only prints
    pub fn parse(text: &str) -> Option<Self> {
        if text == "-" {
            return Some(Self::default());
        }
        let pairs = text.split(',').map(|pair| {
            let (bucket, count) = pair.split_once(':')?;
            Some((bucket.parse().ok()?, count.parse().ok()?))
        });
        pairs.collect::<Option<BTreeMap<_, _>>>().map(Self)
    }
}

fn bucket(micros: u64) -> u32 {
    if micros < 16 {
        return micros as u32;
    }
    let octave = 63 - micros.leading_zeros();
    16 + (octave - 4) * 8 + ((micros >> (octave - 3)) & 7) as u32
}

#[allow(dead_code)] // the node does not ask
fn upper(bucket: u32) -> u64 {
    if bucket < 16 {
        return u64::from(bucket);
    }
    let (octave, eighth) = (4 + (bucket - 16) / 8, u64::from((bucket - 16) % 8));
    ((8 + eighth + 1) << (octave - 3)) - 1
}
