//! Feature levels: what may be written into logs and states, so that every node can read it.
//!
//! A program speaks a level if it reads all that may be written at it. Each node says at its registration which is the highest that it speaks; the
//! level of the cluster is raised by an administrator when all programs are new enough, and never goes back, for what was written stays in the logs.

use super::{Meta, MetaChange, MetaRefusal, NodeEntry};

/// The level of a cluster whose level was never raised.
pub const FEATURE_LEVEL_FIRST: u32 = 1;

/// The highest level that this program speaks. Whoever adds a kind of record that older programs cannot read adds one, and writes such records only in a
/// cluster of that level.
pub const FEATURE_LEVEL: u32 = FEATURE_LEVEL_FIRST;

impl Meta {
    /// What all nodes speak; new kinds of entry and state are written only behind it.
    pub fn feature_level(&self) -> u32 {
        self.feature_level.max(FEATURE_LEVEL_FIRST)
    }

    /// The level that an upgrade should ask for: the highest that all nodes speak, if that is above the one of the cluster; else the highest that any
    /// node speaks, so that the refusal names those that are behind.
    pub fn feature_level_to_ask_for(&self) -> u32 {
        let spoken = || self.came().map(|(_, entry)| entry.speaks());
        let all = spoken().min().unwrap_or_default();
        let any = spoken().max().unwrap_or_default();
        if all > self.feature_level() { all } else { any.max(self.feature_level()) }
    }

    pub(super) fn raise_feature_level(&self, to: u32) -> Result<Vec<MetaChange>, MetaRefusal> {
        let is = self.feature_level();
        if to < is {
            return Err(MetaRefusal::Level { is });
        }
        if to == is {
            return Ok(Vec::new());
        }
        let behind = self.came().filter(|(_, entry)| entry.speaks() < to);
        let nodes: Vec<u32> = behind.map(|(node, _)| *node).collect();
        if nodes.is_empty() { Ok(vec![MetaChange::FeatureLevel(to)]) } else { Err(MetaRefusal::Behind { nodes, level: to }) }
    }

    /// A program that cannot read what may be written by now must not begin to.
    pub(super) fn check_feature_level(&self, node: u32, speaks: u32) -> Result<(), MetaRefusal> {
        let level = self.feature_level();
        if speaks >= level { Ok(()) } else { Err(MetaRefusal::Behind { nodes: vec![node], level }) }
    }

    /// Nodes that were ever here, whether they run or not. What was only invited is looked at when it comes.
    fn came(&self) -> impl Iterator<Item = (&u32, &NodeEntry)> {
        self.nodes.iter().filter(|(_, entry)| entry.incarnation != 0)
    }
}

impl NodeEntry {
    /// The highest feature level that its program speaks: the first, if it said none; 0 if it never came.
    pub fn speaks(&self) -> u32 {
        if self.incarnation == 0 { 0 } else { self.feature_level.max(FEATURE_LEVEL_FIRST) }
    }
}
