//! A room full of clients, spread over the nodes.

use crate::Result;
use crate::client::Client;
use crate::cluster::Cluster;

/// Who sits in it.
pub struct Room {
    pub address: String,
    pub occupants: Vec<Occupant>,
}

pub struct Occupant {
    /// Of the node, from 1.
    pub node: usize,
    pub client: Client,
}

impl Room {
    /// Fills a new room; the nodes take turns.
    pub async fn fill(cluster: &Cluster, name: &str, occupants: usize) -> Result<Room> {
        let mut room = Room { address: address(name), occupants: Vec::new() };
        for number in 0..occupants {
            let node = &cluster.nodes[number % cluster.nodes.len()];
            let mut client = Client::bind(node.c2s, number).await?;
            client.enter(&room.address, number).await?;
            room.occupants.push(Occupant { node: node.node, client });
        }
        Ok(room)
    }
}

/// Of the room with this name.
pub fn address(name: &str) -> String {
    format!("{name}@conference.localhost")
}
