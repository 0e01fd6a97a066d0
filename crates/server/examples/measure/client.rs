//! A client that costs little: it looks for marks in the bytes.

use std::net::SocketAddr;
use std::time::Duration;

use base64::Engine;
use memchr::{memmem, memrchr};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::timeout;

use crate::Result;

/// Accounts of `conclave dev`; clients take them in turn.
const ACCOUNTS: [&str; 4] = ["user", "user2", "user3", "admin"];

/// How long an answer may take before the measurement is given up.
const ANSWER_MAX: Duration = Duration::from_secs(30);

/// What is read at once, at most.
const READ_BYTES: usize = 16 * 1024;

/// So much is told of a stanza that should not have come.
const TOLD_BYTES: usize = 300;

/// Digits of a message's number, which begin its body.
const DIGITS: usize = 7;

pub struct Client {
    pub ear: Ear,
    pub mouth: OwnedWriteHalf,
}

pub struct Ear {
    tcp: OwnedReadHalf,
    received: Vec<u8>,
}

/// What is in what came.
pub enum Mark<'a> {
    /// A message with this number.
    Message(u32),
    /// The refusal of one.
    Refused(u32),
    /// Somebody left; the beginning of the stanza that says so.
    Left(&'a [u8]),
}

impl Client {
    /// Logs in and binds a resource.
    pub async fn bind(address: SocketAddr, number: usize) -> Result<Client> {
        let tcp = TcpStream::connect(address).await?;
        tcp.set_nodelay(true)?;
        let (tcp, mouth) = tcp.into_split();
        let mut client = Client { ear: Ear { tcp, received: Vec::with_capacity(READ_BYTES) }, mouth };
        let header = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='localhost' version='1.0'>";
        let account = ACCOUNTS[number % ACCOUNTS.len()];
        let plain = base64::engine::general_purpose::STANDARD.encode(format!("\0{account}\0password"));
        client.exchange(header, "</stream:features>").await?;
        let auth = format!("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{plain}</auth>");
        client.exchange(&auth, "<success").await?;
        client.exchange(header, "</stream:features>").await?;
        let bind = "urn:ietf:params:xml:ns:xmpp-bind";
        let bind = format!("<iq type='set' id='b'><bind xmlns='{bind}'><resource>r{number}</resource></bind></iq>");
        client.exchange(&bind, "</iq>").await?;
        Ok(client)
    }

    /// Enters a room under `n` and the number; whoever has number 0 makes it.
    pub async fn enter(&mut self, room: &str, number: usize) -> Result<()> {
        let x = "<x xmlns='http://jabber.org/protocol/muc'><history maxstanzas='0'/></x>";
        self.exchange(&format!("<presence to='{room}/n{number}'>{x}</presence>"), "<subject").await?;
        if number == 0 {
            let form = "<query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'/></query>";
            self.exchange(&format!("<iq type='set' id='o' to='{room}'>{form}</iq>"), "type='result'").await?;
        }
        Ok(())
    }

    async fn exchange(&mut self, said: &str, answer: &str) -> Result<()> {
        self.mouth.write_all(said.as_bytes()).await?;
        self.ear.until(answer).await
    }
}

impl Ear {
    /// Waits for bytes, for as long as it takes. False: the stream has ended.
    pub async fn read(&mut self) -> Result<bool> {
        self.received.reserve(READ_BYTES);
        Ok(self.tcp.read_buf(&mut self.received).await? > 0)
    }

    /// Everything that has come whole, in order.
    pub fn marks(&mut self, mut each: impl FnMut(Mark<'_>)) {
        // What stands before the last tag has come whole.
        let Some(end) = memrchr(b'<', &self.received) else { return };
        let whole = &self.received[..end];
        for at in memmem::find_iter(whole, "<body>") {
            if let Some(number) = number_at(&whole[at + "<body>".len()..]) {
                each(Mark::Message(number));
            }
        }
        for at in memmem::find_iter(whole, " type='error'") {
            if let Some(number) = id_around(whole, at) {
                each(Mark::Refused(number));
            }
        }
        for at in memmem::find_iter(whole, " type='unavailable'") {
            let start = memrchr(b'<', &whole[..at]).unwrap_or(at);
            each(Mark::Left(&whole[start..whole.len().min(start + TOLD_BYTES)]));
        }
        self.received.drain(..end);
    }

    async fn until(&mut self, what: &str) -> Result<()> {
        loop {
            if let Some(at) = memmem::find(&self.received, what.as_bytes()) {
                self.received.drain(..at + what.len());
                return Ok(());
            }
            if !timeout(ANSWER_MAX, self.read()).await?? {
                return Err(format!("the server closed, after: {}", String::from_utf8_lossy(&self.received)).into());
            }
        }
    }
}

/// A groupchat message to a room.
pub fn message(room: &str, number: u32) -> String {
    let text = "The quick brown fox jumps over the lazy dog, again and again, until it has been counted.";
    format!("<message type='groupchat' to='{room}' id='{number:07}'><body>{number:07} {text}</body></message>")
}

fn number_at(text: &[u8]) -> Option<u32> {
    std::str::from_utf8(text.get(..DIGITS)?).ok()?.parse().ok()
}

/// The id of the element in whose first tag that place is.
fn id_around(text: &[u8], at: usize) -> Option<u32> {
    let start = memrchr(b'<', &text[..at])?;
    let tag = text[start..].split(|byte| *byte == b'>').next()?;
    let id = memmem::find(tag, b" id='")?;
    number_at(&tag[id + " id='".len()..])
}
