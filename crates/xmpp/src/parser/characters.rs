//! The characters of XML (XML 1.0, fifth edition, §2.2 and §2.3) and of names with a prefix (Namespaces in XML 1.0, §4).

/// `Char`: what may stand in a document, also as a reference.
pub(super) fn is_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
}

/// `S`
pub(super) fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// How many bytes of blanks `text` begins with.
pub(super) fn blanks_len(text: &[u8]) -> usize {
    text.iter().take_while(|byte| is_blank(**byte)).count()
}

/// Bytes of the name that `text` begins with, prefix and colon included; none if there is no such name. A second colon
/// is not part of it.
pub(super) fn qualified_name_len(text: &str) -> Option<usize> {
    let first = name_len(text)?;
    match text[first..].strip_prefix(':') {
        Some(local) => Some(first + 1 + name_len(local)?),
        None => Some(first),
    }
}

/// Bytes of the name without a colon (`NCName`) that `text` begins with; none if it begins with something else.
pub(super) fn name_len(text: &str) -> Option<usize> {
    let first = text.chars().next().filter(|c| is_name_start(*c))?;
    let rest = &text[first.len_utf8()..];
    let end = rest.find(|c| !is_name_char(c)).unwrap_or(rest.len());
    Some(first.len_utf8() + end)
}

fn is_name_start(c: char) -> bool {
    matches!(c,
        'a'..='z' | 'A'..='Z' | '_' | '\u{C0}'..='\u{D6}' | '\u{D8}'..='\u{F6}' | '\u{F8}'..='\u{2FF}'
        | '\u{370}'..='\u{37D}' | '\u{37F}'..='\u{1FFF}' | '\u{200C}'..='\u{200D}' | '\u{2070}'..='\u{218F}'
        | '\u{2C00}'..='\u{2FEF}' | '\u{3001}'..='\u{D7FF}' | '\u{F900}'..='\u{FDCF}' | '\u{FDF0}'..='\u{FFFD}'
        | '\u{10000}'..='\u{EFFFF}')
}

fn is_name_char(c: char) -> bool {
    is_name_start(c) || matches!(c, '0'..='9' | '-' | '.' | '\u{B7}' | '\u{300}'..='\u{36F}' | '\u{203F}'..='\u{2040}')
}
