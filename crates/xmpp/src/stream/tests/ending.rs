//! How a stream ends before its time.

use super::*;

#[test]
fn we_may_end_it_at_any_moment() {
    let scripts = [
        "X: fail",
        "X: close",
        "C: <stream:str\nX: fail",
        "C: {header}\nX: fail\nX: fail\nX: close\nC: <a/>",
        "C: {header}{starttls}\nX: fail\nT: binding",
        "C: {header}</stream:stream>\nX: fail",
    ];
    check_each(
        Way::Plain,
        "",
        &scripts,
        expect![[r#"
        X: fail
          S: [header from='localhost' version='1.0' xml:lang='en'] <stream:error><system-shutdown xmlns='…streams'/><text xmlns='…streams' xml:lang='en'>bye</text></stream:error></stream:stream>
          Close
        X: close
          S: [header from='localhost' version='1.0' xml:lang='en'] </stream:stream>
          Close
        C: <stream:str
        X: fail
          S: [header from='localhost' version='1.0' xml:lang='en'] <stream:error><system-shutdown xmlns='…streams'/><text xmlns='…streams' xml:lang='en'>bye</text></stream:error></stream:stream>
          Close
        C: {header}
          S: [header from='localhost' version='1.0' xml:lang='en'] <stream:features><starttls xmlns='…tls'><required/></starttls></stream:features>
        X: fail
          S: <stream:error><system-shutdown xmlns='…streams'/><text xmlns='…streams' xml:lang='en'>bye</text></stream:error></stream:stream>
          Close
        X: fail
        X: close
        C: <a/>
        C: {header}{starttls}
          S: [header from='localhost' version='1.0' xml:lang='en'] <stream:features><starttls xmlns='…tls'><required/></starttls></stream:features>
          S: <proceed xmlns='…tls'/>
          StartTls
        X: fail
          Close
        T: binding
        C: {header}</stream:stream>
          S: [header from='localhost' version='1.0' xml:lang='en'] <stream:features><starttls xmlns='…tls'><required/></starttls></stream:features>
          Closing
        X: fail
          S: <stream:error><system-shutdown xmlns='…streams'/><text xmlns='…streams' xml:lang='en'>bye</text></stream:error></stream:stream>
          Close
    "#]],
    );
    check_each(
        Way::Dev,
        OPEN,
        &["C: {plain}\nX: fail\nL: known"],
        expect![[r#"
        C: {plain}
          LookUp { account: user@localhost }
        X: fail
          S: <stream:error><system-shutdown xmlns='…streams'/><text xmlns='…streams' xml:lang='en'>bye</text></stream:error></stream:stream>
          Close
        L: known
    "#]],
    );
    check_each(
        Way::Dev,
        LOGGED_IN,
        &["X: fail"],
        expect![[r#"
        X: fail
          S: [header from='localhost' version='1.0' xml:lang='en'] <stream:error><system-shutdown xmlns='…streams'/><text xmlns='…streams' xml:lang='en'>bye</text></stream:error></stream:stream>
          Close
    "#]],
    );
    check_each(
        Way::Dev,
        RESTARTED,
        &["C: {bind}\nX: fail\nB: r"],
        expect![[r#"
        C: {bind}
          Bind { resource: "YbHnpZ05MEJhaGRB4gx5RT0v" }
        X: fail
          S: <stream:error><system-shutdown xmlns='…streams'/><text xmlns='…streams' xml:lang='en'>bye</text></stream:error></stream:stream>
          Close
        B: r
    "#]],
    );
    check_each(
        Way::Dev,
        BOUND,
        &["X: fail"],
        expect![[r#"
        X: fail
          S: <stream:error><system-shutdown xmlns='…streams'/><text xmlns='…streams' xml:lang='en'>bye</text></stream:error></stream:stream>
          Close
    "#]],
    );
}

#[test]
fn broken_xml_ends_the_stream() {
    check(
        Way::Direct,
        "C: hello",
        expect![[r#"
            C: hello
              S: [header from='localhost' version='1.0' xml:lang='en'] <stream:error><not-well-formed xmlns='…streams'/><text xmlns='…streams' xml:lang='en'>byte 1 of the header: a stream begins with its header</text></stream:error></stream:stream>
              Close
        "#]],
    );
    check_each(
        Way::Direct,
        OPEN,
        &["C: <a></b>", "C: <!-- x --><a/>"],
        expect![[r#"
            C: <a></b>
              S: <stream:error><not-well-formed xmlns='…streams'/><text xmlns='…streams' xml:lang='en'>byte 4 of the stanza: this end tag does not close the innermost element</text></stream:error></stream:stream>
              Close
            C: <!-- x --><a/>
              S: <stream:error><restricted-xml xmlns='…streams'/><text xmlns='…streams' xml:lang='en'>byte 3 of the stanza: comments are not allowed</text></stream:error></stream:stream>
              Close
        "#]],
    );
}

#[test]
fn what_waits_is_bounded() {
    let mut stream = open(Way::Dev);
    let mut out = Vec::new();
    step(&mut stream, "C: {header}{plain}", usize::MAX, &mut out);
    out.clear();
    let mut sent = 0;
    while out.is_empty() {
        stream.received(&[b' '; 1000], &mut out);
        sent += 1000;
    }
    assert!((WAITING_BYTES_MAX..WAITING_BYTES_MAX + 1000).contains(&sent), "{sent}");
    expect![[r#"
          S: <stream:error><policy-violation xmlns='…streams'/><text xmlns='…streams' xml:lang='en'>more than 65536 bytes came before the last step was answered</text></stream:error></stream:stream>
          Close
    "#]].assert_eq(&out.iter().map(|action| shown(action).trim_start().to_owned()).collect::<String>());
}
