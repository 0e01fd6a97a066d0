use super::*;
use crate::stanza_text::stanzas;

fn element(text: &str) -> Element {
    let mut read = stanzas(&[(1, text)], &[]).expect(text);
    read.remove(0).1
}

/// Expected, received, whether it is satisfied.
const TABLE: &[(&str, &str, bool)] = &[
    // Loose: what is expected must be there, the rest is free.
    ("<a/>", "<a b='1'><c/>text</a>", true),
    ("<a b='1'/>", "<a c='2' b='1'/>", true),
    ("<a b='1'/>", "<a/>", false),
    ("<a b='1'/>", "<a b='2'/>", false),
    ("<a/>", "<b/>", false),
    ("<a/>", "<a xmlns='urn:x'/>", false),
    ("<a><b/><c/></a>", "<a><d/><c/><b/></a>", true),
    ("<a><b/></a>", "<a><c/></a>", false),
    ("<a><b/></a>", "<a><b xmlns='urn:x'/></a>", false),
    // Two expected children need two received ones, and each the right one.
    ("<a><b/><b/></a>", "<a><b/></a>", false),
    ("<a><b/><b c='1'/></a>", "<a><b c='1'/><b/></a>", true),
    ("<a><b c='1'/><b c='1'/></a>", "<a><b c='1'/><b c='2'/></a>", false),
    // Strict: exactly these attributes, exactly these children in this order.
    ("<x xmlns='urn:x' b='1' c='2'/>", "<x xmlns='urn:x' c='2' b='1'/>", true),
    ("<x xmlns='urn:x'/>", "<x xmlns='urn:x' b='1'/>", false),
    ("<x xmlns='urn:x'><b/><c/></x>", "<x xmlns='urn:x'><b/><c/></x>", true),
    ("<x xmlns='urn:x'><b/><c/></x>", "<x xmlns='urn:x'><c/><b/></x>", false),
    ("<x xmlns='urn:x'><b/></x>", "<x xmlns='urn:x'><b/><b/></x>", false),
    ("<x xmlns='urn:x'><b/></x>", "<x xmlns='urn:x'/>", false),
    ("<x xmlns='urn:x'><b/></x>", "<x xmlns='urn:x'><b c='1'/></x>", false),
    ("<x xmlns='urn:x'><b c='1'/></x>", "<x xmlns='urn:x'><b/></x>", false),
    ("<a><x xmlns='urn:x'/></a>", "<a><y/><x xmlns='urn:x'/><z xmlns='urn:z'/></a>", true),
    ("<a><x xmlns='urn:x'/></a>", "<a><x xmlns='urn:x'><y/></x></a>", false),
    // Everything below a foreign element is foreign, `jabber:client` included.
    ("<x xmlns='urn:x'><m xmlns='jabber:client'/></x>", "<x xmlns='urn:x'><m xmlns='jabber:client' b='1'/></x>", false),
    ("<x xmlns='urn:x'><m xmlns='jabber:client'/></x>", "<x xmlns='urn:x'><m xmlns='jabber:client'><n/></m></x>", false),
    // The override holds for its element only.
    ("<a scansion:strict='true'/>", "<a b='1'/>", false),
    ("<a scansion:strict='true'/>", "<a><b/></a>", false),
    ("<a scansion:strict='true'/>", "<a/>", true),
    ("<a scansion:strict='true'><b/></a>", "<a><b c='1'/></a>", true),
    ("<x xmlns='urn:x' scansion:strict='false'><b/></x>", "<x xmlns='urn:x' c='1'><d/><b/></x>", true),
    ("<x xmlns='urn:x' scansion:strict='false'><b/></x>", "<x xmlns='urn:x'><b c='1'/></x>", false),
    ("<x xmlns='urn:x' scansion:strict='true'><b scansion:strict='false'/></x>", "<x xmlns='urn:x'><b c='1'/></x>", true),
    // Text counts only where the script gives some, strict or not, without the white space around it.
    ("<subject/>", "<subject>News</subject>", true),
    ("<x xmlns='urn:x'/>", "<x xmlns='urn:x'>News</x>", true),
    ("<body>Hi there</body>", "<body>\n Hi there </body>", true),
    ("<body>Hi there</body>", "<body>Hi  there</body>", false),
    ("<body>Hi</body>", "<body/>", false),
    ("<x xmlns='urn:x'><b>1</b></x>", "<x xmlns='urn:x'><b>2</b></x>", false),
    // Any value, but present.
    ("<a id='{scansion:any}'/>", "<a id='77'/>", true),
    ("<a id='{scansion:any}'/>", "<a id=''/>", true),
    ("<a id='{scansion:any}'/>", "<a/>", false),
    ("<x xmlns='urn:x' id='{scansion:any}'/>", "<x xmlns='urn:x' id='1' b='2'/>", false),
    ("<a id='{scansion:capture:k}' b='{scansion:capture:k}'/>", "<a id='1' b='2'/>", true),
    ("<a id='{scansion:capture:k}'/>", "<a/>", false),
    ("<a id='{scansion:other}'/>", "<a id='1'/>", false),
    // Attributes with a prefix are others than those without.
    ("<a xml:lang='en'/>", "<a lang='en'/>", false),
    ("<a xml:lang='en'/>", "<a xml:lang='en'/>", true),
];

#[test]
fn what_satisfies_what() {
    for (expected, received, satisfied) in TABLE {
        let found = differences(&element(received), &element(expected));
        assert_eq!(found.is_empty(), *satisfied, "expected {expected}, received {received}: {found:?}");
    }
}

#[test]
fn differences_say_where_and_what() {
    let table = [
        ("<a><x xmlns='urn:x'><i j='1'/></x></a>", "<a><x xmlns='urn:x'><i j='2'/></x></a>", "a/x/i has j='2', expected '1'"),
        ("<a b='1'/>", "<a/>", "a lacks b='1'"),
        ("<x xmlns='urn:x'/>", "<x xmlns='urn:x' c='1'/>", "x has c='1', which is not expected"),
        ("<x xmlns='urn:x'><b/><c/></x>", "<x xmlns='urn:x'><c/><b/></x>", "x contains <c/> <b/>, expected <b/> <c/>"),
        ("<a><b>1</b></a>", "<a><b>2</b></a>", "a/b has the text \"2\", expected \"1\""),
        ("<a><b xmlns='urn:b'/></a>", "<a/>", "a lacks <b xmlns='urn:b'/>"),
        ("<a/>", "<b/>", "a is <b/>, expected <a/>"),
    ];
    for (expected, received, what) in table {
        let found: Vec<String> = differences(&element(received), &element(expected)).iter().map(ToString::to_string).collect();
        assert_eq!(found, [what]);
    }
}
