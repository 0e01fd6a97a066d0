//! What quick-xml accepts and XML 1.0 does not, one complete tag or piece of text after the other.

use super::characters::{blanks_len, is_char, name_len, qualified_name_len};
use super::fault::Fault;
use crate::stream_error::StreamCondition;

const NOT_ALLOWED: &str = "this character is not allowed in XML";

/// Bytes that need no second look: most of what is ever sent.
const PLAIN: [bool; 256] = {
    let mut plain = [true; 256];
    let mut control = 0;
    while control < 0x20 {
        plain[control] = matches!(control as u8, b'\t' | b'\n' | b'\r');
        control += 1;
    }
    plain[b'&' as usize] = false;
    plain[b']' as usize] = false;
    plain[0xEF] = false;
    plain
};

/// Checks a start tag or an empty one, from `<` to `>`; bytes of the element's name.
pub(super) fn start_tag(tag: &str) -> Result<usize, Fault> {
    let name = qualified_name_len(&tag[1..]).ok_or_else(|| Fault::malformed(1, "this is not a name"))?;
    let end = tag.len() - if tag.ends_with("/>") { 2 } else { 1 };
    attributes(tag, 1 + name, end, |_, _| {})?;
    Ok(name)
}

/// Checks an end tag, from `</` to `>`; the element's name.
pub(super) fn end_tag(tag: &str) -> Result<&str, Fault> {
    let inner = &tag[2..tag.len() - 1];
    let name = qualified_name_len(inner).ok_or_else(|| Fault::malformed(2, "this is not a name"))?;
    match blanks_len(&inner.as_bytes()[name..]) + name {
        all if all == inner.len() => Ok(&inner[..name]),
        other => Err(Fault::malformed(2 + other, "an end tag has nothing but a name")),
    }
}

/// Checks character data (XML 1.0 §2.4).
pub(super) fn text(text: &str) -> Result<(), Fault> {
    characters(text, true)
}

/// Checks a CDATA section, brackets and all.
pub(super) fn cdata(section: &str) -> Result<(), Fault> {
    match section.char_indices().find(|(_, c)| !is_char(*c)) {
        Some((at, _)) => Err(Fault::malformed(at, NOT_ALLOWED)),
        None => Ok(()),
    }
}

/// Checks the XML declaration (XML 1.0 §2.8), from `<?xml` to `?>`.
pub(super) fn declaration(declaration: &str) -> Result<(), Fault> {
    let mut found = Vec::new();
    attributes(declaration, "<?xml".len(), declaration.len() - "?>".len(), |name, value| found.push((name, value)))?;
    let malformed = || Fault::malformed(0, "this is not an XML declaration");
    let mut rest = found.into_iter().peekable();
    rest.next_if(|(name, value)| *name == "version" && is_version(value)).ok_or_else(malformed)?;
    if let Some((_, encoding)) = rest.next_if(|(name, _)| *name == "encoding")
        && !encoding.eq_ignore_ascii_case("utf-8")
    {
        return Err(Fault::new(StreamCondition::UnsupportedEncoding, 0, "only UTF-8 is understood"));
    }
    rest.next_if(|(name, value)| *name == "standalone" && matches!(*value, "yes" | "no"));
    rest.next().map_or(Ok(()), |_| Err(malformed()))
}

/// `VersionNum`: a reader of 1.0 reads all of these as if they were 1.0.
fn is_version(value: &str) -> bool {
    value.strip_prefix("1.").is_some_and(|minor| !minor.is_empty() && minor.bytes().all(|b| b.is_ascii_digit()))
}

/// Checks a list of attributes, each with white space before it, and shows names and raw values.
fn attributes<'a>(tag: &'a str, mut at: usize, end: usize, mut seen: impl FnMut(&'a str, &'a str)) -> Result<(), Fault> {
    let bytes = &tag.as_bytes()[..end];
    loop {
        let blanks = blanks_len(&bytes[at..]);
        at += blanks;
        if at == end {
            return Ok(());
        }
        if blanks == 0 {
            return Err(Fault::malformed(at, "white space must stand here, or the tag must end"));
        }
        let name_end =
            at + qualified_name_len(&tag[at..end]).ok_or_else(|| Fault::malformed(at, "this is not an attribute's name"))?;
        let value_start = opening_quote(bytes, name_end)? + 1;
        let quote = bytes[value_start - 1];
        let length = bytes[value_start..].iter().position(|byte| *byte == quote);
        let value_end = value_start + length.ok_or_else(|| Fault::malformed(value_start, "this value has no closing quote"))?;
        characters(&tag[value_start..value_end], false).map_err(|fault| fault.within(value_start))?;
        seen(&tag[at..name_end], &tag[value_start..value_end]);
        at = value_end + 1;
    }
}

/// Where the quote is that must follow a name, behind a `=`.
fn opening_quote(bytes: &[u8], mut at: usize) -> Result<usize, Fault> {
    at += blanks_len(&bytes[at..]);
    if bytes.get(at) != Some(&b'=') {
        return Err(Fault::malformed(at, "an attribute needs a value"));
    }
    at += 1;
    at += blanks_len(&bytes[at..]);
    match bytes.get(at) {
        Some(b'"' | b'\'') => Ok(at),
        _ => Err(Fault::malformed(at, "an attribute's value must stand in quotes")),
    }
}

/// Checks what stands between tags or in a value: characters, references, and that text has no `]]>`. A `<` cannot come.
fn characters(text: &str, content: bool) -> Result<(), Fault> {
    let bytes = text.as_bytes();
    let mut at = 0;
    loop {
        at += bytes[at..].iter().take_while(|byte| PLAIN[usize::from(**byte)]).count();
        at += match bytes.get(at) {
            None => return Ok(()),
            Some(b'&') => reference(&text[at..]).map_err(|fault| fault.within(at))?,
            Some(b']') if content && bytes[at..].starts_with(b"]]>") => {
                return Err(Fault::malformed(at, "]]> must not stand in text"));
            }
            Some(b']') => 1,
            // U+FFFE and U+FFFF.
            Some(0xEF) if !matches!(bytes[at..], [_, 0xBF, 0xBE | 0xBF, ..]) => 1,
            Some(_) => return Err(Fault::malformed(at, NOT_ALLOWED)),
        }
    }
}

/// Checks the reference that `text` begins with (XML 1.0 §4.1); its bytes.
fn reference(text: &str) -> Result<usize, Fault> {
    let inner = text[1..].split_once(';').map(|(inner, _)| inner).unwrap_or_default();
    if let Some(number) = inner.strip_prefix('#') {
        match code_point(number) {
            Some(c) if is_char(c) => {}
            Some(_) => return Err(Fault::malformed(0, NOT_ALLOWED)),
            None => return Err(Fault::malformed(0, "this is not a reference to a character")),
        }
    } else if name_len(inner) != Some(inner.len()) {
        return Err(Fault::malformed(0, "an & must begin a reference"));
    } else if !matches!(inner, "lt" | "gt" | "amp" | "apos" | "quot") {
        return Err(Fault::restricted(0, "only lt, gt, amp, apos and quot may be referred to"));
    }
    Ok(inner.len() + 2)
}

fn code_point(number: &str) -> Option<char> {
    let (digits, radix) = match number.strip_prefix('x') {
        Some(digits) => (digits, 16),
        None => (number, 10),
    };
    // The standard library's parser would accept a sign.
    let plain = digits.bytes().all(|byte| char::from(byte).is_digit(radix));
    u32::from_str_radix(digits, radix).ok().filter(|_| plain).and_then(char::from_u32)
}
