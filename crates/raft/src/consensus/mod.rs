//! openraft behind our own names. Its types do not leave this module.

mod barrier;
mod codec;
mod failover;
mod leadership;
mod log_store;
mod machine;
mod membership;
mod network;
mod progress;
mod proposal;
mod replica;
mod retention;
mod service;
mod snapshot;
mod start;
mod status;
#[cfg(test)]
mod suite;
#[cfg(test)]
mod taken_out;
mod transfer;
#[cfg(test)]
mod trial;
mod turn;
mod types;

pub use leadership::LeaderWatch;
pub use proposal::{PROPOSAL_BYTES_MAX, Proposed};

pub(crate) use codec::alone_at;
pub(crate) use failover::on_death;
pub(crate) use log_store::entries;
pub(crate) use membership::{add_learner, promote, remove, replace};
pub(crate) use proposal::submit;
pub(crate) use replica::Replica;
pub(crate) use service::{Replicas, Service};
pub(crate) use start::{create, forget, start};
pub(crate) use status::status;
pub(crate) use transfer::transfer;
pub(crate) use turn::{Mine, Turns};
