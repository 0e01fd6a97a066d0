//! The settings that make up the service: each node says its own, and they should be the same.

use std::collections::{BTreeMap, BTreeSet};

use super::{Meta, MetaRefusal};

/// Settings by their keys, as text.
pub type ServiceSettings = BTreeMap<String, String>;

/// Without these in common, nodes are no one service: the same address would be another account or room elsewhere, and the others would take a node for
/// dead that counts by another time.
const LASTING: [&str; 3] = ["domain", "service_domain", "node_silent_ms"];

impl Meta {
    /// A node comes only if it agrees with those that run.
    pub(super) fn check_service(&self, node: u32, service: &ServiceSettings) -> Result<(), MetaRefusal> {
        let others = || self.nodes.iter().filter(|(other, entry)| **other != node && entry.runs());
        for (key, theirs) in LASTING.iter().filter_map(|key| Some((*key, service.get(*key)?))) {
            let (key, theirs) = (key.to_owned(), theirs.clone());
            if let Some(ours) = others().filter_map(|(_, entry)| entry.service.get(&key)).find(|ours| **ours != theirs) {
                return Err(MetaRefusal::Differs { node, key, theirs, ours: ours.clone() });
            }
        }
        Ok(())
    }

    /// The keys of settings in which nodes differ that run. Who decides for a room goes by its own.
    pub fn differing_settings(&self) -> BTreeSet<&str> {
        let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
        let all = self.nodes.values().filter(|entry| entry.runs()).flat_map(|entry| &entry.service);
        all.filter(|(key, value)| *seen.entry(key).or_insert(value) != value.as_str()).map(|(key, _)| key.as_str()).collect()
    }
}
