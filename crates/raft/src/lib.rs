//! Many Raft groups on one node: opaque entries in, the same entries out on every replica, in one order, and never lost once committed.

pub mod fatal;
mod log;
mod node_id;
mod state;
mod transport;

pub use node_id::NodeId;

/// The generated records and calls of `proto/raft.proto`. Only the codec and the transport see them.
#[allow(missing_docs, clippy::all)]
mod wire {
    tonic::include_proto!("conclave.raft.v1");
}
