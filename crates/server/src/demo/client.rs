//! A client of a few lines: TCP on loopback, SASL PLAIN, a bound resource, one room.

use std::fmt;
use std::io;
use std::net::SocketAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use conclave_xmpp::{Element, Event, Limits, Parser, ns};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The password of all accounts of `conclave dev`.
const PASSWORD: &str = "password";

/// Our own server is not judged here; nothing that it sends comes near these.
const LIMITS: Limits = Limits {
    stanza_bytes_max: 1024 * 1024,
    depth_max: 64,
    attributes_max: 64,
    namespaces_max: conclave_xmpp::parser::NAMESPACES_MAX,
    stream_bytes_max: None,
};

/// A client that is logged in.
pub struct Client {
    socket: TcpStream,
    parser: Parser,
}

/// Why it is none, or no longer.
#[derive(Debug)]
pub enum ClientFailure {
    /// The connection cannot be made, or broke.
    Broken(io::Error),
    /// The server closed the stream.
    Closed,
    /// What it sends is no stream.
    Strange(String),
    /// It refuses a step; it may be different later.
    Refused(String),
}

impl Client {
    /// Logs in and binds a resource.
    pub async fn log_in(door: SocketAddr, account: &str) -> Result<Client, ClientFailure> {
        let socket = TcpStream::connect(door).await?;
        socket.set_nodelay(true)?;
        let mut client = Client { socket, parser: Parser::new(LIMITS) };
        client.open().await?;
        let response = STANDARD.encode(format!("\0{account}\0{PASSWORD}"));
        client.send(&Element::new("auth", ns::SASL).with("mechanism", "PLAIN").with_text(&response)).await?;
        client.expect("success").await?;
        client.open().await?;
        let resource = Element::new("resource", ns::BIND).with_text("demo");
        let bind = Element::new("bind", ns::BIND).with_child(resource);
        client.send(&Element::new("iq", ns::CLIENT).with("type", "set").with("id", "bind").with_child(bind)).await?;
        client.expect("iq").await?;
        Ok(client)
    }

    /// Sends a stanza.
    pub async fn send(&mut self, stanza: &Element) -> Result<(), ClientFailure> {
        Ok(self.socket.write_all(stanza.to_string().as_bytes()).await?)
    }

    /// The next stanza. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Result<Element, ClientFailure> {
        let mut bytes = [0; 4096];
        loop {
            match self.parser.next().map_err(|cause| ClientFailure::Strange(cause.to_string()))? {
                Some(Event::Element(stanza)) => return Ok(stanza),
                Some(Event::StreamClose) => return Err(ClientFailure::Closed),
                Some(Event::StreamOpen(_)) => continue,
                None => {}
            }
            match self.socket.read(&mut bytes).await? {
                0 => return Err(ClientFailure::Closed),
                read => self.parser.push(&bytes[..read]),
            }
        }
    }

    async fn open(&mut self) -> Result<(), ClientFailure> {
        self.parser = Parser::new(LIMITS);
        let header = "<?xml version='1.0'?><stream:stream version='1.0' to='localhost' xmlns='jabber:client' \
                      xmlns:stream='http://etherx.jabber.org/streams'>";
        self.socket.write_all(header.as_bytes()).await?;
        self.expect("features").await
    }

    async fn expect(&mut self, name: &str) -> Result<(), ClientFailure> {
        let answer = self.next().await?;
        let fine = answer.name() == name && answer.attribute("type") != Some("error");
        if fine { Ok(()) } else { Err(ClientFailure::Refused(answer.to_string())) }
    }
}

impl From<io::Error> for ClientFailure {
    fn from(cause: io::Error) -> ClientFailure {
        ClientFailure::Broken(cause)
    }
}

impl fmt::Display for ClientFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ClientFailure::Broken(cause) => write!(f, "the connection broke: {cause}"),
            ClientFailure::Closed => f.write_str("the server closed the stream"),
            ClientFailure::Strange(text) => write!(f, "the server sends what is no stream: {text}"),
            ClientFailure::Refused(text) => write!(f, "the server refuses: {text}"),
        }
    }
}
