//! The classes of faults by their names.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::fault::Fault;
use super::{clients, clocks, disks, lives, losses, members, wires};
use crate::dice::Dice;

/// What kind of thing is done.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Class {
    /// SIGKILL to the home of a room.
    KillHome,
    /// SIGKILL to a node that is not the home of that room.
    KillFollower,
    /// SIGKILL to two at once.
    KillTwo,
    /// SIGKILL to all at once.
    KillAll,
    /// SIGSTOP, and SIGCONT later.
    Freeze,
    /// SIGKILL again and again, also while it starts.
    RestartLoop,
    /// SIGTERM.
    Sigterm,
    /// The command `drain`; then the node is started anew.
    Drain,
    /// Two sides that do not hear each other.
    Partition,
    /// The home of a room is alone.
    IsolateHome,
    /// What one says does not reach the others, or what they say does not reach it.
    OneWayCut,
    /// Two sides, and one node that both hear.
    Bridge,
    /// Each node hears two neighbours and no others.
    Ring,
    /// All that goes to and from a node is late.
    Delay,
    /// Connections between nodes are reset in the middle of a frame, again and again.
    Resets,
    /// Connections between nodes that nobody closes carry nothing any more; new ones do.
    HalfOpen,
    /// Few bytes a second to and from a node.
    SlowLink,
    /// Connections of a node's clients are reset, again and again.
    ClientResets,
    /// Connections of a node's clients carry nothing any more, and nobody closes them.
    ClientHalfOpen,
    /// Few bytes a second to and from a node's clients.
    ClientSlow,
    /// A disk has no more room.
    DiskFull,
    /// Syncs fail: a node must end, since it cannot know what is on its disk.
    FsyncFailure,
    /// A node that starts cannot read its log or its state.
    ReadError,
    /// The power of a node goes, and with it what was not synced.
    PowerLossOne,
    /// The power of all goes at once.
    PowerLossAll,
    /// A node has lost its log and its state, and must not come back under its number.
    WipedDisk,
    /// A node is started on an old copy of its disk, and must not serve from it.
    OldBackup,
    /// A node is added, then one is taken out.
    Grow,
    /// A node is taken out, then one is added.
    Shrink,
    /// A node is added while another is alone.
    GrowWhileCut,
    /// Syncs take their time.
    SlowFsync,
    /// A clock jumps, and later back.
    ClockJump,
    /// A clock goes too fast or too slow.
    ClockDrift,
}

/// Faults of one lane come one after the other, those of different lanes at the same time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Lane {
    /// What kills a node, stops it, or spoils its disk, and what it does then: one after the other.
    Lives,
    /// Nodes come into the cluster, and go out of it.
    Members,
    /// Between nodes.
    Wires,
    /// Between clients and nodes.
    Clients,
    /// What a node stands on, as long as it can go on: slow disks, wrong clocks.
    Ground,
}

/// What is fixed of a class.
struct Traits {
    class: Class,
    name: &'static str,
    lane: Lane,
    /// Nodes that a cluster must have for it to mean anything.
    nodes_min: usize,
    /// How long it lasts, in milliseconds.
    lasts: RangeInclusive<u64>,
}

const fn traits(class: Class, name: &'static str, lane: Lane, nodes_min: usize, lasts: RangeInclusive<u64>) -> Traits {
    Traits { class, name, lane, nodes_min, lasts }
}

/// A node counts as dead when it was silent for 5 s: what is longer than that and what is shorter are two different things, so both are there.
const TRAITS: [Traits; Class::ALL.len()] = [
    traits(Class::KillHome, "kill_home", Lane::Lives, 2, 200..=6000),
    traits(Class::KillFollower, "kill_follower", Lane::Lives, 2, 200..=6000),
    traits(Class::KillTwo, "kill_two", Lane::Lives, 3, 200..=6000),
    traits(Class::KillAll, "kill_all", Lane::Lives, 1, 0..=2000),
    traits(Class::Freeze, "freeze", Lane::Lives, 1, 200..=10_000),
    traits(Class::RestartLoop, "restart_loop", Lane::Lives, 1, 3000..=8000),
    traits(Class::Sigterm, "sigterm", Lane::Lives, 2, 200..=4000),
    traits(Class::Drain, "drain", Lane::Lives, 2, 1000..=5000),
    traits(Class::Partition, "partition", Lane::Wires, 2, 1000..=10_000),
    traits(Class::IsolateHome, "isolate_home", Lane::Wires, 2, 1000..=10_000),
    traits(Class::OneWayCut, "one_way_cut", Lane::Wires, 2, 1000..=10_000),
    traits(Class::Bridge, "bridge", Lane::Wires, 3, 1000..=10_000),
    traits(Class::Ring, "ring", Lane::Wires, 4, 1000..=10_000),
    traits(Class::Delay, "delay", Lane::Wires, 2, 1000..=8000),
    traits(Class::Resets, "resets", Lane::Wires, 2, 1000..=6000),
    traits(Class::HalfOpen, "half_open", Lane::Wires, 2, 1000..=10_000),
    traits(Class::SlowLink, "slow_link", Lane::Wires, 2, 1000..=8000),
    traits(Class::ClientResets, "client_resets", Lane::Clients, 1, 500..=4000),
    traits(Class::ClientHalfOpen, "client_half_open", Lane::Clients, 1, 1000..=8000),
    traits(Class::ClientSlow, "client_slow", Lane::Clients, 1, 1000..=6000),
    traits(Class::DiskFull, "disk_full", Lane::Lives, 1, 1000..=6000),
    traits(Class::FsyncFailure, "fsync_failure", Lane::Lives, 1, 500..=3000),
    traits(Class::ReadError, "read_error", Lane::Lives, 1, 500..=3000),
    traits(Class::PowerLossOne, "power_loss_one", Lane::Lives, 1, 200..=5000),
    traits(Class::PowerLossAll, "power_loss_all", Lane::Lives, 1, 0..=2000),
    traits(Class::WipedDisk, "wiped_disk", Lane::Lives, 3, 500..=3000),
    traits(Class::OldBackup, "old_backup", Lane::Lives, 3, 500..=3000),
    traits(Class::Grow, "grow", Lane::Members, 2, 500..=3000),
    traits(Class::Shrink, "shrink", Lane::Members, 3, 500..=3000),
    traits(Class::GrowWhileCut, "grow_while_cut", Lane::Members, 3, 1000..=5000),
    traits(Class::SlowFsync, "slow_fsync", Lane::Ground, 1, 1000..=10_000),
    traits(Class::ClockJump, "clock_jump", Lane::Ground, 1, 1000..=10_000),
    traits(Class::ClockDrift, "clock_drift", Lane::Ground, 1, 2000..=10_000),
];

impl Class {
    /// All there are.
    pub const ALL: [Class; 33] = [
        Class::KillHome,
        Class::KillFollower,
        Class::KillTwo,
        Class::KillAll,
        Class::Freeze,
        Class::RestartLoop,
        Class::Sigterm,
        Class::Drain,
        Class::Partition,
        Class::IsolateHome,
        Class::OneWayCut,
        Class::Bridge,
        Class::Ring,
        Class::Delay,
        Class::Resets,
        Class::HalfOpen,
        Class::SlowLink,
        Class::ClientResets,
        Class::ClientHalfOpen,
        Class::ClientSlow,
        Class::DiskFull,
        Class::FsyncFailure,
        Class::ReadError,
        Class::PowerLossOne,
        Class::PowerLossAll,
        Class::WipedDisk,
        Class::OldBackup,
        Class::Grow,
        Class::Shrink,
        Class::GrowWhileCut,
        Class::SlowFsync,
        Class::ClockJump,
        Class::ClockDrift,
    ];

    /// As it stands in plans and histories: `kill_home`.
    pub fn name(self) -> &'static str {
        self.traits().name
    }

    /// The class of this name.
    pub fn named(name: &str) -> Option<Class> {
        TRAITS.iter().find(|traits| traits.name == name).map(|traits| traits.class)
    }

    /// The promises that it puts to the test where nothing else is broken.
    pub fn promises(self) -> &'static [&'static str] {
        match self {
            Class::KillHome | Class::KillFollower | Class::Sigterm | Class::Drain => &["I20"],
            Class::Partition | Class::IsolateHome => &["I18"],
            _ => &[],
        }
    }

    /// Whether a node comes into the cluster or goes out of it for good, so that replicas move.
    pub fn moves_replicas(self) -> bool {
        matches!(self, Class::WipedDisk | Class::OldBackup | Class::Grow | Class::Shrink | Class::GrowWhileCut)
    }

    /// Nodes that a cluster must have for it to mean anything.
    pub fn nodes_min(self) -> usize {
        self.traits().nodes_min
    }

    /// The shortest and the longest time that it lasts, besides what it takes to take it back.
    pub fn lasts(self) -> RangeInclusive<Duration> {
        let lasts = &self.traits().lasts;
        Duration::from_millis(*lasts.start())..=Duration::from_millis(*lasts.end())
    }

    /// Whether it can leave nodes alone, and the wires between these: the others need more than one victim, or hit clients.
    pub fn can_spare(self) -> bool {
        !matches!(
            self,
            Class::KillFollower
                | Class::KillTwo
                | Class::KillAll
                | Class::PowerLossAll
                | Class::Ring
                | Class::ClientResets
                | Class::ClientHalfOpen
                | Class::ClientSlow
        )
    }

    /// Whether it breaks wires between nodes.
    pub fn breaks_wires(self) -> bool {
        self.lane() == Lane::Wires || self == Class::GrowWhileCut
    }

    pub(super) fn lane(self) -> Lane {
        self.traits().lane
    }

    fn traits(self) -> &'static Traits {
        &TRAITS[self as usize]
    }

    /// One of this class, of which these dice decide what is open.
    pub(super) fn fault(self, number: u32, dice: Dice) -> Box<dyn Fault> {
        match self {
            Class::KillHome | Class::KillFollower | Class::KillTwo | Class::KillAll => lives::kill(self, dice),
            Class::Freeze => lives::freeze(dice),
            Class::RestartLoop => lives::restart_loop(dice),
            Class::Sigterm => lives::sigterm(dice),
            Class::Drain => lives::drain(dice),
            Class::Resets => wires::resets(dice),
            Class::HalfOpen => wires::half_open(dice),
            Class::Partition
            | Class::IsolateHome
            | Class::OneWayCut
            | Class::Bridge
            | Class::Ring
            | Class::Delay
            | Class::SlowLink => wires::lain(self, number, dice),
            Class::ClientResets => clients::resets(dice),
            Class::ClientHalfOpen => clients::half_open(number, dice),
            Class::ClientSlow => clients::slow(number, dice),
            Class::DiskFull | Class::FsyncFailure | Class::ReadError => disks::failing(self, dice),
            Class::PowerLossOne | Class::PowerLossAll => disks::power_loss(self, dice),
            Class::SlowFsync => disks::slow(dice),
            Class::WipedDisk | Class::OldBackup => losses::loss(self, dice),
            Class::Grow | Class::GrowWhileCut => members::growth(self, number, dice),
            Class::Shrink => members::shrink(dice),
            Class::ClockJump | Class::ClockDrift => clocks::wrong(self, dice),
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_has_its_own_traits_and_is_found_by_its_name() {
        for class in Class::ALL {
            assert_eq!(class.traits().class, class);
            assert_eq!(Class::named(class.name()), Some(class));
        }
        assert_eq!(Class::named("earthquake"), None);
    }
}
