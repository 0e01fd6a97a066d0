//! An occupant who speaks, one message at a time, and writes down all that it does and sees. If its node dies it goes to another.

use std::sync::Arc;

use conclave_xmpp::{Element, ns};
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;

use crate::awaiting::LIMIT;
use crate::client::{Client, SERVICE, codes, error_of, groupchat, is_error, is_groupchat, is_subject, is_unavailable};
use crate::doors::Doors;
use crate::history::Event;
use crate::recorder::Recorder;

/// What the last message of a run is called: whoever was shown it may go.
pub const LAST: &str = "last";

/// Somebody who speaks.
pub struct Speaker {
    /// The account, and the nick.
    pub user: String,
    /// Where it connects first.
    pub node: u32,
    /// The room's local part.
    pub room: String,
    /// How many messages it sends.
    pub sends: usize,
    /// What all of them share.
    pub talk: Talk,
}

/// What the speakers of a room share.
#[derive(Clone)]
pub struct Talk {
    /// Where the nodes are.
    pub doors: Doors,
    /// Who writes it down.
    pub recorder: Recorder,
    /// A permit for each message that may be sent.
    pub permits: Arc<Semaphore>,
    /// How many sends have come to an end, well or not.
    pub settled: watch::Sender<usize>,
    /// How many times a speaker entered.
    pub entered: watch::Sender<usize>,
}

/// One life of a speaker's connection.
struct Session<'a> {
    speaker: &'a Speaker,
    client: Client,
    node: u32,
    name: String,
    outstanding: Option<String>,
}

/// Why a session is over.
enum End {
    /// The last message was shown.
    Done,
    /// Something else.
    Broken(String),
}

impl Speaker {
    /// Speaks until all is said and the last message of the run was shown.
    pub async fn run(self) {
        let (mut sent, mut node) = (0, self.node);
        for life in 1.. {
            let mut session = self.connect(node, life).await;
            match session.live(&mut sent).await {
                End::Done => return,
                End::Broken(why) => session.record(Event::Left { why }),
            }
            session.settle(|send| Event::Unknown { send });
            node = session.node + 1;
        }
    }

    /// At the first node that lets it in.
    async fn connect(&self, node: u32, life: u32) -> Session<'_> {
        let start = Instant::now();
        loop {
            for (node, address) in self.talk.doors.beginning_with(node) {
                let Ok(client) = Client::open(&address, &self.user, "talk").await else { continue };
                let name = format!("{}@localhost/talk#{life}", self.user);
                return Session { speaker: self, client, node, name, outstanding: None };
            }
            assert!(start.elapsed() < LIMIT, "{} finds no node that lets it in", self.user);
            // All nodes that are left were asked: do not ask them a thousand times a second.
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    }
}

impl Session<'_> {
    /// Enters, speaks and listens.
    async fn live(&mut self, sent: &mut usize) -> End {
        let enter =
            format!("<presence to='{}@{SERVICE}/{}'><x xmlns='{}'/></presence>", self.speaker.room, self.speaker.user, ns::MUC);
        if let Err(error) = self.client.try_send(&enter).await {
            return End::Broken(error.to_string());
        }
        let mut inside = false;
        loop {
            let may_send = inside && self.outstanding.is_none() && *sent < self.speaker.sends;
            let came = tokio::select! {
                permit = self.speaker.talk.permits.acquire(), if may_send => {
                    permit.unwrap_or_else(|error| panic!("nobody may speak: {error}")).forget();
                    *sent += 1;
                    match self.invoke(*sent).await {
                        Ok(()) => continue,
                        Err(why) => return End::Broken(why),
                    }
                }
                came = self.client.next(LIMIT * 3) => came,
            };
            let end = match came {
                Ok(Some(stanza)) => self.take(&stanza, &mut inside),
                Ok(None) => Some(End::Broken("silence".to_owned())),
                Err(error) => Some(End::Broken(error.to_string())),
            };
            if let Some(end) = end {
                return end;
            }
        }
    }

    async fn invoke(&mut self, number: usize) -> Result<(), String> {
        let send = format!("{}-{number}", self.speaker.user);
        self.record(Event::say(&send));
        self.outstanding = Some(send.clone());
        self.client.try_send(&groupchat(&self.speaker.room, &send)).await.map_err(|error| error.to_string())
    }

    /// Writes a stanza down, and says whether it ends the session.
    fn take(&mut self, stanza: &Element, inside: &mut bool) -> Option<End> {
        if let Some((stanza_id, send, delayed)) = spoken(stanza) {
            self.record(Event::received(stanza_id.clone(), send.clone(), delayed));
            if self.outstanding.is_some() && self.outstanding == send {
                self.settle(|send| Event::said(&send, &stanza_id));
            }
            return (send.as_deref() == Some(LAST) && !delayed).then_some(End::Done);
        }
        self.record(Event::Seen { stanza: stanza.to_string() });
        if is_subject(stanza) && !*inside {
            *inside = true;
            self.record(Event::Joined);
            self.speaker.talk.entered.send_modify(|entered| *entered += 1);
        } else if is_error(stanza) && stanza.is("message", ns::CLIENT) {
            self.settle(|send| Event::Refused { send, error: error_of(stanza) });
        } else if is_error(stanza) && !*inside {
            return Some(End::Broken(format!("not let in: {}", error_of(stanza))));
        } else if is_unavailable(stanza) && codes(stanza).contains(&"110") {
            return Some(End::Broken(format!("removed: {stanza}")));
        }
        None
    }

    /// What became of the message that is under way, if one is.
    fn settle(&mut self, event: impl FnOnce(String) -> Event) {
        if let Some(send) = self.outstanding.take() {
            self.record(event(send));
            self.speaker.talk.settled.send_modify(|settled| *settled += 1);
        }
    }

    fn record(&self, event: Event) {
        let room = format!("{}@{SERVICE}", self.speaker.room);
        self.speaker.talk.recorder.record(&self.name, self.node, &room, event);
    }
}

/// What the room calls a message, what its sender calls it, and whether it is from before; none if it is no message with a text.
pub fn spoken(stanza: &Element) -> Option<(String, Option<String>, bool)> {
    if !is_groupchat(stanza) || stanza.child("body", ns::CLIENT).is_none() {
        return None;
    }
    let stanza_id = stanza.child("stanza-id", ns::STANZA_ID).and_then(|id| id.attribute("id")).unwrap_or("none");
    let send = stanza.attribute("id").map(str::to_owned);
    Some((stanza_id.to_owned(), send, stanza.child("delay", ns::DELAY).is_some()))
}
