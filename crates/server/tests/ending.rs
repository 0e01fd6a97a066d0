//! How things end: the node, a session that another one replaces, an account, a connection that is cut. Nobody is left behind in a room.

#![allow(clippy::unwrap_used)] // a test that cannot go on has failed

mod running;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine;
use conclave_server::admin::client::Client as Admin;
use conclave_server::admin::{Answer, Ask};
use rustix::process::{Pid, Signal, kill_process};

use running::{Client, HEADER, LIMIT, Running, START_LIMIT};

/// A second is promised, which is held to where there is nobody to say farewell to. Whoever waited for a client would wait for five at least.
const END_MAX: Duration = Duration::from_secs(4);

const SHUTDOWN: &str = "<stream:error><system-shutdown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>\
    <text xmlns='urn:ietf:params:xml:ns:xmpp-streams' xml:lang='en'>the server stops</text></stream:error></stream:stream>";

/// Ten megabytes: more than the system keeps on the way to somebody who does not read, and fewer stanzas than a session may send at once.
const DROPS: usize = 40;
const DROP_BYTES: usize = 250_000;

#[test]
fn a_node_that_ends_says_so_and_keeps_what_was_stored() {
    let dir = tempfile::tempdir().unwrap();
    let node = Serving::start(dir.path());
    node.user("add", "romeo");
    node.user("add", "juliet");
    let mut occupant = node.bound("romeo");
    talk(&mut occupant, ENTER, "<subject");
    let bound = node.bound("juliet");
    // Connections are accepted in their order: the stranger's features say that the silent one was accepted, too.
    let silent = node.connect();
    let mut stranger = node.connect();
    talk(&mut stranger, HEADER, "</stream:features>");

    node.end();
    for (who, client) in [("an occupant", occupant), ("a session", bound), ("a stranger", stranger), ("a silent one", silent)] {
        let end = rest(client);
        assert!(end.ends_with(SHUTDOWN), "{who}: {end}");
    }

    let node = Serving::start(dir.path());
    node.bound("romeo");
    node.bound("juliet");
    node.end();
}

#[test]
fn a_client_that_does_not_read_does_not_hold_the_end_up() {
    let dir = tempfile::tempdir().unwrap();
    let node = Serving::start(dir.path());
    node.user("add", "romeo");
    node.user("add", "juliet");
    let _deaf = node.bound("juliet");
    let mut talker = node.bound("romeo");
    let drop = format!("<message type='chat' to='juliet@localhost/r'><body>{}</body></message>", "x".repeat(DROP_BYTES));
    for _ in 0..DROPS {
        talker.write_all(drop.as_bytes()).unwrap();
    }
    talk(&mut talker, "<iq type='get' id='last' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>", "id='last'");
    node.end();
    assert_eq!(rest(talker), SHUTDOWN);
}

/// RFC 6120 §7.7.2.2: the newer one stays.
#[test]
fn a_resource_that_is_bound_twice_is_the_newer_ones() {
    let server = Running::start();
    let mut witness = server.bind("user2", "witness");
    witness.enter("nest", "Witness");
    witness.open_room("nest");
    let mut older = server.bind("user", "home");
    older.enter("nest", "Bird");
    let came = witness.until("</presence>");
    assert!(came.contains("nest@conference.localhost/Bird"), "{came}");

    let mut newer = server.bind("user", "home");
    let end = older.rest();
    assert!(end.contains("<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>"), "{end}");
    assert!(end.ends_with("</stream:stream>"), "{end}");
    assert_left(&mut witness, "nest", "Bird");

    newer.enter("nest", "Bird");
    let came = witness.until("</presence>");
    assert!(came.contains("nest@conference.localhost/Bird") && !came.contains("type='unavailable'"), "{came}");
    newer.say("nest", "here again");
    witness.until("<body>here again</body>");
    newer.send("<presence type='unavailable' to='nest@conference.localhost/Bird'/>");
    assert_left(&mut witness, "nest", "Bird");
    witness.send("<presence type='unavailable' to='nest@conference.localhost/Witness'/>");
    assert_left(&mut witness, "nest", "Witness");
    assert_gone(&mut newer, "nest");
}

/// Whoever connects again after a loss enters its rooms at once, perhaps before its older self is out.
#[test]
fn the_newer_one_need_not_wait_for_the_older_ones_seat() {
    let server = Running::start();
    for round in 0..20 {
        let room = format!("nest{round}");
        let mut older = server.bind("user", "home");
        older.enter(&room, "Bird");
        older.open_room(&room);
        let mut newer = server.bind("user", "home");
        newer.enter(&room, "Bird");
        newer.send(&format!("<message type='groupchat' to='{room}@conference.localhost'><body>mine</body></message>"));
        newer.until("<body>mine</body>");
        assert!(older.rest().contains("<conflict "));
        newer.send(&format!("<presence type='unavailable' to='{room}@conference.localhost/Bird'/>"));
        assert_left(&mut newer, &room, "Bird");
        assert_gone(&mut newer, &room);
    }
}

#[test]
fn an_account_that_is_deleted_takes_its_sessions_along() {
    let server = Running::start();
    let mut witness = server.bind("user2", "witness");
    witness.enter("ward", "Witness");
    witness.open_room("ward");
    let mut occupant = server.bind("user", "one");
    occupant.enter("ward", "Patient");
    witness.until("</presence>");
    let other = server.bind("user", "two");
    let mut unbound = server.log_in("user");

    user(&server.dir().join("node1"), "del", "user");
    for mut client in [occupant, other] {
        let end = client.rest();
        assert!(end.contains("<stream:error><not-authorized "), "{end}");
        assert!(end.ends_with("this account is deleted</text></stream:error></stream:stream>"), "{end}");
    }
    assert_left(&mut witness, "ward", "Patient");
    unbound.send("<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>");
    let end = unbound.rest();
    assert!(end.contains("<stream:error><not-authorized "), "{end}");
    witness.say("ward", "still here");
}

#[test]
fn a_connection_that_is_cut_leaves_its_rooms() {
    let server = Running::start();
    let mut witness = server.bind("user2", "witness");
    witness.enter("cliff", "Witness");
    witness.open_room("cliff");
    for unread in [false, true] {
        let mut lost = server.bind("user", "lost");
        lost.enter("cliff", "Lost");
        witness.until("</presence>");
        if unread {
            // What was not read makes the system reset the connection rather than close it.
            witness.say("cliff", "can you hear me");
            lost.tcp.set_read_timeout(Some(LIMIT)).unwrap();
            assert_eq!(lost.tcp.peek(&mut [0]).unwrap(), 1);
        }
        drop(lost);
        assert_left(&mut witness, "cliff", "Lost");
    }
    let mut again = server.bind("user", "lost");
    again.enter("cliff", "Lost");
}

#[track_caller]
fn assert_left(witness: &mut Client, room: &str, nick: &str) {
    let heard = witness.until("</presence>");
    let stanza = &heard[heard.rfind("<presence").unwrap()..];
    assert!(stanza.contains(&format!("from='{room}@conference.localhost/{nick}'")), "{heard}");
    assert!(stanza.contains("type='unavailable'"), "{heard}");
}

#[track_caller]
fn assert_gone(client: &mut Client, room: &str) {
    client.send(&format!(
        "<iq type='get' id='gone' to='{room}@conference.localhost'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>"
    ));
    let answer = client.until("</iq>");
    assert!(answer.contains("<item-not-found "), "{answer}");
}

/// `conclave serve` with settings of its own, killed when it is dropped.
struct Serving {
    process: Child,
    dir: PathBuf,
    c2s: SocketAddr,
    /// To whom it says that it serves, and that it stops.
    _manager: UnixDatagram,
}

const ENTER: &str = "<presence to='hall@conference.localhost/Nick'><x xmlns='http://jabber.org/protocol/muc'/></presence>";

impl Serving {
    /// Returns when it serves.
    fn start(dir: &Path) -> Serving {
        let (settings, notify, dir) = (dir.join("conclave.toml"), dir.join("notify.sock"), dir.join("data"));
        let text = format!(
            "domain = \"localhost\"\ndir = {dir:?}\nc2s = [\"127.0.0.1:0\"]\nplain_without_tls = \"loopback\"\n\
             [limits]\noutbound_queue_bytes_max = 100_000_000\n"
        );
        std::fs::write(&settings, text).unwrap();
        let _ = std::fs::remove_file(&notify);
        let manager = UnixDatagram::bind(&notify).unwrap();
        manager.set_read_timeout(Some(START_LIMIT)).unwrap();
        let process = Command::new(env!("CARGO_BIN_EXE_conclave"))
            .args(["serve", "--config"])
            .arg(settings)
            .env("NOTIFY_SOCKET", notify)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        manager.recv(&mut [0; 64]).unwrap();
        let Answer::Status(status) = Admin::connect(&dir).unwrap().ask(&Ask::Status).unwrap() else { panic!("no status") };
        Serving { process, dir, c2s: status.addresses.c2s[0], _manager: manager }
    }

    fn user(&self, what: &str, name: &str) {
        user(&self.dir, what, name);
    }

    fn connect(&self) -> TcpStream {
        let tcp = TcpStream::connect(self.c2s).unwrap();
        tcp.set_read_timeout(Some(LIMIT)).unwrap();
        tcp
    }

    /// A client that is bound, with the resource "r".
    fn bound(&self, name: &str) -> TcpStream {
        let mut tcp = self.connect();
        let plain = base64::engine::general_purpose::STANDARD.encode(format!("\0{name}\0password"));
        let auth = format!("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{plain}</auth>");
        let bind = "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>r</resource></bind></iq>";
        for (say, hear) in
            [(HEADER, "</stream:features>"), (&auth, "<success"), (HEADER, "</stream:features>"), (bind, "</jid></bind></iq>")]
        {
            talk(&mut tcp, say, hear);
        }
        tcp
    }

    /// By SIGTERM, with success and in time.
    fn end(mut self) {
        let told = Instant::now();
        kill_process(Pid::from_child(&self.process), Signal::TERM).unwrap();
        let status = self.process.wait().unwrap();
        let took = told.elapsed();
        assert_eq!(status.code(), Some(0));
        assert!(took < END_MAX, "it took {took:?}");
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // One that has ended has nothing left to be killed.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// `conclave user`.
fn user(dir: &Path, what: &str, name: &str) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_conclave"));
    command.args(["user", what, name, "--dir"]).arg(dir).env("CONCLAVE_PASSWORD", "password");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

/// Says something and waits for something.
fn talk(tcp: &mut TcpStream, say: &str, hear: &str) {
    tcp.write_all(say.as_bytes()).unwrap();
    let (mut heard, mut buffer) = (String::new(), [0; 4096]);
    while !heard.contains(hear) {
        let length = tcp.read(&mut buffer).unwrap();
        assert!(length > 0, "\"{hear}\" did not come, but: {heard}");
        heard.push_str(&String::from_utf8_lossy(&buffer[..length]));
    }
}

/// All that comes until the connection is closed.
fn rest(mut tcp: TcpStream) -> String {
    let mut heard = String::new();
    tcp.read_to_string(&mut heard).unwrap();
    heard
}
