//! Where clients connect to a cluster whose nodes come and go.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Where clients connect, by the node's number; nodes that were killed are not there.
#[derive(Clone, Default)]
pub struct Doors(Arc<Mutex<BTreeMap<u32, String>>>);

impl Doors {
    /// Where clients connect to a node; none if it was killed.
    pub fn of(&self, node: u32) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&node).cloned()
    }

    /// The nodes that were not killed, beginning with this one if it is among them, else with the next.
    pub fn beginning_with(&self, node: u32) -> Vec<(u32, String)> {
        let doors = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let order = doors.range(node..).chain(doors.range(..node));
        order.map(|(node, address)| (*node, address.clone())).collect()
    }

    /// A node listens here from now on.
    pub(crate) fn open(&self, node: u32, address: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(node, address);
    }

    /// A node is gone.
    pub(crate) fn close(&self, node: u32) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&node);
    }
}
