//! The sessions of this node: who is bound under which full JID, and how each is reached.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use conclave_cluster::repeats::UNANSWERED_MAX;
use conclave_muc::Session;
use conclave_xmpp::element::escape_attribute;
use conclave_xmpp::{BareJid, Encoded, JidError};
use tokio::sync::{Notify, Semaphore};

use crate::metrics::Metrics;
use crate::outbound::{Inflow, Outbound, OutboundLimits, Outgoing};

/// Ids of nodes for which those of sessions are told apart.
const NODES_MAX: u64 = 4096;

/// A bound session, for everybody who sends to it.
#[derive(Debug)]
pub struct Bound {
    /// Its full JID and its id.
    pub session: Session,
    /// Its JID as it stands in `to`.
    pub to: Bytes,
    /// The number of its next request.
    pub next_number: AtomicU64,
    /// Requests that it may still leave unanswered.
    pub unanswered: Arc<Semaphore>,
    standing: Mutex<Standing>,
    outbound: Outbound,
    end: OnceLock<End>,
    ended: Notify,
}

/// What the session is to its account's home, by what was asked there last.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Standing {
    /// Whether it was ever asked that it be bound.
    pub asked: bool,
    /// Whether it is bound: not before that is granted, and not once it departs.
    pub bound: bool,
    /// The priority of its presence; nothing if it is unavailable.
    pub priority: Option<i8>,
}

/// Why the server ends a session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// Its full JID was bound anew (RFC 6120 §7.7.2.2).
    Replaced,
    /// It does not read what it is sent.
    SlowReader,
    /// Its account is deleted.
    AccountDeleted,
    /// The node stops.
    Stopped,
}

impl Bound {
    /// Queues something. A session that lets its queue fill up is ended.
    pub fn push(&self, outgoing: Outgoing) {
        if self.outbound.push(outgoing).is_err() {
            self.end(End::SlowReader);
        }
    }

    /// Its standing. What is asked while this is held comes in that order.
    pub fn standing(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The queue's own end.
    pub fn outbound(&self) -> &Outbound {
        &self.outbound
    }

    /// Asks the connection to end the session; the first reason counts.
    pub fn end(&self, end: End) {
        if self.end.set(end).is_ok() {
            self.ended.notify_one();
        }
    }

    /// Whether the session is to be ended, or was.
    pub fn is_ended(&self) -> bool {
        self.end.get().is_some()
    }

    /// Waits until the session is to be ended. Cancel-safe.
    pub async fn ended(&self) -> End {
        loop {
            if let Some(end) = self.end.get() {
                return *end;
            }
            self.ended.notified().await;
        }
    }
}

/// All of them.
#[derive(Debug)]
pub struct SessionTable {
    accounts: RwLock<HashMap<BareJid, Vec<Arc<Bound>>>>,
    node: u32,
    next_id: AtomicU64,
    limits: OutboundLimits,
    metrics: Arc<Metrics>,
}

impl SessionTable {
    /// An empty table of a node. Ids begin behind those of every earlier process of the node, and no other node has the same.
    pub fn new(limits: OutboundLimits, node: u32, metrics: Arc<Metrics>) -> SessionTable {
        let next_id = AtomicU64::new(id_at_this_moment(node));
        SessionTable { accounts: RwLock::default(), node, next_id, limits, metrics }
    }

    /// A number that nobody had before, and higher than those that this node gave before; by the clock, also than those of other nodes.
    pub fn next_id(&self) -> u64 {
        let now = id_at_this_moment(self.node);
        // The lowest from here on.
        let take = |next: u64| Some(next.max(now) + NODES_MAX);
        let next = self.next_id.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take);
        next.unwrap_or_else(|next| next).max(now)
    }

    /// The numbers from here on are above this one, which another node gave.
    pub fn begin_behind(&self, id: u64) {
        let above = (id / NODES_MAX + 1) * NODES_MAX + u64::from(self.node) % NODES_MAX;
        self.next_id.fetch_max(above, Ordering::Relaxed);
    }

    /// Makes a session. Whether it holds its full JID is decided where its account is at home.
    pub fn bind(&self, account: &BareJid, resource: &str) -> Result<(Arc<Bound>, Inflow), JidError> {
        let jid = account.with_resource(resource)?;
        let mut escaped = String::new();
        escape_attribute(&mut escaped, jid.as_str());
        let (outbound, inflow) = Outbound::new(self.limits, escaped.len());
        let session = Session { jid, id: self.next_id() };
        let bound = Arc::new(Bound {
            session,
            to: Bytes::from(escaped),
            next_number: AtomicU64::new(1),
            unanswered: Arc::new(Semaphore::new(UNANSWERED_MAX)),
            standing: Mutex::default(),
            outbound,
            end: OnceLock::new(),
            ended: Notify::new(),
        });
        let mut accounts = self.accounts.write().unwrap_or_else(PoisonError::into_inner);
        accounts.entry(account.clone()).or_default().push(bound.clone());
        self.metrics.sessions.inc();
        Ok((bound, inflow))
    }

    /// Forgets a session.
    pub fn unbind(&self, bound: &Bound) {
        let account = bound.session.jid.to_bare();
        let mut accounts = self.accounts.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(sessions) = accounts.get_mut(&account) {
            let before = sessions.len();
            sessions.retain(|other| other.session.id != bound.session.id);
            self.metrics.sessions.dec_by((before - sessions.len()) as i64);
            if sessions.is_empty() {
                accounts.remove(&account);
            }
        }
    }

    /// All sessions of an account.
    pub fn of(&self, account: &BareJid) -> Vec<Arc<Bound>> {
        let accounts = self.accounts.read().unwrap_or_else(PoisonError::into_inner);
        accounts.get(account).cloned().unwrap_or_default()
    }

    /// All of them.
    pub fn all(&self) -> Vec<Arc<Bound>> {
        let accounts = self.accounts.read().unwrap_or_else(PoisonError::into_inner);
        accounts.values().flatten().cloned().collect()
    }

    /// Accounts that have any.
    pub fn accounts(&self) -> Vec<BareJid> {
        self.accounts.read().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.accounts.read().unwrap_or_else(PoisonError::into_inner).values().map(Vec::len).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Ends all of them. Each waits for its own end only, so that no message passes a lock that all share.
    pub fn end_all(&self, end: End) {
        let accounts = self.accounts.read().unwrap_or_else(PoisonError::into_inner);
        accounts.values().flatten().for_each(|bound| bound.end(end));
    }
}

impl conclave_cluster::Sessions for SessionTable {
    type Handle = Arc<Bound>;

    fn find(&self, session: &Session) -> Option<Arc<Bound>> {
        let accounts = self.accounts.read().unwrap_or_else(PoisonError::into_inner);
        accounts.get(&session.jid.to_bare())?.iter().find(|bound| bound.session.id == session.id).cloned()
    }

    fn send(&self, to: &Arc<Bound>, stanza: &Encoded) {
        self.metrics.deliveries.inc();
        to.push(Outgoing::Stanza(stanza.clone()));
    }

    fn send_whole(&self, to: &Arc<Bound>, bytes: &[u8]) -> bool {
        let takes = !to.outbound().is_crowded();
        if takes {
            self.metrics.deliveries.inc();
            to.push(Outgoing::Whole(Bytes::copy_from_slice(bytes)));
        }
        takes
    }

    fn replaced(&self, session: &Arc<Bound>) {
        session.end(End::Replaced);
    }
}

/// Microseconds since 1970, and the node; this fits until the year 2112.
fn id_at_this_moment(node: u32) -> u64 {
    let micros = SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |since| since.as_micros());
    u64::try_from(micros).unwrap_or(1).wrapping_mul(NODES_MAX) + u64::from(node) % NODES_MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_and_what_they_are_sent_are_counted() {
        let metrics = Arc::new(Metrics::new());
        let limits = OutboundLimits { bytes_max: 1000, stanzas_max: 10 };
        let table = SessionTable::new(limits, 3, metrics.clone());
        let account = BareJid::parse("ann@h").unwrap();
        let (one, _inflow) = table.bind(&account, "phone").unwrap();
        let (other, _inflow_too) = table.bind(&account, "phone").unwrap();
        assert!(one.session.id < other.session.id);
        assert_eq!((metrics.sessions.get(), table.len()), (2, 2));
        assert!(conclave_cluster::Sessions::send_whole(&table, &one, b"<message/>"));
        assert_eq!(metrics.deliveries.get(), 1);
        table.unbind(&one);
        table.unbind(&one);
        assert_eq!((metrics.sessions.get(), table.len()), (1, 1));
        let ahead = other.session.id + 1_000_000_007 * NODES_MAX + 5;
        table.begin_behind(ahead);
        let later = table.next_id();
        assert!(later > ahead && table.next_id() > later, "{later}");
        assert_eq!(later % NODES_MAX, 3);
    }
}
