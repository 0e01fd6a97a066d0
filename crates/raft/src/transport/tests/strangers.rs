//! Whoever else finds the port.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rustls::ClientConfig;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::authority::Authority;
use super::hearing::Hearing;
use super::{CLUSTER, House, LIMIT, Node, ONE, THREE, TWO};
use crate::transport::hello::{read_frame, write_frame};
use crate::transport::identity::{Credentials, name, server_name};
use crate::transport::{Identity, TransportLimits};
use crate::wire::{Answer, Hello};

/// TLS as this node, with nothing said yet.
async fn enter(config: Arc<ClientConfig>, address: SocketAddr) -> TlsStream<TcpStream> {
    let tcp = TcpStream::connect(address).await.unwrap();
    TlsConnector::from(config).connect(server_name(CLUSTER, ONE).unwrap(), tcp).await.unwrap()
}

async fn enter_as(identity: &Identity, address: SocketAddr) -> TlsStream<TcpStream> {
    enter(Credentials::new(identity).unwrap().client, address).await
}

/// Node 1 that knows 2 and 3, and a correct greeting of node 2.
async fn door(authority: &Authority, limits: TransportLimits) -> (House, Node, Hello) {
    let mut one = House::new(authority, ONE);
    one.limits = limits;
    let first = one.open().await;
    // Where they are does not matter: nobody listens.
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 1));
    first.meets(&[(TWO, nowhere), (THREE, nowhere)]);
    let hello = Hello { to: ONE.0, ..super::rules::welcome().0 };
    (one, first, hello)
}

async fn answer_to(authority: &Authority, change: impl FnOnce(&mut Hello)) -> Answer {
    let (one, _first, mut hello) = door(authority, TransportLimits::default()).await;
    change(&mut hello);
    let mut stream = enter_as(&authority.identity(CLUSTER, TWO), one.address).await;
    write_frame(&mut stream, &hello).await.unwrap();
    timeout(LIMIT, read_frame(&mut stream)).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_correct_greeting_is_welcome() {
    let answer = answer_to(&Authority::new(), |_| {}).await;
    assert_eq!((answer.refusal.as_str(), answer.unfit), ("", false));
    let hello = answer.hello.unwrap();
    assert_eq!((hello.node, hello.to, hello.cluster.as_str()), (1, 2, CLUSTER));
}

#[tokio::test]
async fn another_protocol_is_refused() {
    let answer = answer_to(&Authority::new(), |hello| hello.protocol = 7).await;
    assert!(
        answer.refusal.starts_with("node 2 speaks version 7 of the protocol between nodes, and this one speaks 1"),
        "{answer:?}"
    );
}

#[tokio::test]
async fn another_cluster_in_the_greeting_is_refused() {
    let answer = answer_to(&Authority::new(), |hello| hello.cluster = "other".to_owned()).await;
    assert!(answer.refusal.starts_with("node 2 belongs to cluster \"other\""), "{answer:?}");
}

#[tokio::test]
async fn a_greeting_for_somebody_else_is_refused() {
    let answer = answer_to(&Authority::new(), |hello| hello.to = 9).await;
    assert!(answer.refusal.starts_with("node 2 looks for node 9, but node 1 is here"), "{answer:?}");
}

#[tokio::test]
async fn the_certificate_of_one_node_does_not_speak_for_another() {
    let answer = answer_to(&Authority::new(), |hello| hello.node = THREE.0).await;
    let expected = format!("who claims to be node 3 shows a certificate that does not say {}", name(CLUSTER, THREE));
    assert!(answer.refusal.starts_with(&expected), "{answer:?}");
    // What is remembered of node 3 is nobody's business.
    assert_eq!(answer.hello, None);
}

#[tokio::test]
async fn a_malformed_greeting_is_refused() {
    let authority = Authority::new();
    let answer = answer_to(&authority, |hello| hello.storage = Bytes::from_static(b"short")).await;
    assert!(answer.refusal.starts_with("a greeting that cannot be read: a storage of 5 bytes"), "{answer:?}");
    let (one, _first, _) = door(&authority, TransportLimits::default()).await;
    for bytes in [&5000_u32.to_be_bytes()[..], &[0, 0, 0, 2, 0xff, 0xff]] {
        let mut stream = enter_as(&authority.identity(CLUSTER, TWO), one.address).await;
        stream.write_all(bytes).await.unwrap();
        let answer: Answer = timeout(LIMIT, read_frame(&mut stream)).await.unwrap().unwrap();
        assert!(answer.refusal.starts_with("a greeting that cannot be read"), "{answer:?}");
        assert!(closes(&mut stream).await);
    }
}

/// Whether the other side closes it, in whatever way.
async fn closes(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> bool {
    let mut rest = Vec::new();
    timeout(LIMIT, stream.read_to_end(&mut rest)).await.is_ok()
}

#[tokio::test]
async fn without_a_certificate_nobody_gets_in() {
    let authority = Authority::new();
    let (one, _first, hello) = door(&authority, TransportLimits::default()).await;
    let heard = Hearing::begin();
    let identity = authority.identity(CLUSTER, TWO);
    let mut config = ClientConfig::clone(&Credentials::new(&identity).unwrap().client);
    config.client_auth_cert_resolver = Arc::new(NoCertificate);
    let mut stream = enter(Arc::new(config), one.address).await;
    let _ = write_frame(&mut stream, &hello).await;
    let error = timeout(LIMIT, read_frame::<Answer>(&mut stream)).await.unwrap().unwrap_err();
    assert!(error.to_string().contains("CertificateRequired"), "{error}");
    assert_eq!(heard.count("peer sent no certificates"), 1, "{}", heard.text());
}

#[tokio::test]
async fn noise_is_closed() {
    let (one, first, _) = door(&Authority::new(), TransportLimits::default()).await;
    let heard = Hearing::begin();
    for noise in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0; 100], b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"] {
        let mut stream = TcpStream::connect(one.address).await.unwrap();
        stream.write_all(noise).await.unwrap();
        assert!(closes(&mut stream).await);
    }
    assert!(heard.count("it cannot be proven who is there") >= 1, "{}", heard.text());
    drop(first);
}

#[tokio::test]
async fn who_says_nothing_is_cut_off() {
    let authority = Authority::new();
    let limits = TransportLimits { handshake_max: Duration::from_secs(2), ..TransportLimits::default() };
    let (one, _first, hello) = door(&authority, limits).await;
    let since = Instant::now();
    // One says nothing, one stops after TLS, one after half a greeting, one after a whole one.
    let mut silent = TcpStream::connect(one.address).await.unwrap();
    let identity = authority.identity(CLUSTER, TWO);
    let mut secure = enter_as(&identity, one.address).await;
    let mut half = enter_as(&identity, one.address).await;
    half.write_all(&[0, 0, 0, 100, 1, 2, 3]).await.unwrap();
    let mut whole = enter_as(&identity, one.address).await;
    write_frame(&mut whole, &hello).await.unwrap();
    assert!(closes(&mut silent).await && closes(&mut secure).await && closes(&mut half).await && closes(&mut whole).await);
    assert!(since.elapsed() >= Duration::from_secs(2));
}

#[tokio::test]
async fn who_greets_slowly_leaves_room_for_others_but_only_so_much() {
    let authority = Authority::new();
    let limits = TransportLimits { handshakes_max: 2, handshake_max: Duration::from_secs(4), ..TransportLimits::default() };
    let (one, first, _) = door(&authority, limits).await;
    let heard = Hearing::begin();
    let mut two = House::new(&authority, TWO);
    let second = two.open().await;
    let mut slow = [TcpStream::connect(one.address).await.unwrap(), TcpStream::connect(one.address).await.unwrap()];
    // The third is closed at once, not after the others have had their time.
    let mut third = TcpStream::connect(one.address).await.unwrap();
    let since = Instant::now();
    assert!(closes(&mut third).await);
    assert!(since.elapsed() < Duration::from_secs(3), "{:?}", since.elapsed());
    assert_eq!(heard.count("2 connections have not said who they are"), 1, "{}", heard.text());
    // When their time is over a peer gets in.
    assert!(closes(&mut slow[0]).await && closes(&mut slow[1]).await);
    second.meets(&[(ONE, one.address)]);
    second.connected(ONE).await;
    drop(first);
}

#[derive(Debug)]
struct NoCertificate;

impl rustls::client::ResolvesClientCert for NoCertificate {
    fn resolve(&self, _: &[&[u8]], _: &[rustls::SignatureScheme]) -> Option<Arc<rustls::sign::CertifiedKey>> {
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}
