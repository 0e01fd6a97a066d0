//! One life of somebody's connection: what it asks, what it is shown, and all of it in the history.

use conclave_scansion::client::{Connection, ConnectionError};
use conclave_xmpp::{Element, Jid, ns};
use tokio::time::{Duration, Instant};

use super::answering;
use super::asking::Asking;
use super::cast::Room;
use super::seat::{Place, Seat, Turn};
use super::sends::{Sends, Settled};
use crate::act::Act;
use crate::history::Event;
use crate::recorder::Recorder;
use crate::speaker::spoken;

/// How long a login may take, and a write that nobody takes: then it is tried elsewhere.
const OPEN_LIMIT: Duration = Duration::from_secs(5);

/// How long a send is waited for while the connection lives: a room that has no home for a while answers later, or refuses.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// How long a connection stays open that nobody reads any more.
const FORSAKEN: Duration = Duration::from_secs(5);

/// The id of the question whether the server is still there; it has to do with no room.
const ALIVE: &str = "alive~";

/// Somebody's connection.
pub(super) struct Session<'a> {
    connection: Connection,
    /// Full JID and number of the life.
    name: String,
    /// The node that it is connected to.
    pub node: u32,
    rooms: &'a [Room],
    recorder: &'a Recorder,
    /// What is under way.
    pub sends: Sends,
    /// One for each room of the play.
    pub seats: Vec<Seat>,
    alive: Alive,
}

/// Whether the server is there.
enum Alive {
    /// It said so then.
    Heard(Instant),
    /// It was asked then, and has not answered.
    Asked(Instant),
}

/// Who wants a session.
pub(super) struct Login<'a> {
    /// The full JID.
    pub jid: &'a str,
    /// The how manieth connection of this JID it is.
    pub life: u32,
}

/// What came of a stanza.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum News {
    /// A send has come to its end.
    Settled(Settled),
    /// It is in a room, or out of it.
    Turn(usize, Turn),
    /// The server ends the stream, for this reason.
    Ending(String),
}

impl<'a> Session<'a> {
    /// Logs in at a node.
    pub async fn open(
        (node, address): (u32, &str),
        login: &Login<'_>,
        (rooms, seats): (&'a [Room], Vec<Seat>),
        recorder: &'a Recorder,
    ) -> Result<Session<'a>, String> {
        let jid = Jid::parse(login.jid).and_then(|jid| jid.to_bare().with_resource(jid.resource().unwrap_or("talk")));
        let jid = jid.map_err(|error| format!("{}: {error}", login.jid))?;
        let name = login.jid.to_owned();
        let client = conclave_scansion::cast::Client {
            name,
            jid,
            password: "password".to_owned(),
            connect_host: None,
            connect_port: None,
        };
        let opened = Connection::open(address, &client, Instant::now() + OPEN_LIMIT).await;
        let connection = opened.map_err(|error| error.to_string())?;
        let name = format!("{}#{}", login.jid, login.life);
        let sends = Sends::default();
        Ok(Session { connection, name, node, rooms, recorder, sends, seats, alive: Alive::Heard(Instant::now()) })
    }

    /// Asks for something, under a name that no other send of the run has.
    pub async fn ask(&mut self, send: &str, room: usize, act: Act) -> Result<(), ConnectionError> {
        let jid = self.rooms[room].jid();
        let nick = self.seats[room].nick.clone();
        if let Act::Enter { .. } = act {
            self.seats[room].place = Place::Asking;
        }
        self.record(room, Event::Invoke { send: send.to_owned(), act: act.clone() });
        let stanzas = Asking { send, room: &jid, nick: &nick }.stanzas(&act);
        self.sends.begin(send, room, act);
        for stanza in stanzas {
            self.write(&stanza).await?;
        }
        Ok(())
    }

    /// What comes before a moment, and what it means; nothing if nothing comes.
    pub async fn next(&mut self, deadline: Instant) -> Result<Vec<News>, ConnectionError> {
        let Some(stanza) = self.connection.next(deadline).await? else { return Ok(Vec::new()) };
        if let Some(answer) = courtesy(&stanza) {
            self.write(&answer).await?;
        }
        Ok(self.take(&stanza))
    }

    /// Gives up what has been waited for too long.
    pub fn expire(&mut self) -> Vec<News> {
        let expired = self.sends.expired(ANSWER_LIMIT);
        expired.into_iter().map(|settled| self.settle(settled)).collect()
    }

    /// Asks the server now and then whether it is there. An error if it has not answered for so long.
    pub async fn keep_alive(&mut self, patience: Duration) -> Result<(), String> {
        match self.alive {
            Alive::Asked(at) if at.elapsed() > patience => Err("the server does not answer".to_owned()),
            Alive::Heard(at) if at.elapsed() > patience / 4 => {
                self.alive = Alive::Asked(Instant::now());
                let ping = Element::new("iq", ns::CLIENT).with("type", "get").with("id", ALIVE).with("to", "localhost");
                let ping = ping.with_child(Element::new("ping", ns::PING));
                self.write(&ping).await.map_err(|error| error.to_string())
            }
            _ => Ok(()),
        }
    }

    /// It has not read for a while, and what it has not heard is not the server's fault.
    pub fn awake(&mut self, since: Instant) {
        let since = since.into_std().saturating_duration_since(self.recorder.start());
        let since = u64::try_from(since.as_micros()).unwrap_or(u64::MAX);
        self.recorder.record(&self.name, self.node, "", Event::Slept { since });
        if let Alive::Asked(at) = &mut self.alive {
            *at = Instant::now();
        }
    }

    /// The end of this life: what was under way is unknown, and it is in no room any more.
    pub fn end(&mut self, why: &str) -> Vec<News> {
        let abandoned = self.sends.abandoned();
        let news = abandoned.into_iter().map(|settled| self.settle(settled)).collect();
        for room in 0..self.rooms.len() {
            if self.seats[room].place != Place::Outside {
                self.seats[room].go_out();
                self.record(room, Event::Left { why: why.to_owned() });
            }
        }
        news
    }

    /// Ends the stream, and waits until the server has ended its own; what comes meanwhile is nobody's business.
    pub async fn close(self) {
        // A server that does not take leave has been left all the same.
        let _ = self.connection.close(Instant::now() + OPEN_LIMIT).await;
    }

    /// Leaves the connection open for a while, and reads no more: the server cannot know.
    pub fn forsake(self) {
        let connection = self.connection;
        tokio::spawn(async move {
            tokio::time::sleep(FORSAKEN).await;
            drop(connection);
        });
    }

    fn take(&mut self, stanza: &Element) -> Vec<News> {
        if stanza.is("error", ns::STREAM) {
            let condition = stanza.children().next().map_or("none", Element::name);
            return vec![News::Ending(condition.to_owned())];
        }
        if stanza.attribute("id") == Some(ALIVE) && stanza.name() == "iq" {
            self.alive = Alive::Heard(Instant::now());
            return Vec::new();
        }
        let Some(room) = self.room_of(stanza) else {
            self.recorder.record(&self.name, self.node, "", Event::Seen { stanza: stanza.to_string() });
            return Vec::new();
        };
        self.record(room, shown(stanza));
        let settled = self.sends.take(room, stanza);
        let mut news: Vec<News> = settled.into_iter().map(|settled| self.settle(settled)).collect();
        if let Some(turn) = self.seats[room].take(stanza) {
            self.record(room, event_of(&turn));
            news.push(News::Turn(room, turn));
        }
        news
    }

    fn settle(&mut self, settled: Settled) -> News {
        self.record(settled.room, settled.event.clone());
        let seat = &mut self.seats[settled.room];
        if let (Act::Enter { .. }, Event::Refused { error, .. }, Place::Asking) = (&settled.act, &settled.event, seat.place) {
            seat.go_out();
            let why = format!("not let in: {error}");
            self.record(settled.room, Event::Left { why });
        }
        News::Settled(settled)
    }

    fn room_of(&self, stanza: &Element) -> Option<usize> {
        let from = stanza.attribute("from")?;
        let bare = from.split_once('/').map_or(from, |(bare, _)| bare);
        self.rooms.iter().position(|room| room.jid() == bare).or_else(|| self.room_of_send(stanza))
    }

    /// Of a room that is not there, the service speaks.
    fn room_of_send(&self, stanza: &Element) -> Option<usize> {
        let id = stanza.attribute("id")?;
        self.sends.room(id.split_once('~').map_or(id, |(send, _)| send))
    }

    fn record(&self, room: usize, event: Event) {
        self.recorder.record(&self.name, self.node, &self.rooms[room].jid(), event);
    }

    async fn write(&mut self, stanza: &Element) -> Result<(), ConnectionError> {
        self.connection.send(stanza, Instant::now() + OPEN_LIMIT).await
    }
}

pub(super) fn event_of(turn: &Turn) -> Event {
    match turn {
        Turn::Joined => Event::Joined,
        Turn::Left(why) => Event::Left { why: why.clone() },
    }
}

pub(super) fn shown(stanza: &Element) -> Event {
    match spoken(stanza) {
        Some((stanza_id, send, delayed)) => {
            let body = stanza.child("body", ns::CLIENT).map(Element::text);
            let (nick, stanza) = (answering::nick(stanza), Some(stanza.to_string()));
            Event::Received { stanza_id, send, delayed, nick, body, stanza }
        }
        None => Event::Seen { stanza: stanza.to_string() },
    }
}

/// RFC 6120 §8.2.3: every question is answered; of a ping (XEP-0199) we know how.
pub(super) fn courtesy(stanza: &Element) -> Option<Element> {
    let kind = stanza.attribute("type")?;
    if stanza.name() != "iq" || !matches!(kind, "get" | "set") {
        return None;
    }
    let answer = Element::new("iq", ns::CLIENT).with_some("id", stanza.attribute("id")).with_some("to", stanza.attribute("from"));
    if stanza.child("ping", ns::PING).is_some() {
        return Some(answer.with("type", "result"));
    }
    let condition = Element::new("service-unavailable", ns::STANZA_ERRORS);
    let error = Element::new("error", ns::CLIENT).with("type", "cancel").with_child(condition);
    Some(answer.with("type", "error").with_child(error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::stanza;

    #[test]
    fn messages_are_received_and_all_else_is_seen() {
        let message = "<message type='groupchat' id='s1' from='r@s/N &amp; M'><body> b </body>\
                       <stanza-id xmlns='urn:xmpp:sid:0' id='7' by='r@s'/><delay xmlns='urn:xmpp:delay'/></message>";
        let received = Event::Received {
            stanza_id: "7".to_owned(),
            send: Some("s1".to_owned()),
            delayed: true,
            nick: Some("N & M".to_owned()),
            body: Some(" b ".to_owned()),
            stanza: Some(stanza(message).to_string()),
        };
        assert_eq!(shown(&stanza(message)), received);
        for other in ["<presence from='r@s/N'/>", "<message type='groupchat' from='r@s'><subject/></message>"] {
            assert!(matches!(shown(&stanza(other)), Event::Seen { .. }), "{other}");
        }
    }

    #[test]
    fn questions_are_answered_and_answers_are_not() {
        let answered = |text: &str| courtesy(&stanza(text)).map(|answer| answer.attribute("type").unwrap_or("none").to_owned());
        assert_eq!(answered("<iq type='get' id='1' from='r@s/N'><ping xmlns='urn:xmpp:ping'/></iq>"), Some("result".to_owned()));
        assert_eq!(answered("<iq type='get' id='1' from='r@s/N'><other xmlns='x:y'/></iq>"), Some("error".to_owned()));
        assert_eq!(answered("<iq type='result' id='1' from='r@s/N'/>"), None);
        assert_eq!(answered("<message type='groupchat' from='r@s/N'/>"), None);
    }
}
