//! The rules of the meta group.

use std::collections::BTreeSet;

use super::{EndReason, Meta, MetaChange, MetaDone, MetaRefusal, MetaRequest, NewNode, NodeEntry, NodeState, Placement};
use crate::accounts::{AccountChange, Accounts};
use crate::incarnation::Incarnation;

pub(super) type Decided = Result<(Vec<MetaChange>, MetaDone), MetaRefusal>;

impl Meta {
    /// Judges a request. All of the changes are one entry; none means that it is so already.
    pub fn decide(&self, request: &MetaRequest) -> Decided {
        if !self.has_begun() && !matches!(request, MetaRequest::Begin { .. }) {
            return Err(MetaRefusal::NotBegun);
        }
        let mut changes = match request {
            MetaRequest::Begin { .. } => self.begin(request)?,
            MetaRequest::Invite { peer } => return self.invite(peer),
            MetaRequest::Withdraw { node } => self.withdraw(*node),
            MetaRequest::Register { .. } => return self.register(request),
            MetaRequest::End { incarnation, why } => self.end(*incarnation, *why),
            MetaRequest::Drain { node } => self.drain(*node)?,
            MetaRequest::Remove { node } => self.remove(*node)?,
            MetaRequest::Made { shard, voters } => self.made(*shard, voters),
            MetaRequest::RaiseFeatureLevel { to } => self.raise_feature_level(*to)?,
            MetaRequest::Set { key, value } => return self.set(key, value),
            MetaRequest::Account(request) => {
                let change = self.accounts.decide(request).map_err(MetaRefusal::Account)?;
                let (AccountChange::Put(jid, _) | AccountChange::Delete(jid)) = &change else {
                    return Ok((vec![MetaChange::Account(change)], MetaDone::Done));
                };
                let jid = jid.clone();
                return Ok((vec![MetaChange::Account(change)], MetaDone::Account(jid)));
            }
        };
        self.follow_up(&mut changes);
        Ok((changes, MetaDone::Done))
    }

    fn begin(&self, request: &MetaRequest) -> Result<Vec<MetaChange>, MetaRefusal> {
        let MetaRequest::Begin { cluster, shards, wait_for, secret, authority, nodes, service } = request else {
            return Ok(Vec::new());
        };
        if self.has_begun() {
            // Asked again by the node that has begun it.
            return if self.cluster == *cluster { Ok(Vec::new()) } else { Err(MetaRefusal::HasBegun) };
        }
        check_beginning(cluster, nodes)?;
        let (cluster, shards, wait_for) = (cluster.clone(), (*shards).max(1), (*wait_for).max(1));
        let mut changes = vec![
            MetaChange::Begin { cluster, shards, wait_for, authority: authority.clone() },
            MetaChange::secret(secret.clone()),
        ];
        changes.extend(self.learn_service(service));
        changes.extend(nodes.iter().map(|new| MetaChange::Node(new.node, NodeEntry::invited(new.peer.clone()))));
        Ok(changes)
    }

    fn register(&self, request: &MetaRequest) -> Decided {
        let MetaRequest::Register { node, peer, version, clients, http, feature_level, service } = request else {
            return Ok((Vec::new(), MetaDone::Done));
        };
        let former = self.nodes.get(node).ok_or(MetaRefusal::NoSuchNode(*node))?;
        self.check_feature_level(*node, *feature_level)?;
        self.check_service(*node, service)?;
        let entry = NodeEntry {
            peer: peer.clone(),
            state: if former.state == NodeState::Leaving { NodeState::Leaving } else { NodeState::Member },
            incarnation: former.incarnation.checked_add(1).ok_or(MetaRefusal::NoNumberLeft)?,
            lives: true,
            drained: false,
            draining: false,
            version: version.clone(),
            clients: clients.clone(),
            http: http.clone(),
            runs_out: former.runs_out,
            feature_level: *feature_level,
        };
        let registered = MetaDone::Registered(Incarnation { node: *node, number: entry.incarnation });
        let mut changes = vec![MetaChange::Node(*node, entry)];
        changes.extend(self.learn_service(service));
        self.follow_up(&mut changes);
        Ok((changes, registered))
    }

    fn end(&self, incarnation: Incarnation, why: EndReason) -> Vec<MetaChange> {
        let drained = why == EndReason::Drained;
        match self.nodes.get(&incarnation.node) {
            // Who says that it is drained runs, also if it was taken for dead before.
            Some(entry) if entry.incarnation == incarnation.number && (entry.lives || entry.drained != drained) => {
                vec![MetaChange::Node(incarnation.node, NodeEntry { lives: false, drained, ..entry.clone() })]
            }
            _ => Vec::new(),
        }
    }

    fn drain(&self, node: u32) -> Result<Vec<MetaChange>, MetaRefusal> {
        let entry = self.nodes.get(&node).ok_or(MetaRefusal::NoSuchNode(node))?;
        if entry.draining {
            return Ok(Vec::new());
        }
        self.check_not_last(node)?;
        Ok(vec![MetaChange::Node(node, NodeEntry { draining: true, ..entry.clone() })])
    }

    fn remove(&self, node: u32) -> Result<Vec<MetaChange>, MetaRefusal> {
        let entry = self.nodes.get(&node).ok_or(MetaRefusal::NoSuchNode(node))?;
        if entry.incarnation == 0 {
            return Ok(vec![MetaChange::Forget(node)]);
        }
        if entry.state == NodeState::Leaving {
            return Ok(Vec::new());
        }
        self.check_not_last(node)?;
        // Nobody else may be told to make the group: it could be there already.
        if self.placements.values().any(|placement| placement.maker == Some(node)) {
            return Err(MetaRefusal::Making(node));
        }
        let leaving = vec![MetaChange::Node(node, NodeEntry { state: NodeState::Leaving, draining: true, ..entry.clone() })];
        self.check_majorities(node, &leaving)?;
        Ok(leaving)
    }

    /// A group whose leader told nothing of its voters has none that it could lose.
    fn made(&self, shard: u16, voters: &[u32]) -> Vec<MetaChange> {
        let voters: Vec<u32> = voters.iter().copied().collect::<BTreeSet<u32>>().into_iter().collect();
        let Some(placement) = self.placements.get(&shard).filter(|placement| !voters.is_empty() && placement.voters != voters)
        else {
            return Vec::new();
        };
        vec![MetaChange::Place(shard, Placement { voters, maker: None, ..placement.clone() })]
    }

    fn check_not_last(&self, node: u32) -> Result<(), MetaRefusal> {
        let another = self.nodes.iter().any(|(other, entry)| *other != node && entry.may_lead());
        if another { Ok(()) } else { Err(MetaRefusal::LastNode(node)) }
    }

    /// A group moves only by a majority of those who vote now, and goes on only by a majority of those who vote then.
    fn check_majorities(&self, node: u32, leaving: &[MetaChange]) -> Result<(), MetaRefusal> {
        let mut after = self.without_accounts();
        leaving.iter().for_each(|change| after.apply(change));
        let placed = after.place_all();
        let moved = placed.iter().filter_map(|change| match change {
            MetaChange::Place(_, placement) => Some([&placement.voters, &placement.target]),
            _ => None,
        });
        let silent = |nodes: &[u32]| -> Vec<u32> { nodes.iter().copied().filter(|node| !self.runs(*node)).collect() };
        let lost = moved.flatten().filter(|nodes| silent(nodes).len() * 2 >= nodes.len().max(1));
        let silent: BTreeSet<u32> = lost.flat_map(|nodes| silent(nodes)).collect();
        if silent.is_empty() { Ok(()) } else { Err(MetaRefusal::TooFewRun { node, silent: silent.into_iter().collect() }) }
    }

    fn runs(&self, node: u32) -> bool {
        self.nodes.get(&node).is_some_and(NodeEntry::runs)
    }

    /// What follows for the placement, for the meta group, and for nodes that are to leave.
    fn follow_up(&self, changes: &mut Vec<MetaChange>) {
        let mut after = self.without_accounts();
        changes.iter().for_each(|change| after.apply(change));
        let follows = after.place_all().into_iter().chain(after.choose_meta_voters());
        let follows: Vec<MetaChange> = follows.collect();
        follows.iter().for_each(|change| after.apply(change));
        changes.extend(follows);
        let named = |node: &u32| {
            after.placements.values().any(|placement| placement.voters.contains(node) || placement.target.contains(node))
        };
        let gone = after.nodes.iter().filter(|(node, entry)| entry.state == NodeState::Leaving && !named(node));
        changes.extend(gone.map(|(node, _)| MetaChange::Forget(*node)));
    }

    /// Accounts may be many, and no rule about nodes looks at them.
    fn without_accounts(&self) -> Meta {
        Meta {
            cluster: self.cluster.clone(),
            shards: self.shards,
            wait_for: self.wait_for,
            feature_level: self.feature_level,
            authority: self.authority.clone(),
            last_node: self.last_node,
            nodes: self.nodes.clone(),
            meta_voters: self.meta_voters.clone(),
            placements: self.placements.clone(),
            accounts: Accounts::default(),
            service: self.service.clone(),
        }
    }
}

fn check_beginning(cluster: &str, nodes: &[NewNode]) -> Result<(), MetaRefusal> {
    let numbers: BTreeSet<u32> = nodes.iter().map(|new| new.node).collect();
    let what = if !is_label(cluster) {
        format!("its name {cluster:?} is no DNS label")
    } else if numbers.is_empty() {
        "it has no node".to_owned()
    } else if numbers.contains(&0) || numbers.len() != nodes.len() {
        "its nodes are not numbered from 1, each by a number of its own".to_owned()
    } else {
        return Ok(());
    };
    Err(MetaRefusal::BadBeginning(what))
}

/// RFC 1123 section 2.1: the names of nodes in certificates end with it.
fn is_label(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=63).contains(&text.len()) && text.bytes().all(fits) && !text.starts_with('-') && !text.ends_with('-')
}
