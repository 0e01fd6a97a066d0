//! Behind the end of the traffic: every room is looked at through every node, by somebody who owns it and is not in it.

use std::sync::Arc;

use tokio::task::JoinSet;
use tokio::time::{Duration, Instant};

use super::cast::{LOOKER, Room, bare};
use super::seat::Seat;
use super::session::{Login, Session};
use super::stage::Stage;
use crate::act::Act;
use crate::recorder::Recorder;

/// Questions that are open, at most; one of them is three stanzas, and the server stops reading at 64.
const UNDER_WAY_MAX: usize = 16;

/// How often is looked whether something came.
const TICK: Duration = Duration::from_millis(100);

/// Asks through every node at the same time who is in each room, who has which affiliation, and the configuration. The sessions are called
/// `looker@localhost/lookNODE#1`.
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
    looked
}

async fn look_through(door: (u32, &str), rooms: &[Room], recorder: &Recorder) -> Result<(), String> {
    let jid = format!("{}/look{}", bare(LOOKER), door.0);
    let seats = rooms.iter().map(|_| Seat::outside(LOOKER)).collect();
    let mut session = Session::open(door, &Login { jid: &jid, life: 1 }, (rooms, seats), recorder).await?;
    for (at, room) in rooms.iter().enumerate() {
        for (number, act) in questions().into_iter().enumerate() {
            answered(&mut session, UNDER_WAY_MAX).await?;
            let send = format!("look{}-{}-{number}", door.0, room.local);
            session.ask(&send, at, act, 0).await.map_err(|error| error.to_string())?;
        }
    }
    answered(&mut session, 0).await?;
    session.end("left");
    session.close().await;
    Ok(())
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
