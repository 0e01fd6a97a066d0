//! Edges that attend this replica: let in, told, asked by, and sent away.

use conclave_cluster::delivery::Delivery;
use conclave_cluster::delivery_codec::Attend;
use conclave_cluster::frame::Frame;
use conclave_cluster::replica::Attendance;
use conclave_raft::Leader;

use super::{ShardTask, Subscriber, ToShard};
use crate::delivery::{Prepared, Said};

impl ShardTask {
    pub(super) fn hear(&mut self, word: ToShard) {
        match word {
            ToShard::Attend { attend, subscriber } if self.is_about_to_serve() && !attend.away_from_home => {
                self.early.push((attend, subscriber));
            }
            ToShard::Attend { attend, subscriber } => self.attend(&attend, subscriber),
            ToShard::Request { from, link, request } => {
                if self.subscribers.iter().any(|subscriber| subscriber.link == link && subscriber.at_home) {
                    self.requests.push_back((from, link, request));
                }
            }
            ToShard::Acknowledge { node, index } => self.replica.acknowledged(node, index),
            ToShard::Left { link } => {
                self.subscribers.retain(|subscriber| subscriber.link != link);
                self.early.retain(|(_, subscriber)| subscriber.link != link);
            }
        }
    }

    fn attend(&mut self, attend: &Attend, mut subscriber: Subscriber) {
        let at_home = !attend.away_from_home;
        match self.replica.attend(subscriber.edge, attend, &mut self.out) {
            Attendance::NotHome => {
                subscriber.say(Said::NotHome { home: self.known_home() });
            }
            // It will be known in a moment, and the edge asks again.
            Attendance::Unknown => {
                subscriber.say(Said::NotHome { home: Some(self.shared.me.borrow().node) });
            }
            Attendance::Missing => {
                subscriber.say(Said::Missing);
            }
            Attendance::Joined { epoch, from, reset, frames } => {
                subscriber.at_home = at_home;
                subscriber.last = from;
                let mut listens = subscriber.say(Said::Joined { epoch, from, reset });
                for frame in frames {
                    listens = listens && subscriber.send(frame.index, &Prepared::new(Delivery::of(&frame)));
                }
                self.subscribers.retain(|other| other.edge.node != subscriber.edge.node || other.at_home != at_home);
                // One that could not take all of it attends anew, behind what it took.
                if listens {
                    self.subscribers.push(subscriber);
                }
            }
        }
    }

    pub(super) fn let_in_the_early(&mut self) {
        if !self.is_about_to_serve() {
            for (attend, subscriber) in std::mem::take(&mut self.early) {
                self.attend(&attend, subscriber);
            }
        }
    }

    pub(super) fn say(&mut self, frame: &Frame) {
        let mut prepared = None;
        self.subscribers.retain_mut(|subscriber| {
            if !frame.concerns(subscriber.edge.node) {
                return true;
            }
            let prepared = prepared.get_or_insert_with(|| Prepared::new(Delivery::of(frame)));
            subscriber.send(frame.index, prepared)
        });
    }

    pub(super) fn send_away(&mut self) {
        let home = self.known_home();
        self.subscribers.retain(|subscriber| {
            if subscriber.at_home {
                subscriber.say(Said::NotHome { home });
            }
            !subscriber.at_home
        });
    }

    fn known_home(&self) -> Option<u32> {
        match self.leader {
            Leader::Other(node) => u32::try_from(node.0).ok(),
            Leader::Us(_) => Some(self.shared.me.borrow().node),
            Leader::Nobody => None,
        }
    }
}
