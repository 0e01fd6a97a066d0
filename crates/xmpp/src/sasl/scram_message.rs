//! The messages of SCRAM (RFC 5802 §7), read strictly.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::failure::{Failure, FailureCondition};

/// What a client says about channel binding (RFC 5802 §6).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum BindingFlag<'a> {
    /// `n`: it knows of none.
    Unsupported,
    /// `y`: it knows of some, and believes that the server does not.
    NotOffered,
    /// `p=name`: it uses this one.
    Used(&'a str),
}

/// client-first-message.
#[derive(Debug)]
pub(super) struct ClientFirst<'a> {
    pub(super) flag: BindingFlag<'a>,
    /// Unescaped.
    pub(super) authzid: String,
    /// Unescaped.
    pub(super) name: String,
    pub(super) nonce: &'a str,
    /// gs2-header: what comes before `bare`.
    pub(super) header: &'a str,
    /// client-first-message-bare.
    pub(super) bare: &'a str,
}

impl<'a> ClientFirst<'a> {
    pub(super) fn parse(data: &'a [u8]) -> Result<ClientFirst<'a>, Failure> {
        let message = text(data)?;
        let (flag, rest) = split(message)?;
        let (authzid, bare) = split(rest)?;
        let header = &message[..message.len() - bare.len()];
        let mut attributes = bare.split(',');
        let first = attributes.next().unwrap_or_default();
        if first.starts_with("m=") {
            return Err(Failure::malformed("mandatory extensions are not supported"));
        }
        let name = saslname(value(first, "n=")?)?;
        let nonce = nonce(value(attributes.next().unwrap_or_default(), "r=")?)?;
        extensions(attributes)?;
        Ok(ClientFirst { flag: binding_flag(flag)?, authzid: authorization(authzid)?, name, nonce, header, bare })
    }
}

/// client-final-message.
pub(super) struct ClientFinal<'a> {
    /// gs2-header and channel binding data, decoded.
    pub(super) binding: Vec<u8>,
    pub(super) nonce: &'a str,
    /// Decoded.
    pub(super) proof: Vec<u8>,
    /// client-final-message-without-proof.
    pub(super) without_proof: &'a str,
}

impl<'a> ClientFinal<'a> {
    pub(super) fn parse(data: &'a [u8]) -> Result<ClientFinal<'a>, Failure> {
        let message = text(data)?;
        let (without_proof, proof) = message.rsplit_once(',').ok_or(Failure::malformed("the proof is missing"))?;
        let mut attributes = without_proof.split(',');
        let binding = decode(value(attributes.next().unwrap_or_default(), "c=")?)?;
        let nonce = value(attributes.next().unwrap_or_default(), "r=")?;
        extensions(attributes)?;
        Ok(ClientFinal { binding, nonce, proof: decode(value(proof, "p=")?)?, without_proof })
    }
}

fn text(data: &[u8]) -> Result<&str, Failure> {
    let message = std::str::from_utf8(data).map_err(|_| Failure::malformed("the message is not UTF-8"))?;
    if message.contains('\0') {
        return Err(Failure::malformed("the message has a NUL"));
    }
    Ok(message)
}

fn split(text: &str) -> Result<(&str, &str), Failure> {
    text.split_once(',').ok_or(Failure::malformed("the GS2 header is not complete"))
}

fn value<'a>(attribute: &'a str, name: &str) -> Result<&'a str, Failure> {
    attribute.strip_prefix(name).ok_or(Failure::malformed("an attribute is missing or not in its place"))
}

fn binding_flag(flag: &str) -> Result<BindingFlag<'_>, Failure> {
    match flag {
        "n" => Ok(BindingFlag::Unsupported),
        "y" => Ok(BindingFlag::NotOffered),
        _ => Ok(BindingFlag::Used(value(flag, "p=")?)),
    }
}

fn authorization(attribute: &str) -> Result<String, Failure> {
    match attribute {
        "" => Ok(String::new()),
        _ => saslname(value(attribute, "a=")?),
    }
}

/// RFC 5802 §5.1: a comma is `=2C`, an equals sign `=3D`, and no other `=` may stand.
fn saslname(escaped: &str) -> Result<String, Failure> {
    let mut parts = escaped.split('=');
    let mut name = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (escape, rest) = part.split_at_checked(2).ok_or(Failure::malformed("a name has a bare \"=\""))?;
        name.push(match escape {
            "2C" => ',',
            "3D" => '=',
            _ => return Err(Failure::malformed("a name has a bare \"=\"")),
        });
        name.push_str(rest);
    }
    if name.is_empty() { Err(Failure::malformed("a name is empty")) } else { Ok(name) }
}

/// Printable ASCII without a comma, at least one.
fn nonce(nonce: &str) -> Result<&str, Failure> {
    if !nonce.is_empty() && nonce.bytes().all(|b| b.is_ascii_graphic() && b != b',') {
        Ok(nonce)
    } else {
        Err(Failure::malformed("the nonce is not printable ASCII"))
    }
}

/// Optional extensions are ignored (RFC 5802 §5.1), as long as they are attributes.
fn extensions<'a>(mut attributes: impl Iterator<Item = &'a str>) -> Result<(), Failure> {
    let is_attribute =
        |text: &str| text.starts_with(|c: char| c.is_ascii_alphabetic()) && text[1..].starts_with('=') && text.len() > 2;
    if attributes.all(is_attribute) { Ok(()) } else { Err(Failure::malformed("an extension is not of the form x=value")) }
}

/// Canonical base64 only (RFC 4648 §3.5): two texts for the same proof are one too many.
fn decode(text: &str) -> Result<Vec<u8>, Failure> {
    STANDARD.decode(text).map_err(|_| Failure::new(FailureCondition::IncorrectEncoding, "an attribute is not base64"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_message_is_taken_apart() {
        let first = ClientFirst::parse(b"p=tls-exporter,a=x=2Cy,n=a=3Db=2Cc,r=n0nce,z=ignored").unwrap();
        assert_eq!(
            (first.flag, first.authzid.as_str(), first.name.as_str()),
            (BindingFlag::Used("tls-exporter"), "x,y", "a=b,c")
        );
        assert_eq!((first.nonce, first.header), ("n0nce", "p=tls-exporter,a=x=2Cy,"));
        assert_eq!(first.bare, "n=a=3Db=2Cc,r=n0nce,z=ignored");
    }

    #[test]
    fn what_breaks_the_grammar_is_refused() {
        for message in [
            "",
            "n",
            "n,",
            "n,,",
            "n,,n=",
            "n,,n=a",
            "n,,n=a,",
            "n,,n=a,r=",
            "n,,r=x,n=a",
            "n,,m=x,n=a,r=x",
            "q,,n=a,r=x",
            "p,,n=a,r=x",
            "n,b=x,n=a,r=x",
            "n,a=,n=a,r=x",
            "n,,n=a=,r=x",
            "n,,n=a=2c,r=x",
            "n,,n==é,r=x",
            "n,,n=a,r=x y",
            "n,,n=a,r=é",
            "n,,n=a,r=x,",
            "n,,n=a,r=x,1=2",
            "n,,n=a,r=x,é=2",
            "n,,n=a,r=x,z=",
            "n,,n=\0,r=x",
        ] {
            assert!(ClientFirst::parse(message.as_bytes()).is_err(), "{message:?}");
        }
        for message in [
            "",
            "c=biws",
            "c=biws,p=AA==",
            "c=biws,r=x",
            "r=x,c=biws,p=AA==",
            "c=biws,r=x,p=AA",
            "c=biws,r=x,p=AB==",
            "c=b iws,r=x,p=AA==",
        ] {
            assert!(ClientFinal::parse(message.as_bytes()).is_err(), "{message:?}");
        }
    }
}
