//! Something between two nodes that can do what networks do.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What it does with connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Forward,
    /// Nothing passes, and nothing closes.
    Hold,
    /// Whatever is there is reset, and so is whatever comes.
    Reset,
}

pub struct Proxy {
    pub address: SocketAddr,
    pub mode: watch::Sender<Mode>,
    /// Connections so far.
    pub accepted: Arc<AtomicUsize>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    pub async fn to(target: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (mode, accepted) = (watch::Sender::new(Mode::Forward), Arc::new(AtomicUsize::new(0)));
        let (modes, count) = (mode.clone(), accepted.clone());
        let accepting = tokio::spawn(async move {
            loop {
                let (near, _) = listener.accept().await.unwrap();
                count.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(forward(near, target, modes.subscribe()));
            }
        });
        Self { address, mode, accepted, accepting }
    }

    pub fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }

    /// Accepts no more. What is there stays.
    pub async fn close(&mut self) {
        self.accepting.abort();
        let _ = (&mut self.accepting).await;
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn forward(near: TcpStream, target: SocketAddr, mut mode: watch::Receiver<Mode>) {
    // So that the end of it is a reset.
    near.set_zero_linger().unwrap();
    if *mode.borrow() == Mode::Reset {
        return;
    }
    let Ok(far) = TcpStream::connect(target).await else { return };
    far.set_zero_linger().unwrap();
    let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
    let (there, back) = (mode.clone(), mode.clone());
    tokio::select! {
        () = pump(near_in, far_out, there) => {}
        () = pump(far_in, near_out, back) => {}
        _ = mode.wait_for(|mode| *mode == Mode::Reset) => {}
    }
}

async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut mode: watch::Receiver<Mode>) {
    let mut bytes = vec![0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        if mode.wait_for(|mode| *mode != Mode::Hold).await.is_err() || to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}
