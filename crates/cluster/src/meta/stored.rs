//! The meta state in the state store: as records, whole or only what changed, and back.

use super::{Meta, codec};
use crate::accounts::AccountChange;
use crate::accounts_codec;
use crate::codec::Undecodable;
use crate::stored::{Record, RecordChange};

const HEAD: &[u8] = b"head";
const SECRET: &[u8] = b"secret";
const NODE: &[u8] = b"node/";
const PLACE: &[u8] = b"place/";
const ACCOUNT: &[u8] = b"account/";

impl Meta {
    /// All of it.
    pub fn records(&self) -> Vec<Record> {
        let mut records = vec![(HEAD.to_vec(), codec::encode_head(self))];
        records.extend(
            self.nodes.iter().map(|(node, entry)| (key(NODE, &node.to_be_bytes()), codec::encode_node_record(*node, entry))),
        );
        records.extend(
            self.placements
                .iter()
                .map(|(shard, placement)| (key(PLACE, &shard.to_be_bytes()), codec::encode_place_record(*shard, placement))),
        );
        records.extend(self.accounts.changes().map(|change| (account_key(&change), accounts_codec::encode_change(&change))));
        records
    }

    /// What is different in a later state.
    pub fn changes(before: &Meta, after: &Meta) -> Vec<RecordChange> {
        let before: std::collections::BTreeMap<_, _> = before.records().into_iter().collect();
        let after: std::collections::BTreeMap<_, _> = after.records().into_iter().collect();
        let gone = before.keys().filter(|key| !after.contains_key(*key)).map(|key| (key.clone(), None)).collect::<Vec<_>>();
        let new = after.into_iter().filter(|(key, value)| before.get(key) != Some(value));
        gone.into_iter().chain(new.map(|(key, value)| (key, Some(value)))).collect()
    }

    /// The state that was stored.
    pub fn read(records: &[(impl AsRef<[u8]>, impl AsRef<[u8]>)]) -> Result<Meta, Undecodable> {
        let mut meta = Meta::default();
        for (key, value) in records {
            let (key, value) = (key.as_ref(), value.as_ref());
            if key == HEAD {
                codec::decode_head(value, &mut meta)?;
            } else if key.starts_with(NODE) {
                let (node, entry) = codec::decode_node_record(value)?;
                meta.nodes.insert(node, entry);
            } else if key.starts_with(PLACE) {
                let (shard, placement) = codec::decode_place_record(value)?;
                meta.placements.insert(shard, placement);
            } else if key == SECRET || key.starts_with(ACCOUNT) {
                meta.accounts.apply(&accounts_codec::decode_change(value).map_err(Undecodable::garbled)?);
            } else {
                return Err(Undecodable::lacks("a kind of record that is known"));
            }
        }
        Ok(meta)
    }
}

fn account_key(change: &AccountChange) -> Vec<u8> {
    match change {
        AccountChange::Begin(_) => SECRET.to_vec(),
        AccountChange::Put(jid, _) | AccountChange::Delete(jid) => key(ACCOUNT, jid.as_str().as_bytes()),
    }
}

fn key(kind: &[u8], which: &[u8]) -> Vec<u8> {
    [kind, which].concat()
}
