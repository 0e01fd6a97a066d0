//! One client's connection: plain TCP, SASL PLAIN, a bound resource, and nothing that the script did not ask for.
//!
//! No initial presence is sent and no stream management is asked for. Stanzas are read when somebody waits for them.

use std::io;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use conclave_xmpp::element::escape_attribute;
use conclave_xmpp::{Element, FullJid, Jid, ns};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use crate::cast::Client;
use crate::stream::{Incoming, IncomingStream};

/// How much is read from the socket at once, in bytes.
const READ_BYTES: usize = 16 * 1024;

/// A client that is logged in.
pub struct Connection {
    socket: TcpStream,
    stream: IncomingStream,
    jid: FullJid,
    /// Whether the server has closed its stream: nothing comes behind that.
    closed: bool,
}

/// What went wrong between a client and the server.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionError {
    /// Nobody listens there.
    #[error("cannot connect to {address}: {source}")]
    Unreachable {
        /// Host and port.
        address: String,
        /// Why.
        source: io::Error,
    },
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Broken(#[from] io::Error),
    /// The server closed its stream or the connection.
    #[error("the server closed the stream")]
    Closed,
    /// The server sent what is no XMPP stream.
    #[error("the server sent bad XML: {0}")]
    Xml(String),
    /// The server let a step of the login wait for too long.
    #[error("the server did not {0} in time")]
    Late(&'static str),
    /// PLAIN is not offered.
    #[error("the server does not offer SASL PLAIN without TLS; it offers: {offered}")]
    NoPlain {
        /// The mechanisms that it offers.
        offered: String,
    },
    /// The server refused a step of the login.
    #[error("the server refused {what}: {answer}")]
    Refused {
        /// The step.
        what: &'static str,
        /// The server's answer.
        answer: String,
    },
    /// The server bound another address than the script counts on.
    #[error("the server bound `{bound}`, but the script counts on `{wished}`")]
    OtherAddress {
        /// What the server bound.
        bound: String,
        /// What was asked for.
        wished: String,
    },
}

impl Connection {
    /// Logs in and binds the client's resource. `address` is host and port.
    pub async fn open(address: &str, client: &Client, deadline: Instant) -> Result<Connection, ConnectionError> {
        let unreachable = |source| ConnectionError::Unreachable { address: address.to_owned(), source };
        let socket = match timeout_at(deadline, TcpStream::connect(address)).await {
            Ok(connected) => connected.map_err(unreachable)?,
            Err(_) => return Err(unreachable(io::ErrorKind::TimedOut.into())),
        };
        socket.set_nodelay(true)?;
        let mut connection = Connection { socket, stream: IncomingStream::of_server(), jid: client.jid.clone(), closed: false };
        connection.log_in(&client.password, deadline).await?;
        connection.bind(deadline).await?;
        Ok(connection)
    }

    /// The address that this connection has bound.
    pub fn jid(&self) -> &FullJid {
        &self.jid
    }

    /// Sends a stanza.
    pub async fn send(&mut self, stanza: &Element, deadline: Instant) -> Result<(), ConnectionError> {
        self.write(&stanza.to_string(), deadline).await
    }

    /// The next stanza, or nothing if the time is over. Dropping the future loses nothing.
    pub async fn next(&mut self, deadline: Instant) -> Result<Option<Element>, ConnectionError> {
        while !self.closed {
            match self.stream.read().map_err(ConnectionError::Xml)? {
                Some(Incoming::Stanza(stanza)) => return Ok(Some(stanza)),
                Some(Incoming::Closed) => break,
                Some(Incoming::Opened) => continue,
                None => {}
            }
            let mut bytes = [0; READ_BYTES];
            match timeout_at(deadline, self.socket.read(&mut bytes)).await {
                Err(_) => return Ok(None),
                Ok(Ok(0)) => break,
                Ok(read) => self.stream.push(&bytes[..read?]),
            }
        }
        self.closed = true;
        Err(ConnectionError::Closed)
    }

    /// Closes the stream, and waits until the server has closed its own: then everything that follows from it is done.
    pub async fn close(mut self, deadline: Instant) -> Result<(), ConnectionError> {
        // A server that has left already cannot be told, and need not be.
        if self.write("</stream:stream>", deadline).await.is_err() {
            return Ok(());
        }
        loop {
            match self.next(deadline).await {
                Ok(Some(_)) => {}
                Ok(None) => return Err(ConnectionError::Late("close its stream")),
                Err(ConnectionError::Closed | ConnectionError::Broken(_)) => return Ok(()),
                Err(other) => return Err(other),
            }
        }
    }

    async fn log_in(&mut self, password: &str, deadline: Instant) -> Result<(), ConnectionError> {
        let features = self.open_stream(deadline).await?;
        let offered: Vec<String> = features
            .child("mechanisms", ns::SASL)
            .map(|mechanisms| mechanisms.children().map(Element::text).collect())
            .unwrap_or_default();
        if !offered.iter().any(|mechanism| mechanism.trim() == "PLAIN") {
            let offered = if offered.is_empty() { "none".to_owned() } else { offered.join(", ") };
            return Err(ConnectionError::NoPlain { offered });
        }
        let local = self.jid.local().unwrap_or_default();
        let response = STANDARD.encode(format!("\0{local}\0{password}"));
        let auth = Element::new("auth", ns::SASL).with("mechanism", "PLAIN").with_text(&response);
        self.send(&auth, deadline).await?;
        let answer = self.awaited("answer the login", deadline).await?;
        match answer.is("success", ns::SASL) {
            true => Ok(()),
            false => Err(ConnectionError::Refused { what: "the login", answer: answer.to_string() }),
        }
    }

    async fn bind(&mut self, deadline: Instant) -> Result<(), ConnectionError> {
        self.open_stream(deadline).await?;
        let resource = Element::new("resource", ns::BIND).with_text(self.jid.resource().unwrap_or_default());
        let bind = Element::new("bind", ns::BIND).with_child(resource);
        let iq = Element::new("iq", ns::CLIENT).with("type", "set").with("id", "scansion-bind").with_child(bind);
        self.send(&iq, deadline).await?;
        let answer = self.awaited("answer the binding of the resource", deadline).await?;
        let bound = answer.child("bind", ns::BIND).and_then(|bind| bind.child("jid", ns::BIND)).map(Element::text);
        let Some(bound) = bound.filter(|_| answer.attribute("type") == Some("result")) else {
            return Err(ConnectionError::Refused { what: "the binding of the resource", answer: answer.to_string() });
        };
        match Jid::parse(bound.trim()) {
            Ok(jid) if jid.as_str() == self.jid.as_str() => Ok(()),
            _ => Err(ConnectionError::OtherAddress { bound, wished: self.jid.as_str().to_owned() }),
        }
    }

    /// Opens a stream, for the first time or after the login, and reads the features.
    async fn open_stream(&mut self, deadline: Instant) -> Result<Element, ConnectionError> {
        self.stream = IncomingStream::of_server();
        let mut header = String::from("<?xml version='1.0'?><stream:stream version='1.0' to='");
        escape_attribute(&mut header, self.jid.domain());
        header.push_str("' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>");
        self.write(&header, deadline).await?;
        let features = self.awaited("say what it offers", deadline).await?;
        match features.is("features", ns::STREAM) {
            true => Ok(features),
            false => Err(ConnectionError::Refused { what: "the stream", answer: features.to_string() }),
        }
    }

    async fn awaited(&mut self, what: &'static str, deadline: Instant) -> Result<Element, ConnectionError> {
        self.next(deadline).await?.ok_or(ConnectionError::Late(what))
    }

    async fn write(&mut self, text: &str, deadline: Instant) -> Result<(), ConnectionError> {
        match timeout_at(deadline, self.socket.write_all(text.as_bytes())).await {
            Ok(written) => Ok(written?),
            Err(_) => Err(ConnectionError::Late("read what was sent")),
        }
    }
}
