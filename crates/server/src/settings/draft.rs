//! Settings that are being put together.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use conclave_xmpp::BareJid;
use conclave_xmpp::sasl::ITERATIONS_DEFAULT;

use super::complaint::{Complaint, Place};
use super::key::Key;
use super::keys::{DETACH_GRACE_MS_DEFAULT, INITIAL_NODES_DEFAULT, NODE_SILENT_MS_DEFAULT, SHARDS_DEFAULT};
use super::value::Given;
use super::{CertificateFiles, DIRECTORY_DEFAULT, Limits, PlainWithoutTls, RoomCreation, Settings};
use crate::trace::LogFormat;

/// The ports that clients try first (RFC 6120 §14.7, XEP-0368).
const C2S_PORT: u16 = 5222;
const C2S_TLS_PORT: u16 = 5223;

/// What was given so far.
#[derive(Debug)]
pub(super) struct Draft {
    pub domain: Option<BareJid>,
    pub service_domain: Option<BareJid>,
    pub dir: PathBuf,
    pub c2s: Option<Vec<SocketAddr>>,
    pub c2s_tls: Option<Vec<SocketAddr>>,
    pub http: Vec<SocketAddr>,
    pub peer_listen: Option<SocketAddr>,
    pub peer_advertise: Option<String>,
    pub initial_nodes: u32,
    pub shards: u16,
    pub detach_grace_ms: u64,
    pub node_silent_ms: u64,
    pub certificate: Option<PathBuf>,
    pub key: Option<PathBuf>,
    pub plain_without_tls: PlainWithoutTls,
    pub admins: Vec<BareJid>,
    pub room_creation: RoomCreation,
    pub password_iterations: u32,
    pub log: String,
    pub log_format: LogFormat,
    pub limits: Limits,
    given: BTreeSet<&'static str>,
    /// Keys whose value is wrong: that they lack a right one is not said again.
    wrong: Vec<&'static str>,
}

impl Default for Draft {
    fn default() -> Draft {
        Draft {
            domain: None,
            service_domain: None,
            dir: DIRECTORY_DEFAULT.into(),
            c2s: None,
            c2s_tls: None,
            http: Vec::new(),
            peer_listen: None,
            peer_advertise: None,
            initial_nodes: INITIAL_NODES_DEFAULT as u32,
            shards: SHARDS_DEFAULT as u16,
            detach_grace_ms: DETACH_GRACE_MS_DEFAULT,
            node_silent_ms: NODE_SILENT_MS_DEFAULT,
            certificate: None,
            key: None,
            plain_without_tls: PlainWithoutTls::default(),
            admins: Vec::new(),
            room_creation: RoomCreation::default(),
            password_iterations: ITERATIONS_DEFAULT,
            log: "info".to_owned(),
            log_format: LogFormat::default(),
            limits: Limits::default(),
            given: BTreeSet::new(),
            wrong: Vec::new(),
        }
    }
}

impl Draft {
    /// Takes one more value; it replaces what was given before.
    pub(super) fn take(&mut self, given: Given, complaints: &mut Vec<Complaint>) {
        let Given { key, value, place } = given;
        self.given.insert(key.name);
        if let Err(text) = key.set(&value, self) {
            self.wrong.push(key.name);
            complaints.push(Complaint::new(place, text));
        }
    }

    /// Fills in what depends on other keys, and says what is missing or does not go together.
    pub(super) fn finish(self, complaints: &mut Vec<Complaint>) -> Option<Settings> {
        let mut complain = |text: String| complaints.push(Complaint::new(Place::Nowhere, text));
        let domain = self.domain.clone().or_else(|| {
            self.complain_of_absence("domain", &mut complain);
            None
        })?;
        let service_domain = match &self.service_domain {
            Some(service_domain) => service_domain.clone(),
            None => BareJid::parse(&format!("conference.{domain}"))
                .map_err(|cause| complain(format!("`service_domain` must be set: {cause}")))
                .ok()?,
        };
        if service_domain == domain {
            complain(format!("`service_domain` and `domain` are both \"{domain}\"; rooms need a domain of their own"));
        }
        let certificate = self.certificate_files(&mut complain);
        let c2s = self.c2s.clone().unwrap_or_else(|| vec![everywhere(C2S_PORT)]);
        let c2s_tls = match (&self.c2s_tls, &certificate) {
            (Some(addresses), _) => addresses.clone(),
            (None, Some(_)) => vec![everywhere(C2S_TLS_PORT)],
            (None, None) => Vec::new(),
        };
        if certificate.is_none() && self.certificate.is_none() && self.key.is_none() {
            self.check_without_certificate(&c2s, &c2s_tls, &mut complain);
        }
        self.check_limits(&mut complain);
        if c2s.is_empty() && c2s_tls.is_empty() {
            complain("`c2s` and `c2s_tls` are both empty; clients need an address to connect to".to_owned());
        }
        Some(Settings {
            domain,
            service_domain,
            dir: self.dir,
            c2s,
            c2s_tls,
            http: self.http,
            peer_listen: self.peer_listen,
            peer_advertise: self.peer_advertise,
            initial_nodes: self.initial_nodes,
            shards: self.shards,
            detach_grace_ms: self.detach_grace_ms,
            node_silent_ms: self.node_silent_ms,
            certificate,
            plain_without_tls: self.plain_without_tls,
            admins: self.admins,
            room_creation: self.room_creation,
            password_iterations: self.password_iterations,
            log: self.log,
            log_format: self.log_format,
            limits: self.limits,
            given: self.given,
        })
    }

    fn certificate_files(&self, complain: &mut impl FnMut(String)) -> Option<CertificateFiles> {
        match (&self.certificate, &self.key) {
            (Some(certificate), Some(key)) => Some(CertificateFiles { certificate: certificate.clone(), key: key.clone() }),
            (Some(_), None) => {
                self.complain_of_absence("key", complain);
                None
            }
            (None, Some(_)) => {
                self.complain_of_absence("certificate", complain);
                None
            }
            (None, None) => None,
        }
    }

    /// Only this machine may be served without a certificate, and only if that is wanted.
    fn check_without_certificate(&self, c2s: &[SocketAddr], c2s_tls: &[SocketAddr], complain: &mut impl FnMut(String)) {
        let trial = self.plain_without_tls == PlainWithoutTls::Loopback && c2s.iter().all(|address| address.ip().is_loopback());
        if self.wrong.iter().any(|name| ["certificate", "key", "plain_without_tls", "c2s"].contains(name)) {
            return;
        }
        if !trial {
            complain(
                "`certificate` and `key` must be set: clients of other machines need TLS. To try without, let `c2s` have loopback \
                 addresses only, and set `plain_without_tls` to \"loopback\""
                    .to_owned(),
            );
        } else if !c2s_tls.is_empty() {
            complain("`c2s_tls` needs `certificate` and `key`".to_owned());
        }
    }

    /// A queue that cannot take what may be sent would cut off every reader.
    fn check_limits(&self, complain: &mut impl FnMut(String)) {
        let Limits { stanza_bytes_max, outbound_queue_bytes_max, .. } = self.limits;
        if outbound_queue_bytes_max < 2 * stanza_bytes_max {
            complain(format!(
                "`outbound_queue_bytes_max` is {outbound_queue_bytes_max}; it must be at least twice `stanza_bytes_max`, which is \
                 {stanza_bytes_max}"
            ));
        }
    }

    fn complain_of_absence(&self, name: &'static str, complain: &mut impl FnMut(String)) {
        if let Some(key) = Key::find(None, name).filter(|_| !self.wrong.contains(&name)) {
            complain(format!("`{name}` must be set (or {}, or --{}): {}", key.variable(), key.flag(), key.takes.what()));
        }
    }
}

/// On Linux this takes IPv4 too.
fn everywhere(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), port)
}
