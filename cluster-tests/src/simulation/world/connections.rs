//! Clients that connect, ask, and read.

use conclave_cluster::answer::Verdict;
use conclave_cluster::bound_sessions::SessionRequest;
use conclave_cluster::request::{Ask, Request};
use conclave_muc::{Attachment, Session};
use conclave_xmpp::{BareJid, Element, FullJid, Jid, Stanza};

use super::super::client::Client;
use super::super::edge_task::Bound;
use super::super::stanzas;
use super::World;
use crate::history::{self, Line};

/// From one id of a node to the next: those of other nodes lie between.
const ID_STEP: u64 = 10;

impl World {
    /// A client connects to a node, as another session of an account. Returns its place among the clients.
    pub fn connect(&mut self, name: &str, node: u32) -> usize {
        self.connect_as(name, "r", node)
    }

    /// The same under a resource.
    pub fn connect_as(&mut self, name: &str, resource: &str, node: u32) -> usize {
        let account = BareJid::parse(&format!("{name}@example.org")).unwrap_or_else(|error| panic!("{error}"));
        let jid: FullJid = account.with_resource(resource).unwrap_or_else(|error| panic!("{error}"));
        self.connect_session(name, jid, node)
    }

    /// The same under a full JID.
    pub fn connect_jid(&mut self, jid: &str, node: u32) -> usize {
        let jid = FullJid::parse(jid).unwrap_or_else(|error| panic!("{error}"));
        self.connect_session(&jid.to_string(), jid, node)
    }

    fn connect_session(&mut self, name: &str, jid: FullJid, node: u32) -> usize {
        // Of two lives of a full JID the later one has the higher id: who binds it would be told to take another one otherwise.
        let former = self.clients.iter().filter(|client| client.session.jid == jid).map(|client| client.session.id).max();
        let next = self.nodes.get(&node).map_or(0, |node| node.next_session);
        let id = former.map_or(next, |former| next + former.saturating_sub(next).next_multiple_of(ID_STEP));
        let session = Session { jid, id };
        let client = Client::new(name, node, session.clone());
        let bound = Bound { session: session.clone(), inbox: client.inbox.clone(), replaced: client.replaced.clone() };
        if let Some(node) = self.nodes.get_mut(&node) {
            assert!(node.alive, "a client connects to a node that is dead");
            node.next_session = id + ID_STEP;
            node.edge.sessions.bound.insert(session.id, bound);
        }
        self.clients.push(client);
        self.clients.len() - 1
    }

    /// A client asks to hold its full JID.
    pub fn bind(&mut self, client: usize) {
        self.clients[client].bound = true;
        let session = self.clients[client].session.clone();
        self.ask(client, Ask::Session(SessionRequest::Bind { session, attachment: Attachment::default() }));
    }

    /// The node lives on as another incarnation: its clients hold their full JIDs again, or lose them.
    pub(super) fn rebind_all(&mut self, node: u32) {
        for at in 0..self.clients.len() {
            let client = &self.clients[at];
            if client.node == node && client.connected && client.bound {
                let session = client.session.clone();
                let number = client.next_number;
                let ask = SessionRequest::Rebind { session, attachment: Attachment::default(), priority: None };
                self.ask(at, Ask::Session(ask));
                self.clients[at].rebinds.insert(number);
            }
        }
    }

    /// A node is about to end its streams, and says so to the home. Returns the place among the clients of the session by which it does.
    pub fn edge_ends(&mut self, node: u32) -> usize {
        let own = self.connect_as("node", "own", node);
        self.ask(own, Ask::EdgeEnds);
        own
    }

    /// A client sends a stanza to another session.
    pub fn send_to(&mut self, client: usize, to: usize, stanza: Element) {
        let to = Jid::from(self.clients[to].session.jid.clone());
        let stanza = Stanza::from_element(stanza.with("to", to.as_str())).unwrap_or_else(|error| panic!("{error:?}"));
        self.ask(client, Ask::User(to, stanza));
    }

    /// How many stanzas from user to user found nobody at their edge.
    pub fn bounced(&self) -> usize {
        self.nodes.values().map(|node| node.edge.bounced.len()).sum()
    }

    /// The connection of a client ends, and its node knows.
    pub fn disconnect(&mut self, client: usize) {
        self.ask(client, Ask::Gone(Vec::new()));
        if std::mem::take(&mut self.clients[client].bound) {
            let session = self.clients[client].session.clone();
            self.ask(client, Ask::Session(SessionRequest::Unbind { session }));
        }
        let (node, id) = (self.clients[client].node, self.clients[client].session.id);
        if let Some(node) = self.nodes.get_mut(&node) {
            node.edge.sessions.bound.remove(&id);
        }
        self.cut_off(client);
    }

    pub(super) fn cut_off(&mut self, at: usize) {
        let client = &mut self.clients[at];
        client.connected = false;
        client.pending.clear();
        let rooms: Vec<String> = std::mem::take(&mut client.stays).into_keys().collect();
        for send in std::mem::take(&mut client.sends) {
            self.record(at, stanzas::ROOM, history::Event::Unknown { send });
        }
        for room in rooms {
            self.record(at, &room, history::Event::Left { why: "cut off".to_owned() });
        }
    }

    /// A client sends a stanza to a room.
    pub fn send(&mut self, client: usize, stanza: Element) {
        let to = stanza.attribute("to").unwrap_or_default();
        let room = to.split('/').next().unwrap_or_default().to_owned();
        if stanza.name() == "message"
            && let Some(send) = stanza.attribute("id").map(str::to_owned)
        {
            self.clients[client].sends.insert(send.clone());
            self.record(client, &room, history::Event::say(&send));
        }
        let stanza = Stanza::from_element(stanza).unwrap_or_else(|error| panic!("{error:?}"));
        let room = BareJid::parse(&room).unwrap_or_else(|error| panic!("{error}"));
        self.ask(client, Ask::Room(room, stanza));
    }

    pub(super) fn ask(&mut self, at: usize, ask: Ask) {
        let client = &mut self.clients[at];
        let number = client.next_number;
        client.next_number += 1;
        client.pending.insert(number);
        let (session, node) = (client.session.clone(), client.node);
        if let Some(node) = self.nodes.get_mut(&node).filter(|node| node.alive) {
            node.edge.ask(Request { session, number, floor: number, ask }, &mut self.net);
        }
    }

    /// The clients of a node read what they were sent.
    pub(super) fn read(&mut self, id: u32) {
        let Some(node) = self.nodes.get_mut(&id) else { return };
        let answered = std::mem::take(&mut node.edge.answered);
        for at in 0..self.clients.len() {
            if self.clients[at].node != id || !self.clients[at].connected {
                continue;
            }
            let stanzas = std::mem::take(&mut *self.clients[at].inbox.borrow_mut());
            for bytes in stanzas {
                let stanza = stanzas::parse(&bytes);
                self.arrivals.push((at, stanza.clone()));
                for (room, event) in self.clients[at].take(self.net.now, stanza) {
                    self.record(at, &room, event);
                }
            }
            for (session, number, verdict) in &answered {
                let client = &mut self.clients[at];
                if client.session.id != *session {
                    continue;
                }
                let was_relayed = client.relayed.remove(number);
                if !client.pending.remove(number) && !was_relayed {
                    client.oddities.push(format!("request {number} is answered again"));
                }
                if *verdict == Some(Verdict::Done) && !was_relayed {
                    client.answers.push(*number);
                }
                match verdict {
                    Some(Verdict::Relayed) => {
                        client.relayed.insert(*number);
                    }
                    Some(Verdict::Replaced) if client.rebinds.contains(number) => *client.replaced.borrow_mut() = true,
                    _ => {}
                }
            }
        }
    }

    pub(super) fn record(&mut self, client: usize, room: &str, event: history::Event) {
        let client = &self.clients[client];
        // Lines have an order of their own.
        let at = self.history.lines.len() as u64;
        self.history.lines.push(Line { at, session: client.label(), node: client.node, room: room.to_owned(), event });
    }
}
