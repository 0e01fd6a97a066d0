//! One peer, as all of this node see it: how it is reached, whether it is dead, and the connections that go when it is no peer any more.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hyper::client::conn::http2::SendRequest;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tonic::body::Body;

use super::local::Local;
use super::{Caller, PeerState, PeerStatus, Remembered};
use crate::NodeId;

/// Events that may wait for the task that keeps the connection up. One more is dropped: the task has reason enough to look already.
const EVENTS_MAX: usize = 16;

/// What the listener tells the one who connects.
#[derive(Debug)]
pub(super) enum Event {
    /// The peer has connected to us: it can be reached, most likely.
    Arrived,
    /// Its connection to us was broken by the other side.
    Broke { life: [u8; 16] },
}

/// Our connection to the peer.
#[derive(Clone)]
pub(super) enum Link {
    /// For the first time.
    Connecting,
    Up(SendRequest<Body>),
    /// It has just broken; whether the peer is gone is being found out.
    Checking,
    Refused(String),
    Unreachable(String),
}

/// Where things stand with a peer.
#[derive(Clone)]
pub(super) struct Standing {
    pub link: Link,
    /// Proven then, and nothing heard of it since.
    pub dead: Option<Instant>,
    /// Its latest life that was let in.
    pub met: Option<Remembered>,
}

/// A peer, from when it is named to when it is named no more.
pub(super) struct Peer {
    pub node: NodeId,
    /// Cuts all connections with it.
    pub revoked: CancellationToken,
    pub address: watch::Sender<String>,
    pub standing: watch::Sender<Standing>,
    /// Calls to it that wait for an answer.
    pub calls: Arc<Semaphore>,
    events: mpsc::Sender<Event>,
    /// Cuts the connection that it made to us.
    inbound: Mutex<Option<CancellationToken>>,
}

impl Peer {
    /// The receiver belongs to the task that keeps the connection up.
    pub fn new(local: &Local, node: NodeId, address: String) -> (Arc<Self>, mpsc::Receiver<Event>) {
        let (events, received) = mpsc::channel(EVENTS_MAX);
        let peer = Self {
            node,
            revoked: local.stop.child_token(),
            address: watch::Sender::new(address),
            standing: watch::Sender::new(Standing { link: Link::Connecting, dead: None, met: None }),
            calls: Arc::new(Semaphore::new(local.limits.calls_max)),
            events,
            inbound: Mutex::default(),
        };
        (Arc::new(peer), received)
    }

    pub fn set(&self, link: Link) {
        self.standing.send_modify(|standing| standing.link = link);
    }

    /// We have reached it.
    pub fn reached(&self, met: Remembered, sender: SendRequest<Body>) {
        self.standing.send_modify(|standing| *standing = Standing { link: Link::Up(sender), dead: None, met: Some(met) });
    }

    /// It has reached us, by a connection that was accepted at that time. The one that it made before, if any, is left over and is cut: it would not have
    /// made another.
    pub fn arrived(&self, met: Remembered, accepted: Instant, cut: CancellationToken) {
        self.standing.send_modify(|standing| {
            // What the dead one did before the proof of its death proves nothing; another life does.
            let same = standing.met.as_ref().is_some_and(|before| before.life == met.life);
            standing.dead = standing.dead.filter(|since| same && *since > accepted);
            standing.met = Some(met);
        });
        let before = self.inbound.lock().unwrap_or_else(PoisonError::into_inner).replace(cut);
        if let Some(before) = before {
            before.cancel();
        }
        self.tell(Event::Arrived);
    }

    pub fn tell(&self, event: Event) {
        if self.events.try_send(event).is_err() {
            tracing::debug!(node = %self.node, "the task that connects to this peer is busy, or has ended");
        }
    }

    /// It was refused when it called us, which tells more than that we do not reach it.
    pub fn is_refused(&self, reason: String) {
        self.standing.send_if_modified(|standing| {
            let tells_more = !matches!(standing.link, Link::Up(_));
            if tells_more {
                standing.link = Link::Refused(reason);
            }
            tells_more
        });
    }

    /// This life of it has been proven to be over. False if that is known already, or a later life has been met.
    pub fn died(&self, life: [u8; 16]) -> bool {
        self.standing.send_if_modified(|standing| {
            let news = standing.dead.is_none() && standing.met.as_ref().is_some_and(|met| met.life == life);
            if news {
                standing.dead = Some(Instant::now());
                standing.link = Link::Unreachable("it is gone: its connection broke, and its address refuses another".to_owned());
            }
            news
        })
    }

    pub fn is_dead(&self) -> bool {
        self.standing.borrow().dead.is_some()
    }

    /// Waits for it while it could be found out: the connection is up, so that its end may be on its way, or it has just broken.
    pub async fn dies(&self, within: Duration) -> bool {
        let mut standing = self.standing.subscribe();
        let known =
            standing.wait_for(|standing| standing.dead.is_some() || !matches!(standing.link, Link::Up(_) | Link::Checking));
        timeout(within, known).await.is_ok_and(|known| known.is_ok_and(|standing| standing.dead.is_some()))
    }

    pub fn status(&self) -> PeerStatus {
        let standing = self.standing.borrow();
        let state = match &standing.link {
            Link::Up(_) => PeerState::Connected,
            Link::Refused(reason) => PeerState::Refused(reason.clone()),
            _ if standing.dead.is_some() => PeerState::Dead,
            Link::Connecting | Link::Checking => PeerState::Connecting,
            Link::Unreachable(reason) => PeerState::Unreachable(reason.clone()),
        };
        let incarnation = standing.met.as_ref().map(|met| met.incarnation);
        PeerStatus { node: self.node, address: self.address.borrow().clone(), state, incarnation }
    }

    pub fn caller(&self, met: &Remembered) -> Caller {
        Caller { node: self.node, incarnation: met.incarnation }
    }
}
