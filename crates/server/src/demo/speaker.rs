//! One who chats: says something now and then, hears everything, and comes back through another node when the connection breaks.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use conclave_xmpp::{Element, ns};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use super::client::{Client, ClientFailure};
use super::ledger::Ledger;
use super::locked;

/// The time between two messages of all together.
const EVERY: Duration = Duration::from_millis(50);

/// How many take turns.
const SPEAKERS: u32 = 3;

/// The time before something refused is tried again.
const AGAIN: Duration = Duration::from_millis(50);

/// How long a node may take to know one who comes back, before the next one is tried. Whoever has asked to be let in waits: the node answers, and to go
/// then would be seen.
const LOG_IN_MAX: Duration = Duration::from_secs(3);

/// The room's own presence status for whoever enters it (XEP-0045 §7.2.2).
const SELF: &str = "110";

/// One who chats.
pub struct Speaker {
    /// The account's name.
    pub account: &'static str,
    /// In the room.
    pub nick: &'static str,
    /// Whose turn it is, from 0.
    pub number: usize,
    /// Where clients connect; the first is used first.
    pub doors: Vec<SocketAddr>,
    /// The room's name.
    pub room: &'static str,
    /// What everybody said and heard.
    pub ledger: Arc<Mutex<Ledger>>,
    /// Whether anything is to be said still.
    pub talking: watch::Receiver<bool>,
}

impl Speaker {
    /// Enters the room for the first time; whoever is first makes it.
    pub async fn begin(&self) -> Result<Client, ClientFailure> {
        let Some(door) = self.doors.first() else { return Err(ClientFailure::Closed) };
        let mut client = self.enter(*door).await?;
        if self.number == 0 {
            // An empty form: the room opens as it is (XEP-0045 §10.1.2).
            let form = Element::new("x", ns::DATA).with("type", "submit");
            let query = Element::new("query", ns::MUC_OWNER).with_child(form);
            let iq = Element::new("iq", ns::CLIENT).with("type", "set").with("id", "open").with("to", &self.address());
            client.send(&iq.with_child(query)).await?;
            while client.next().await?.name() != "iq" {}
        }
        Ok(client)
    }

    /// Chats for as long as it is let.
    pub async fn chat(self, mut client: Client) -> Result<(), ClientFailure> {
        let mut doors = self.doors.iter().cycle().skip(1);
        loop {
            // Whatever ended it: a client tries elsewhere.
            let _broken = self.talk(&mut client).await;
            client = loop {
                let Some(door) = doors.next() else { return Err(ClientFailure::Closed) };
                match self.enter(*door).await {
                    Ok(client) => break client,
                    Err(_) => sleep(AGAIN).await,
                }
            };
        }
    }

    async fn talk(&self, client: &mut Client) -> Result<(), ClientFailure> {
        // Everybody has a place of their own between the others' turns.
        sleep(EVERY * self.number as u32).await;
        let mut turns = interval(EVERY * SPEAKERS);
        turns.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            tokio::select! {
                _ = turns.tick() => if *self.talking.borrow() {
                    let id = locked(&self.ledger).say(self.nick);
                    client.send(&self.message(&id)).await?;
                },
                stanza = client.next() => self.hear(&stanza?),
            }
        }
    }

    async fn enter(&self, door: SocketAddr) -> Result<Client, ClientFailure> {
        let late = |_| ClientFailure::Refused(format!("no login within {} s", LOG_IN_MAX.as_secs()));
        let mut client = timeout(LOG_IN_MAX, Client::log_in(door, self.account)).await.map_err(late)??;
        loop {
            let nothing = Element::new("history", ns::MUC).with("maxstanzas", "0");
            let x = Element::new("x", ns::MUC).with_child(nothing);
            let to = format!("{}/{}", self.address(), self.nick);
            client.send(&Element::new("presence", ns::CLIENT).with("to", &to).with_child(x)).await?;
            loop {
                let stanza = client.next().await?;
                let refused = stanza.attribute("type") == Some("error");
                if stanza.name() == "presence" && refused {
                    sleep(AGAIN).await;
                    break;
                }
                let is_self = statuses(&stanza).any(|code| code == SELF);
                self.hear(&stanza);
                if stanza.name() == "presence" && is_self {
                    locked(&self.ledger).enter(self.nick, Instant::now());
                    return Ok(client);
                }
            }
        }
    }

    fn hear(&self, stanza: &Element) {
        let from = stanza.attribute("from").and_then(|from| from.split_once('/')).map(|(_, nick)| nick);
        let mut ledger = locked(&self.ledger);
        match (stanza.name(), stanza.attribute("type"), stanza.attribute("id")) {
            ("message", Some("groupchat"), Some(id)) if stanza.child("body", ns::CLIENT).is_some() => {
                ledger.hear(self.nick, id, Instant::now());
            }
            ("message", Some("error"), Some(id)) => ledger.refuse(id),
            ("presence", Some("unavailable"), _) => ledger.see_leave(self.nick, from.unwrap_or_default()),
            _ => {}
        }
    }

    fn message(&self, id: &str) -> Element {
        let body = Element::new("body", ns::CLIENT).with_text(id);
        Element::new("message", ns::CLIENT).with("type", "groupchat").with("id", id).with("to", &self.address()).with_child(body)
    }

    fn address(&self) -> String {
        format!("{}@conference.localhost", self.room)
    }
}

fn statuses(presence: &Element) -> impl Iterator<Item = &str> {
    let x = presence.child("x", ns::MUC_USER);
    x.into_iter()
        .flat_map(Element::children)
        .filter(|child| child.name() == "status")
        .filter_map(|status| status.attribute("code"))
}
