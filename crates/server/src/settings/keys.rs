//! The keys that are no limits.

use std::net::SocketAddr;

use conclave_xmpp::BareJid;
use conclave_xmpp::sasl::{ITERATIONS_DEFAULT, ITERATIONS_MIN};

use super::key::{Key, Takes};
use super::{PlainWithoutTls, RoomCreation};
use crate::trace::{LogFormat, check_directives};

const ADDRESSES: &str = "a list of IP addresses with ports, such as \"[::]:5222\" (which is IPv4 too) or \"127.0.0.1:5222\"";

const ADDRESSES_WATCHED: &str = "a list of IP addresses with ports, such as \"127.0.0.1:9222\"";

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
