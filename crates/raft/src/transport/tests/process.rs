//! A node that can be killed: it has a runtime of its own, and when that goes all its sockets close, without a word and in no order.

use std::net::SocketAddr;

use tokio::runtime::{Builder, Runtime};

use super::House;
use crate::NodeId;

pub struct Process(Runtime);

impl Process {
    /// Starts it and names its peers.
    pub async fn start(house: &mut House, peers: &[(NodeId, SocketAddr)]) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (mut inside, peers) = (house.clone(), peers.to_vec());
        let (opened, address) = tokio::sync::oneshot::channel();
        runtime.spawn(async move {
            let node = inside.open().await;
            node.meets(&peers);
            opened.send(inside.address).unwrap();
            std::future::pending::<()>().await;
        });
        house.address = address.await.unwrap();
        Self(runtime)
    }

    pub fn kill(self) {
        self.0.shutdown_background();
    }
}
