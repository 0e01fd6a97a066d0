//! Chat states: who is typing (XEP-0085).

use crate::ns;
use crate::{Element, Message};

/// §5.1.
const CHAT_STATES: [&str; 5] = ["active", "composing", "gone", "inactive", "paused"];

/// Bytes of a thread's id that may go with a chat state, at most (RFC 6121 §5.2.5 recommends a UUID).
const THREAD_BYTES_MAX: usize = 128;

impl Message {
    /// Whether it says who is typing and nothing else: that is no part of the talk, and may be passed on and forgotten. Anything that could carry
    /// more is a message.
    pub fn is_only_chat_state(&self) -> bool {
        let states = self.payloads.iter().filter(|payload| payload.namespace() == ns::CHAT_STATES).count();
        states == 1 && self.payloads.iter().all(is_harmless)
    }
}

fn is_harmless(payload: &Element) -> bool {
    let is_empty = payload.nodes().is_empty() && payload.attributes().is_empty();
    match payload.namespace() {
        ns::CHAT_STATES => CHAT_STATES.contains(&payload.name()) && is_empty,
        ns::HINTS => is_empty,
        _ => payload.is("thread", ns::CLIENT) && payload.children().next().is_none() && payload.text().len() <= THREAD_BYTES_MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Stanza;

    #[test]
    fn only_a_state_alone_is_forgotten() {
        let state = "<composing xmlns='http://jabber.org/protocol/chatstates'/>";
        let cases = [
            (state.to_owned(), true),
            (format!("{state}<no-store xmlns='urn:xmpp:hints'/><thread>t</thread>"), true),
            (format!("{state}<body>hi</body>"), false),
            (format!("{state}{state}"), false),
            (format!("{state}<thread>{}</thread>", "t".repeat(THREAD_BYTES_MAX + 1)), false),
            ("<composing xmlns='http://jabber.org/protocol/chatstates'>hi</composing>".to_owned(), false),
            ("<shouting xmlns='http://jabber.org/protocol/chatstates'/>".to_owned(), false),
            (String::new(), false),
        ];
        for (payloads, expected) in cases {
            let text = format!("<message xmlns='jabber:client' to='a@h' type='chat'>{payloads}</message>");
            let Ok(Stanza::Message(message)) = Stanza::from_text(text.as_bytes()) else { panic!("{text}") };
            assert_eq!(message.is_only_chat_state(), expected, "{text}");
        }
    }
}
