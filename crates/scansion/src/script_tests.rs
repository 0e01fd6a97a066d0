use expect_test::expect;

use super::*;

const HEAD: &str = "# A conversation\n## group\n\n[Client] Anna\n\tjid: anna@one.example\n\tpassword: x\n\
                    [Client] Anna's phone\n\tjid: anna@one.example/pocket\n\tpassword: x\n-----\n";

fn parse_below_head(steps: &str) -> Result<Script, ScriptError> {
    Script::parse(Path::new("t.scs"), &format!("{HEAD}{steps}"))
}

#[test]
fn the_head_gives_title_tags_and_clients() {
    let text = "# First line\n## slow\n# more words\n// not a title\n[Client] Long Name\n\
                \tjid: long@one.example\n  password: a b: c \n\tresource: r1\n\tconnect_host: there\n\tconnect_port: 15222\n\n--\n";
    let script = Script::parse(Path::new("t.scs"), text).expect("a script");
    assert_eq!((script.title.as_deref(), script.tags.as_slice()), (Some("First line"), ["slow".to_owned()].as_slice()));
    let client = &script.clients[0];
    assert_eq!(
        (client.name.as_str(), client.jid.as_str(), client.password.as_str()),
        ("Long Name", "long@one.example/r1", "a b: c")
    );
    assert_eq!((client.connect_host.as_deref(), client.connect_port), (Some("there"), Some(15222)));
}

#[test]
fn a_client_without_a_resource_gets_one_that_is_known_beforehand() {
    let script = parse_below_head("").expect("a script");
    let jids: Vec<&str> = script.clients.iter().map(|client| client.jid.as_str()).collect();
    assert_eq!(jids, ["anna@one.example/scansion-anna", "anna@one.example/pocket"]);
}

#[test]
fn steps_are_read_as_the_language_says() {
    let steps = "\
Anna connects
# a comment
// another
-- a third
Anna's phone connects
Anna sends:
\t<presence to='hall@conference.one.example/A'>

# in the middle of a stanza
\t\t<x xmlns='urn:x'/>
</presence>
Anna receives
\t<presence to=\"${Anna's phone's full JID}\"/>
\t<message><body>Hi</body></message>
Anna's phone receives: nothing
Anna's phone receives: <presence/>
Anna disconnects
";
    let script = parse_below_head(steps).expect("a script");
    let shown: Vec<String> =
        script.steps.iter().map(|step| format!("{}: {} {:?}", step.line, script.clients[step.client].name, step.act)).collect();
    expect![[r#"
        11: Anna Connect
        15: Anna's phone Connect
        16: Anna Send([<presence to='hall@conference.one.example/A'><x xmlns='urn:x'/></presence>])
        22: Anna Receive([(23, <presence to='anna@one.example/pocket'/>), (24, <message><body>Hi</body></message>)])
        25: Anna's phone ReceiveNothing
        26: Anna's phone Receive([(26, <presence/>)])
        27: Anna Disconnect"#]]
    .assert_eq(&shown.join("\n"));
}

#[test]
fn the_longest_name_wins() {
    let client = |name: &str| format!("[Client] {name}\njid: a@one.example\npassword: x\n");
    let text = [client("Anna"), client("Anna sends"), "--\nAnna sends connects\nAnna sends: <a/>\n".to_owned()].concat();
    let script = Script::parse(Path::new("t.scs"), &text).expect("a script");
    let shown: Vec<(usize, bool)> = script.steps.iter().map(|step| (step.client, step.act == Act::Connect)).collect();
    assert_eq!(shown, [(1, true), (0, false)]);
}

#[test]
fn what_is_wrong_is_named_with_file_and_line() {
    let table = [
        ("Bert connects", "t.scs:11: `Bert connects` does not begin with a client's name; the clients are: Anna, Anna's phone"),
        ("Annabel connects", "t.scs:11: `Annabel connects` does not begin"),
        ("\nAnna sings:", "t.scs:12: `sings`: a client `connects`"),
        ("Anna sends:", "t.scs:11: a stanza is missing"),
        ("Anna sends:\n\t<a>\n\nAnna connects", "t.scs:12: the stanza that begins here has no end"),
        ("Anna sends:\n\t<a>\n\t</b>", "t.scs:13: "),
        ("Anna sends:\n\t<a b=\"${Carl's JID}\"/>", "t.scs:12: `${Carl's JID}`: there is no client `Carl`"),
        ("Anna connects\n\t<a/>", "t.scs:12: nothing may stand below `Anna connects`"),
        ("Anna connects now", "t.scs:11: `now` does not belong here"),
        ("Anna receives: nothing\n\t<a/>", "t.scs:12: nothing may stand below"),
        ("\t<a/>", "t.scs:11: this line stands below no step"),
        ("Anna sends:\n\t<a/>\n\t</stream:stream>", "t.scs:13: a script closes a stream with `disconnects`"),
        ("Anna sends:\n\t<a/>\nhello\n", "t.scs:13: `hello` does not begin with a client's name"),
    ];
    for (steps, expected) in table {
        let error = parse_below_head(steps).expect_err(steps).to_string();
        assert!(error.starts_with(expected), "{steps:?}: {error}");
    }
}

#[test]
fn what_is_wrong_in_the_head_is_named() {
    let table = [
        ("", "t.scs:1: the line of dashes"),
        ("[Client] A\njid: a@b\npassword: x\n", "t.scs:3: the line of dashes"),
        ("[Client]\n--\n", "t.scs:1: the client has no name"),
        ("[Client] A\npassword: x\n--\n", "t.scs:1: client `A` has no `jid`"),
        ("[Client] A\njid: a@b\n--\n", "t.scs:1: client `A` has no `password`"),
        ("[Client] A\njid: @b\npassword: x\n--\n", "t.scs:1: client `A`: "),
        ("[Client] A\njid: one.example\npassword: x\n--\n", "t.scs:1: client `A`: `one.example` is no account"),
        ("[Client] A\njid: a@b\npassword: x\nconnect_port: many\n--\n", "t.scs:1: client `A`: connect_port `many`"),
        ("[Client] A\ncolour: red\n--\n", "t.scs:2: `colour`: a client has jid, password"),
        ("[Client] A\njid: a@b\njid: c@b\n--\n", "t.scs:3: `jid` is given twice"),
        ("[Client] A\njid: a@b\npassword: x\n[Client] A\n--\n", "t.scs:4: there is a client `A` already"),
        ("jid: a@b\n--\n", "t.scs:1: `jid: a@b`: expected `[Client] NAME`"),
        ("A connects\n--\n", "t.scs:1: `A connects`: expected"),
    ];
    for (head, expected) in table {
        let error = Script::parse(Path::new("t.scs"), head).expect_err(head).to_string();
        assert!(error.starts_with(expected), "{head:?}: {error}");
    }
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = Script::read(Path::new("/nowhere/t.scs")).expect_err("no such file").to_string();
    assert!(error.starts_with("/nowhere/t.scs: "), "{error}");
}
