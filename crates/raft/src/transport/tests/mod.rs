//! Nodes on loopback, each with its own certificate; and strangers.

pub(crate) mod authority;
mod calls;
mod deaths;
mod greetings;
mod hearing;
mod identities;
mod lives;
mod process;
mod proxy;
mod revocation;
mod rules;
mod strangers;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::time::timeout;
use tonic::service::Routes;
use tonic::{Request, Response, Status};

use super::peer::{Link, Standing};
use super::{Caller, Identity, Life, Memory, PeerState, Remembered, Transport, TransportLimits};
use crate::NodeId;
use crate::wire;
use authority::Authority;

/// The cluster's name.
const CLUSTER: &str = "test.invalid";

/// Longer than anything here takes: who waits that long has failed.
const LIMIT: Duration = Duration::from_secs(10);

const ONE: NodeId = NodeId(1);
const TWO: NodeId = NodeId(2);
const THREE: NodeId = NodeId(3);

/// A memory that outlives the transport, as the log does.
#[derive(Default)]
struct Recollection {
    peers: Mutex<BTreeMap<NodeId, Remembered>>,
    synced: AtomicU64,
    written: AtomicU64,
}

impl Memory for Recollection {
    fn recall(&self, node: NodeId) -> Option<Remembered> {
        self.peers.lock().unwrap().get(&node).cloned()
    }

    fn remember(&self, node: NodeId, peer: Remembered) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async move {
            self.written.fetch_add(1, Ordering::Relaxed);
            self.peers.lock().unwrap().insert(node, peer);
        })
    }

    fn synced(&self) -> u64 {
        self.synced.load(Ordering::Relaxed)
    }
}

/// Answers an append with the caller's name and incarnation, and a snapshot chunk with its size.
struct Echo;

#[tonic::async_trait]
impl wire::raft_server::Raft for Echo {
    async fn append(&self, request: Request<wire::AppendRequest>) -> Result<Response<wire::AppendReply>, Status> {
        let caller = request.extensions().get::<Caller>().cloned().ok_or_else(|| Status::internal("no caller"))?;
        let outcome = Some(wire::append_reply::Outcome::Failed(format!("{}.{}", caller.node, caller.incarnation)));
        Ok(Response::new(wire::AppendReply { outcome, synced: 0 }))
    }

    async fn vote(&self, _: Request<wire::VoteRequest>) -> Result<Response<wire::VoteReply>, Status> {
        std::future::pending().await
    }

    async fn pre_vote(&self, _: Request<wire::VoteRequest>) -> Result<Response<wire::VoteReply>, Status> {
        Err(Status::unimplemented("not here"))
    }

    async fn transfer(&self, _: Request<wire::TransferRequest>) -> Result<Response<wire::TransferReply>, Status> {
        Err(Status::unimplemented("not here"))
    }

    async fn send_snapshot(&self, request: Request<wire::SnapshotChunk>) -> Result<Response<wire::SnapshotReply>, Status> {
        let received = request.into_inner().bytes.len() as u64;
        Ok(Response::new(wire::SnapshotReply { received, ..Default::default() }))
    }

    /// As many bytes as the offset says.
    async fn fetch_snapshot(&self, request: Request<wire::FetchRequest>) -> Result<Response<wire::FetchReply>, Status> {
        let bytes = vec![0; usize::try_from(request.into_inner().offset).unwrap()];
        Ok(Response::new(wire::FetchReply { bytes: bytes.into(), ..Default::default() }))
    }
}

/// On loopback, and this house's own: nobody else takes its port in the moment in which its node is dead.
fn a_host() -> Ipv4Addr {
    static HOUSES: AtomicU16 = AtomicU16::new(1);
    let [high, low] = HOUSES.fetch_add(1, Ordering::Relaxed).to_be_bytes();
    Ipv4Addr::new(127, 64 | std::process::id().to_le_bytes()[0] & 0x3f, high, low)
}

/// What a node keeps while it comes and goes.
#[derive(Clone)]
struct House {
    identity: Identity,
    life: Life,
    memory: Arc<Recollection>,
    limits: TransportLimits,
    /// Port 0 before the first start.
    address: SocketAddr,
}

impl House {
    fn new(authority: &Authority, node: NodeId) -> Self {
        let life = Life { storage: [node.0 as u8; 16], incarnation: 1, life: [1; 16] };
        let address = SocketAddr::from((a_host(), 0));
        let (memory, limits) = (Arc::default(), TransportLimits::default());
        Self { identity: authority.identity(CLUSTER, node), life, memory, limits, address }
    }

    /// The next start of it.
    fn again(&self) -> Self {
        let mut next = self.clone();
        next.life.incarnation += 1;
        next.life.life = [next.life.incarnation as u8; 16];
        next
    }

    async fn open(&mut self) -> Node {
        let listener = self.listen().await;
        self.open_at(listener).await
    }

    /// The address it has from its first start on.
    async fn listen(&mut self) -> TcpListener {
        let listener = TcpListener::bind(self.address).await.unwrap();
        self.address = listener.local_addr().unwrap();
        listener
    }

    async fn open_at(&self, listener: TcpListener) -> Node {
        let house = self.clone();
        let transport =
            Transport::start(listener, house.identity, house.life, house.memory, Echo, Routes::default(), house.limits).await;
        Node { id: self.identity.node, transport: transport.unwrap() }
    }
}

/// A node that runs.
struct Node {
    id: NodeId,
    transport: Transport,
}

impl Node {
    /// Names these as its peers. Others may be new.
    fn meets(&self, peers: &[(NodeId, SocketAddr)]) {
        self.knows(peers, None);
    }

    /// The same, where the others up to this one were removed.
    fn knows(&self, peers: &[(NodeId, SocketAddr)], last: Option<NodeId>) {
        self.transport.set_peers(peers.iter().map(|(node, address)| (*node, address.to_string())).collect(), last);
    }

    /// What an append says: who the peer thinks we are.
    async fn ask(&self, peer: NodeId) -> Result<String, Status> {
        let mut client = self.transport.client(peer).ok_or_else(|| Status::not_found("no such peer"))?;
        let reply = timeout(LIMIT, client.append(wire::AppendRequest::default())).await.expect("an answer in time")?;
        match reply.into_inner().outcome {
            Some(wire::append_reply::Outcome::Failed(text)) => Ok(text),
            other => Err(Status::internal(format!("{other:?}"))),
        }
    }

    /// Waits until things stand like this with a peer.
    async fn stands(&self, peer: NodeId, what: &str, so: impl FnMut(&Standing) -> bool) {
        let mut standing = self.transport.peers.get(peer).expect("a peer").standing.subscribe();
        if timeout(LIMIT, standing.wait_for(so)).await.is_err() {
            panic!("node {}: node {peer} never became {what}: {:?}", self.id, self.transport.status());
        }
    }

    async fn connected(&self, peer: NodeId) {
        self.stands(peer, "connected", |standing| matches!(standing.link, Link::Up(_))).await;
    }

    /// Waits until one refuses the other, and returns the reason.
    async fn refused(&self, peer: NodeId) -> String {
        self.stands(peer, "refused", |standing| matches!(standing.link, Link::Refused(_))).await;
        match self.state(peer) {
            PeerState::Refused(reason) => reason,
            other => panic!("{other:?}"),
        }
    }

    fn state(&self, peer: NodeId) -> PeerState {
        self.transport.status().into_iter().find(|status| status.node == peer).expect("a peer").state
    }
}

/// Two nodes that know each other, and their houses.
async fn pair(authority: &Authority) -> (Node, House, Node, House) {
    let (mut one, mut two) = (House::new(authority, ONE), House::new(authority, TWO));
    let (first, second) = (one.open().await, two.open().await);
    first.meets(&[(TWO, two.address)]);
    second.meets(&[(ONE, one.address)]);
    first.connected(TWO).await;
    second.connected(ONE).await;
    (first, one, second, two)
}
