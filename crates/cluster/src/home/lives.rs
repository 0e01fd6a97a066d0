//! The lives of edges: who sits by way of one that has ended, that lives on as another, or that has missed something for good. What is in flight counts.

use std::collections::BTreeSet;

use conclave_muc::{Attachment, Room};

use super::{Home, Output};
use crate::entry::ShardChange;
use crate::incarnation::Incarnation;
use crate::lives::Lives;
use crate::planted::{self, Bug};
use crate::request::Request;
use crate::shard::Shard;

impl Home {
    /// Which incarnations live, by meta. Those that do not any more are detached.
    pub fn living(&mut self, shard: &Shard, living: Lives, out: &mut Vec<Output>) {
        self.living = living;
        self.end_the_dead(shard, out);
    }

    /// The same, when something may have come since: call it when the office begins to serve.
    pub fn end_the_dead(&mut self, shard: &Shard, out: &mut Vec<Output>) {
        if self.epoch.is_none() || planted::is(Bug::GhostSweepOff) {
            return;
        }
        for attachment in self.attachments(shard) {
            let incarnation = Incarnation::of(attachment);
            if self.living.has_ended(incarnation) && self.ending.insert(attachment) {
                self.absent.gone(incarnation.node);
                self.change_all(shard, ShardChange::Ended(attachment), attachment, out);
            }
        }
        let kept: BTreeSet<u32> = self.living.nodes().chain(self.absent.nodes()).collect();
        self.acknowledged.retain(|node, _| kept.contains(node));
    }

    /// An edge ends its streams on purpose. Who comes back by way of another before meta says that this one has ended would be seen to enter beside itself, so
    /// the seats are detached before its clients are told. What is asked by way of it from here on, if anything, is detached when meta says so.
    pub(super) fn edge_ends(&mut self, shard: &Shard, request: &Request, edge: Attachment, out: &mut Vec<Output>) {
        if self.attachments(shard).contains(&edge) {
            self.change_all(shard, ShardChange::Ended(edge), edge, out);
        }
        self.done(request, edge, out);
    }

    /// An edge that was taken for dead lives on: what sat by way of `from` does so by way of `to`.
    pub fn moved(&mut self, shard: &Shard, from: Incarnation, to: Incarnation, out: &mut Vec<Output>) {
        if self.epoch.is_some() && self.has_any_of(shard, from.attachment()) {
            self.ending.insert(from.attachment());
            let change = ShardChange::Moved { from: from.attachment(), to: to.attachment() };
            self.change_all(shard, change, from.attachment(), out);
        }
    }

    /// An edge has missed frames that nobody has any more; so have its former lives, as far as anybody sits by way of them. Once is enough, until that is
    /// committed.
    pub fn lost(&mut self, shard: &Shard, former: impl Iterator<Item = Incarnation>, edge: Incarnation, out: &mut Vec<Output>) {
        if self.epoch.is_none() || !self.losing.insert(edge) {
            return;
        }
        for life in former.map(Incarnation::attachment).filter(|life| self.sits_by(shard, *life)).collect::<Vec<_>>() {
            self.change_all(shard, ShardChange::Lost(life), life, out);
        }
        self.change_all(shard, ShardChange::Lost(edge.attachment()), edge.attachment(), out);
    }

    /// Attachments by which anybody sits or is bound, what is in flight included.
    fn attachments(&self, shard: &Shard) -> BTreeSet<Attachment> {
        let ahead = self.ahead.rooms().flat_map(Room::seats).filter(|(_, seat)| seat.detached.is_none());
        let seated = ahead.map(|(_, seat)| seat.attachment);
        shard.attachments().into_iter().chain(seated).chain(self.ahead.sessions(shard).attachments()).collect()
    }

    fn has_any_of(&self, shard: &Shard, attachment: Attachment) -> bool {
        self.sits_by(shard, attachment) || !self.ahead.sessions(shard).of_attachment(attachment).is_empty()
    }

    fn sits_by(&self, shard: &Shard, attachment: Attachment) -> bool {
        let ahead = || self.ahead.rooms().any(|room| sits_in(room, attachment));
        !shard.rooms_of(attachment).is_empty() || ahead()
    }

    /// What every node has that lives, or may. One that has not attended yet may lack anything.
    pub(super) fn acknowledged_by_all(&self) -> u64 {
        let of = |node: u32| self.acknowledged.get(&node).copied().unwrap_or(0);
        self.living.nodes().chain(self.absent.nodes()).map(of).min().unwrap_or(0)
    }
}

pub(super) fn sits_in(room: &Room, attachment: Attachment) -> bool {
    room.seats().any(|(_, seat)| seat.attachment == attachment)
}
