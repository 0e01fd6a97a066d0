//! The keys that are no limits.

use std::net::SocketAddr;

use conclave_xmpp::BareJid;
use conclave_xmpp::sasl::{ITERATIONS_DEFAULT, ITERATIONS_MIN};

use super::key::{Key, Takes};
use super::{PlainWithoutTls, RoomCreation};
use crate::cluster::is_address;
use crate::trace::{LogFormat, check_directives};

const ADDRESSES: &str = "a list of IP addresses with ports, such as \"[::]:5222\" (which is IPv4 too) or \"127.0.0.1:5222\"";

const ADDRESSES_WATCHED: &str = "a list of IP addresses with ports, such as \"127.0.0.1:9222\"";

/// A node alone is a cluster.
pub(super) const INITIAL_NODES_DEFAULT: u64 = 1;

/// Enough that a dozen nodes share the work evenly, and few enough that a small machine keeps them all.
pub(super) const SHARDS_DEFAULT: u64 = 16;

/// Ample for a client that notices and connects again.
pub(super) const DETACH_GRACE_MS_DEFAULT: u64 = 30_000;

/// Longer than a busy machine stalls.
pub(super) const NODE_SILENT_MS_DEFAULT: u64 = 5_000;

const fn key(name: &'static str, takes: Takes, help: &'static str) -> Key {
    Key { name, table: None, help, takes }
}

pub(super) const KEYS: &[Key] = &[
    key(
        "domain",
        Takes::Text {
            what: "the domain of the accounts, such as \"example.org\"",
            set: |draft, text| domain(text).map(|domain| draft.domain = Some(domain)),
        },
        "The domain of the accounts",
    ),
    key(
        "service_domain",
        Takes::Text {
            what: "the domain of the rooms, such as \"conference.example.org\"",
            set: |draft, text| domain(text).map(|domain| draft.service_domain = Some(domain)),
        },
        "The domain of the rooms [default: \"conference.\" and the domain]",
    ),
    key(
        "dir",
        Takes::Path { what: "a directory, which is made if it is missing", set: |draft, path| draft.dir = path },
        "Where the node keeps its data and its administration socket [default: /var/lib/conclave]",
    ),
    key(
        "c2s",
        Takes::List { what: ADDRESSES, set: |draft, list| addresses(list).map(|list| draft.c2s = Some(list)) },
        "Where clients connect, with STARTTLS [default: [::]:5222]",
    ),
    key(
        "c2s_tls",
        Takes::List { what: ADDRESSES, set: |draft, list| addresses(list).map(|list| draft.c2s_tls = Some(list)) },
        "Where clients connect, with TLS from the first byte [default: [::]:5223 if there is a certificate]",
    ),
    key(
        "http",
        Takes::List { what: ADDRESSES_WATCHED, set: |draft, list| addresses(list).map(|list| draft.http = list) },
        "Where /metrics, /healthz and /readyz are, without TLS: for the network of the watchers only [default: nowhere]",
    ),
    key(
        "peer_listen",
        Takes::Text {
            what: "an IP address with a port, such as \"10.0.0.1:7400\"",
            set: |draft, text| {
                draft.peer_listen = Some(text.parse().map_err(|_| String::new())?);
                Ok(())
            },
        },
        "Where other nodes of the cluster connect. They speak TLS 1.3 with certificates of the cluster's own authority, both ways, which \
         `cluster invite` and `cluster join` bring about; `certificate` and `key` are for clients only [default: the address that the node was invited \
         with; else 127.0.0.1 at any port, enough for a node alone]",
    ),
    key(
        "peer_advertise",
        Takes::Text {
            what: "a host and a port, such as \"node1.example.org:7400\"",
            set: |draft, text| {
                let text = Some(text.to_owned()).filter(|text| is_address(text)).ok_or_else(String::new)?;
                draft.peer_advertise = Some(text);
                Ok(())
            },
        },
        "Where other nodes find this one, HOST:PORT; they are told at each of its starts [default: where it listens; if that is everywhere, the address that it was invited with]",
    ),
    key(
        "initial_nodes",
        Takes::Number {
            range: 1..=1_000,
            unit: "nodes",
            default: INITIAL_NODES_DEFAULT,
            set: |draft, number| draft.initial_nodes = number as u32,
        },
        "Rooms are served as soon as so many nodes have joined; heeded when the cluster is made",
    ),
    key(
        "shards",
        Takes::Number {
            range: 1..=1_024,
            unit: "shards",
            default: SHARDS_DEFAULT,
            set: |draft, number| draft.shards = number as u16,
        },
        "Parts into which the rooms are divided, for ever; heeded when the cluster is made",
    ),
    key(
        "detach_grace_ms",
        Takes::Number {
            range: 0..=3_600_000,
            unit: "milliseconds",
            default: DETACH_GRACE_MS_DEFAULT,
            set: |draft, number| draft.detach_grace_ms = number,
        },
        "Milliseconds that clients of a node that died have to come back before they leave their rooms",
    ),
    key(
        "node_silent_ms",
        Takes::Number {
            range: 1_000..=600_000,
            unit: "milliseconds",
            default: NODE_SILENT_MS_DEFAULT,
            set: |draft, number| draft.node_silent_ms = number,
        },
        "Milliseconds without a sign of life after which a node counts as dead; one whose process is proven to be gone does after 1000 already. A node says \
         five times in them that it lives",
    ),
    key(
        "certificate",
        Takes::Path {
            what: "a PEM file with the certificate of `domain` first, then those that lead to its authority",
            set: |draft, path| draft.certificate = Some(path),
        },
        "The certificate and its chain, PEM",
    ),
    key(
        "key",
        Takes::Path { what: "a PEM file with the private key of `certificate`", set: |draft, path| draft.key = Some(path) },
        "The private key of the certificate, PEM",
    ),
    key(
        "plain_without_tls",
        Takes::Text {
            what: "\"never\" or \"loopback\"",
            set: |draft, text| {
                draft.plain_without_tls =
                    one_of(text, [("never", PlainWithoutTls::Never), ("loopback", PlainWithoutTls::Loopback)])?;
                Ok(())
            },
        },
        "Whether clients of this machine may log in without TLS, for trials: never or loopback [default: never]",
    ),
    key(
        "admins",
        Takes::List {
            what: "a list of accounts, such as \"admin@example.org\"",
            set: |draft, list| {
                draft.admins = list.iter().map(|text| account(text)).collect::<Result<_, _>>()?;
                Ok(())
            },
        },
        "Accounts that run the service: they may create rooms where others may not",
    ),
    key(
        "room_creation",
        Takes::Text {
            what: "\"anyone\" or \"admins\"",
            set: |draft, text| {
                draft.room_creation = one_of(text, [("anyone", RoomCreation::Anyone), ("admins", RoomCreation::Admins)])?;
                Ok(())
            },
        },
        "Who may create rooms: anyone or admins [default: anyone]",
    ),
    key(
        "password_iterations",
        Takes::Number {
            range: ITERATIONS_MIN as u64..=10_000_000,
            unit: "rounds of PBKDF2",
            default: ITERATIONS_DEFAULT as u64,
            set: |draft, number| draft.password_iterations = number as u32,
        },
        "Rounds of PBKDF2 for new passwords: more make a stolen database worth less, and logging in slower",
    ),
    key(
        "log",
        Takes::Text {
            what: "off, error, warn, info, debug or trace, and after a comma levels of targets, such as \"info,conclave_server=debug\"",
            set: |draft, text| check_directives(text).map(|()| draft.log = text.to_owned()),
        },
        "What is logged: off, error, warn, info, debug or trace; with commas also by target [default: info]",
    ),
    key(
        "log_format",
        Takes::Text {
            what: "\"human\" or \"json\"",
            set: |draft, text| {
                draft.log_format = one_of(text, [("human", LogFormat::Human), ("json", LogFormat::Json)])?;
                Ok(())
            },
        },
        "How it is logged: human or json [default: human]",
    ),
];

fn domain(text: &str) -> Result<BareJid, String> {
    let jid = BareJid::parse(text).map_err(|cause| cause.to_string())?;
    if jid.local().is_some() { Err("that is an account".to_owned()) } else { Ok(jid) }
}

fn account(text: &str) -> Result<BareJid, String> {
    let jid = BareJid::parse(text).map_err(|cause| cause.to_string())?;
    if jid.local().is_none() { Err(format!("\"{text}\" has no @")) } else { Ok(jid) }
}

fn addresses(list: &[String]) -> Result<Vec<SocketAddr>, String> {
    list.iter().map(|text| text.parse().map_err(|_| format!("\"{text}\" is none"))).collect()
}

/// What is allowed says all that there is to say.
fn one_of<T, const N: usize>(text: &str, choices: [(&str, T); N]) -> Result<T, String> {
    choices.into_iter().find(|(word, _)| *word == text).map(|(_, choice)| choice).ok_or_else(String::new)
}
