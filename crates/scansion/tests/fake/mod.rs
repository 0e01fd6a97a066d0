//! A server that only says what a test gave it to say.

use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use conclave_scansion::Targets;
use conclave_scansion::stream::{Incoming, IncomingStream};
use conclave_xmpp::{Element, ns};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// When a stanza contains the first text, the second is sent back, as it is. Whoever says it, and every time.
pub type Lines = &'static [(&'static str, &'static str)];

const HEADER: &str = "<?xml version='1.0'?><stream:stream from='one.example' id='s' version='1.0' xmlns='jabber:client' \
                      xmlns:stream='http://etherx.jabber.org/streams'><stream:features>";
const PLAIN: &str = "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms>";
const BIND: &str = "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>";

/// A listening server. It ends with the test's runtime.
pub struct Fake {
    pub targets: Targets,
    pub address: String,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Fake {
    pub async fn start(lines: Lines) -> Fake {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let notes = Arc::clone(&heard);
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let session = Session { socket, lines, user: String::new(), notes: Arc::clone(&notes) };
                tokio::spawn(session.serve());
            }
        });
        Fake { targets: Targets::parse(&address).expect("an address"), address, heard }
    }

    /// What the clients sent after they had logged in; `closed` for the end of a stream.
    pub fn heard(&self) -> Vec<String> {
        self.heard.lock().expect("no panic").clone()
    }
}

struct Session {
    socket: TcpStream,
    lines: Lines,
    user: String,
    notes: Arc<Mutex<Vec<String>>>,
}

impl Session {
    async fn serve(mut self) {
        let mut stream = IncomingStream::of_server();
        let mut bytes = [0; 4096];
        loop {
            match stream.read().expect("XML") {
                Some(Incoming::Opened) => {
                    let offer = if self.user.is_empty() { self.said("FEATURES").unwrap_or(PLAIN) } else { BIND };
                    self.say(&format!("{HEADER}{offer}</stream:features>")).await;
                }
                Some(Incoming::Stanza(stanza)) if stanza.is("auth", ns::SASL) => {
                    self.log_in(&stanza).await;
                    stream = IncomingStream::of_server();
                }
                Some(Incoming::Stanza(stanza)) => self.answer(&stanza).await,
                Some(Incoming::Closed) => {
                    self.note("closed");
                    self.say(self.said("CLOSE").unwrap_or("</stream:stream>")).await;
                }
                None => match self.socket.read(&mut bytes).await {
                    Ok(read) if read > 0 => stream.push(&bytes[..read]),
                    _ => return,
                },
            }
        }
    }

    async fn log_in(&mut self, auth: &Element) {
        let response = STANDARD.decode(auth.text()).expect("base64");
        let parts: Vec<String> = response.split(|b| *b == 0).map(|part| String::from_utf8_lossy(part).into_owned()).collect();
        if parts[2] == "secret" {
            self.user = parts[1].clone();
            self.say("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>").await;
        } else {
            self.say("<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><not-authorized/></failure>").await;
        }
    }

    async fn answer(&mut self, stanza: &Element) {
        let id = stanza.attribute("id").unwrap_or_default();
        if let Some(bind) = stanza.child("bind", ns::BIND) {
            let resource = bind.child("resource", ns::BIND).map(Element::text).unwrap_or_default();
            let resource = self.said("RESOURCE").unwrap_or(&resource);
            let jid = format!("{}@one.example/{resource}", self.user);
            let bound = format!("<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>{jid}</jid></bind>");
            self.say(&format!("<iq type='result' id='{id}'>{bound}</iq>")).await;
            return;
        }
        let text = stanza.to_string();
        let said: Vec<&str> = self.lines.iter().filter(|(needle, _)| text.contains(needle)).map(|(_, say)| *say).collect();
        self.say(&said.concat()).await;
        if stanza.child("ping", ns::PING).is_none() {
            self.note(&text);
        } else if self.said("NO PINGS").is_none() {
            self.say(&format!("<iq type='result' id='{id}'/>")).await;
        }
    }

    /// What the test wants said on an occasion that is no stanza.
    fn said(&self, occasion: &str) -> Option<&'static str> {
        self.lines.iter().find(|(needle, _)| *needle == occasion).map(|(_, say)| *say)
    }

    fn note(&self, what: &str) {
        self.notes.lock().expect("no panic").push(format!("{}: {what}", self.user));
    }

    async fn say(&mut self, text: &str) {
        // A client that has gone already hears nothing.
        let _ = self.socket.write_all(text.as_bytes()).await;
    }
}
