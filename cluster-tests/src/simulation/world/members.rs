//! Nodes that come, die and come back, and what the register says of them.

use std::collections::BTreeSet;

use conclave_cluster::{Incarnation, Lives};

use super::super::edge_task::EdgeTask;
use super::super::net::Event;
use super::super::replica_task::ReplicaTask;
use super::super::store::Store;
use super::{Node, Register, World};

impl World {
    pub(super) fn start(&mut self, id: u32, store: Store) {
        let replicas = self.replica_nodes();
        let skew = self.net.up_to(5000);
        let replica = replicas
            .contains(&id)
            .then(|| ReplicaTask::start(id, self.home, self.service.clone(), store.clone(), skew, self.net.now));
        let edge = EdgeTask::start(id, replicas);
        let heard = 0;
        // No id is given twice, by whichever process of the node.
        let given = self.nodes.get(&id).map_or(0, |former| former.next_session);
        let next_session = ((self.net.now + skew) * 1000 + u64::from(id)).max(given);
        let node = Node { replica, edge, alive: true, store, heard, registered: BTreeSet::new(), next_session, lags: false };
        self.nodes.insert(id, node);
        self.enrol(id);
        for _ in 0..self.register.len() {
            self.net.after(0, Event::Register(id));
        }
        self.net.after(0, Event::Apply(id));
        let delay = self.net.up_to(300);
        self.net.after(delay, Event::Leader(id));
    }

    /// A node dies, with all that is not on its disk.
    pub fn kill(&mut self, id: u32) {
        let Some(node) = self.nodes.get_mut(&id).filter(|node| node.alive) else { return };
        node.alive = false;
        self.net.break_all_of(id);
        for at in 0..self.clients.len() {
            if self.clients[at].node == id && self.clients[at].connected {
                self.cut_off(at);
            }
        }
        if self.log.leader() == Some(id) {
            self.lead(None);
            self.spread();
        }
    }

    /// A node that died begins anew from its disk.
    pub fn restart(&mut self, id: u32) {
        if self.nodes[&id].alive {
            return;
        }
        let store = self.nodes[&id].store.clone();
        self.start(id, store);
    }

    /// A node is taken for dead, whether it is or not.
    pub fn declare_dead(&mut self, id: u32) {
        let mut living = self.register.last().cloned().unwrap_or_default();
        if let Some((_, lives)) = living.get_mut(&id) {
            *lives = false;
        }
        self.publish(living);
    }

    pub(super) fn enrol(&mut self, id: u32) {
        self.numbers += 1;
        let mut living = self.register.last().cloned().unwrap_or_default();
        living.insert(id, (self.numbers, true));
        if let Some(node) = self.nodes.get_mut(&id) {
            node.registered.insert(self.numbers);
        }
        self.publish(living);
    }

    pub(super) fn publish(&mut self, living: Register) {
        self.register.push(living);
        for id in self.living() {
            let longest = if self.net.once_in(4) { 1500 } else { 100 };
            let delay = self.net.up_to(longest);
            self.net.after(delay, Event::Register(id));
        }
    }

    pub(super) fn hear_register(&mut self, id: u32) {
        let World { net, log, nodes, register, .. } = self;
        let Some(node) = nodes.get_mut(&id).filter(|node| node.alive) else { return };
        let Some(living) = register.get(node.heard).cloned() else { return };
        node.heard += 1;
        let mine = living.get(&id).filter(|(number, _)| node.registered.contains(number)).copied();
        let me = mine.filter(|(_, lives)| *lives).map(|(number, _)| Incarnation { node: id, number });
        let former = node.edge.me;
        let nodes_ever = living.keys().next_back().copied().unwrap_or(0);
        if former.number != 0 && mine == Some((former.number, false)) {
            let delay = 20 + net.up_to(800);
            net.after(delay, Event::RegisterAnew(id, former));
        }
        let me = me.filter(|me| me.number > former.number);
        let me_first = net.once_in(2);
        if let Some(task) = node.replica.as_mut() {
            if let Some(me) = me.filter(|_| me_first) {
                task.note_me(me, net, log);
            }
            let newest = living.into_iter().map(|(node, (number, lives))| (Incarnation { node, number }, lives));
            task.note_living(Lives::new(newest, nodes_ever), net, log);
            if let Some(me) = me {
                task.note_me(me, net, log);
            }
        }
        if me.is_some_and(|me| node.edge.note_me(me, net)) {
            self.rebind_all(id);
        }
    }
}
