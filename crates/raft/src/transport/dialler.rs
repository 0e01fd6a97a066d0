//! Keeps the connection to one peer up, and finds out at once whether the peer is gone when it breaks.
//!
//! Proof of a death is this and nothing else: a connection with that life of the peer was broken by the other side, and the very address at which we
//! had reached that life refuses the next connection (`ECONNREFUSED`). A process listens for as long as it lives.

use std::io::ErrorKind::ConnectionRefused;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep, timeout};

use super::Death;
use super::connection::{self, Connection};
use super::greeting::Failure;
use super::local::Local;
use super::peer::{Event, Link, Peer};
use super::socket::{End, connect, is_broken};

/// Looks at whether somebody listens, each a little later than the one before, as long as all of them are broken off: a process that dies closes its
/// sockets one after the other, and the listener need not be the first.
const LOOKS_AFTER_MILLIS: [u64; 8] = [0, 1, 2, 4, 8, 16, 32, 64];

/// A process that dies closes what is left within this time.
const DYING_MAX: Duration = Duration::from_millis(200);

/// Addresses of one name that are tried.
const ADDRESSES_MAX: usize = 8;

/// The task of one peer.
pub(super) struct Dialler {
    local: Arc<Local>,
    peer: Arc<Peer>,
    events: mpsc::Receiver<Event>,
    address: watch::Receiver<String>,
    /// The life that we reached last, and where.
    reached: Option<(SocketAddr, [u8; 16])>,
    /// Until the next attempt, before it is varied.
    pause: Duration,
}

impl Dialler {
    pub fn new(local: Arc<Local>, peer: Arc<Peer>, events: mpsc::Receiver<Event>) -> Self {
        let (address, pause) = (peer.address.subscribe(), local.limits.retry_min);
        Self { local, peer, events, address, reached: None, pause }
    }

    /// Until the peer is one no more.
    pub async fn run(mut self) {
        let revoked = self.peer.revoked.clone();
        revoked.run_until_cancelled(self.keep_up()).await;
        self.peer.set(Link::Unreachable("it is no peer any more, or this node is stopping".to_owned()));
    }

    async fn keep_up(&mut self) {
        let mut made = self.dial().await;
        loop {
            made = match made {
                Ok(connection) => self.stay(connection).await,
                Err(failure) => {
                    self.note(&failure);
                    self.rest().await;
                    self.dial().await
                }
            };
        }
    }

    /// Tries all addresses of the name.
    async fn dial(&mut self) -> Result<Connection, Failure> {
        let address = self.address.borrow_and_update().clone();
        let lookup = timeout(self.local.limits.connect_max, tokio::net::lookup_host(&*address)).await;
        let found = match lookup {
            Ok(Ok(found)) => found,
            Ok(Err(error)) => {
                return Err(Failure::Other(format!("{address} is not host:port, or the name is not known: {error}")));
            }
            Err(_) => return Err(Failure::Other(format!("the name in {address} could not be looked up in time"))),
        };
        let mut last = Failure::Other(format!("the name in {address} has no addresses"));
        for address in found.take(ADDRESSES_MAX) {
            match self.reach(address).await {
                Ok(connection) => return Ok(connection),
                Err(failure) => last = failure,
            }
        }
        Err(last)
    }

    /// One attempt at one address.
    async fn reach(&mut self, address: SocketAddr) -> Result<Connection, Failure> {
        let connection = connection::open(&self.local, &self.peer, address).await?;
        self.reached = Some((address, connection.met.life));
        tracing::info!(node = %self.peer.node, %address, incarnation = connection.met.incarnation, "connected");
        self.peer.reached(connection.met.clone(), connection.sender.clone());
        Ok(connection)
    }

    /// For as long as the connection is up; then finds out what became of the peer.
    async fn stay(&mut self, mut connection: Connection) -> Result<Connection, Failure> {
        let since = Instant::now();
        let end = self.watch(&mut connection.ended).await;
        let met = connection.met.life;
        drop(connection);
        let brief = since.elapsed() < self.local.limits.retry_max;
        if !brief {
            self.pause = self.local.limits.retry_min;
        }
        let failure = match end {
            Some(End::Broken) if brief => return self.glance(met).await,
            Some(End::Broken) => return self.check(met).await,
            Some(End::Failed(reason)) => Failure::Other(format!("the connection failed: {reason}")),
            Some(End::Closed) => {
                let limit = self.local.limits.ping_max;
                Failure::Other(format!("the connection was closed: no answer to a ping within {limit:?}, or nonsense"))
            }
            None => {
                if !self.peer.is_dead() {
                    self.peer.set(Link::Connecting);
                }
                return self.dial().await;
            }
        };
        if !brief {
            self.note(&failure);
            return self.dial().await;
        }
        Err(failure)
    }

    /// How the connection ended. None: it is to be made anew for another reason.
    async fn watch(&mut self, ended: &mut oneshot::Receiver<End>) -> Option<End> {
        loop {
            let event = tokio::select! {
                end = &mut *ended => return Some(end.unwrap_or(End::Closed)),
                _ = self.address.changed() => return None,
                Some(event) = self.events.recv() => event,
            };
            if let Event::Broke { life } = event {
                tokio::select! {
                    biased;
                    // Ours is broken as well, and will be looked into.
                    end = &mut *ended => return Some(end.unwrap_or(End::Closed)),
                    gone = self.is_gone(life) => if gone { return None },
                }
            }
        }
    }

    /// Our connection with this life of the peer was broken by the other side. The next attempt tells what that means.
    async fn check(&mut self, life: [u8; 16]) -> Result<Connection, Failure> {
        let Some((address, _)) = self.reached.filter(|(_, reached)| *reached == life) else { return self.dial().await };
        self.peer.set(Link::Checking);
        let mut made = Err(Failure::Broke("the connection broke".to_owned()));
        for pause in LOOKS_AFTER_MILLIS {
            sleep(Duration::from_millis(pause)).await;
            made = self.reach(address).await;
            if !matches!(made, Err(Failure::Broke(_))) {
                break;
            }
        }
        if matches!(made, Err(Failure::NobodyThere(_))) {
            self.proven(life);
        }
        made
    }

    /// The same when the connection had lasted only a moment: looks, but does not connect again at once, or this could go on for ever.
    async fn glance(&mut self, life: [u8; 16]) -> Result<Connection, Failure> {
        self.peer.set(Link::Checking);
        let gone = self.is_gone(life).await;
        let reason = "the connection broke a moment after it was made".to_owned();
        Err(if gone { Failure::NobodyThere(reason) } else { Failure::Broke(reason) })
    }

    /// A connection with this life of the peer was broken by the other side: looks whether it still listens where we had reached it.
    async fn is_gone(&self, life: [u8; 16]) -> bool {
        let Some((address, _)) = self.reached.filter(|(_, reached)| *reached == life) else { return false };
        for pause in LOOKS_AFTER_MILLIS {
            sleep(Duration::from_millis(pause)).await;
            match connect(address, &self.local.limits).await {
                Err(error) if error.kind() == ConnectionRefused => {
                    self.proven(life);
                    return true;
                }
                Err(error) if is_broken(&error) => {}
                Err(_) => return false,
                // Nobody says anything before we do, so whatever is read is the end of it.
                Ok(mut tcp) => match timeout(DYING_MAX, tcp.read_u8()).await {
                    Ok(_) => {}
                    Err(_) => return false,
                },
            }
        }
        false
    }

    fn proven(&self, life: [u8; 16]) {
        let incarnation = self.peer.standing.borrow().met.as_ref().map_or(0, |met| met.incarnation);
        if self.peer.died(life) {
            // Nobody may listen, which is fine.
            let _ = self.local.deaths.send(Death { node: self.peer.node, incarnation });
        }
    }

    fn note(&self, failure: &Failure) {
        let reason = failure.text().to_owned();
        self.local.complaints.warn(format_args!("node {}", self.peer.node), &reason);
        self.peer.set(if matches!(failure, Failure::Refused(_)) { Link::Refused(reason) } else { Link::Unreachable(reason) });
    }

    /// Until the next attempt: after a while, or when there is a reason to believe that it succeeds.
    async fn rest(&mut self) {
        let pause = varied(self.pause);
        self.pause = (self.pause * 2).min(self.local.limits.retry_max);
        let pause = sleep(pause);
        tokio::pin!(pause);
        loop {
            let event = tokio::select! {
                () = &mut pause => return,
                _ = self.address.changed() => return,
                Some(event) = self.events.recv() => event,
            };
            match event {
                Event::Broke { life } => {
                    self.is_gone(life).await;
                }
                Event::Arrived => return,
            }
        }
    }
}

/// Between half of it and all of it, so that the nodes do not all come at once.
fn varied(pause: Duration) -> Duration {
    let mut byte = [0];
    // Without randomness they do, which is no harm.
    let _ = getrandom::fill(&mut byte);
    pause / 2 + pause / 2 * u32::from(byte[0]) / 255
}
