//! What a front does to connections, tried with plain sockets.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::flow::Flow;
use super::front::{Front, Ways};
use super::lives::within;
use super::net::Net;
use super::passage::Passage;
use crate::addresses::free_address;

/// Longer than anything takes that is not held back.
const LIMIT: Duration = Duration::from_secs(10);

/// Nothing came in this time, so nothing comes.
const SILENCE: Duration = Duration::from_millis(300);

struct Trial {
    _net: Net,
    front: Front,
    there: Arc<Flow>,
    back: Arc<Flow>,
    behind: Option<TcpListener>,
}

impl Trial {
    fn new() -> Trial {
        let front = Front { found_at: free_address(), behind: free_address() };
        let (net, there, back) =
            (Net::new(Path::new("/nowhere")).expect("a net"), Arc::<Flow>::default(), Arc::<Flow>::default());
        let ways = (there.clone(), back.clone());
        net.serve(front, move |_: SocketAddr| Some(Ways { there: ways.0.clone(), back: ways.1.clone(), _life: Arc::default() }));
        let behind = Some(TcpListener::bind(front.behind).expect("the port is free"));
        Trial { _net: net, front, there, back, behind }
    }

    /// The two ends of a new connection.
    fn connect(&self) -> (TcpStream, TcpStream) {
        let near = within(LIMIT, "a connection", || self.dial()).expect("the front listens");
        let (far, _) = self.behind.as_ref().expect("somebody listens").accept().expect("the connection goes on behind");
        for end in [&near, &far] {
            end.set_read_timeout(Some(LIMIT)).expect("a limit");
        }
        (near, far)
    }

    fn dial(&self) -> Result<TcpStream, String> {
        TcpStream::connect(self.front.found_at).map_err(|error| error.to_string())
    }
}

fn say(mut end: &TcpStream, text: &str) {
    end.write_all(text.as_bytes()).expect("it can be written");
}

fn hear(mut end: &TcpStream, text: &str) {
    let mut bytes = vec![0; text.len()];
    end.read_exact(&mut bytes).expect("something comes");
    assert_eq!(String::from_utf8_lossy(&bytes), text);
}

fn silent(end: &TcpStream) {
    end.set_read_timeout(Some(SILENCE)).expect("a limit");
    let nothing = { end }.read(&mut [0]).expect_err("nothing comes");
    assert_eq!(nothing.kind(), ErrorKind::WouldBlock);
    end.set_read_timeout(Some(LIMIT)).expect("a limit");
}

#[test]
fn what_is_held_back_arrives_later_and_the_other_direction_flows() {
    let trial = Trial::new();
    let (near, far) = trial.connect();
    trial.there.lay(1, Passage::held());
    trial.there.lay(2, Passage::held());
    say(&near, "one");
    say(&far, "two");
    hear(&near, "two");
    silent(&far);
    trial.there.lift(1);
    silent(&far);
    assert_eq!(trial.there.counts().held, 3);
    // Also the end, in its turn.
    near.shutdown(Shutdown::Write).expect("it closes");
    trial.there.lift(2);
    hear(&far, "one");
    assert_eq!({ &far }.read(&mut [0]).expect("the end"), 0);
    say(&far, "three");
    hear(&near, "three");
}

#[test]
fn a_new_connection_needs_both_directions() {
    let trial = Trial::new();
    drop(trial.connect());
    trial.back.lay(1, Passage::held());
    let near = trial.dial().expect("the system takes it");
    let behind = trial.behind.as_ref().expect("somebody listens");
    behind.set_nonblocking(true).expect("a look");
    std::thread::sleep(SILENCE);
    assert!(behind.accept().is_err());
    trial.back.lift(1);
    let (far, _) = within(LIMIT, "the connection", || behind.accept().map_err(|error| error.to_string())).expect("it arrives");
    far.set_nonblocking(false).expect("a socket");
    say(&near, "late");
    hear(&far, "late");
}

#[test]
fn what_is_late_comes_in_its_order() {
    let trial = Trial::new();
    let (near, far) = trial.connect();
    trial.there.lay(1, Passage::late(Duration::from_millis(200), Duration::from_millis(400)));
    let start = Instant::now();
    for text in ["1", "2", "3", "4", "5"] {
        say(&near, text);
        std::thread::sleep(Duration::from_millis(10));
    }
    hear(&far, "12345");
    assert!(start.elapsed() >= Duration::from_millis(200), "{:?}", start.elapsed());
    assert_eq!(trial.there.counts().delayed, 5);
}

#[test]
fn a_slow_wire_takes_its_time_for_all_connections_together() {
    let trial = Trial::new();
    let ((near, far), (near_too, far_too)) = (trial.connect(), trial.connect());
    trial.there.lay(1, Passage::slow(10_000));
    let (start, text) = (Instant::now(), "x".repeat(2_000));
    say(&near, &text);
    say(&near_too, &text);
    hear(&far, &text);
    hear(&far_too, &text);
    let took = start.elapsed();
    assert!(took >= Duration::from_millis(350) && took < LIMIT, "{took:?}");
}

#[test]
fn a_connection_breaks_in_the_middle_of_what_it_carries() {
    let trial = Trial::new();
    let (near, far) = trial.connect();
    trial.there.break_all();
    say(&near, "broken");
    hear(&far, "bro");
    assert_eq!({ &far }.read(&mut [0]).expect_err("a reset").kind(), ErrorKind::ConnectionReset);
    assert_eq!({ &near }.read(&mut [0]).expect_err("a reset").kind(), ErrorKind::ConnectionReset);
    assert_eq!(trial.there.counts().reset, 1);
    // One that says nothing breaks as well, and one that comes later is whole.
    let (idle, _far) = trial.connect();
    trial.back.break_all();
    assert_eq!({ &idle }.read(&mut [0]).expect_err("a reset").kind(), ErrorKind::ConnectionReset);
    let (near, far) = trial.connect();
    say(&near, "whole");
    hear(&far, "whole");
}

#[test]
fn what_is_closed_is_reset_and_so_is_whatever_comes() {
    let trial = Trial::new();
    let (near, _far) = trial.connect();
    trial.back.lay(1, Passage::closed());
    assert_eq!({ &near }.read(&mut [0]).expect_err("a reset").kind(), ErrorKind::ConnectionReset);
    let near = trial.dial().expect("the system takes it");
    near.set_read_timeout(Some(LIMIT)).expect("a limit");
    assert_eq!({ &near }.read(&mut [0]).expect_err("a reset").kind(), ErrorKind::ConnectionReset);
}

#[test]
fn a_half_open_connection_carries_nothing_and_a_new_one_does() {
    let trial = Trial::new();
    let (near, far) = trial.connect();
    trial.there.strand_all();
    trial.back.strand_all();
    say(&near, "lost");
    silent(&far);
    assert_eq!(trial.there.counts().held, 4);
    let (new, new_far) = trial.connect();
    say(&new, "found");
    hear(&new_far, "found");
    // Nobody is told that the other end has closed.
    drop(near);
    silent(&far);
}

/// Nodes take it for proof of a death that an address refuses which they had reached.
#[test]
fn a_front_refuses_while_nobody_is_behind_it() {
    let mut trial = Trial::new();
    drop(trial.connect());
    trial.behind = None;
    let refused = || match trial.dial() {
        Err(error) if error.contains("refused") => Ok(()),
        other => Err(format!("{other:?}")),
    };
    within(LIMIT, "a refusal", refused).expect("it is seen that nobody is there");
    trial.behind = Some(TcpListener::bind(trial.front.behind).expect("the port is free"));
    let (near, far) = trial.connect();
    say(&near, "back");
    hear(&far, "back");
}
