//! Behind the end of the traffic: every room is looked at through every node, by somebody who owns it and is not in it, and who then goes in to be
//! shown what was said there.

use std::sync::Arc;

use tokio::task::JoinSet;
use tokio::time::{Duration, Instant};

use super::cast::{LOOKER, Room, bare};
use super::kind::Kind;
use super::seat::{Place, Seat};
use super::session::{Login, Session};
use super::stage::Stage;
use crate::act::Act;
use crate::recorder::Recorder;

/// Questions that are open, at most; one of them is three stanzas, and the server stops reading at 64.
const UNDER_WAY_MAX: usize = 16;

/// How often is looked whether something came.
const TICK: Duration = Duration::from_millis(100);

/// Messages of the history that whoever goes in asks for: more than the people of the play do.
const HISTORY_WANTED: usize = 50;

/// Asks through every node at the same time who is in each room, who has which affiliation, and the configuration. The sessions are called
/// `looker@localhost/lookNODE#1`. Then others, called `looker@localhost/visitNODE#1`, go into the rooms through one node behind the other.
///
/// # Errors
///
/// A sentence that says which node does not let anybody in, or breaks the connection.
pub(super) async fn look(stage: &Arc<Stage>) -> Result<(), String> {
    let mut looks = JoinSet::new();
    for (node, address) in stage.doors.beginning_with(1) {
        let stage = stage.clone();
        looks.spawn(async move {
            let looked = look_through((node, &address), &stage.cast.rooms, &stage.recorder).await;
            looked.map_err(|error| format!("node {node}: {error}"))
        });
    }
    let mut looked = Ok(());
    while let Some(one) = looks.join_next().await {
        looked = looked.and(one.unwrap_or_else(|error| Err(error.to_string())));
    }
    for (node, address) in stage.doors.beginning_with(1) {
        let visited = visit_through((node, &address), &stage.cast.rooms, &stage.recorder).await;
        looked = looked.and(visited.map_err(|error| format!("node {node}: {error}")));
    }
    looked
}

async fn look_through(door: (u32, &str), rooms: &[Room], recorder: &Recorder) -> Result<(), String> {
    let mut session = open("look", door, rooms, recorder).await?;
    for (at, room) in rooms.iter().enumerate() {
        for (number, act) in questions().into_iter().enumerate() {
            answered(&mut session, UNDER_WAY_MAX).await?;
            let send = format!("look{}-{}-{number}", door.0, room.local);
            session.ask(&send, at, act).await.map_err(|error| error.to_string())?;
        }
    }
    answered(&mut session, 0).await?;
    session.end("left");
    session.close().await;
    Ok(())
}

/// Goes into all rooms that are kept by somebody, is shown their history, and leaves.
async fn visit_through(door: (u32, &str), rooms: &[Room], recorder: &Recorder) -> Result<(), String> {
    let mut session = open("visit", door, rooms, recorder).await?;
    // One of its own, so that nobody wants what another has.
    let nick = format!("{LOOKER}{}", door.0);
    session.seats.iter_mut().for_each(|seat| seat.nick.clone_from(&nick));
    let is_kept = |(_, room): &(usize, &Room)| !matches!(room.kind, Kind::Race | Kind::Fresh);
    let kept: Vec<(usize, &str)> = rooms.iter().enumerate().filter(is_kept).map(|(at, room)| (at, room.local.as_str())).collect();
    let enter = Act::Enter { nick, password: None, history: Some(HISTORY_WANTED) };
    ask_in_all(&mut session, &kept, &format!("enter{}", door.0), &enter).await?;
    if let Some((_, room)) = kept.iter().find(|(at, _)| session.seats[*at].place < Place::Arriving) {
        return Err(format!("its owner is not let into {room}"));
    }
    // All that is shown to whoever enters comes before the answer to what it asks next.
    ask_in_all(&mut session, &kept, &format!("leave{}", door.0), &Act::Leave).await?;
    session.end("left");
    session.close().await;
    Ok(())
}

/// Asks for the same in all these rooms, and waits for the answers.
async fn ask_in_all(session: &mut Session<'_>, rooms: &[(usize, &str)], name: &str, act: &Act) -> Result<(), String> {
    for (at, room) in rooms {
        answered(session, UNDER_WAY_MAX).await?;
        session.ask(&format!("{name}-{room}"), *at, act.clone()).await.map_err(|error| error.to_string())?;
    }
    answered(session, 0).await
}

async fn open<'a>(what: &str, door: (u32, &str), rooms: &'a [Room], recorder: &'a Recorder) -> Result<Session<'a>, String> {
    let jid = format!("{}/{what}{}", bare(LOOKER), door.0);
    let seats = rooms.iter().map(|_| Seat::outside(LOOKER)).collect();
    Session::open(door, &Login { jid: &jid, life: 1 }, (rooms, seats), recorder).await
}

/// Waits until no more than so many questions are open. A session gives up what is not answered.
async fn answered(session: &mut Session<'_>, open_max: usize) -> Result<(), String> {
    while session.sends.count() > open_max {
        session.next(Instant::now() + TICK).await.map_err(|error| error.to_string())?;
        session.expire();
    }
    Ok(())
}

pub(super) fn questions() -> Vec<Act> {
    let lists = ["owner", "admin", "member", "outcast"].map(|list| Act::Affiliations { affiliation: list.to_owned() });
    [Act::Occupants, Act::Configuration].into_iter().chain(lists).collect()
}
