//! A stanza as text between our own nodes, both ways.

use crate::element::Element;
use crate::jid::{FullJid, Jid};
use crate::parser::{Event, Limits, Parser};
use crate::stanza::{Stanza, StanzaFault};

/// In front of a stanza, as if it came from a client.
const HEADER: &[u8] = b"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>";

/// What our own nodes may send: whatever a client's limits let in, which grows by being written anew, must pass here.
const LIMITS: Limits = Limits {
    stanza_bytes_max: usize::MAX / 8,
    depth_max: usize::MAX,
    attributes_max: usize::MAX,
    namespaces_max: usize::MAX,
    stream_bytes_max: None,
};

/// The text is no stanza.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NoStanza(pub String);

impl Stanza {
    /// The stanza from `from` to `to`, whatever its own head says of them.
    pub fn to_text(&self, from: &FullJid, to: &Jid) -> Vec<u8> {
        self.relayed(from).for_receiver(to.as_str())
    }

    /// Reads what [`Stanza::to_text`] wrote.
    pub fn from_text(text: &[u8]) -> Result<Stanza, NoStanza> {
        match Stanza::from_element(element(text)?) {
            Ok(stanza) => Ok(stanza),
            Err(StanzaFault::Unsupported) => Err(NoStanza("another element".to_owned())),
            Err(StanzaFault::Faulty(_)) => Err(NoStanza("a stanza with a faulty head".to_owned())),
        }
    }
}

/// Reads one element as it stands in a stream of clients.
pub fn element(text: &[u8]) -> Result<Element, NoStanza> {
    let mut parser = Parser::new(LIMITS);
    parser.push(HEADER);
    parser.push(text);
    loop {
        match parser.next() {
            Ok(Some(Event::StreamOpen(_))) => {}
            Ok(Some(Event::Element(element))) => return Ok(element),
            Ok(Some(Event::StreamClose) | None) => return Err(NoStanza("an incomplete element".to_owned())),
            Err(error) => return Err(NoStanza(format!("{error:?}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_a_client_may_send_comes_back_as_it_was() {
        let (from, to) = (FullJid::parse("a@b/c").unwrap(), Jid::parse("r@s").unwrap());
        let attributes = |namespaces: usize| -> String {
            (0..60).map(|number| format!(" p{}:a{number}='{number}'", number % namespaces)).collect()
        };
        let declared = |namespaces: usize| -> String { (0..namespaces).map(|at| format!(" xmlns:p{at}='urn:{at}'")).collect() };
        for namespaces in [1, 3, 60] {
            let open = format!("<x xmlns='urn:x'{}>", attributes(namespaces));
            let nested = format!("{}{}", open.repeat(40), "</x>".repeat(40));
            let text = format!("<message{} to='r@s' from='a@b/c'>{nested}</message>", declared(namespaces));
            let stanza = Stanza::from_text(text.as_bytes()).unwrap();
            assert_eq!(Stanza::from_text(&stanza.to_text(&from, &to)).as_ref(), Ok(&stanza));
        }
    }

    #[test]
    fn a_stanza_comes_back_as_it_was() {
        let (from, to) = (FullJid::parse("a@b/c").unwrap(), Jid::parse("r@s/n'<&").unwrap());
        for text in [
            "<message to='r@s/n&apos;&lt;&amp;' from='a@b/c' id='1&quot;' type='groupchat' xml:lang='de'><body>&lt;ö</body><x xmlns='urn:x' a='1'/></message>",
            "<presence to='r@s/n&apos;&lt;&amp;' from='a@b/c' type='unavailable'/>",
            "<iq to='r@s/n&apos;&lt;&amp;' from='a@b/c' id='q' type='get'><query xmlns='urn:y'><item xmlns=''/></query></iq>",
        ] {
            let stanza = Stanza::from_text(text.as_bytes()).unwrap();
            assert_eq!(Stanza::from_text(&stanza.to_text(&from, &to)).unwrap(), stanza);
        }
        for text in ["", "<message", "<message><body></message>", "<query/>", "<iq to='@'/>"] {
            assert!(Stanza::from_text(text.as_bytes()).is_err(), "{text}");
        }
    }
}
