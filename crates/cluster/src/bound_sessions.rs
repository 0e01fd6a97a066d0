//! The bound sessions of the accounts of a shard: who holds which resource, by way of which attachment. A request is judged once, the log holds
//! what was decided, and every replica folds the same.
//!
//! What is newer is what comes later in the log. So that rooms, which have other logs, can tell it too, whoever takes over a full JID has a higher id
//! than who holds it.

pub mod codec;
mod receivers;
mod stored;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use conclave_muc::{Attachment, Session};
use conclave_xmpp::{BareJid, FullJid};
use rpds::{RedBlackTreeMapSync, RedBlackTreeSetSync};

use crate::incarnation::Incarnation;

pub use receivers::relayed;

/// All bound sessions of the accounts of one shard, as committed. A clone shares everything that is not changed afterwards.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct BoundSessions {
    /// By account and full JID; no account is without sessions.
    accounts: RedBlackTreeMapSync<BareJid, RedBlackTreeMapSync<FullJid, BoundSession>>,
    /// Who is bound by way of what; no attachment is without sessions.
    attached: RedBlackTreeMapSync<Attachment, RedBlackTreeSetSync<FullJid>>,
    len: usize,
}

/// The holder of a resource.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BoundSession {
    /// Its full JID and its id.
    pub session: Session,
    /// Where its connection is.
    pub attachment: Attachment,
    /// The priority of its presence (RFC 6121 §4.7.2.3); nothing if it has sent none, or an unavailable one.
    pub priority: Option<i8>,
}

/// What a session asks for itself. The resource is prepared, and the account is known to be its own.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SessionRequest {
    /// To hold its full JID from now on. Whoever holds it is replaced.
    Bind {
        /// The session.
        session: Session,
        /// Where its connection is.
        attachment: Attachment,
    },
    /// To hold it again: its node was taken for dead, and lives. Whoever holds it by now keeps it, but for an earlier session of the same node: that has only
    /// asked first, and is replaced.
    Rebind {
        /// This very one.
        session: Session,
        /// Where its connection is.
        attachment: Attachment,
        /// Of its presence; nothing means unavailable.
        priority: Option<i8>,
    },
    /// It ended.
    Unbind {
        /// This very one.
        session: Session,
    },
    /// It is available with a priority, or unavailable.
    Presence {
        /// This very one.
        session: Session,
        /// Nothing means unavailable.
        priority: Option<i8>,
    },
}

/// What was decided, as logged. A change that names a session which is not the holder of its full JID does nothing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SessionChange {
    /// The session holds its full JID from now on.
    Bound {
        /// The session.
        session: Session,
        /// Where its connection is.
        attachment: Attachment,
        /// Nothing means unavailable: one that is new has sent no presence yet.
        priority: Option<i8>,
        /// Who held it until now.
        replaces: Option<Replaced>,
    },
    /// The session is gone.
    Unbound {
        /// Which.
        session: Session,
    },
    /// The session is available with a priority, or unavailable.
    Priority {
        /// Which.
        session: Session,
        /// Nothing means unavailable.
        priority: Option<i8>,
    },
    /// An incarnation ended, or is about to: all its sessions are gone.
    Ended {
        /// Of which.
        attachment: Attachment,
    },
    /// The session's connection is by way of another attachment now: its node lives on as another incarnation.
    Moved {
        /// Which.
        session: Session,
        /// Where it is now.
        attachment: Attachment,
    },
}

/// Why a request is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SessionRefusal {
    /// The account has all the sessions that it may have.
    TooMany,
    /// The full JID has a holder with this id, which is higher than the one that asks: it is to come with one above, so that of two lives of a full JID
    /// the later one has the higher id.
    Behind(u64),
    /// The full JID has a newer holder.
    Replaced,
}

/// Who held a resource until now, and is to be told `conflict` (RFC 6120 §7.7.2.2).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Replaced {
    /// The older holder.
    pub session: Session,
    /// Where its connection is.
    pub attachment: Attachment,
}

impl BoundSessions {
    /// The rules. Nothing is to be changed where a session asks that is not the holder any more, or asks for what is so already.
    pub fn decide(&self, request: &SessionRequest, per_account_max: usize) -> Result<Option<SessionChange>, SessionRefusal> {
        match request {
            SessionRequest::Bind { session, attachment } => self.bind(session, *attachment, per_account_max),
            SessionRequest::Rebind { session, attachment, priority } => self.rebind(session, *attachment, *priority),
            SessionRequest::Unbind { session } => {
                Ok(self.get(session).map(|_| SessionChange::Unbound { session: session.clone() }))
            }
            SessionRequest::Presence { session, priority } => Ok(self
                .get(session)
                .filter(|bound| bound.priority != *priority)
                .map(|_| SessionChange::Priority { session: session.clone(), priority: *priority })),
        }
    }

    fn bind(
        &self,
        session: &Session,
        attachment: Attachment,
        per_account_max: usize,
    ) -> Result<Option<SessionChange>, SessionRefusal> {
        let session = session.clone();
        let replaces = match self.holder(&session.jid) {
            Some(holder) if holder.session.id > session.id => return Err(SessionRefusal::Behind(holder.session.id)),
            Some(holder) if holder.session.id != session.id => {
                Some(Replaced { session: holder.session.clone(), attachment: holder.attachment })
            }
            // It holds it already. It may have come by another way, but nobody is replaced and its presence stands.
            Some(holder) if holder.attachment == attachment => return Ok(None),
            Some(_) => return Ok(Some(SessionChange::Moved { session, attachment })),
            None if self.of(&session.jid.to_bare()).count() >= per_account_max => return Err(SessionRefusal::TooMany),
            None => None,
        };
        Ok(Some(SessionChange::Bound { session, attachment, priority: None, replaces }))
    }

    /// It was admitted once, so it counts against no limit again.
    fn rebind(
        &self,
        session: &Session,
        attachment: Attachment,
        priority: Option<i8>,
    ) -> Result<Option<SessionChange>, SessionRefusal> {
        let session = session.clone();
        match self.holder(&session.jid) {
            // The ids of other nodes tell nothing here: their clocks may be wrong.
            Some(holder) if holder.session.id < session.id && node_of(holder.attachment) == node_of(attachment) => {
                let replaces = Some(Replaced { session: holder.session.clone(), attachment: holder.attachment });
                Ok(Some(SessionChange::Bound { session, attachment, priority, replaces }))
            }
            Some(holder) if holder.session.id != session.id => Err(SessionRefusal::Replaced),
            Some(holder) if holder.attachment == attachment => Ok(None),
            Some(_) => Ok(Some(SessionChange::Moved { session, attachment })),
            None => Ok(Some(SessionChange::Bound { session, attachment, priority, replaces: None })),
        }
    }

    /// The fold; it has no rules. Returns who lost its resource to another session.
    pub fn apply(&mut self, change: &SessionChange) -> Vec<Replaced> {
        match change {
            SessionChange::Bound { session, attachment, priority, .. } => {
                return self.apply_bound(session, *attachment, *priority);
            }
            SessionChange::Unbound { session } => {
                if self.get(session).is_some() {
                    self.take(&session.jid);
                }
            }
            SessionChange::Priority { session, priority } => {
                if let Some(bound) = self.get(session).cloned() {
                    self.put(BoundSession { priority: *priority, ..bound });
                }
            }
            SessionChange::Ended { attachment } => {
                for session in self.of_attachment(*attachment) {
                    self.take(&session.jid);
                }
            }
            SessionChange::Moved { session, attachment } => {
                if self.get(session).is_some()
                    && let Some(bound) = self.take(&session.jid)
                {
                    self.put(BoundSession { attachment: *attachment, ..bound });
                }
            }
        }
        Vec::new()
    }

    /// Whom it really replaces is seen here, so that nobody is ever left untold.
    fn apply_bound(&mut self, session: &Session, attachment: Attachment, priority: Option<i8>) -> Vec<Replaced> {
        let held = self.take(&session.jid);
        self.put(BoundSession { session: session.clone(), attachment, priority });
        let replaced = held.filter(|held| held.session.id != session.id);
        replaced.map(|held| Replaced { session: held.session, attachment: held.attachment }).into_iter().collect()
    }

    /// The session that holds a full JID.
    pub fn holder(&self, jid: &FullJid) -> Option<&BoundSession> {
        self.accounts.get(&jid.to_bare())?.get(jid)
    }

    /// This very session, if it is bound.
    pub fn get(&self, session: &Session) -> Option<&BoundSession> {
        self.holder(&session.jid).filter(|bound| bound.session.id == session.id)
    }

    /// The sessions of an account, by resource.
    pub fn of(&self, account: &BareJid) -> impl Iterator<Item = &BoundSession> {
        self.accounts.get(account).into_iter().flat_map(|sessions| sessions.values())
    }

    /// All of them, by account and resource.
    pub fn iter(&self) -> impl Iterator<Item = &BoundSession> {
        self.accounts.values().flat_map(|sessions| sessions.values())
    }

    /// The sessions that are bound by way of an attachment, by full JID.
    pub fn of_attachment(&self, attachment: Attachment) -> Vec<Session> {
        let jids = self.attached.get(&attachment).into_iter().flat_map(|jids| jids.iter());
        jids.filter_map(|jid| self.holder(jid)).map(|bound| bound.session.clone()).collect()
    }

    /// Every attachment by way of which somebody is bound.
    pub fn attachments(&self) -> BTreeSet<Attachment> {
        self.attached.keys().copied().collect()
    }

    /// How many sessions there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nobody is bound.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    fn put(&mut self, bound: BoundSession) {
        let jid = bound.session.jid.clone();
        self.take(&jid);
        let account = jid.to_bare();
        let mut sessions = self.accounts.get(&account).cloned().unwrap_or_default();
        let mut attached = self.attached.get(&bound.attachment).cloned().unwrap_or_default();
        attached.insert_mut(jid.clone());
        self.attached.insert_mut(bound.attachment, attached);
        sessions.insert_mut(jid, bound);
        self.accounts.insert_mut(account, sessions);
        self.len += 1;
    }

    fn take(&mut self, jid: &FullJid) -> Option<BoundSession> {
        let bound = self.holder(jid)?.clone();
        let account = jid.to_bare();
        let left = self.accounts.get(&account)?.remove(jid);
        if left.is_empty() {
            self.accounts.remove_mut(&account);
        } else {
            self.accounts.insert_mut(account, left);
        }
        let left = self.attached.get(&bound.attachment)?.remove(jid);
        if left.is_empty() {
            self.attached.remove_mut(&bound.attachment);
        } else {
            self.attached.insert_mut(bound.attachment, left);
        }
        self.len -= 1;
        Some(bound)
    }
}

fn node_of(attachment: Attachment) -> u32 {
    Incarnation::of(attachment).node
}
