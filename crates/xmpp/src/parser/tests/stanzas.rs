use super::*;

#[test]
fn a_session_is_read() {
    let stream = format!("{HEADER} <message to='a'><body>hi</body></message>\n</stream:stream>junk");
    let expected = "open to=Some(\"c\") in jabber:client\n<message to='a'><body>hi</body></message>\nclose";
    assert_eq!(outcome_however_cut(LIMITS, stream.as_bytes()), expected);
    let _ = ns::CLIENT;
}
