//! What is done to the nodes of a run: classes of faults, schedules of them from a seed, and the one who does it.

mod choosing;
mod claims;
mod class;
mod clients;
mod clocks;
mod disks;
mod fault;
mod injector;
mod lives;
mod losses;
mod members;
mod schedule;
mod wires;

pub use class::Class;
pub use injector::Injector;
pub use schedule::{Planned, Schedule};
