//! Stream headers (RFC 6120 §4.7): the client's is judged, ours is written.

use compact_str::CompactString;

use super::error;
use crate::element::escape_attribute;
use crate::jid::{BareJid, Jid};
use crate::ns;
use crate::parser::StreamHeader;
use crate::stream_error::{StreamCondition, StreamError};

/// The language of our own texts.
const OUR_LANG: &str = "en";

/// What a good header tells.
#[derive(Debug)]
pub(super) struct Greeting {
    /// Who the client says it is; ours names it in `to`.
    pub(super) from: Option<BareJid>,
    /// What its stanzas inherit.
    pub(super) lang: Option<CompactString>,
}

/// Judges a client's header; `account` is who has logged in.
pub(super) fn check(header: &StreamHeader, domain: &str, account: Option<&BareJid>) -> Result<Greeting, StreamError> {
    if header.default_namespace != ns::CLIENT {
        return Err(error(StreamCondition::InvalidNamespace, "the content namespace of a client's stream is jabber:client"));
    }
    check_version(header.version.as_deref())?;
    check_to(header.to.as_deref(), domain)?;
    let from = from(header.from.as_deref())?;
    if let (Some(from), Some(account)) = (&from, account)
        && from != account
    {
        return Err(error(StreamCondition::InvalidFrom, format!("from: the login was that of {account}")));
    }
    let lang = header.lang.as_deref().filter(|lang| !lang.is_empty()).map(CompactString::from);
    Ok(Greeting { from, lang })
}

/// Writes our header. `lang` is the client's: it is repeated if it is the language that we speak (RFC 6120 §4.7.4), since the
/// attribute says in which language our own texts are.
pub(super) fn write(id: &str, domain: &str, to: Option<&BareJid>, lang: Option<&str>) -> String {
    let ours = lang.filter(|lang| lang.split('-').next().is_some_and(|primary| primary.eq_ignore_ascii_case(OUR_LANG)));
    let mut out = String::from("<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='");
    out.push_str(ns::STREAM);
    out.push('\'');
    for (name, value) in [("id", Some(id)), ("from", Some(domain)), ("to", to.map(|to| to.as_str()))] {
        if let Some(value) = value {
            attribute(&mut out, name, value);
        }
    }
    attribute(&mut out, "version", "1.0");
    attribute(&mut out, "xml:lang", ours.unwrap_or(OUR_LANG));
    out.push('>');
    out
}

fn attribute(out: &mut String, name: &str, value: &str) {
    out.push(' ');
    out.push_str(name);
    out.push_str("='");
    escape_attribute(out, value);
    out.push('\'');
}

/// RFC 6120 §4.7.5: a stream without a version, or with one before 1.0, knows no features and so can neither log in nor bind.
fn check_version(version: Option<&str>) -> Result<(), StreamError> {
    let major = version.and_then(|version| version.split_once('.')).and_then(|(major, minor)| {
        minor.parse::<u32>().ok()?;
        major.parse::<u32>().ok()
    });
    match major {
        Some(1..) => Ok(()),
        _ => Err(error(StreamCondition::UnsupportedVersion, "the version of the stream must be 1.0 or later")),
    }
}

/// RFC 6120 §4.7.2: a client MUST say whom it wants. One that does not cannot have checked our certificate against it, so
/// we do not guess; the condition is that of addresses which are not there or are none (§4.9.3.7).
fn check_to(to: Option<&str>, domain: &str) -> Result<(), StreamError> {
    let to =
        to.ok_or_else(|| error(StreamCondition::ImproperAddressing, format!("to: it is missing, and {domain} is served here")))?;
    let jid = Jid::parse(to).map_err(|e| error(StreamCondition::ImproperAddressing, format!("to: {e}")))?;
    if jid.as_str() == domain {
        return Ok(());
    }
    Err(error(StreamCondition::HostUnknown, format!("to: {jid} is not served here, {domain} is")))
}

fn from(from: Option<&str>) -> Result<Option<BareJid>, StreamError> {
    let parsed = from.map(Jid::parse).transpose();
    let from = parsed.map_err(|e| error(StreamCondition::ImproperAddressing, format!("from: {e}")))?;
    Ok(from.map(|from| from.to_bare()))
}
