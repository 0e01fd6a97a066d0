//! A client in a test: it says what it is told to, and waits for what should come.

use std::time::Duration;

use conclave_scansion::client::{Connection, ConnectionError};
use conclave_scansion::stream::{Incoming, IncomingStream};
use conclave_xmpp::{Element, Jid, ns};
use tokio::time::Instant;

use crate::awaiting::LIMIT;

/// Where the rooms are.
pub const SERVICE: &str = "conference.localhost";

/// A session of `user@localhost`.
pub struct Client {
    connection: Connection,
    /// What it passed over since it was last asked.
    passed: Vec<Element>,
}

impl Client {
    /// Logs in at an address and binds `user@localhost/resource`.
    pub async fn open(address: &str, user: &str, resource: &str) -> Result<Client, ConnectionError> {
        let jid = Jid::parse(&format!("{user}@localhost")).and_then(|jid| jid.to_bare().with_resource(resource));
        let jid = jid.unwrap_or_else(|error| panic!("{user}@localhost/{resource}: {error}"));
        let cast = conclave_scansion::cast::Client {
            name: user.to_owned(),
            jid,
            password: "password".to_owned(),
            connect_host: None,
            connect_port: None,
        };
        Ok(Client { connection: Connection::open(address, &cast, deadline(LIMIT)).await?, passed: Vec::new() })
    }

    /// The same; a refusal ends the test.
    pub async fn must_open(address: &str, user: &str, resource: &str) -> Client {
        let opened = Client::open(address, user, resource).await;
        opened.unwrap_or_else(|error| panic!("{user} does not get in at {address}: {error}"))
    }

    /// The full JID.
    pub fn jid(&self) -> &str {
        self.connection.jid().as_str()
    }

    /// Sends a stanza.
    pub async fn send(&mut self, text: &str) {
        let sent = self.connection.send(&stanza(text), deadline(LIMIT)).await;
        sent.unwrap_or_else(|error| panic!("{} cannot send {text}: {error}", self.jid()));
    }

    /// Sends a stanza, if there is a connection still.
    pub async fn try_send(&mut self, text: &str) -> Result<(), ConnectionError> {
        self.connection.send(&stanza(text), deadline(LIMIT)).await
    }

    /// The next stanza, or nothing if the time is over.
    pub async fn next(&mut self, within: Duration) -> Result<Option<Element>, ConnectionError> {
        self.connection.next(deadline(within)).await
    }

    /// Waits for a stanza and passes over all before it.
    pub async fn until(&mut self, what: &str, is: impl Fn(&Element) -> bool) -> Element {
        self.until_within(LIMIT, what, is).await
    }

    /// Waits for a stanza at most so long, and passes over all before it.
    pub async fn until_within(&mut self, limit: Duration, what: &str, is: impl Fn(&Element) -> bool) -> Element {
        match self.try_until(limit, is).await {
            Ok(Some(stanza)) => stanza,
            other => self.miss(what, limit, other.err()),
        }
    }

    /// The same; nothing if it does not come in time.
    pub async fn try_until(
        &mut self,
        limit: Duration,
        is: impl Fn(&Element) -> bool,
    ) -> Result<Option<Element>, ConnectionError> {
        let deadline = deadline(limit);
        loop {
            match self.connection.next(deadline).await {
                Ok(Some(stanza)) if !is(&stanza) => self.passed.push(stanza),
                other => return other,
            }
        }
    }

    fn miss(&self, what: &str, limit: Duration, closed: Option<ConnectionError>) -> ! {
        let passed: Vec<String> = self.passed.iter().map(Element::to_string).collect();
        let why = closed.map_or_else(|| format!("within {} s", limit.as_secs()), |error| format!("before this: {error}"));
        panic!("{}: {what} did not come {why}; passed over:\n{}", self.jid(), passed.join("\n"))
    }

    /// What was passed over since this was last asked.
    pub fn passed(&mut self) -> Vec<Element> {
        std::mem::take(&mut self.passed)
    }

    /// Asks to enter a room; nothing is awaited.
    pub async fn ask_to_enter(&mut self, room: &str, nick: &str, inside: &str) {
        self.send(&format!("<presence to='{room}@{SERVICE}/{nick}'><x xmlns='{}'>{inside}</x></presence>", ns::MUC)).await;
    }

    /// Enters a room, and waits until all was shown that was there.
    pub async fn enter(&mut self, room: &str, nick: &str) {
        self.ask_to_enter(room, nick, "").await;
        let room = format!("{room}@{SERVICE}");
        // From the room itself as long as nobody has set one.
        let of_room = |from: &str| from.strip_prefix(&room).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        self.until("the subject of the room", |stanza| is_subject(stanza) && stanza.attribute("from").is_some_and(of_room)).await;
    }

    /// Sets fields of a room's configuration; without any, a new room opens as it is.
    pub async fn configure(&mut self, room: &str, fields: &[(&str, &str)]) {
        let field = |(var, value): &(&str, &str)| format!("<field var='muc#roomconfig_{var}'><value>{value}</value></field>");
        let fields: String = fields.iter().map(field).collect();
        let form = format!("<x xmlns='jabber:x:data' type='submit'>{FORM_TYPE}{fields}</x>");
        self.ask(&format!("{room}@{SERVICE}"), "set", &format!("<query xmlns='{}'>{form}</query>", ns::MUC_OWNER)).await;
    }

    /// Sends an IQ, and waits for its result; an error ends the test.
    pub async fn ask(&mut self, to: &str, kind: &str, payload: &str) -> Element {
        self.send(&format!("<iq type='{kind}' id='ask' to='{to}'>{payload}</iq>")).await;
        let answer =
            self.until("the answer", |stanza| stanza.is("iq", ns::CLIENT) && stanza.attribute("id") == Some("ask")).await;
        assert_eq!(answer.attribute("type"), Some("result"), "{} asked {payload} and got {answer}", self.jid());
        answer
    }

    /// Says something to a room; nothing is awaited. The id is the text as well.
    pub async fn say(&mut self, room: &str, id: &str) {
        self.send(&groupchat(room, id)).await;
    }

    /// Waits for a message by its id.
    pub async fn hear(&mut self, id: &str) -> Element {
        self.until(&format!("the message {id}"), |stanza| is_groupchat(stanza) && stanza.attribute("id") == Some(id)).await
    }

    /// Waits until the server ends the stream, and for this reason (RFC 6120 §4.9.3).
    pub async fn until_ended_by(&mut self, condition: &str) {
        let is = |stanza: &Element| stanza.is("error", ns::STREAM) && stanza.child(condition, ns::STREAM_ERRORS).is_some();
        self.until(&format!("the stream error {condition}"), is).await;
    }

    /// Closes the stream, and waits until the server has closed its own.
    pub async fn close(self) {
        let closed = self.connection.close(deadline(LIMIT)).await;
        closed.unwrap_or_else(|error| panic!("a client cannot leave: {error}"));
    }
}

const FORM_TYPE: &str = "<field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#roomconfig</value></field>";

fn deadline(within: Duration) -> Instant {
    Instant::now() + within
}

/// A groupchat message whose text is its id.
pub fn groupchat(room: &str, id: &str) -> String {
    format!("<message type='groupchat' id='{id}' to='{room}@{SERVICE}'><body>{id}</body></message>")
}

/// Reads a stanza that a test has written.
pub fn stanza(text: &str) -> Element {
    let mut stream = IncomingStream::of_script();
    stream.push(text.as_bytes());
    loop {
        match stream.read() {
            Ok(Some(Incoming::Stanza(stanza))) => return stanza,
            Ok(Some(Incoming::Opened)) => {}
            Ok(_) => panic!("this is no stanza: {text}"),
            Err(error) => panic!("{error}: {text}"),
        }
    }
}

/// Whether this is a message of a room that is no error.
pub fn is_groupchat(stanza: &Element) -> bool {
    stanza.is("message", ns::CLIENT) && stanza.attribute("type") == Some("groupchat")
}

/// §7.2.15: the last thing that a newcomer is shown.
pub fn is_subject(stanza: &Element) -> bool {
    is_groupchat(stanza) && stanza.child("subject", ns::CLIENT).is_some() && stanza.child("body", ns::CLIENT).is_none()
}

/// Whether this is the presence of this nick in this room.
pub fn is_presence_of(stanza: &Element, room: &str, nick: &str) -> bool {
    stanza.is("presence", ns::CLIENT) && stanza.attribute("from") == Some(format!("{room}@{SERVICE}/{nick}").as_str())
}

/// Whether this says that somebody has left.
pub fn is_unavailable(stanza: &Element) -> bool {
    stanza.is("presence", ns::CLIENT) && stanza.attribute("type") == Some("unavailable")
}

/// Whether this is an error.
pub fn is_error(stanza: &Element) -> bool {
    stanza.attribute("type") == Some("error")
}

/// The status codes of a room's stanza (§16.6).
pub fn codes(stanza: &Element) -> Vec<&str> {
    let x = stanza.child("x", ns::MUC_USER).into_iter();
    x.flat_map(Element::children).filter(|child| child.name() == "status").filter_map(|child| child.attribute("code")).collect()
}

/// Type and condition of an error, such as `wait resource-constraint`.
pub fn error_of(stanza: &Element) -> String {
    let Some(error) = stanza.child("error", ns::CLIENT) else { return "none".to_owned() };
    let condition = error.children().next().map_or("none", Element::name);
    format!("{} {condition}", error.attribute("type").unwrap_or("none"))
}
