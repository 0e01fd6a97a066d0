//! What a message has besides its text.

use conclave_xmpp::Element;

/// One that no room and no node knows, with all that elements can have. It goes by the name of its send, so that whoever sees it knows what it has to be: a
/// room hands on what it does not know as it is (§7.4).
pub(crate) fn payload(send: &str) -> Element {
    let part = Element::new("part", "urn:example:part").with("quoted", "'\"<&>").with_text(" a\u{308} \u{1F98A}\n]]> ");
    Element::new("mark", "urn:example:mark").with("of", send).with_child(part).with_text("&amp;")
}
