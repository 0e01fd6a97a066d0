//! Who a node is, and how it proves that: its name in a certificate of the cluster's own authority.

use std::fmt;
use std::sync::Arc;

use rustls::client::danger::ServerCertVerifier;
use rustls::client::{Resumption, WebPkiServerVerifier, verify_server_name};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use rustls::version::TLS13;
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use super::TransportError;
use crate::NodeId;

/// HTTP/2 is all that is spoken behind the greetings.
const ALPN: &[u8] = b"h2";

/// Who a node is, and how it proves that to its peers.
#[derive(Clone)]
pub struct Identity {
    /// The cluster's name, the same on all nodes, as a DNS name can be: a UUID, say. Nodes of other clusters are refused.
    pub cluster: String,
    /// Which node of it.
    pub node: NodeId,
    /// The certificates of the cluster's own authority, PEM. Nobody else's word is taken.
    pub ca: Vec<u8>,
    /// The node's certificate, followed by intermediate ones if there are any, PEM. It names `node-<id>.<cluster>` as a DNS name among its subject
    /// alternative names, and may be used by clients and servers.
    pub certificate: Vec<u8>,
    /// Its private key, PEM.
    pub key: Vec<u8>,
}

impl fmt::Debug for Identity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The key is nobody's business.
        formatter.debug_struct("Identity").field("cluster", &self.cluster).field("node", &self.node).finish_non_exhaustive()
    }
}

/// The name of a node in certificates.
pub(super) fn name(cluster: &str, node: NodeId) -> String {
    format!("node-{node}.{cluster}")
}

/// The same for TLS. None if the cluster's name cannot be a DNS name.
pub(super) fn server_name(cluster: &str, node: NodeId) -> Option<ServerName<'static>> {
    ServerName::try_from(name(cluster, node)).ok()
}

/// Whether a certificate says that its holder is that node.
pub(super) fn says(certificate: &CertificateDer<'_>, cluster: &str, node: NodeId) -> bool {
    let (Ok(parsed), Some(name)) = (ParsedCertificate::try_from(certificate), server_name(cluster, node)) else { return false };
    verify_server_name(&parsed, &name).is_ok()
}

/// Both sides of TLS.
pub(super) struct Credentials {
    pub client: Arc<ClientConfig>,
    pub server: Arc<ServerConfig>,
}

impl Credentials {
    /// Reads the files' contents, and checks what peers would check.
    pub fn new(identity: &Identity) -> Result<Self, TransportError> {
        let name = name(&identity.cluster, identity.node);
        let server_name = server_name(&identity.cluster, identity.node).ok_or_else(|| TransportError::Name(name.clone()))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let roots = Arc::new(roots(&identity.ca)?);
        let chain = certificates("the node's certificate", &identity.certificate)?;
        let key = PrivateKeyDer::from_pem_slice(&identity.key).map_err(|error| TransportError::pem("the node's key", error))?;
        let tls = |what| move |error: rustls::Error| TransportError::Tls { what, error };
        if !chain.first().is_some_and(|certificate| says(certificate, &identity.cluster, identity.node)) {
            return Err(TransportError::NotNamed(name));
        }
        let clients = WebPkiClientVerifier::builder_with_provider(roots.clone(), provider.clone()).build();
        let clients = clients.map_err(|error| TransportError::Authority(error.to_string()))?;
        let servers = WebPkiServerVerifier::builder_with_provider(roots.clone(), provider.clone()).build();
        let servers = servers.map_err(|error| TransportError::Authority(error.to_string()))?;
        acceptable(&chain, &*clients, &*servers, &server_name)?;
        let client = client(provider.clone(), servers, chain.clone(), key.clone_key()).map_err(tls("the client's side"))?;
        let server = server(provider, clients, chain, key).map_err(tls("the server's side"))?;
        Ok(Self { client: Arc::new(client), server: Arc::new(server) })
    }
}

/// What every peer would say to our certificate.
fn acceptable(
    chain: &[CertificateDer<'static>],
    clients: &dyn ClientCertVerifier,
    servers: &dyn ServerCertVerifier,
    name: &ServerName<'_>,
) -> Result<(), TransportError> {
    let Some((end, intermediates)) = chain.split_first() else { return Ok(()) };
    let refused = |error| TransportError::Tls { what: "the node's certificate, as peers will see it", error };
    clients.verify_client_cert(end, intermediates, UnixTime::now()).map_err(refused)?;
    servers.verify_server_cert(end, intermediates, name, &[], UnixTime::now()).map_err(refused)?;
    Ok(())
}

fn client(
    provider: Arc<CryptoProvider>,
    servers: Arc<WebPkiServerVerifier>,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<ClientConfig, rustls::Error> {
    let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(&[&TLS13])?;
    let mut config = builder.with_webpki_verifier(servers).with_client_auth_cert(chain, key)?;
    config.alpn_protocols = vec![ALPN.to_vec()];
    // Each connection proves anew who is there.
    config.resumption = Resumption::disabled();
    Ok(config)
}

fn server(
    provider: Arc<CryptoProvider>,
    clients: Arc<dyn ClientCertVerifier>,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<ServerConfig, rustls::Error> {
    let builder = ServerConfig::builder_with_provider(provider).with_protocol_versions(&[&TLS13])?;
    let mut config = builder.with_client_cert_verifier(clients).with_single_cert(chain, key)?;
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.send_tls13_tickets = 0;
    Ok(config)
}

fn certificates(what: &'static str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TransportError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let found = found.map_err(|error| TransportError::pem(what, error))?;
    if found.is_empty() { Err(TransportError::pem(what, rustls::pki_types::pem::Error::NoItemsFound)) } else { Ok(found) }
}

fn roots(pem: &[u8]) -> Result<RootCertStore, TransportError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates("the cluster's authority", pem)? {
        roots.add(certificate).map_err(|error| TransportError::Authority(error.to_string()))?;
    }
    Ok(roots)
}
