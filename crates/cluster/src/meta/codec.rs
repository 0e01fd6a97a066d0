//! Entries, requests and outcomes of the meta group as bytes (`proto/meta.proto`), both ways. The generated types never leave this file.

use conclave_xmpp::BareJid;
use prost::Message;

use super::{
    Authority, EndReason, FEATURE_LEVEL_FIRST, Meta, MetaChange, MetaDone, MetaRefusal, MetaRequest, NewNode, NodeEntry,
    NodeState, Placement, ServiceSettings,
};
use crate::accounts::{AccountChange, AccountRefusal, AccountRequest, Secret};
use crate::accounts_codec;
use crate::codec::Undecodable;
use crate::incarnation::Incarnation;

#[allow(missing_docs, clippy::all)]
mod wire {
    include!(concat!(env!("OUT_DIR"), "/conclave.meta.v1.rs"));
}

type Decoded<T> = Result<T, Undecodable>;

/// An entry as the log keeps it.
pub fn encode_entry(changes: &[MetaChange]) -> Vec<u8> {
    let changes = changes.iter().map(|change| wire::Change { change: Some(encode_change(change)) }).collect();
    wire::Entry { changes }.encode_to_vec()
}

/// The entry that the log kept.
pub fn decode_entry(bytes: &[u8]) -> Decoded<Vec<MetaChange>> {
    let entry = wire::Entry::decode(bytes).map_err(Undecodable::garbled)?;
    entry.changes.into_iter().map(|change| decode_change(change.change.ok_or_else(|| Undecodable::lacks("a change"))?)).collect()
}

fn encode_change(change: &MetaChange) -> wire::change::Change {
    use wire::change::Change as To;
    match change {
        MetaChange::Begin { cluster, shards, wait_for, authority } => {
            To::Begin(encode_begin(cluster, *shards, *wait_for, authority))
        }
        MetaChange::Node(node, entry) => To::Node(encode_node(*node, entry)),
        MetaChange::Forget(node) => To::Forget(*node),
        MetaChange::MetaVoters(voters) => To::MetaVoters(wire::MetaVoters { voters: voters.clone() }),
        MetaChange::Place(shard, placement) => To::Place(encode_place(*shard, placement)),
        MetaChange::FeatureLevel(level) => To::FeatureLevel(*level),
        MetaChange::Account(change) => To::Account(accounts_codec::encode_change(change)),
        MetaChange::Service(settings) => To::Service(wire::Service { settings: encode_service(settings) }),
    }
}

fn decode_change(change: wire::change::Change) -> Decoded<MetaChange> {
    use wire::change::Change as From;
    Ok(match change {
        From::Begin(begin) => {
            let (cluster, shards, wait_for, authority) = decode_begin(begin)?;
            MetaChange::Begin { cluster, shards, wait_for, authority }
        }
        From::Node(node) => MetaChange::Node(node.node, decode_node(node)?),
        From::Forget(node) => MetaChange::Forget(node),
        From::MetaVoters(meta) => MetaChange::MetaVoters(meta.voters),
        From::Place(place) => {
            let (shard, placement) = decode_place(place)?;
            MetaChange::Place(shard, placement)
        }
        From::FeatureLevel(level) => MetaChange::FeatureLevel(level),
        From::Account(change) => MetaChange::Account(accounts_codec::decode_change(&change).map_err(Undecodable::garbled)?),
        From::Service(service) => MetaChange::Service(decode_service(service.settings)),
    })
}

fn encode_begin(cluster: &str, shards: u16, wait_for: u32, authority: &Authority) -> wire::Begin {
    let Authority { certificate, key } = authority.clone();
    let authority = Some(wire::Authority { certificate, key });
    wire::Begin { cluster: cluster.to_owned(), shards: shards.into(), wait_for, authority }
}

fn decode_begin(begin: wire::Begin) -> Decoded<(String, u16, u32, Authority)> {
    let authority = begin.authority.ok_or_else(|| Undecodable::lacks("who signs"))?;
    let authority = Authority { certificate: authority.certificate, key: authority.key };
    Ok((begin.cluster, shard(begin.shards)?, begin.wait_for, authority))
}

fn shard(number: u32) -> Decoded<u16> {
    u16::try_from(number).map_err(|_| Undecodable::lacks("a number of shards that there can be"))
}

fn encode_node(node: u32, entry: &NodeEntry) -> wire::Node {
    let state = match entry.state {
        NodeState::Invited => wire::NodeState::Invited,
        NodeState::Member => wire::NodeState::Member,
        NodeState::Leaving => wire::NodeState::Leaving,
    };
    wire::Node {
        node,
        peer: entry.peer.clone(),
        state: state.into(),
        incarnation: entry.incarnation,
        lives: entry.lives,
        drained: entry.drained,
        draining: entry.draining,
        version: entry.version.clone(),
        clients: entry.clients.clone(),
        http: entry.http.clone(),
        runs_out: entry.runs_out,
        feature_level: entry.feature_level,
    }
}

fn encode_service(service: &ServiceSettings) -> Vec<wire::ServiceSetting> {
    service.iter().map(|(key, value)| wire::ServiceSetting { key: key.clone(), value: value.clone() }).collect()
}

fn decode_service(service: Vec<wire::ServiceSetting>) -> ServiceSettings {
    service.into_iter().map(|setting| (setting.key, setting.value)).collect()
}

fn decode_node(node: wire::Node) -> Decoded<NodeEntry> {
    let state = match wire::NodeState::try_from(node.state) {
        Ok(wire::NodeState::Invited) => NodeState::Invited,
        Ok(wire::NodeState::Member) => NodeState::Member,
        Ok(wire::NodeState::Leaving) => NodeState::Leaving,
        Ok(wire::NodeState::Unspecified) | Err(_) => return Err(Undecodable::lacks("a state of a node that is known")),
    };
    Ok(NodeEntry {
        peer: node.peer,
        state,
        incarnation: node.incarnation,
        lives: node.lives,
        drained: node.drained,
        draining: node.draining,
        version: node.version,
        clients: node.clients,
        http: node.http,
        runs_out: node.runs_out,
        feature_level: node.feature_level,
    })
}

fn encode_place(shard: u16, placement: &Placement) -> wire::Place {
    let Placement { target, voters, maker } = placement.clone();
    wire::Place { shard: shard.into(), target, voters, maker }
}

fn decode_place(place: wire::Place) -> Decoded<(u16, Placement)> {
    Ok((shard(place.shard)?, Placement { target: place.target, voters: place.voters, maker: place.maker }))
}

/// A record of a node.
pub(super) fn encode_node_record(node: u32, entry: &NodeEntry) -> Vec<u8> {
    encode_node(node, entry).encode_to_vec()
}

pub(super) fn decode_node_record(bytes: &[u8]) -> Decoded<(u32, NodeEntry)> {
    let node = wire::Node::decode(bytes).map_err(Undecodable::garbled)?;
    Ok((node.node, decode_node(node)?))
}

/// A record of a placement.
pub(super) fn encode_place_record(shard: u16, placement: &Placement) -> Vec<u8> {
    encode_place(shard, placement).encode_to_vec()
}

pub(super) fn decode_place_record(bytes: &[u8]) -> Decoded<(u16, Placement)> {
    decode_place(wire::Place::decode(bytes).map_err(Undecodable::garbled)?)
}

/// The record of everything that is there once.
pub(super) fn encode_head(meta: &Meta) -> Vec<u8> {
    let begin = meta.authority().map(|authority| encode_begin(meta.cluster(), meta.shards(), meta.wait_for, authority));
    let meta_voters = meta.meta_voters.clone();
    let service = encode_service(&meta.service);
    wire::Head { begin, feature_level: meta.feature_level, last_node: meta.last_node, meta_voters, service }.encode_to_vec()
}

pub(super) fn decode_head(bytes: &[u8], meta: &mut Meta) -> Decoded<()> {
    let head = wire::Head::decode(bytes).map_err(Undecodable::garbled)?;
    if let Some(begin) = head.begin {
        let (cluster, shards, wait_for, authority) = decode_begin(begin)?;
        (meta.cluster, meta.shards, meta.wait_for, meta.authority) = (cluster, shards, wait_for, Some(authority));
    }
    (meta.feature_level, meta.last_node, meta.meta_voters) = (head.feature_level, head.last_node, head.meta_voters);
    meta.service = decode_service(head.service);
    Ok(())
}

/// A request as nodes pass it on.
pub fn encode_request(request: &MetaRequest) -> Vec<u8> {
    use wire::request::Request as To;
    let request = match request {
        MetaRequest::Begin { cluster, shards, wait_for, secret, authority, nodes, service } => To::Begin(wire::BeginRequest {
            begin: Some(encode_begin(cluster, *shards, *wait_for, authority)),
            secret: secret.0.to_vec(),
            nodes: nodes.iter().map(|new| encode_node(new.node, &NodeEntry::invited(new.peer.clone()))).collect(),
            service: encode_service(service),
        }),
        MetaRequest::Invite { peer } => To::Invite(wire::Invite { peer: peer.clone() }),
        MetaRequest::Withdraw { node } => To::Withdraw(*node),
        MetaRequest::Register { node, peer, version, clients, http, feature_level, service } => To::Register(wire::Register {
            node: *node,
            peer: peer.clone(),
            version: version.clone(),
            clients: clients.clone(),
            http: http.clone(),
            feature_level: *feature_level,
            service: encode_service(service),
        }),
        MetaRequest::End { incarnation, why } => {
            let (silent, drained) = (*why == EndReason::Silent, *why == EndReason::Drained);
            To::End(wire::End { node: incarnation.node, incarnation: incarnation.number, silent, drained })
        }
        MetaRequest::Drain { node } => To::Drain(*node),
        MetaRequest::Remove { node } => To::Remove(*node),
        MetaRequest::Made { shard, voters } => To::Made(wire::Made { shard: (*shard).into(), voters: voters.clone() }),
        MetaRequest::Account(request) => To::Account(encode_account(request)),
        MetaRequest::RaiseFeatureLevel { to } => To::RaiseFeatureLevel(*to),
        MetaRequest::Set { key, value } => To::Set(wire::ServiceSetting { key: key.clone(), value: value.clone() }),
    };
    wire::Request { request: Some(request) }.encode_to_vec()
}

/// The request that a node passed on.
pub fn decode_request(bytes: &[u8]) -> Decoded<MetaRequest> {
    use wire::request::Request as From;
    let request = wire::Request::decode(bytes).map_err(Undecodable::garbled)?;
    Ok(match request.request.ok_or_else(|| Undecodable::lacks("what is asked"))? {
        From::Begin(begin) => {
            let (cluster, shards, wait_for, authority) =
                decode_begin(begin.begin.ok_or_else(|| Undecodable::lacks("how it begins"))?)?;
            let secret = begin.secret.try_into().map_err(|_| Undecodable::lacks("the 32 bytes of a secret"))?;
            let nodes = begin.nodes.into_iter().map(|node| NewNode { node: node.node, peer: node.peer }).collect();
            let service = decode_service(begin.service);
            MetaRequest::Begin { cluster, shards, wait_for, secret: Secret(secret), authority, nodes, service }
        }
        From::Invite(invite) => MetaRequest::Invite { peer: invite.peer },
        From::Withdraw(node) => MetaRequest::Withdraw { node },
        From::Register(register) => MetaRequest::Register {
            node: register.node,
            peer: register.peer,
            version: register.version,
            clients: register.clients,
            http: register.http,
            // Who says none speaks the first.
            feature_level: register.feature_level.max(FEATURE_LEVEL_FIRST),
            service: decode_service(register.service),
        },
        From::End(end) => MetaRequest::End {
            incarnation: Incarnation { node: end.node, number: end.incarnation },
            why: match (end.silent, end.drained) {
                (true, _) => EndReason::Silent,
                (false, true) => EndReason::Drained,
                (false, false) => EndReason::Stopped,
            },
        },
        From::Drain(node) => MetaRequest::Drain { node },
        From::Remove(node) => MetaRequest::Remove { node },
        From::Made(made) => MetaRequest::Made { shard: shard(made.shard)?, voters: made.voters },
        From::Account(account) => MetaRequest::Account(decode_account(&account)?),
        From::RaiseFeatureLevel(to) => MetaRequest::RaiseFeatureLevel { to },
        From::Set(setting) => MetaRequest::Set { key: setting.key, value: setting.value },
    })
}

fn encode_account(request: &AccountRequest) -> wire::AccountRequest {
    let change = match request {
        AccountRequest::Add(jid, credentials) | AccountRequest::SetPassword(jid, credentials) => {
            AccountChange::Put(jid.clone(), credentials.clone())
        }
        AccountRequest::Delete(jid) => AccountChange::Delete(jid.clone()),
    };
    let add = matches!(request, AccountRequest::Add(..));
    wire::AccountRequest { add, change: accounts_codec::encode_change(&change) }
}

fn decode_account(request: &wire::AccountRequest) -> Decoded<AccountRequest> {
    Ok(match (accounts_codec::decode_change(&request.change).map_err(Undecodable::garbled)?, request.add) {
        (AccountChange::Put(jid, credentials), true) => AccountRequest::Add(jid, credentials),
        (AccountChange::Put(jid, credentials), false) => AccountRequest::SetPassword(jid, credentials),
        (AccountChange::Delete(jid), _) => AccountRequest::Delete(jid),
        (AccountChange::Begin(_), _) => return Err(Undecodable::lacks("a request of accounts")),
    })
}

/// What came of a request, as nodes pass it on.
pub fn encode_outcome(outcome: &Result<MetaDone, MetaRefusal>) -> Vec<u8> {
    use wire::outcome::Outcome as To;
    let outcome = match outcome {
        Ok(MetaDone::Done) => To::Done(wire::Nothing {}),
        Ok(MetaDone::Registered(incarnation)) => {
            To::Registered(wire::Registered { node: incarnation.node, incarnation: incarnation.number })
        }
        Ok(MetaDone::Invited(node)) => To::Invited(*node),
        Ok(MetaDone::Account(jid)) => To::Account(jid.to_string()),
        Ok(MetaDone::Set(was)) => To::Set(was.clone()),
        Err(refusal) => To::Refused(wire::Refusal { refusal: Some(encode_refusal(refusal)) }),
    };
    wire::Outcome { outcome: Some(outcome) }.encode_to_vec()
}

fn encode_refusal(refusal: &MetaRefusal) -> wire::refusal::Refusal {
    use wire::refusal::Refusal as To;
    match refusal {
        MetaRefusal::HasBegun => To::HasBegun(wire::Nothing {}),
        MetaRefusal::NotBegun => To::NotBegun(wire::Nothing {}),
        MetaRefusal::NoSuchNode(node) => To::NoSuchNode(*node),
        MetaRefusal::LastNode(node) => To::LastNode(*node),
        MetaRefusal::Making(node) => To::Making(*node),
        MetaRefusal::TooFewRun { node, silent } => To::TooFewRun(wire::TooFewRun { node: *node, silent: silent.clone() }),
        MetaRefusal::TooManyInvited { max } => To::TooManyInvited(*max),
        MetaRefusal::NoNumberLeft => To::NoNumberLeft(wire::Nothing {}),
        MetaRefusal::BadBeginning(what) => To::BadBeginning(what.clone()),
        MetaRefusal::Level { is } => To::Level(*is),
        MetaRefusal::Behind { nodes, level } => To::Behind(wire::Behind { nodes: nodes.clone(), level: *level }),
        MetaRefusal::Differs { node, key, theirs, ours } => {
            To::Differs(wire::Differs { node: *node, key: key.clone(), theirs: theirs.clone(), ours: ours.clone() })
        }
        MetaRefusal::NoSuchSetting(key) => To::NoSuchSetting(key.clone()),
        MetaRefusal::Lasting(key) => To::Lasting(key.clone()),
        MetaRefusal::Account(AccountRefusal::Exists(jid)) => To::AccountExists(jid.to_string()),
        MetaRefusal::Account(AccountRefusal::Absent(jid)) => To::AccountAbsent(jid.to_string()),
    }
}

/// What came of a request that was passed on.
pub fn decode_outcome(bytes: &[u8]) -> Decoded<Result<MetaDone, MetaRefusal>> {
    use wire::outcome::Outcome as From;
    let outcome = wire::Outcome::decode(bytes).map_err(Undecodable::garbled)?;
    Ok(match outcome.outcome.ok_or_else(|| Undecodable::lacks("what came of it"))? {
        From::Done(_) => Ok(MetaDone::Done),
        From::Registered(new) => Ok(MetaDone::Registered(Incarnation { node: new.node, number: new.incarnation })),
        From::Invited(node) => Ok(MetaDone::Invited(node)),
        From::Account(jid) => Ok(MetaDone::Account(BareJid::from_stored(&jid))),
        From::Set(was) => Ok(MetaDone::Set(was)),
        From::Refused(refused) => Err(decode_refusal(refused.refusal.ok_or_else(|| Undecodable::lacks("a refusal"))?)),
    })
}

fn decode_refusal(refusal: wire::refusal::Refusal) -> MetaRefusal {
    use wire::refusal::Refusal as From;
    match refusal {
        From::HasBegun(_) => MetaRefusal::HasBegun,
        From::NotBegun(_) => MetaRefusal::NotBegun,
        From::NoSuchNode(node) => MetaRefusal::NoSuchNode(node),
        From::LastNode(node) => MetaRefusal::LastNode(node),
        From::Making(node) => MetaRefusal::Making(node),
        From::TooFewRun(few) => MetaRefusal::TooFewRun { node: few.node, silent: few.silent },
        From::TooManyInvited(max) => MetaRefusal::TooManyInvited { max },
        From::NoNumberLeft(_) => MetaRefusal::NoNumberLeft,
        From::BadBeginning(what) => MetaRefusal::BadBeginning(what),
        From::Level(is) => MetaRefusal::Level { is },
        From::Behind(behind) => MetaRefusal::Behind { nodes: behind.nodes, level: behind.level },
        From::Differs(differs) => {
            MetaRefusal::Differs { node: differs.node, key: differs.key, theirs: differs.theirs, ours: differs.ours }
        }
        From::NoSuchSetting(key) => MetaRefusal::NoSuchSetting(key),
        From::Lasting(key) => MetaRefusal::Lasting(key),
        From::AccountExists(jid) => MetaRefusal::Account(AccountRefusal::Exists(BareJid::from_stored(&jid))),
        From::AccountAbsent(jid) => MetaRefusal::Account(AccountRefusal::Absent(BareJid::from_stored(&jid))),
    }
}
