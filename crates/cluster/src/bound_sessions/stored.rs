//! Bound sessions in the state store: one record each, under a hash of the full JID, which itself may be longer than a key.

use conclave_xmpp::FullJid;
use rpds::RedBlackTreeMapSync;
use sha2::{Digest, Sha256};

use super::{BoundSession, BoundSessions, codec};
use crate::codec::Undecodable;

/// Before the hash.
const PREFIX: &[u8] = b"session/";

impl BoundSessions {
    /// All of them as records. What is slow happens when the records are taken.
    pub fn records(&self) -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> + Send + use<> {
        let sessions: Vec<BoundSession> = self.iter().cloned().collect();
        sessions.into_iter().map(|bound| (key(&bound.session.jid), codec::encode_bound(&bound)))
    }

    /// What became of the records between two states; nothing in place of a value means that the record is gone. What the two share is passed over.
    pub fn changes(before: &BoundSessions, after: &BoundSessions) -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
        let gone = before.unlike(after).filter(|bound| after.holder(&bound.session.jid).is_none());
        let gone = gone.map(|bound| (key(&bound.session.jid), None));
        let put = after.unlike(before).filter(|bound| before.holder(&bound.session.jid) != Some(bound));
        gone.chain(put.map(|bound| (key(&bound.session.jid), Some(codec::encode_bound(bound))))).collect()
    }

    /// The sessions of those records that are of sessions; others are passed over.
    pub fn read<'a>(records: impl IntoIterator<Item = (&'a [u8], &'a [u8])>) -> Result<BoundSessions, Undecodable> {
        let mut sessions = BoundSessions::default();
        for (_, value) in records.into_iter().filter(|(key, _)| key.starts_with(PREFIX)) {
            sessions.put(codec::decode_bound(value)?);
        }
        Ok(sessions)
    }

    /// The sessions of accounts that are not the very same in another state.
    fn unlike<'a>(&'a self, other: &'a BoundSessions) -> impl Iterator<Item = &'a BoundSession> {
        let same = |there: &RedBlackTreeMapSync<FullJid, BoundSession>, here: &RedBlackTreeMapSync<FullJid, BoundSession>| {
            there.ptr_eq(here)
        };
        let accounts = self.accounts.iter();
        let unlike = accounts.filter(move |(account, here)| !other.accounts.get(*account).is_some_and(|there| same(there, here)));
        unlike.flat_map(|(_, sessions)| sessions.values())
    }
}

fn key(jid: &FullJid) -> Vec<u8> {
    [PREFIX, &Sha256::digest(jid.as_str().as_bytes())].concat()
}
