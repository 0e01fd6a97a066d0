//! The sessions of this node: who is bound under which full JID, and how each is reached.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI16, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use conclave_muc::Session;
use conclave_xmpp::element::escape_attribute;
use conclave_xmpp::{BareJid, Encoded, FullJid, JidError};
use tokio::sync::Notify;

use crate::outbound::{Inflow, Outbound, OutboundLimits, Outgoing};

/// Says that a session has sent no presence, or an unavailable one.
const UNAVAILABLE: i16 = i16::MIN;

/// A bound session, for everybody who sends to it.
#[derive(Debug)]
pub struct Bound {
    /// Its full JID and its id.
    pub session: Session,
    /// Its JID as it stands in `to`.
    pub to: Bytes,
    outbound: Outbound,
    /// The priority of its presence (RFC 6121 §4.7.2.3), or `UNAVAILABLE`.
    priority: AtomicI16,
    end: OnceLock<End>,
    ended: Notify,
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

    /// Notes an initial presence or an update (RFC 6121 §4.2, §4.4); none means unavailable.
    pub fn set_priority(&self, priority: Option<i8>) {
        self.priority.store(priority.map_or(UNAVAILABLE, i16::from), Ordering::Relaxed);
    }

    /// Whether messages to the account may go to this session (RFC 6121 §8.5.2).
    pub fn takes_messages(&self) -> bool {
        self.priority.load(Ordering::Relaxed) >= 0
    }
}

/// All of them.
#[derive(Debug)]
pub struct SessionTable {
    accounts: RwLock<HashMap<BareJid, Vec<Arc<Bound>>>>,
    next_id: AtomicU64,
    limits: OutboundLimits,
    per_account_max: usize,
}

/// Why a session cannot be bound.
#[derive(Debug)]
pub enum BindError {
    /// The resource cannot be part of a JID.
    Resource(JidError),
    /// The account has all the sessions that it may have.
    TooMany,
}

impl SessionTable {
    /// An empty table. Ids begin behind those of every earlier process.
    pub fn new(limits: OutboundLimits, per_account_max: usize) -> SessionTable {
        let micros = SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |since| since.as_micros());
        let next_id = AtomicU64::new(u64::try_from(micros).unwrap_or(1));
        SessionTable { accounts: RwLock::default(), next_id, limits, per_account_max }
    }

    /// Binds a resource. Whoever held the full JID before is ended.
    pub fn bind(&self, account: &BareJid, resource: &str) -> Result<(Arc<Bound>, Inflow), BindError> {
        let jid = account.with_resource(resource).map_err(BindError::Resource)?;
        let mut escaped = String::new();
        escape_attribute(&mut escaped, jid.as_str());
        let (outbound, inflow) = Outbound::new(self.limits, escaped.len());
        let session = Session { jid, id: self.next_id.fetch_add(1, Ordering::Relaxed) };
        let bound = Arc::new(Bound {
            session,
            to: Bytes::from(escaped),
            outbound,
            priority: AtomicI16::new(UNAVAILABLE),
            end: OnceLock::new(),
            ended: Notify::new(),
        });
        let mut accounts = self.accounts.write().unwrap_or_else(PoisonError::into_inner);
        let sessions = accounts.entry(account.clone()).or_default();
        let full = sessions.len() >= self.per_account_max;
        match sessions.iter_mut().find(|other| other.session.jid == bound.session.jid) {
            Some(other) => std::mem::replace(other, bound.clone()).end(End::Replaced),
            None if full => return Err(BindError::TooMany),
            None => sessions.push(bound.clone()),
        }
        Ok((bound, inflow))
    }

    /// Forgets a session, unless its JID has a new holder.
    pub fn unbind(&self, bound: &Bound) {
        let account = bound.session.jid.to_bare();
        let mut accounts = self.accounts.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(sessions) = accounts.get_mut(&account) {
            sessions.retain(|other| other.session.id != bound.session.id);
            if sessions.is_empty() {
                accounts.remove(&account);
            }
        }
    }

    /// The session that holds a full JID.
    pub fn holder(&self, jid: &FullJid) -> Option<Arc<Bound>> {
        self.of(&jid.to_bare()).into_iter().find(|bound| bound.session.jid == *jid)
    }

    /// All sessions of an account.
    pub fn of(&self, account: &BareJid) -> Vec<Arc<Bound>> {
        let accounts = self.accounts.read().unwrap_or_else(PoisonError::into_inner);
        accounts.get(account).cloned().unwrap_or_default()
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
        self.holder(&session.jid).filter(|bound| bound.session.id == session.id)
    }

    fn send(&self, to: &Arc<Bound>, stanza: &Encoded) {
        to.push(Outgoing::Stanza(stanza.clone()));
    }
}
