//! Where the clients of a node come in: each connection has directions of its own, which can be broken without the others.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, Weak};

use super::flow::{Counts, Flow, lock};
use super::front::Ways;
use super::passage::Passage;

/// The connections of a node's clients.
#[derive(Default)]
pub struct Entrance {
    /// What also concerns those who come later.
    layers: Mutex<BTreeMap<u32, Passage>>,
    lines: Mutex<Vec<Line>>,
}

struct Line {
    flows: Living,
    /// Gone with the connection.
    life: Weak<()>,
}

/// A living connection of a client.
#[derive(Clone)]
pub struct Living {
    /// What the client says.
    pub there: Arc<Flow>,
    /// What it is told.
    pub back: Arc<Flow>,
}

impl Entrance {
    /// A new connection.
    pub(super) fn enter(self: &Arc<Self>) -> Ways {
        let (there, back) = (Arc::new(Flow::default()), Arc::new(Flow::default()));
        let layers = lock(&self.layers);
        for (number, passage) in layers.iter() {
            there.lay(*number, *passage);
            back.lay(*number, *passage);
        }
        let mut lines = lock(&self.lines);
        let life = Arc::default();
        lines.retain(|line| line.life.strong_count() > 0);
        lines.push(Line { flows: Living { there: there.clone(), back: back.clone() }, life: Arc::downgrade(&life) });
        Ways { there, back, _life: life }
    }

    /// Those that live now.
    pub fn living(&self) -> Vec<Living> {
        let lines = lock(&self.lines);
        lines.iter().filter(|line| line.life.strong_count() > 0).map(|line| line.flows.clone()).collect()
    }

    /// Whether any lives now.
    pub fn has_clients(&self) -> bool {
        !self.living().is_empty()
    }

    /// Lays the same on all connections, also those to come.
    pub fn lay(&self, number: u32, passage: Passage) {
        lock(&self.layers).insert(number, passage);
        self.living().iter().for_each(|living| living.lay(number, passage));
    }

    /// Lifts it from all.
    pub fn lift(&self, number: u32) {
        lock(&self.layers).remove(&number);
        self.living().iter().for_each(|living| living.lift(number));
    }

    /// All is whole.
    pub fn lift_all(&self) {
        lock(&self.layers).clear();
        for living in self.living() {
            living.there.lift_all();
            living.back.lift_all();
        }
    }
}

impl Living {
    /// Whether both are the same connection.
    pub fn is(&self, other: &Living) -> bool {
        Arc::ptr_eq(&self.there, &other.there)
    }

    /// Of both directions.
    pub fn counts(&self) -> Counts {
        self.there.counts().and(self.back.counts())
    }

    /// In both directions.
    pub fn lay(&self, number: u32, passage: Passage) {
        self.there.lay(number, passage);
        self.back.lay(number, passage);
    }

    /// In both directions.
    pub fn lift(&self, number: u32) {
        self.there.lift(number);
        self.back.lift(number);
    }
}
