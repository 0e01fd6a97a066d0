//! Faults, and their ends.

use super::net::Event;
use super::world::World;

/// What can go wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// Leadership moves; the nodes live.
    Move,
    /// The node that leads dies, and comes back.
    KillHome,
    /// Any node dies, and comes back.
    KillNode,
    /// A node that lives is taken for dead.
    DeclareDead,
    /// Nothing passes between two nodes, in one direction or both.
    Cut,
    /// A stream breaks.
    Break,
    /// Nothing is committed for a while.
    Stall,
    /// A replica falls behind.
    Lag,
    /// A replica that fell behind gets the state of another.
    Install,
}

/// All of them.
pub const ALL: [Fault; 9] = [
    Fault::Move,
    Fault::KillHome,
    Fault::KillNode,
    Fault::DeclareDead,
    Fault::Cut,
    Fault::Break,
    Fault::Stall,
    Fault::Lag,
    Fault::Install,
];

/// How a fault ends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum End {
    Join(u32, u32),
    Unstall,
    CatchUp(u32, bool),
    Restart(u32),
    DeclareDead(u32),
    Elect,
}

/// A fault begins, or ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FaultNote {
    /// Its number, from 1.
    pub number: u32,
    /// Which.
    pub fault: Fault,
    /// Whether this is its end.
    pub ended: bool,
}

/// Faults of some kinds.
#[derive(Clone, Debug)]
pub struct Chaos {
    /// Which.
    pub faults: Vec<Fault>,
    /// How many there were.
    pub count: usize,
}

impl Chaos {
    /// Of these kinds.
    pub fn of(faults: &[Fault]) -> Chaos {
        Chaos { faults: faults.to_vec(), count: 0 }
    }

    /// Something goes wrong, by the seed.
    pub fn strike(&mut self, world: &mut World) {
        let fault = *world.net.dice.pick(&self.faults);
        self.count += usize::from(world.strike(fault));
    }
}

impl World {
    /// A fault begins; it ends by itself. Whether it could.
    pub fn strike(&mut self, fault: Fault) -> bool {
        self.faults += 1;
        let began = self.begin_fault(fault);
        if began {
            self.fault_notes.push(FaultNote { number: self.faults, fault, ended: false });
            self.note_end(self.faults, fault);
        } else {
            self.faults -= 1;
        }
        began
    }

    /// A fault is over with the last of its ends.
    fn note_end(&mut self, number: u32, fault: Fault) {
        if !self.ends.iter().flatten().any(|(of, _, _)| *of == number) {
            self.fault_notes.push(FaultNote { number, fault, ended: true });
        }
    }

    fn begin_fault(&mut self, fault: Fault) -> bool {
        let living = self.living();
        let replicas: Vec<u32> = self.replica_nodes().into_iter().filter(|node| living.contains(node)).collect();
        match fault {
            Fault::Move => {
                let others: Vec<u32> = replicas.iter().copied().filter(|node| Some(*node) != self.leader()).collect();
                if self.leader().is_none() || others.is_empty() {
                    return false;
                }
                let node = *self.net.dice.pick(&others);
                self.elect(node);
            }
            Fault::KillHome => {
                let Some(leader) = self.leader() else { return false };
                return self.kill_for_a_while(fault, leader);
            }
            Fault::KillNode => {
                let node = *self.net.dice.pick(&living);
                return self.kill_for_a_while(fault, node);
            }
            Fault::DeclareDead => {
                let node = *self.net.dice.pick(&living);
                self.declare_dead(node);
            }
            Fault::Cut => {
                let (from, to) = (*self.net.dice.pick(&living), *self.net.dice.pick(&living));
                if from == to {
                    return false;
                }
                let last = 100 + self.net.up_to(6000);
                for (from, to) in [(from, to), (to, from)].into_iter().take(1 + self.net.up_to(1) as usize) {
                    self.net.cut(from, to, true);
                    self.end_after(fault, last, End::Join(from, to));
                }
            }
            Fault::Break => {
                let ids: Vec<u64> = self.net.links.keys().copied().collect();
                if ids.is_empty() {
                    return false;
                }
                let id = *self.net.dice.pick(&ids);
                self.net.break_link(id, 100);
            }
            Fault::Stall => {
                self.stall(true);
                let last = 50 + self.net.up_to(3000);
                self.end_after(fault, last, End::Unstall);
            }
            Fault::Lag | Fault::Install => {
                let node = *self.net.dice.pick(&replicas);
                if self.leader() == Some(node) {
                    return false;
                }
                if let Some(node) = self.nodes.get_mut(&node) {
                    node.lags = true;
                }
                let last = 100 + self.net.up_to(3000);
                self.end_after(fault, last, End::CatchUp(node, fault == Fault::Install));
            }
        }
        true
    }

    /// A minority may be dead at a time.
    fn kill_for_a_while(&mut self, fault: Fault, node: u32) -> bool {
        let replicas = self.replica_nodes();
        let dead = replicas.iter().filter(|node| !self.living().contains(node)).count();
        if replicas.contains(&node) && 2 * (dead + 1) >= replicas.len() {
            return false;
        }
        let led = self.leader() == Some(node);
        self.kill(node);
        if led {
            let delay = 200 + self.net.up_to(1000);
            self.end_after(fault, delay, End::Elect);
        }
        let noticed = 300 + self.net.up_to(2500);
        self.end_after(fault, noticed, End::DeclareDead(node));
        let back = 100 + self.net.up_to(6000);
        self.end_after(fault, back, End::Restart(node));
        true
    }

    fn end_after(&mut self, fault: Fault, delay: u64, end: End) {
        self.ends.push(Some((self.faults, fault, end)));
        self.net.after(delay, Event::Fault(self.ends.len() - 1));
    }

    pub(crate) fn end_fault(&mut self, at: usize) {
        let Some((number, fault, end)) = self.ends.get_mut(at).and_then(Option::take) else { return };
        self.carry_out_end(end);
        self.note_end(number, fault);
    }

    fn carry_out_end(&mut self, end: End) {
        match end {
            End::Join(from, to) => self.net.cut(from, to, false),
            End::Unstall => self.stall(false),
            End::CatchUp(node, by_state) => {
                if let Some(node) = self.nodes.get_mut(&node) {
                    node.lags = false;
                }
                if by_state && let Some(leader) = self.leader() {
                    self.install(node, leader);
                }
                self.net.after(0, Event::Apply(node));
            }
            End::Restart(node) => self.restart(node),
            End::DeclareDead(node) => {
                if !self.nodes[&node].alive {
                    self.declare_dead(node);
                }
            }
            End::Elect => self.elect_any(),
        }
    }

    /// A node that lives leads, if nobody does.
    pub fn elect_any(&mut self) {
        let living = self.living();
        let electable: Vec<u32> = self.replica_nodes().into_iter().filter(|node| living.contains(node)).collect();
        if self.leader().is_none() && !electable.is_empty() {
            let node = *self.net.dice.pick(&electable);
            if let Some(node) = self.nodes.get_mut(&node) {
                node.lags = false;
            }
            self.elect(node);
        }
    }

    /// Every fault ends.
    pub fn heal(&mut self) {
        for at in 0..self.ends.len() {
            self.end_fault(at);
        }
        for node in self.replica_nodes() {
            self.restart(node);
        }
        self.elect_any();
    }
}
