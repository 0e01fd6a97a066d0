//! Addresses (RFC 7622): parsed and prepared once, then trusted.
//!
//! Preparation is the `jid` crate's (stringprep of Unicode 3.2); here the prepared text becomes a shared string, since
//! rooms copy addresses far more often than they parse them.

use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// Why a text is no address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JidError {
    reason: String,
}

impl JidError {
    fn new(text: &str, cause: impl fmt::Display) -> JidError {
        JidError { reason: format!("\"{}\" is not a JID: {cause}", text.escape_debug()) }
    }
}

impl fmt::Display for JidError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for JidError {}

/// Any address: `domain`, `local@domain`, either with a `/resource`.
#[derive(Clone)]
pub struct Jid {
    text: Arc<str>,
    /// Where `@` stands; 0 without a localpart, which is never empty.
    at: u16,
    /// Where the first `/` stands; 0 without a resource.
    slash: u16,
}

impl Jid {
    /// Prepares and checks every part (RFC 7622 §3).
    pub fn parse(text: &str) -> Result<Jid, JidError> {
        let dotless = without_root_dot(text);
        let prepared = jid::Jid::new(dotless.as_deref().unwrap_or(text)).map_err(|e| JidError::new(text, e))?;
        Ok(Jid::from_prepared(prepared.as_str()))
    }

    fn from_prepared(text: &str) -> Jid {
        let slash = text.find('/').unwrap_or(0);
        let bare_end = if slash == 0 { text.len() } else { slash };
        let at = text[..bare_end].find('@').unwrap_or(0);
        // The parts are at most 1023 bytes each, so both positions fit.
        Jid { text: Arc::from(text), at: at as u16, slash: slash as u16 }
    }

    /// The part before `@`.
    pub fn local(&self) -> Option<&str> {
        (self.at != 0).then(|| &self.text[..usize::from(self.at)])
    }

    /// The domain part.
    pub fn domain(&self) -> &str {
        let start = if self.at == 0 { 0 } else { usize::from(self.at) + 1 };
        &self.text[start..self.bare_end()]
    }

    /// The part behind the first `/`.
    pub fn resource(&self) -> Option<&str> {
        (self.slash != 0).then(|| &self.text[usize::from(self.slash) + 1..])
    }

    /// The address without its resource.
    pub fn to_bare(&self) -> BareJid {
        if self.slash == 0 {
            return BareJid(self.clone());
        }
        BareJid(Jid { text: Arc::from(&self.text[..self.bare_end()]), at: self.at, slash: 0 })
    }

    /// The same address, if it has a resource.
    pub fn to_full(&self) -> Option<FullJid> {
        (self.slash != 0).then(|| FullJid(self.clone()))
    }

    /// The prepared text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    fn bare_end(&self) -> usize {
        if self.slash == 0 { self.text.len() } else { usize::from(self.slash) }
    }
}

/// RFC 7622 §3.2: a final dot of the domain is stripped before anything else is done.
fn without_root_dot(text: &str) -> Option<String> {
    let bare_end = text.find('/').unwrap_or(text.len());
    let bare = text[..bare_end].strip_suffix('.')?;
    Some(format!("{bare}{}", &text[bare_end..]))
}

/// An address without a resource: an account, a room, a domain.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BareJid(Jid);

impl BareJid {
    /// Prepares and checks; a resource is an error.
    pub fn parse(text: &str) -> Result<BareJid, JidError> {
        let jid = Jid::parse(text)?;
        match jid.resource() {
            None => Ok(BareJid(jid)),
            Some(_) => Err(JidError::new(text, "a resource does not belong here")),
        }
    }

    /// An address that [`BareJid::parse`] prepared before it was stored.
    pub fn from_stored(text: &str) -> BareJid {
        Jid::from_prepared(text).to_bare()
    }

    /// This address with a resource, which is prepared and checked.
    pub fn with_resource(&self, resource: &str) -> Result<FullJid, JidError> {
        let prepared = jid::ResourcePart::new(resource).map_err(|e| JidError::new(resource, e))?;
        Ok(self.joined(prepared.as_str()))
    }

    /// The occupant JID of `nick` in this room. A nick is prepared already.
    pub fn with_nick(&self, nick: &Nick) -> FullJid {
        self.joined(nick.as_str())
    }

    fn joined(&self, prepared: &str) -> FullJid {
        let text: Arc<str> = Arc::from(format!("{}/{prepared}", self.as_str()));
        FullJid(Jid { text, at: self.0.at, slash: self.as_str().len() as u16 })
    }
}

/// An address with a resource: a session, an occupant.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FullJid(Jid);

impl FullJid {
    /// Prepares and checks; a missing resource is an error.
    pub fn parse(text: &str) -> Result<FullJid, JidError> {
        Jid::parse(text)?.to_full().ok_or_else(|| JidError::new(text, "it lacks a resource"))
    }

    /// An address that [`FullJid::parse`] prepared before it was stored; nothing if it has no resource.
    pub fn from_stored(text: &str) -> Option<FullJid> {
        Jid::from_prepared(text).to_full()
    }
}

/// A nick: a resource that was prepared (RFC 7622 §3.4) and can be seen.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nick(Arc<str>);

/// Why a text is no nick.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NickError {
    /// Strict preparation refuses it.
    Malformed(JidError),
    /// Nothing of it can be seen, so nobody could tell or address its bearer.
    Invisible,
}

impl Nick {
    /// Prepares and checks.
    pub fn parse(text: &str) -> Result<Nick, NickError> {
        let prepared = jid::ResourcePart::new(text).map_err(|e| NickError::Malformed(JidError::new(text, e)))?;
        Nick::from_prepared(prepared.as_str())
    }

    /// The nick that the resource of a prepared address names, if it has one.
    pub fn of(jid: &Jid) -> Option<Result<Nick, NickError>> {
        jid.resource().map(Nick::from_prepared)
    }

    fn from_prepared(text: &str) -> Result<Nick, NickError> {
        if text.chars().all(is_invisible) {
            return Err(NickError::Invisible);
        }
        Ok(Nick(Arc::from(text)))
    }

    /// A nick that [`Nick::parse`] prepared before it was stored.
    pub fn from_stored(text: &str) -> Nick {
        Nick(Arc::from(text))
    }

    /// The prepared text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// White space, format characters and the fillers that fonts draw as nothing.
fn is_invisible(c: char) -> bool {
    c.is_whitespace()
        || matches!(c, '\u{ad}' | '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}')
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
        || matches!(c, '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}')
}

macro_rules! text_of_jid {
    ($($kind:ty),*) => {$(
        impl fmt::Display for $kind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
        impl fmt::Debug for $kind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    )*};
}
text_of_jid!(Jid, BareJid, FullJid, Nick);

impl PartialEq for Jid {
    fn eq(&self, other: &Jid) -> bool {
        self.text == other.text
    }
}
impl Eq for Jid {}
impl PartialOrd for Jid {
    fn partial_cmp(&self, other: &Jid) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Jid {
    fn cmp(&self, other: &Jid) -> std::cmp::Ordering {
        self.text.cmp(&other.text)
    }
}
impl std::hash::Hash for Jid {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

macro_rules! is_a_jid {
    ($($kind:ty),*) => {$(
        impl Deref for $kind {
            type Target = Jid;
            fn deref(&self) -> &Jid {
                &self.0
            }
        }
        impl From<$kind> for Jid {
            fn from(jid: $kind) -> Jid {
                jid.0
            }
        }
        impl Borrow<Jid> for $kind {
            fn borrow(&self) -> &Jid {
                &self.0
            }
        }
        impl PartialEq<Jid> for $kind {
            fn eq(&self, other: &Jid) -> bool {
                self.0 == *other
            }
        }
    )*};
}
is_a_jid!(BareJid, FullJid);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_found_and_prepared() {
        for (text, prepared, local, domain, resource) in [
            ("localhost", "localhost", None, "localhost", None),
            ("User@LocalHost", "user@localhost", Some("user"), "localhost", None),
            ("user@localhost/Phone", "user@localhost/Phone", Some("user"), "localhost", Some("Phone")),
            ("localhost/a@b/c", "localhost/a@b/c", None, "localhost", Some("a@b/c")),
            ("user@localhost.", "user@localhost", Some("user"), "localhost", None),
            ("user@localhost./r", "user@localhost/r", Some("user"), "localhost", Some("r")),
            ("straße@localhost", "strasse@localhost", Some("strasse"), "localhost", None),
            ("user@[::1]", "user@[::1]", Some("user"), "[::1]", None),
        ] {
            let jid = Jid::parse(text).unwrap();
            assert_eq!(jid.as_str(), prepared);
            assert_eq!((jid.local(), jid.domain(), jid.resource()), (local, domain, resource), "{text}");
            assert_eq!(jid.to_bare().to_string(), prepared.split('/').next().unwrap());
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let long = format!("{}@localhost", "a".repeat(1024));
        for text in ["", "@localhost", "user@", "user@localhost/", "a b@localhost", "a@b@c", "user@host/\u{1f600}", &long] {
            assert!(Jid::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn nicks_must_be_prepared_and_visible() {
        assert_eq!(Nick::parse("Romeo\u{ad}").unwrap().as_str(), "Romeo");
        assert_eq!(Nick::parse(" \u{a0} "), Err(NickError::Invisible));
        assert_eq!(Nick::parse("\u{3164}"), Err(NickError::Invisible));
        assert!(matches!(Nick::parse("\u{1f600}"), Err(NickError::Malformed(_))));
        assert!(matches!(Nick::parse("\u{200b}"), Err(NickError::Malformed(_))));
    }
}
