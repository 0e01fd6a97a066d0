//! TLS and logging in over it, with a client written here from the RFCs: the server's own code does not vouch for itself.

#![allow(clippy::unwrap_used)] // a test that cannot go on has failed

mod running;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{
    AlertDescription, CertificateError, ClientConfig, ClientConnection, Error, RootCertStore, StreamOwned,
    SupportedProtocolVersion,
};

use running::{Client, HEADER, LIMIT, Running};

const STARTTLS: &str = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
const PROCEED: &str = "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
const REJECTED: &str = "<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><not-authorized/></failure>";
const ALL: [&str; 5] = ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN"];

#[test]
fn starttls_then_a_login() {
    let server = Running::start();
    let mut client = Secure::start(&server);
    let features = client.header();
    assert_eq!(mechanisms(&features), ALL);
    assert!(features.contains("<channel-binding type='tls-exporter'/>"), "{features}");
    assert!(!features.contains("<starttls"), "{features}");
    client.send(&plain("user", "password"));
    client.until("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>");
    client.bind("secure");
    client.send("</stream:stream>");
    // The end is one of TLS, too: whoever cuts the connection off is told apart.
    assert_eq!(client.rest(), "</stream:stream>");
}

/// RFC 9266: without an extension that nobody can see from outside, the exporter of TLS 1.2 binds nothing.
#[test]
fn tls_1_2_offers_no_channel_binding() {
    let server = Running::start();
    let config = config(&server, &[&TLS12], &[]);
    let mut client = Secure::handshake(starttls(server.open()), config, "localhost").unwrap();
    let features = client.header();
    assert_eq!(mechanisms(&features), ALL[2..]);
    assert!(!features.contains("sasl-channel-binding"), "{features}");
}

/// XEP-0368.
#[test]
fn direct_tls_is_for_those_who_name_xmpp_or_nothing() {
    let server = Running::start();
    for (named, agreed) in
        [(&["xmpp-client"][..], Some("xmpp-client")), (&["h2", "xmpp-client"], Some("xmpp-client")), (&[], None)]
    {
        let mut client = direct(&server, named).unwrap();
        let alpn = client.tls.conn.alpn_protocol().map(|alpn| String::from_utf8(alpn.to_owned()).unwrap());
        assert_eq!(alpn.as_deref(), agreed, "{named:?}");
        let features = client.header();
        assert_eq!(mechanisms(&features), ALL);
        assert!(!features.contains("<starttls"), "{features}");
        client.send(&plain("user", "password"));
        client.until("<success");
        client.bind("direct");
    }
    for named in [&["http/1.1"][..], &["xmpp-server", "h2"]] {
        let refused = direct(&server, named).err();
        assert_eq!(refused, Some(Error::AlertReceived(AlertDescription::NoApplicationProtocol)), "{named:?}");
    }
}

#[test]
fn the_certificate_is_for_the_names_that_are_served() {
    let server = Running::start();
    let handshake = |config, name| Secure::handshake(starttls(server.open()), config, name).err();
    for name in ["localhost", "conference.localhost", "127.0.0.1"] {
        assert_eq!(handshake(config(&server, &[&TLS13], &[]), name), None, "{name}");
    }
    let refused = handshake(config(&server, &[&TLS13], &[]), "example.org");
    assert!(matches!(refused, Some(Error::InvalidCertificate(CertificateError::NotValidForNameContext { .. }))), "{refused:?}");
    let refused = handshake(config_with(RootCertStore::empty(), &[&TLS13], &[]), "localhost");
    assert_eq!(refused, Some(Error::InvalidCertificate(CertificateError::UnknownIssuer)));
}

#[test]
fn a_login_is_bound_to_its_connection() {
    let server = Running::start();
    let mut elsewhere = Secure::start(&server);
    let mut client = Secure::start(&server);
    client.header();
    let bound = Scram { mechanism: "SCRAM-SHA-256-PLUS", header: "p=tls-exporter,,", binding: client.exported(), ..SCRAM };

    let said = client.scram(&Scram { binding: elsewhere.exported(), ..bound.clone() });
    assert!(said.last.contains("<not-authorized/><text xml:lang='en'>the channel binding is not"), "{}", said.last);
    let said = client.scram(&Scram { header: "n,,", ..bound.clone() });
    assert!(said.first.contains("<malformed-request/>"), "{}", said.first);

    let said = client.scram(&bound);
    assert_eq!(said.last, success(&said.signature));
    client.bind("bound");
}

/// RFC 5802 §6: who could bind, and believes that the server cannot, was lied to on the way.
#[test]
fn whoever_did_not_see_that_binding_is_offered_is_refused() {
    let server = Running::start();
    let mut client = Secure::start(&server);
    client.header();
    let said = client.scram(&Scram { header: "y,,", ..SCRAM });
    assert!(said.first.contains("<not-authorized/>") && said.last.is_empty(), "{}", said.first);
    let said = client.scram(&SCRAM);
    assert_eq!(said.last, success(&said.signature));
}

#[test]
fn nobody_learns_which_accounts_there_are() {
    let server = Running::start();
    let mut client = Secure::start(&server);
    client.header();
    let known = client.scram(&Scram { password: "wrong", ..SCRAM });
    let mut client = Secure::start(&server);
    client.header();
    let unknown = client.scram(&Scram { user: "nobody", ..SCRAM });
    assert_eq!((known.last.as_str(), unknown.last.as_str()), (REJECTED, REJECTED));
    assert_eq!(masked(&known.first), masked(&unknown.first));
    assert_ne!(salt(&known.first), salt(&unknown.first));
    // A salt that changes would tell.
    let again = client.scram(&Scram { user: "nobody", ..SCRAM });
    assert_eq!(salt(&again.first), salt(&unknown.first));
    for (user, password) in [("user", "wrong"), ("nobody", "password")] {
        client.send(&plain(user, password));
        assert_eq!(client.until("</failure>"), REJECTED, "{user}");
    }
}

/// Whatever comes in the clear behind `<starttls/>` may be somebody else's words, who wants them taken for the client's.
#[test]
fn what_is_behind_starttls_is_never_used() {
    let server = Running::start();
    let injected = plain("user", "password");
    let mut client = server.open();
    client.send(&format!("{STARTTLS}{injected}"));
    let end = client.rest();
    assert!(end.starts_with("<stream:error><policy-violation "), "{end}");
    assert!(!end.contains("<proceed") && !end.contains("<success"), "{end}");

    let mut client = server.open();
    client.send(STARTTLS);
    client.until(PROCEED);
    client.send(&injected);
    assert!(!client.rest().contains("xmpp-sasl"), "it is no handshake, and nothing else is listened to");
}

#[test]
fn without_tls_there_is_only_the_way_to_it() {
    let server = Running::start_with(&[("CONCLAVE_PLAIN_WITHOUT_TLS", "never")]);
    let mut client = server.connect();
    client.send(HEADER);
    let features = client.until("</stream:features>");
    let offered = features.split_once("<stream:features>").unwrap().1;
    assert_eq!(offered, "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls></stream:features>");
    for auth in [plain("user", "password"), SCRAM.auth()] {
        client.send(&auth);
        let refused = client.until("</failure>");
        assert!(refused.contains("<encryption-required/>"), "{refused}");
    }
    let config = config(&server, &[&TLS13], &[]);
    let mut client = Secure::handshake(starttls(client), config, "localhost").unwrap();
    assert_eq!(mechanisms(&client.header()), ALL);
    client.send(&plain("user", "password"));
    client.until("<success");
}

/// A client over TLS.
struct Secure {
    tls: StreamOwned<ClientConnection, TcpStream>,
    received: String,
}

impl Secure {
    /// By STARTTLS, with TLS 1.3.
    fn start(server: &Running) -> Secure {
        Secure::handshake(starttls(server.open()), config(server, &[&TLS13], &[]), "localhost").unwrap()
    }

    fn handshake(mut tcp: TcpStream, config: ClientConfig, name: &'static str) -> Result<Secure, Error> {
        tcp.set_read_timeout(Some(LIMIT)).unwrap();
        let mut tls = ClientConnection::new(Arc::new(config), ServerName::try_from(name).unwrap()).unwrap();
        while tls.is_handshaking() {
            tls.complete_io(&mut tcp).map_err(|cause| cause.downcast::<Error>().unwrap())?;
        }
        Ok(Secure { tls: StreamOwned::new(tls, tcp), received: String::new() })
    }

    fn send(&mut self, text: &str) {
        self.tls.write_all(text.as_bytes()).unwrap();
    }

    /// Reads until something was said, and returns all up to and with it.
    #[track_caller]
    fn until(&mut self, what: &str) -> String {
        loop {
            if let Some(at) = self.received.find(what) {
                let rest = self.received.split_off(at + what.len());
                return std::mem::replace(&mut self.received, rest);
            }
            assert!(self.read(), "\"{what}\" did not come, but: {}", self.received);
        }
    }

    /// Reads to the end that TLS announces.
    fn rest(&mut self) -> String {
        while self.read() {}
        std::mem::take(&mut self.received)
    }

    fn read(&mut self) -> bool {
        let mut buffer = [0; 4096];
        let length = self.tls.read(&mut buffer).unwrap();
        self.received.push_str(std::str::from_utf8(&buffer[..length]).unwrap());
        length > 0
    }

    /// Opens a stream.
    fn header(&mut self) -> String {
        self.send(HEADER);
        self.until("</stream:features>")
    }

    /// After a login.
    fn bind(&mut self, resource: &str) {
        self.header();
        let bind = format!("<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>{resource}</resource></bind>");
        self.send(&format!("<iq type='set' id='b'>{bind}</iq>"));
        self.until(&format!("<jid>user@localhost/{resource}</jid>"));
        self.until("</iq>");
    }

    /// RFC 9266 §2.
    fn exported(&mut self) -> Vec<u8> {
        self.tls.conn.export_keying_material(vec![0; 32], b"EXPORTER-Channel-Binding", Some(&[])).unwrap()
    }

    /// The next element of SASL.
    fn answer(&mut self) -> String {
        let start = self.until(" xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>");
        let name = start.trim_start_matches('<').split(' ').next().unwrap().to_owned();
        start + &self.until(&format!("</{name}>"))
    }

    /// RFC 5802 §3, as far as the server goes along.
    fn scram(&mut self, scram: &Scram) -> Said {
        self.send(&scram.auth());
        let first = self.answer();
        if !first.starts_with("<challenge") {
            return Said { first, last: String::new(), signature: Vec::new() };
        }
        let (response, signature) = scram.response(&content(&first));
        self.send(&response);
        Said { first, last: self.answer(), signature }
    }
}

/// What a client brings to a login by SCRAM-SHA-256.
#[derive(Clone)]
struct Scram {
    mechanism: &'static str,
    /// gs2-header.
    header: &'static str,
    binding: Vec<u8>,
    user: &'static str,
    password: &'static str,
}

const SCRAM: Scram = Scram { mechanism: "SCRAM-SHA-256", header: "n,,", binding: Vec::new(), user: "user", password: "password" };

/// What the server said to it, and the signature that only a server can make that has the account's keys.
struct Said {
    first: String,
    last: String,
    signature: Vec<u8>,
}

const NONCE: &str = "rOprNGfwEbeRWgbNEkqO";

impl Scram {
    fn auth(&self) -> String {
        let first = STANDARD.encode(format!("{}n={},r={NONCE}", self.header, self.user));
        format!("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='{}'>{first}</auth>", self.mechanism)
    }

    /// RFC 5802 §3: the answer to the challenge, and the signature that has to follow.
    fn response(&self, server_first: &str) -> (String, Vec<u8>) {
        let nonce = attribute(server_first, "r=");
        assert!(nonce.starts_with(NONCE) && nonce.len() > NONCE.len(), "{server_first}");
        let salt = STANDARD.decode(attribute(server_first, "s=")).unwrap();
        let iterations = attribute(server_first, "i=").parse().unwrap();
        let binding = STANDARD.encode([self.header.as_bytes(), &self.binding].concat());
        let without_proof = format!("c={binding},r={nonce}");
        let auth_message = format!("n={},r={NONCE},{server_first},{without_proof}", self.user);

        let mut salted_password = [0; 32];
        pbkdf2::pbkdf2_hmac::<Sha256>(self.password.as_bytes(), &salt, iterations, &mut salted_password);
        let client_key = hmac(&salted_password, b"Client Key");
        let client_signature = hmac(&Sha256::digest(&client_key), auth_message.as_bytes());
        let proof: Vec<u8> = client_key.iter().zip(client_signature).map(|(key, signature)| key ^ signature).collect();
        let server_key = hmac(&salted_password, b"Server Key");

        let last = STANDARD.encode(format!("{without_proof},p={}", STANDARD.encode(proof)));
        let response = format!("<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>{last}</response>");
        (response, hmac(&server_key, auth_message.as_bytes()))
    }
}

fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(text);
    mac.finalize().into_bytes().to_vec()
}

fn success(signature: &[u8]) -> String {
    let content = STANDARD.encode(format!("v={}", STANDARD.encode(signature)));
    format!("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>{content}</success>")
}

fn plain(user: &str, password: &str) -> String {
    let content = STANDARD.encode(format!("\0{user}\0{password}"));
    format!("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{content}</auth>")
}

/// The message in an element of SASL.
fn content(element: &str) -> String {
    let text = element.split(['<', '>']).nth(2).unwrap();
    String::from_utf8(STANDARD.decode(text).unwrap()).unwrap()
}

fn attribute<'a>(message: &'a str, name: &str) -> &'a str {
    message.split(',').find_map(|attribute| attribute.strip_prefix(name)).unwrap()
}

fn salt(challenge: &str) -> String {
    attribute(&content(challenge), "s=").to_owned()
}

/// A challenge with a letter for every letter that may differ.
fn masked(challenge: &str) -> String {
    let message = content(challenge);
    let [nonce, salt] = ["r=", "s="].map(|name| attribute(&message, name).to_owned());
    let server_nonce = nonce.strip_prefix(NONCE).unwrap();
    let message = message.replace(server_nonce, &"n".repeat(server_nonce.len())).replace(&salt, &"s".repeat(salt.len()));
    challenge.replace(challenge.split(['<', '>']).nth(2).unwrap(), &message)
}

fn mechanisms(features: &str) -> Vec<&str> {
    features.split("<mechanism>").skip(1).map(|rest| rest.split('<').next().unwrap()).collect()
}

fn starttls(mut client: Client) -> TcpStream {
    client.send(STARTTLS);
    assert_eq!(client.until(">"), PROCEED);
    client.tcp
}

fn direct(server: &Running, alpn: &[&str]) -> Result<Secure, Error> {
    Secure::handshake(TcpStream::connect(server.c2s_tls).unwrap(), config(server, &[&TLS13], alpn), "localhost")
}

/// For a client that trusts the server's authority.
fn config(server: &Running, versions: &[&'static SupportedProtocolVersion], alpn: &[&str]) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(server.dir().join("ca.pem")).unwrap()).unwrap();
    config_with(roots, versions, alpn)
}

fn config_with(roots: RootCertStore, versions: &[&'static SupportedProtocolVersion], alpn: &[&str]) -> ClientConfig {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let mut config = builder.with_protocol_versions(versions).unwrap().with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    config
}
