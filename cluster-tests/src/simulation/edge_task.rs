//! What the server's task of an edge does, without its queues and futures.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use conclave_cluster::answer::Verdict;
use conclave_cluster::delivery_codec::{Attend, ToEdge, ToHome};
use conclave_cluster::edge::{Bounce, Edge, Output};
use conclave_cluster::request::Request;
use conclave_cluster::{Incarnation, Sessions};
use conclave_muc::Session;
use conclave_xmpp::Encoded;

use super::net::{Event, Net};

/// Between two looks at the clock.
pub const TICK: u64 = 250;
const PAUSE: u64 = 25;
const PAUSE_MAX: u64 = 400;
const AWAY_AFTER: u64 = 1500;
const PULL_MAX: u64 = 300;
const AWAY_MAX: u64 = 1500;

/// The sessions of a node: what each was sent and has not read yet.
#[derive(Default)]
pub struct Table {
    pub bound: BTreeMap<u64, Bound>,
}

/// One session.
pub struct Bound {
    pub session: Session,
    pub inbox: Rc<RefCell<Vec<Vec<u8>>>>,
    /// Its full JID has a new holder.
    pub replaced: Rc<RefCell<bool>>,
}

/// How it is reached.
#[derive(Clone)]
pub struct Handle {
    to: String,
    inbox: Rc<RefCell<Vec<Vec<u8>>>>,
    replaced: Rc<RefCell<bool>>,
}

impl Sessions for Table {
    type Handle = Handle;

    fn find(&self, session: &Session) -> Option<Handle> {
        let bound = self.bound.get(&session.id).filter(|bound| bound.session == *session)?;
        let to = bound.session.jid.as_str().to_owned();
        Some(Handle { to, inbox: bound.inbox.clone(), replaced: bound.replaced.clone() })
    }

    fn send(&self, to: &Handle, stanza: &Encoded) {
        to.inbox.borrow_mut().push(stanza.for_receiver(&to.to));
    }

    fn send_whole(&self, to: &Handle, bytes: &[u8]) -> bool {
        to.inbox.borrow_mut().push(bytes.to_vec());
        true
    }

    fn replaced(&self, session: &Handle) {
        *session.replaced.borrow_mut() = true;
    }
}

/// The edge of a node.
pub struct EdgeTask {
    node: u32,
    pub me: Incarnation,
    pub lives: Vec<u32>,
    edge: Edge<Handle>,
    pub sessions: Table,
    home: Option<(u64, u32)>,
    away: Option<u64>,
    hint: Option<u32>,
    /// Who leads, if there is a replica here.
    leader: Option<u32>,
    replicas: Vec<u32>,
    failed: u32,
    without_home_since: u64,
    away_next: usize,
    asked_others: usize,
    away_since: u64,
    retry: u64,
    out: Vec<Output>,
    /// Requests that were answered: session, number, and what became of them, if that is known.
    pub answered: Vec<(u64, u64, Option<Verdict>)>,
    /// Stanzas for sessions that had ended.
    pub bounced: Vec<Bounce>,
    /// It has missed something for good, and nobody has asked since whether its sessions are bound still.
    pub missed: bool,
}

impl EdgeTask {
    pub fn start(node: u32, replicas: Vec<u32>) -> EdgeTask {
        EdgeTask {
            node,
            me: Incarnation { node, number: 0 },
            lives: Vec::new(),
            edge: Edge::new(node),
            sessions: Table::default(),
            home: None,
            away: None,
            hint: None,
            leader: None,
            replicas,
            failed: 0,
            without_home_since: 0,
            away_next: 0,
            asked_others: 0,
            away_since: 0,
            retry: 0,
            out: Vec::new(),
            answered: Vec::new(),
            bounced: Vec::new(),
            missed: false,
        }
    }

    /// How many requests nobody has answered.
    pub fn unanswered(&self) -> usize {
        self.edge.unanswered()
    }

    /// Whether the home is attended.
    pub fn attends(&self) -> bool {
        self.edge.attends()
    }

    /// A session asks something.
    pub fn ask(&mut self, request: Request, net: &mut Net) {
        self.edge.ask(request, net.now, &mut self.out);
        self.carry_out(net);
    }

    /// This node is another incarnation now. Whether that is news.
    pub fn note_me(&mut self, me: Incarnation, net: &mut Net) -> bool {
        let news = self.me != me;
        if news {
            self.me = me;
            self.lives.push(me.number);
            self.lose_home(None, net);
            self.carry_out(net);
        }
        news
    }

    /// Who leads, as the replica of this node knows.
    pub fn note_leader(&mut self, leader: Option<u32>, net: &mut Net) {
        let Some(leader) = leader else { return };
        self.leader = Some(leader);
        self.hint = Some(leader);
        if self.home.map(|(_, node)| node) != self.hint {
            self.lose_home(self.hint, net);
            self.retry_after(0, net);
        }
    }

    /// What a replica says; nothing is the end.
    pub fn hear(&mut self, link: u64, said: Option<ToEdge>, net: &mut Net) {
        if self.home.is_some_and(|(home, _)| home == link) {
            self.hear_home(said, net);
        } else if self.away == Some(link) {
            self.hear_away(said, net);
        } else {
            net.close_by_edge(link);
        }
        self.carry_out(net);
    }

    fn hear_home(&mut self, said: Option<ToEdge>, net: &mut Net) {
        match said {
            Some(ToEdge::Frame { previous, delivery }) => {
                if self.edge.deliver(previous, &delivery, &self.sessions, &mut self.out).is_err() {
                    self.lose_home(self.hint, net);
                }
            }
            Some(ToEdge::Joined { epoch, from, reset }) => {
                self.edge.joined(epoch, from, reset, self.me.number, &mut self.out);
                self.missed |= reset;
                (self.failed, self.asked_others) = (0, 0);
                if let Some(away) = self.away.take() {
                    net.close_by_edge(away);
                }
            }
            Some(ToEdge::NotHome { home }) => self.lose_home(home, net),
            Some(ToEdge::Position(index)) => self.edge.nothing_until(index, &mut self.out),
            Some(ToEdge::Missing) => self.ask_others(net),
            None => self.lose_home(None, net),
        }
    }

    fn ask_others(&mut self, net: &mut Net) {
        let home = self.home.map(|(_, node)| node);
        self.lose_home(home, net);
        if let Some(away) = self.away.take() {
            net.close_by_edge(away);
        }
        let others: Vec<u32> = self.replicas.iter().copied().filter(|node| Some(*node) != home).collect();
        self.away = others.get(self.asked_others).map(|node| self.attend(*node, true, net));
        self.asked_others += 1;
        self.retry_after(if self.away.is_some() { PULL_MAX } else { 0 }, net);
    }

    fn hear_away(&mut self, said: Option<ToEdge>, net: &mut Net) {
        let gone = match said {
            Some(ToEdge::Frame { previous, delivery }) => {
                self.edge.deliver(previous, &delivery, &self.sessions, &mut self.out).is_err()
            }
            Some(ToEdge::Joined { reset: true, .. } | ToEdge::NotHome { .. } | ToEdge::Missing) | None => true,
            Some(ToEdge::Joined { .. }) => false,
            Some(ToEdge::Position(index)) => {
                self.edge.nothing_until(index, &mut self.out);
                false
            }
        };
        if gone && let Some(away) = self.away.take() {
            net.close_by_edge(away);
        }
    }

    /// Nobody has answered the first word.
    pub fn no_answer(&mut self, link: u64, net: &mut Net) {
        if net.links.get(&link).is_some_and(|link| link.edge_open && !link.answered) {
            if self.home.is_some_and(|(home, _)| home == link) {
                self.lose_home(None, net);
            } else if self.away == Some(link) {
                self.away = None;
            }
            net.close_by_edge(link);
        }
    }

    fn lose_home(&mut self, hint: Option<u32>, net: &mut Net) {
        if self.edge.attends() {
            self.edge.left(&self.sessions, &mut self.out);
            self.without_home_since = net.now;
            self.failed = 0;
        }
        if let Some((link, _)) = self.home.take() {
            net.close_by_edge(link);
        }
        self.hint = hint;
        let pause = (PAUSE * 2_u64.saturating_pow(self.failed.min(8))).min(PAUSE_MAX);
        let pause = if self.failed == 0 { 0 } else { pause };
        self.failed = self.failed.saturating_add(1);
        self.retry_after(pause, net);
    }

    fn retry_after(&mut self, pause: u64, net: &mut Net) {
        self.retry += 1;
        net.after(pause, Event::Retry(self.node, self.retry));
    }

    /// It is time to look for the home, if this is still the newest plan.
    pub fn find_home(&mut self, retry: u64, net: &mut Net) {
        if retry != self.retry || self.home.is_some() {
            return;
        }
        let node = self.hint.take().or_else(|| self.leader_here()).or_else(|| self.any_replica());
        match node.filter(|_| self.me.number != 0) {
            Some(node) => self.home = Some((self.attend(node, false, net), node)),
            None => self.lose_home(None, net),
        }
    }

    fn attend(&self, node: u32, away_from_home: bool, net: &mut Net) -> u64 {
        let lives = self.lives.clone();
        let (after, asked_others) = (self.edge.have(), self.asked_others >= self.replicas.len());
        let astray = self.edge.is_astray();
        let attend = Attend { shard: 0, incarnation: self.me.number, lives, after, away_from_home, asked_others, astray };
        net.open(self.me, node, ToHome::Attend(attend))
    }

    fn leader_here(&self) -> Option<u32> {
        self.leader.filter(|leader| *leader == self.node || self.failed < 3)
    }

    fn any_replica(&self) -> Option<u32> {
        let at = (self.failed as usize).checked_rem(self.replicas.len())?;
        self.replicas.get(at).copied()
    }

    /// Time passes.
    pub fn tick(&mut self, net: &mut Net) {
        self.edge.tick(net.now, &self.sessions, &mut self.out);
        let alone = !self.edge.attends() && net.now - self.without_home_since > AWAY_AFTER;
        let is_over = self.away.is_none() || net.now - self.away_since > AWAY_MAX;
        if alone && is_over && self.edge.have().is_some() {
            if let Some(away) = self.away.take() {
                net.close_by_edge(away);
            }
            self.away_since = net.now;
            self.away_next += 1;
            let at = self.away_next % self.replicas.len();
            self.away = Some(self.attend(self.replicas[at], true, net));
        }
        self.carry_out(net);
    }

    fn carry_out(&mut self, net: &mut Net) {
        for output in std::mem::take(&mut self.out) {
            match (output, self.home) {
                (Output::Ask(request), Some((link, _))) => net.say_to_replica(link, ToHome::Request(Box::new(request))),
                (Output::Acknowledge(index), Some((link, _))) => net.say_to_replica(link, ToHome::Acknowledge(index)),
                (Output::Ask(_) | Output::Acknowledge(_), None) => {}
                (Output::Answered { session, number, verdict }, _) => self.answered.push((session, number, verdict)),
                (Output::Bounce(bounce), _) => self.bounced.push(bounce),
            }
        }
    }
}
