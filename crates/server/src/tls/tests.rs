use expect_test::expect;
use rcgen::{CertificateParams, KeyPair};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConnection, SupportedProtocolVersion, version};

use super::*;
use crate::io::exporter;

/// A directory with a certificate for "localhost" that is its own authority.
fn directory() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
    let write = |name: &str, text: &str| std::fs::write(directory.path().join(name), text).unwrap();
    write("cert.pem", &certificate.pem());
    write("key.pem", &key.serialize_pem());
    write("other-key.pem", &KeyPair::generate().unwrap().serialize_pem());
    write("empty.pem", "nothing\n");
    write("torn.pem", "-----BEGIN CERTIFICATE-----\nMIIB\n");
    write("junk.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    write("junk-key.pem", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
    directory
}

fn load(directory: &tempfile::TempDir, certificate: &str, key: &str) -> Result<Tls, TlsError> {
    let path = |name: &str| directory.path().join(name);
    Tls::load(&CertificateFiles { certificate: path(certificate), key: path(key) })
}

#[test]
fn what_is_wrong_with_a_file_is_said_with_its_name() {
    let directory = directory();
    let pairs = [
        ("absent.pem", "key.pem"),
        ("empty.pem", "key.pem"),
        ("torn.pem", "key.pem"),
        ("junk.pem", "key.pem"),
        ("key.pem", "key.pem"),
        ("cert.pem", "absent.pem"),
        ("cert.pem", "empty.pem"),
        ("cert.pem", "cert.pem"),
        ("cert.pem", "junk-key.pem"),
        ("cert.pem", "other-key.pem"),
    ];
    let said: Vec<String> = pairs
        .iter()
        .map(|(certificate, key)| {
            let error = load(&directory, certificate, key).err().unwrap();
            error.to_string().replace(&format!("{}/", directory.path().display()), "")
        })
        .collect();
    expect![[r#"
        absent.pem cannot be read: No such file or directory (os error 2)
        empty.pem holds no certificate; one begins with -----BEGIN CERTIFICATE-----
        torn.pem is not a PEM file: a section has no end; is the file complete?
        the certificate in junk.pem cannot be used: invalid peer certificate: BadEncoding
        key.pem holds no certificate; one begins with -----BEGIN CERTIFICATE-----
        absent.pem cannot be read: No such file or directory (os error 2)
        empty.pem holds no private key; one begins with -----BEGIN PRIVATE KEY-----
        cert.pem holds no private key; one begins with -----BEGIN PRIVATE KEY-----
        the private key in junk-key.pem cannot be used: unexpected error: failed to parse private key as RSA, ECDSA, or EdDSA
        the private key in other-key.pem does not belong to the certificate in cert.pem"#]]
    .assert_eq(&said.join("\n"));
}

#[test]
fn a_certificate_is_for_its_names_only() {
    let tls = load(&directory(), "cert.pem", "key.pem").unwrap();
    assert!(tls.is_for("localhost"));
    assert!(!tls.is_for("example.org"));
}

/// Shakes hands in memory; none if the server refuses.
fn handshake(
    acceptor: &TlsAcceptor,
    directory: &tempfile::TempDir,
    version: &'static SupportedProtocolVersion,
    protocols: &[&[u8]],
) -> Option<(ClientConnection, ServerConnection)> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(directory.path().join("cert.pem")).unwrap()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let mut config = builder.with_protocol_versions(&[version]).unwrap().with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    let mut client = ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap();
    let mut server = ServerConnection::new(acceptor.config().clone()).unwrap();
    for _ in 0..10 {
        let mut bytes = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut bytes).unwrap();
        }
        server.read_tls(&mut bytes.as_slice()).unwrap();
        server.process_new_packets().ok()?;
        let mut bytes = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut bytes).unwrap();
        }
        client.read_tls(&mut bytes.as_slice()).unwrap();
        client.process_new_packets().ok()?;
        if !client.is_handshaking() && !server.is_handshaking() {
            return Some((client, server));
        }
    }
    panic!("the handshake does not end")
}

#[test]
fn both_ends_export_the_same_and_only_on_tls_1_3() {
    let directory = directory();
    let tls = load(&directory, "cert.pem", "key.pem").unwrap();
    let (client, server) = handshake(&tls.starttls, &directory, &version::TLS13, &[]).unwrap();
    let seen = client.export_keying_material(vec![0; 32], b"EXPORTER-Channel-Binding", Some(b"")).unwrap();
    assert_eq!(exporter(&server), Some(seen));
    let (_, server) = handshake(&tls.starttls, &directory, &version::TLS12, &[]).unwrap();
    assert_eq!(exporter(&server), None);
}

#[test]
fn the_protocol_is_named_where_tls_comes_first() {
    let directory = directory();
    let tls = load(&directory, "cert.pem", "key.pem").unwrap();
    for (acceptor, protocols, expected) in [
        (&tls.direct, &[ALPN] as &[&[u8]], Some(Some(ALPN))),
        (&tls.direct, &[b"h2", ALPN], Some(Some(ALPN))),
        (&tls.direct, &[], Some(None)),
        (&tls.direct, &[b"h2"], None),
        (&tls.starttls, &[ALPN], Some(None)),
    ] {
        let agreed = handshake(acceptor, &directory, &version::TLS13, protocols);
        let agreed = agreed.as_ref().map(|(client, _)| client.alpn_protocol());
        assert_eq!(agreed, expected, "{protocols:?}");
    }
}
