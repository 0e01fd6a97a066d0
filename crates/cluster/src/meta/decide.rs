//! The rules of the meta group.

use super::{EndReason, Meta, MetaChange, MetaDone, MetaRefusal, MetaRequest, NodeEntry, NodeState, Placement};
use crate::accounts::AccountChange;
use crate::incarnation::Incarnation;

/// An invitation holds so long.
const INVITATION_MS: u64 = 60 * 60 * 1000;

type Decided = Result<(Vec<MetaChange>, MetaDone), MetaRefusal>;

impl Meta {
    /// Judges a request. All of the changes are one entry; none means that it is so already.
    pub fn decide(&self, request: &MetaRequest) -> Decided {
        if !self.has_begun() && !matches!(request, MetaRequest::Begin { .. }) {
            return Err(MetaRefusal::NotBegun);
        }
        let mut changes = match request {
            MetaRequest::Begin { .. } => self.begin(request)?,
            MetaRequest::Invite { peer, now_ms } => return Ok(self.invite(peer, *now_ms)),
            MetaRequest::Register { .. } => return self.register(request),
            MetaRequest::End { incarnation, why } => self.end(*incarnation, *why),
            MetaRequest::Drain { node } => self.drain(*node)?,
            MetaRequest::Remove { node } => self.remove(*node)?,
            MetaRequest::Made { shard, voters } => self.made(*shard, voters),
            MetaRequest::RaiseFeatureLevel { to } if *to < self.feature_level => {
                return Err(MetaRefusal::Level { is: self.feature_level });
            }
            MetaRequest::RaiseFeatureLevel { to } => vec![MetaChange::FeatureLevel(*to)],
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
        let MetaRequest::Begin { cluster, shards, wait_for, secret, authority, nodes } = request else { return Ok(Vec::new()) };
        if self.has_begun() {
            // Asked again by the node that has begun it.
            return if self.cluster == *cluster { Ok(Vec::new()) } else { Err(MetaRefusal::HasBegun) };
        }
        let (cluster, shards, wait_for) = (cluster.clone(), (*shards).max(1), (*wait_for).max(1));
        let mut changes = vec![
            MetaChange::Begin { cluster, shards, wait_for, authority: authority.clone() },
            MetaChange::secret(secret.clone()),
        ];
        changes.extend(nodes.iter().map(|new| MetaChange::Node(new.node, NodeEntry::invited(new.peer.clone(), 0))));
        Ok(changes)
    }

    fn invite(&self, peer: &str, now_ms: u64) -> (Vec<MetaChange>, MetaDone) {
        let late = |entry: &NodeEntry| {
            entry.state == NodeState::Invited && entry.invited_at_ms != 0 && entry.invited_at_ms + INVITATION_MS < now_ms
        };
        let withdrawn = self.nodes.iter().filter(|(_, entry)| late(entry)).map(|(node, _)| MetaChange::Forget(*node));
        let node = self.last_node + 1;
        let invited = MetaChange::Node(node, NodeEntry::invited(peer.to_owned(), now_ms.max(1)));
        (withdrawn.chain([invited]).collect(), MetaDone::Invited(node))
    }

    fn register(&self, request: &MetaRequest) -> Decided {
        let MetaRequest::Register { node, peer, version, clients, http } = request else {
            return Ok((Vec::new(), MetaDone::Done));
        };
        let former = self.nodes.get(node).ok_or(MetaRefusal::NoSuchNode(*node))?;
        let entry = NodeEntry {
            peer: peer.clone(),
            state: if former.state == NodeState::Leaving { NodeState::Leaving } else { NodeState::Member },
            incarnation: former.incarnation + 1,
            lives: true,
            draining: false,
            version: version.clone(),
            clients: clients.clone(),
            http: http.clone(),
            invited_at_ms: former.invited_at_ms,
        };
        let registered = MetaDone::Registered(Incarnation { node: *node, number: entry.incarnation });
        let mut changes = vec![MetaChange::Node(*node, entry)];
        self.follow_up(&mut changes);
        Ok((changes, registered))
    }

    fn end(&self, incarnation: Incarnation, _why: EndReason) -> Vec<MetaChange> {
        match self.nodes.get(&incarnation.node) {
            Some(entry) if self.is_current(incarnation) => {
                vec![MetaChange::Node(incarnation.node, NodeEntry { lives: false, ..entry.clone() })]
            }
            _ => Vec::new(),
        }
    }

    fn drain(&self, node: u32) -> Result<Vec<MetaChange>, MetaRefusal> {
        let entry = self.nodes.get(&node).ok_or(MetaRefusal::NoSuchNode(node))?;
        self.check_not_last(node)?;
        Ok(vec![MetaChange::Node(node, NodeEntry { draining: true, ..entry.clone() })])
    }

    fn remove(&self, node: u32) -> Result<Vec<MetaChange>, MetaRefusal> {
        let entry = self.nodes.get(&node).ok_or(MetaRefusal::NoSuchNode(node))?;
        if entry.incarnation == 0 {
            return Ok(vec![MetaChange::Forget(node)]);
        }
        self.check_not_last(node)?;
        Ok(vec![MetaChange::Node(node, NodeEntry { state: NodeState::Leaving, draining: true, ..entry.clone() })])
    }

    fn made(&self, shard: u16, voters: &[u32]) -> Vec<MetaChange> {
        let Some(placement) = self.placements.get(&shard).filter(|placement| placement.voters != voters) else {
            return Vec::new();
        };
        vec![MetaChange::Place(shard, Placement { voters: voters.to_vec(), maker: None, ..placement.clone() })]
    }

    fn check_not_last(&self, node: u32) -> Result<(), MetaRefusal> {
        let another = self.nodes.iter().any(|(other, entry)| *other != node && entry.may_lead());
        if another { Ok(()) } else { Err(MetaRefusal::LastNode(node)) }
    }

    /// What follows for the placement, and for nodes that are to leave.
    fn follow_up(&self, changes: &mut Vec<MetaChange>) {
        let mut after = self.clone();
        changes.iter().for_each(|change| after.apply(change));
        let placed = after.place_all();
        placed.iter().for_each(|change| after.apply(change));
        changes.extend(placed);
        let named = |node: &u32| {
            after.placements.values().any(|placement| placement.voters.contains(node) || placement.target.contains(node))
        };
        let gone = after.nodes.iter().filter(|(node, entry)| entry.state == NodeState::Leaving && !named(node));
        changes.extend(gone.map(|(node, _)| MetaChange::Forget(*node)));
    }
}
