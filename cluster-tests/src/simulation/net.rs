//! Streams between edges and replicas, and everything else that takes its time.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use conclave_cluster::Incarnation;
use conclave_cluster::delivery_codec::{ToEdge, ToHome, encode_delivery, encode_frame};

use crate::dice::Dice;

/// Something that happens at its time.
#[derive(Debug)]
pub enum Event {
    /// A word of an edge arrives.
    ToReplica(u64),
    /// A word of a replica arrives.
    ToEdge(u64),
    /// An edge learns that a stream has ended.
    EndAtEdge(u64),
    /// A replica learns that a stream has ended.
    EndAtReplica(u64),
    /// A stream whose words do not get through is given up.
    GiveUp(u64),
    /// Nothing was said on a stream since it was begun.
    NoAnswer(u64),
    /// The log takes the next proposal.
    Commit,
    /// A replica has the next entries.
    Apply(u32),
    /// A node learns who leads.
    Leader(u32),
    /// A proposal of an office was refused.
    Refused(u32, u64),
    /// A barrier is put to the test: node, round, term.
    BarrierTest(u32, u64, u64),
    /// A barrier's outcome is known.
    BarrierEnd(u32, u64, bool),
    /// A node learns the next of what the register says.
    Register(u32),
    /// A replica looks at its clock.
    TickReplica(u32),
    /// An edge looks at its clock.
    TickEdge(u32),
    /// An edge looks for the home.
    Retry(u32, u64),
    /// A node that was taken for dead registers anew.
    RegisterAnew(u32, Incarnation),
    /// The next fault, or its end.
    Fault(usize),
}

/// A stream.
#[derive(Debug)]
pub struct Link {
    /// Who attends.
    pub edge: Incarnation,
    /// At whom.
    pub replica: u32,
    words: VecDeque<Word>,
    said: VecDeque<Said>,
    words_at: u64,
    said_at: u64,
    /// The edge still listens.
    pub edge_open: bool,
    /// The replica still listens.
    pub replica_open: bool,
    /// Whether anything was said.
    pub answered: bool,
    giving_up: bool,
    /// Nothing passes any more, whether its ends know that or not.
    broken: bool,
}

#[derive(Debug)]
enum Word {
    Here(Box<ToHome>),
    There(Vec<u8>),
    End,
}

#[derive(Debug)]
enum Said {
    Here(Box<ToEdge>),
    There(Vec<u8>),
    End,
}

/// How a network is.
#[derive(Clone, Copy, Debug)]
pub struct NetSettings {
    /// Milliseconds that a word takes, at most.
    pub latency_max: u64,
    /// Words of a replica that may be on their way.
    pub said_max: usize,
}

/// The network and the agenda.
pub struct Net {
    /// Milliseconds since the beginning.
    pub now: u64,
    /// All chance there is.
    pub dice: Dice,
    settings: NetSettings,
    agenda: BTreeMap<(u64, u64), Event>,
    sequence: u64,
    /// Streams.
    pub links: BTreeMap<u64, Link>,
    next_link: u64,
    /// From whom to whom nothing passes.
    cuts: BTreeSet<(u32, u32)>,
}

/// Until a stream is given up that nothing passes.
const PING_MAX: u64 = 2000;

/// Until a replica must have answered the first word.
const ANSWER_MAX: u64 = 1000;

impl Net {
    pub fn new(seed: u64, settings: NetSettings) -> Net {
        Net {
            now: 0,
            dice: Dice::new(seed),
            settings,
            agenda: BTreeMap::new(),
            sequence: 0,
            links: BTreeMap::new(),
            next_link: 1,
            cuts: BTreeSet::new(),
        }
    }

    /// A number up to and including `max`.
    pub fn up_to(&mut self, max: u64) -> u64 {
        self.dice.below(max as usize + 1) as u64
    }

    /// Once in so many throws.
    pub fn once_in(&mut self, many: usize) -> bool {
        self.dice.below(many) == 0
    }

    /// Puts something on the agenda.
    pub fn after(&mut self, delay: u64, event: Event) {
        self.sequence += 1;
        self.agenda.insert((self.now + delay, self.sequence), event);
    }

    /// The next thing that happens up to a time; time goes on to it.
    pub fn next_before(&mut self, until: u64) -> Option<Event> {
        let next = self.agenda.first_entry().filter(|next| next.key().0 <= until)?;
        self.now = self.now.max(next.key().0);
        Some(next.remove())
    }

    /// An edge attends somewhere.
    pub fn open(&mut self, edge: Incarnation, replica: u32, attend: ToHome) -> u64 {
        let id = self.next_link;
        self.next_link += 1;
        let link = Link {
            edge,
            replica,
            words: VecDeque::new(),
            said: VecDeque::new(),
            words_at: 0,
            said_at: 0,
            edge_open: true,
            replica_open: true,
            answered: false,
            giving_up: false,
            broken: false,
        };
        self.links.insert(id, link);
        self.after(ANSWER_MAX, Event::NoAnswer(id));
        self.say_to_replica(id, attend);
        id
    }

    pub fn say_to_replica(&mut self, id: u64, word: ToHome) {
        let Some(link) = self.links.get(&id) else { return };
        let word = if link.edge.node == link.replica { Word::Here(Box::new(word)) } else { Word::There(word.encode()) };
        self.push_word(id, word);
    }

    /// Whether there was room.
    pub fn say_to_edge(&mut self, id: u64, said: &ToEdge) -> bool {
        let Some(link) = self.links.get(&id) else { return false };
        if !link.edge_open || link.said.len() >= self.settings.said_max {
            return false;
        }
        let node = link.edge.node;
        let said = if node == link.replica { Said::Here(Box::new(said.clone())) } else { Said::There(encoded(said, node)) };
        self.push_said(id, said);
        true
    }

    /// The edge does not listen any more. What it said may arrive, or not.
    pub fn close_by_edge(&mut self, id: u64) {
        let flush = !self.once_in(2);
        let Some(link) = self.links.get_mut(&id).filter(|link| link.edge_open) else { return };
        link.edge_open = false;
        link.said.clear();
        if !flush && link.edge.node != link.replica {
            link.words.clear();
        }
        self.push_word(id, Word::End);
    }

    /// The replica does not speak any more. What it said arrives.
    pub fn close_by_replica(&mut self, id: u64) {
        let Some(link) = self.links.get_mut(&id).filter(|link| link.replica_open) else { return };
        link.replica_open = false;
        link.words.clear();
        self.push_said(id, Said::End);
    }

    /// It breaks: what is in it is lost, and both ends learn of it.
    pub fn break_link(&mut self, id: u64, learn_max: u64) {
        let (edge_at, replica_at) = (self.up_to(learn_max), self.up_to(learn_max));
        let Some(link) = self.links.get_mut(&id) else { return };
        link.broken = true;
        link.words.clear();
        link.said.clear();
        let (edge_open, replica_open) = (link.edge_open, link.replica_open);
        if edge_open {
            self.after(edge_at, Event::EndAtEdge(id));
        }
        if replica_open {
            self.after(replica_at, Event::EndAtReplica(id));
        }
    }

    /// A node has died: its streams break.
    pub fn break_all_of(&mut self, node: u32) {
        let of = |link: &Link| link.edge.node == node || link.replica == node;
        let ids: Vec<u64> = self.links.iter().filter(|(_, link)| of(link)).map(|(id, _)| *id).collect();
        for id in ids {
            let learn_max = if self.once_in(2) { 5 } else { PING_MAX };
            let link = self.links.get_mut(&id);
            if let Some(link) = link {
                link.edge_open &= link.edge.node != node;
                link.replica_open &= link.replica != node;
            }
            self.break_link(id, learn_max);
        }
    }

    /// Nothing passes from one node to another any more, or it does again.
    pub fn cut(&mut self, from: u32, to: u32, cut: bool) {
        if cut {
            self.cuts.insert((from, to));
            let of = |link: &Link| [(link.edge.node, link.replica), (link.replica, link.edge.node)].contains(&(from, to));
            let ids: Vec<u64> = self.links.iter().filter(|(_, link)| of(link)).map(|(id, _)| *id).collect();
            for id in ids {
                self.give_up_later(id);
            }
            return;
        }
        self.cuts.remove(&(from, to));
        let mut pending = Vec::new();
        for (id, link) in &self.links {
            if (link.edge.node, link.replica) == (from, to) {
                pending.extend(link.words.iter().map(|_| Event::ToReplica(*id)));
            }
            if (link.replica, link.edge.node) == (from, to) {
                pending.extend(link.said.iter().map(|_| Event::ToEdge(*id)));
            }
        }
        for event in pending {
            self.after(1, event);
        }
    }

    /// Whether a stream is cut in one of its directions.
    pub fn is_cut(&self, id: u64) -> bool {
        self.links.get(&id).is_some_and(|link| {
            self.cuts.contains(&(link.edge.node, link.replica)) || self.cuts.contains(&(link.replica, link.edge.node))
        })
    }

    /// The next word of an edge, if it has arrived. `None` inside is the end.
    pub fn take_word(&mut self, id: u64) -> Option<(Incarnation, u32, Option<ToHome>)> {
        let cuts = &self.cuts;
        let link = self.links.get_mut(&id)?;
        if !link.replica_open || cuts.contains(&(link.edge.node, link.replica)) {
            return None;
        }
        let (edge, replica) = (link.edge, link.replica);
        match link.words.pop_front()? {
            Word::Here(word) => Some((edge, replica, Some(*word))),
            Word::There(bytes) => {
                let word = ToHome::decode(&bytes).unwrap_or_else(|error| panic!("a word of an edge: {error}"));
                Some((edge, replica, Some(word)))
            }
            Word::End => {
                link.replica_open = false;
                Some((edge, replica, None))
            }
        }
    }

    /// The next word of a replica, if it has arrived. `None` inside is the end.
    pub fn take_said(&mut self, id: u64) -> Option<(Incarnation, Option<ToEdge>)> {
        let cuts = &self.cuts;
        let link = self.links.get_mut(&id)?;
        if !link.edge_open || cuts.contains(&(link.replica, link.edge.node)) {
            return None;
        }
        let edge = link.edge;
        let said = link.said.pop_front()?;
        link.answered = true;
        match said {
            Said::Here(said) => Some((edge, Some(*said))),
            Said::There(bytes) => {
                let said =
                    ToEdge::decode(bytes::Bytes::from(bytes)).unwrap_or_else(|error| panic!("a word of a replica: {error}"));
                Some((edge, Some(said)))
            }
            Said::End => {
                link.edge_open = false;
                Some((edge, None))
            }
        }
    }

    /// Forgets streams that nobody has open.
    pub fn sweep(&mut self) {
        self.links.retain(|_, link| link.edge_open || link.replica_open);
    }

    fn push_word(&mut self, id: u64, word: Word) {
        let latency = self.settings.latency_max;
        let Some(local) = self.links.get(&id).map(|link| link.edge.node == link.replica) else { return };
        let at = self.now + if local { self.up_to(1) } else { 1 + self.up_to(latency) };
        let Some(link) = self.links.get_mut(&id).filter(|link| link.replica_open && !link.broken) else { return };
        link.words_at = link.words_at.max(at);
        let at = link.words_at;
        link.words.push_back(word);
        self.after(at - self.now, Event::ToReplica(id));
        if self.is_cut(id) {
            self.give_up_later(id);
        }
    }

    fn push_said(&mut self, id: u64, said: Said) {
        let latency = self.settings.latency_max;
        let Some(local) = self.links.get(&id).map(|link| link.edge.node == link.replica) else { return };
        let at = self.now + if local { self.up_to(1) } else { 1 + self.up_to(latency) };
        let Some(link) = self.links.get_mut(&id).filter(|link| link.edge_open && !link.broken) else { return };
        link.said_at = link.said_at.max(at);
        let at = link.said_at;
        link.said.push_back(said);
        self.after(at - self.now, Event::ToEdge(id));
    }

    fn give_up_later(&mut self, id: u64) {
        let later = PING_MAX + self.up_to(PING_MAX);
        if let Some(link) = self.links.get_mut(&id)
            && !link.giving_up
        {
            link.giving_up = true;
            self.after(later, Event::GiveUp(id));
        }
    }

    /// A stream was to be given up: it is, if it is still cut.
    pub fn give_up(&mut self, id: u64) {
        if let Some(link) = self.links.get_mut(&id) {
            link.giving_up = false;
        }
        if self.is_cut(id) {
            self.break_link(id, 500);
        }
    }
}

fn encoded(said: &ToEdge, node: u32) -> Vec<u8> {
    match said {
        ToEdge::Frame { previous, delivery } => {
            let only = (!delivery.is_for_all()).then_some(node);
            encode_frame(*previous, &encode_delivery(delivery, only))
        }
        other => other.encode(),
    }
}
