//! The way between edges and homes: the same words whether both are on one node or gRPC is between them (`proto/delivery.proto`).

pub mod attending;
pub mod bytes_codec;
pub mod service;

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use conclave_cluster::delivery::Delivery;
use conclave_cluster::delivery_codec::encode_delivery;

/// Frames that may be on their way to one edge. One that takes them more slowly than they come attends anew, and is sent what it missed.
pub const SUBSCRIBED_MAX: usize = 4096;

/// What a replica says to one edge, in this order.
#[derive(Clone, Debug)]
pub enum Said {
    /// A frame, and the entry of the one before.
    Frame {
        /// The entry of the frame before it to this edge.
        previous: u64,
        /// The frame.
        frame: Arc<Prepared>,
    },
    /// The edge attends.
    Joined {
        /// The epoch, if this is the home.
        epoch: Option<u64>,
        /// Frames behind this index follow.
        from: u64,
        /// What the edge knows is worth nothing.
        reset: bool,
    },
    /// This is not the home, or no longer.
    NotHome {
        /// Who is, by what was heard last.
        home: Option<u32>,
    },
    /// The edge has everything up to here.
    Position(u64),
    /// The home lacks frames that the edge lacks; others may have them.
    Missing,
}

/// A frame that was encoded for edges: stanzas once per view, and the whole once for all other nodes.
#[derive(Debug)]
pub struct Prepared {
    /// What edges fold.
    pub delivery: Delivery,
    bytes: OnceLock<Bytes>,
}

impl Prepared {
    /// A frame that is to be sent.
    pub fn new(delivery: Delivery) -> Arc<Prepared> {
        Arc::new(Prepared { delivery, bytes: OnceLock::new() })
    }

    /// As another node gets it.
    pub fn for_node(&self, node: u32) -> Bytes {
        if self.delivery.is_for_all() {
            return self.bytes.get_or_init(|| encode_delivery(&self.delivery, None).into()).clone();
        }
        encode_delivery(&self.delivery, Some(node)).into()
    }
}
