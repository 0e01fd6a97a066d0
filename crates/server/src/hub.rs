//! What every connection of this node needs: whom we are, who is here, and the way to the homes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use conclave_cluster::ShardMap;
use conclave_cluster::answer::{RoomLine, Verdict};
use conclave_cluster::bound_sessions::SessionRequest;
use conclave_cluster::edge::{Bounce, PATIENCE_MS, Undelivered};
use conclave_cluster::repeats::UNANSWERED_MAX;
use conclave_cluster::request::{Ask, Request};
use conclave_muc::{Listing, Session};
use conclave_xmpp::{BareJid, Condition, Element, FullJid, Iq, IqKind, Jid, Message, MessageKind, Stanza, StanzaError};
use futures_util::future::join_all;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::timeout;
use tracing::debug;

use crate::edge_task::{self, Asked};
use crate::homes::Homes;
use crate::metrics::Metrics;
use crate::outbound::Inflow;
use crate::sessions::{Bound, End, SessionTable};
use crate::vital;

/// How long a stream that ends waits until its leaves are committed. They are carried out in any case.
const LEAVE_MAX: Duration = Duration::from_secs(5);

/// How long a shard may take to list its rooms.
const LIST_MAX: Duration = Duration::from_secs(5);

/// Without a home for so long, a shard is not waited for by a node that ends: a home that was handed over is there again sooner.
const HOMELESS_MAX: Duration = Duration::from_secs(2);

/// The middle of the node: no rule lives here.
pub struct Hub {
    /// The domain of the accounts.
    pub domain: BareJid,
    /// The domain of the rooms.
    pub service_domain: BareJid,
    /// The sessions of this node.
    pub sessions: Arc<SessionTable>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    map: ShardMap,
    edges: Vec<mpsc::UnboundedSender<Asked>>,
    homes: Arc<Homes>,
    /// The node itself, where it asks on nobody's behalf.
    own: Session,
    /// How often this node became another incarnation, or missed something for good.
    lives: AtomicU64,
    began: Instant,
    bounces: mpsc::Sender<Bounce>,
}

/// Why a session is not bound.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NotBound {
    /// The account has all the sessions that it may have.
    TooMany,
    /// It needs an id above this one.
    Behind(u64),
    /// Where the account's sessions are kept cannot be reached.
    Unreachable,
}

impl Hub {
    /// Starts an edge for each of so many shards.
    pub fn start(
        domain: BareJid,
        service_domain: BareJid,
        shards: u16,
        shared: edge_task::Shared,
        bounces: mpsc::Receiver<Bounce>,
    ) -> Arc<Hub> {
        let (sessions, homes, metrics) = (shared.sessions.clone(), shared.homes.clone(), shared.metrics.clone());
        let back = shared.bounces.clone();
        let own = Session { jid: own_jid(&domain), id: sessions.next_id() };
        let edges = (0..shards).map(|shard| edge_task::start(shared.clone(), shard)).collect();
        let (lives, began, map) = (AtomicU64::new(0), Instant::now(), ShardMap::new(shards));
        let hub =
            Arc::new(Hub { domain, service_domain, sessions, metrics, map, edges, homes, own, lives, began, bounces: back });
        vital::spawn("the way back of stanzas", bounce(Arc::downgrade(&hub), bounces));
        hub
    }

    /// The shard of a room, or of an account.
    pub fn shard_of(&self, jid: &BareJid) -> u16 {
        self.map.shard_of(jid)
    }

    /// Shards without a home for at least so long, as far as this node knows.
    pub fn homeless_for(&self, least: Duration) -> Vec<u16> {
        self.homes.missing_for(least)
    }

    /// The node that is the home of a shard, as far as this node knows.
    pub fn home_of(&self, shard: u16) -> Option<u32> {
        self.homes.of(shard)
    }

    /// A session asks something of a shard. Waits while it leaves too much unanswered.
    pub async fn ask(&self, bound: &Bound, shard: u16, ask: Ask) -> oneshot::Receiver<Option<Verdict>> {
        // What has to be carried out in any case is not kept waiting by what has not.
        let permit = match ask.is_final() {
            true => None,
            // The semaphore is never closed.
            false => bound.unanswered.clone().acquire_owned().await.ok(),
        };
        self.ask_now(bound, shard, ask, permit)
    }

    fn ask_now(
        &self,
        bound: &Bound,
        shard: u16,
        ask: Ask,
        permit: Option<OwnedSemaphorePermit>,
    ) -> oneshot::Receiver<Option<Verdict>> {
        let number = bound.next_number.fetch_add(1, Ordering::Relaxed);
        let request = Request { session: bound.session.clone(), number, floor: number, ask };
        let (done, answer) = oneshot::channel();
        self.put(shard, Asked { request, permit, done: Some(done) });
        answer
    }

    fn put(&self, shard: u16, asked: Asked) {
        if let Some(edge) = self.edges.get(usize::from(shard)) {
            // An edge ends only with the process.
            let _ = edge.send(asked);
        }
    }

    /// Has a session bound where its account is at home.
    pub async fn bind(&self, bound: &Arc<Bound>) -> Result<(), NotBound> {
        let session = bound.session.clone();
        let shard = self.shard_of(&session.jid.to_bare());
        let patience = Duration::from_millis(PATIENCE_MS);
        if self.began.elapsed() > patience && self.homes.missing_for(patience).contains(&shard) {
            // Each try would leave an unbinding behind that waits for a home; so while there is none, nobody tries.
            return Err(NotBound::Unreachable);
        }
        let life = self.lives.load(Ordering::SeqCst);
        bound.standing().asked = true;
        let ask = Ask::Session(SessionRequest::Bind { session, attachment: Default::default() });
        match self.ask(bound, shard, ask).await.await {
            Ok(Some(Verdict::Done)) => {}
            Ok(Some(Verdict::Behind(id))) => return Err(NotBound::Behind(id)),
            Ok(Some(Verdict::TooManySessions)) => return Err(NotBound::TooMany),
            _ => return Err(NotBound::Unreachable),
        }
        bound.standing().bound = true;
        if life != self.lives.load(Ordering::SeqCst) {
            // The life that it was bound by may be over, or its end be missed, and whoever bound all anew did not know of it yet.
            self.rebind(bound);
        }
        Ok(())
    }

    /// All sessions of this node are bound anew: it has become another incarnation. One whose full JID has a newer holder ends.
    pub fn rebind_all(&self) {
        self.lives.fetch_add(1, Ordering::SeqCst);
        for bound in self.sessions.all() {
            self.rebind(&bound);
        }
    }

    /// The same for the sessions whose accounts are at home in one shard, of which this node has missed something for good.
    pub fn rebind_of(&self, shard: u16) {
        self.lives.fetch_add(1, Ordering::SeqCst);
        let all = self.sessions.all().into_iter();
        all.filter(|bound| self.shard_of(&bound.session.jid.to_bare()) == shard).for_each(|bound| self.rebind(&bound));
    }

    /// Repeated until it is answered, but never behind the session's own end, which would make a ghost of it.
    fn rebind(&self, bound: &Arc<Bound>) {
        let standing = bound.standing();
        let (session, priority) = (bound.session.clone(), standing.priority);
        let shard = self.shard_of(&session.jid.to_bare());
        let ask = Ask::Session(SessionRequest::Rebind { session, attachment: Default::default(), priority });
        if !standing.bound || bound.is_ended() {
            return;
        }
        let answer = self.ask_now(bound, shard, ask, None);
        let bound = bound.clone();
        tokio::spawn(async move {
            if answer.await == Ok(Some(Verdict::Replaced)) {
                bound.end(End::Replaced);
            }
        });
    }

    /// A session is bound no more.
    pub async fn unbind(&self, bound: &Bound) {
        let session = bound.session.clone();
        let shard = self.shard_of(&session.jid.to_bare());
        let answer = {
            let mut standing = bound.standing();
            standing.bound = false;
            let ask = Ask::Session(SessionRequest::Unbind { session });
            standing.asked.then(|| self.ask_now(bound, shard, ask, None))
        };
        if let Some(answer) = answer {
            // It is carried out in any case.
            let _ = timeout(LEAVE_MAX, answer).await;
        }
    }

    /// A session leaves all rooms of some shards. Returns when that is committed, or after a while.
    pub async fn leave_all(&self, bound: &Bound, shards: impl Iterator<Item = u16>, presence: &[Element]) {
        let mut answers = Vec::new();
        for shard in shards {
            answers.push(self.ask(bound, shard, Ask::Gone(presence.to_vec())).await);
        }
        let all = async {
            for answer in answers {
                // An answer that never comes means that the process ends.
                let _ = answer.await;
            }
        };
        // They are carried out in any case.
        let _ = timeout(LEAVE_MAX, all).await;
    }

    /// Whoever sits or is bound by way of this node is detached, as it is about to end its streams. Says whether all homes have committed that within `limit`;
    /// everything that its sessions asked before has its answer then. Shards that have had no home for a while are asked, and not waited for.
    pub async fn detach_all(&self, limit: Duration) -> bool {
        let homeless = self.homes.missing_for(HOMELESS_MAX);
        let (lost, at_home): (Vec<u16>, Vec<u16>) = (0..self.map.shards()).partition(|shard| homeless.contains(shard));
        lost.iter().for_each(|shard| drop(self.ask_own(*shard, Ask::EdgeEnds)));
        let all = join_all(at_home.into_iter().map(|shard| self.detach_in(shard)));
        timeout(limit, all).await.is_ok_and(|done| done.into_iter().all(|done| done)) && lost.is_empty()
    }

    /// Asks twice: the second is behind whatever a connection was about to ask when the first was asked.
    async fn detach_in(&self, shard: u16) -> bool {
        for _ in 0..2 {
            if self.ask_own(shard, Ask::EdgeEnds).await != Ok(Some(Verdict::Done)) {
                return false;
            }
        }
        true
    }

    /// What a session that is gone never read goes back to its senders, within reason.
    pub fn give_back(&self, bound: &Bound, unread: Inflow) {
        for stanza in unread.stanzas_of_users() {
            let bounce = Bounce { session: bound.session.clone(), stanza: stanza.to_vec(), why: Undelivered::Gone };
            if self.bounces.try_send(bounce).is_err() {
                debug!(session = %bound.session.jid, "so much goes back that not all senders are told");
                return;
            }
        }
    }

    /// The public rooms of all shards, by address; or the shards that cannot be reached.
    pub async fn listings(&self) -> Result<Vec<Listing>, Vec<u16>> {
        let listings = self.ask_all(
            || Ask::Listings,
            |verdict| match verdict {
                Verdict::Listings(listings) => Some(listings),
                _ => None,
            },
        );
        let mut all = listings.await?;
        all.sort_by(|one, other| one.jid.cmp(&other.jid));
        Ok(all)
    }

    /// All rooms, by address, for those who run the service; or the shards that cannot be reached.
    pub async fn rooms(&self) -> Result<Vec<RoomLine>, Vec<u16>> {
        let rooms = self.ask_all(
            || Ask::Rooms(None),
            |verdict| match verdict {
                Verdict::Rooms(rooms) => Some(rooms),
                _ => None,
            },
        );
        let mut all = rooms.await?;
        all.sort_by(|one, other| one.jid.cmp(&other.jid));
        Ok(all)
    }

    /// One room; nothing if there is none, or if nobody can say. The second says which.
    pub async fn room(&self, room: &BareJid) -> (Option<RoomLine>, bool) {
        let answer = self.ask_own(self.shard_of(room), Ask::Rooms(Some(room.clone())));
        match timeout(LIST_MAX, answer).await {
            Ok(Ok(Some(Verdict::Rooms(rooms)))) => (rooms.into_iter().next(), true),
            _ => (None, false),
        }
    }

    async fn ask_all<T>(&self, ask: impl Fn() -> Ask, list: impl Fn(Verdict) -> Option<Vec<T>>) -> Result<Vec<T>, Vec<u16>> {
        let answers: Vec<_> = (0..self.map.shards()).map(|shard| (shard, self.ask_own(shard, ask()))).collect();
        let (mut all, mut missing) = (Vec::new(), Vec::new());
        for (shard, answer) in answers {
            let verdict = timeout(LIST_MAX, answer).await.ok().and_then(Result::ok).flatten();
            match verdict.and_then(&list) {
                Some(some) => all.extend(some),
                None => missing.push(shard),
            }
        }
        if missing.is_empty() { Ok(all) } else { Err(missing) }
    }

    fn ask_own(&self, shard: u16, ask: Ask) -> oneshot::Receiver<Option<Verdict>> {
        let number = self.sessions.next_id();
        let (done, answer) = oneshot::channel();
        let request = Request { session: self.own.clone(), number, floor: number, ask };
        self.put(shard, Asked { request, permit: None, done: Some(done) });
        answer
    }
}

/// The node's own name, where it asks on nobody's behalf. No account has it.
fn own_jid(domain: &BareJid) -> FullJid {
    domain.with_resource("node").expect("this resource is well-formed")
}

/// What a session could not take goes back to whoever sent it, as from the session.
async fn bounce(hub: std::sync::Weak<Hub>, mut bounces: mpsc::Receiver<Bounce>) {
    let unanswered = Arc::new(Semaphore::new(UNANSWERED_MAX));
    while let Some(Bounce { session, stanza, why }) = bounces.recv().await {
        // The semaphore is never closed.
        let permit = unanswered.clone().acquire_owned().await.ok();
        let Some(hub) = hub.upgrade() else { return };
        let Some((sender, error)) = Stanza::from_text(&stanza).ok().and_then(|stanza| bounced(stanza, why)) else { continue };
        let number = hub.sessions.next_id();
        let shard = hub.shard_of(&sender.to_bare());
        // In the session's name, but with a number of the node's: the session's own are the connection's to give.
        let session = Session { jid: session.jid, id: hub.own.id };
        let request = Request { session, number, floor: number, ask: Ask::User(Jid::from(sender), error) };
        hub.put(shard, Asked { request, permit, done: None });
    }
}

fn bounced(stanza: Stanza, why: Undelivered) -> Option<(FullJid, Stanza)> {
    let sender = stanza.head().from.clone()?.to_full()?;
    if !stanza.may_be_answered() {
        return None;
    }
    let error = match why {
        Undelivered::Crowded => StanzaError::wait("the receiver is behind with reading; try again later"),
        // RFC 6121 §8.5.3.2.
        Undelivered::Gone => {
            StanzaError::new(Condition::ServiceUnavailable).text("the receiver has just left; whether it saw this is not known")
        }
    };
    let error = error.to_element();
    let stanza = match stanza {
        Stanza::Message(message) => {
            let payloads = message.payloads.into_iter().chain([error]).collect();
            Stanza::Message(Message { kind: MessageKind::Error, payloads, ..message })
        }
        Stanza::Iq(iq) => {
            let payloads = iq.payloads.into_iter().chain([error]).collect();
            Stanza::Iq(Iq { kind: IqKind::Error, payloads, ..iq })
        }
        Stanza::Presence(_) => return None,
    };
    Some((sender, stanza))
}
