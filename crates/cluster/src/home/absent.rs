//! Nodes that count as dead and may live: for as long as those who sit by way of them keep their seats, replicas keep what was said.

use std::collections::BTreeMap;

/// Nodes, and when nobody waits for them any longer. Times are the home's own, in milliseconds from any beginning.
#[derive(Debug, Default)]
pub(super) struct Absent {
    /// Nothing until the clock was looked at.
    until: BTreeMap<u32, Option<u64>>,
}

impl Absent {
    /// A node's connections count as gone, since now.
    pub fn gone(&mut self, node: u32) {
        self.until.insert(node, None);
    }

    /// Those for which `grace_ms` is over are given up.
    pub fn tick(&mut self, now: u64, grace_ms: u64) {
        self.until.values_mut().for_each(|until| *until = until.or(Some(now + grace_ms)));
        self.until.retain(|_, until| until.is_none_or(|until| until > now));
    }

    /// Those that are waited for.
    pub fn nodes(&self) -> impl Iterator<Item = u32> {
        self.until.keys().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_waited_for_while_its_occupants_are() {
        let mut absent = Absent::default();
        absent.gone(7);
        absent.tick(1000, 500);
        absent.gone(8);
        absent.tick(1499, 500);
        assert_eq!(absent.nodes().collect::<Vec<_>>(), [7, 8]);
        absent.tick(1500, 500);
        assert_eq!(absent.nodes().collect::<Vec<_>>(), [8]);
        absent.gone(8);
        absent.tick(1999, 500);
        assert_eq!(absent.nodes().collect::<Vec<_>>(), [8], "it has been back meanwhile");
        absent.tick(2499, 500);
        assert_eq!(absent.nodes().count(), 0);
    }
}
