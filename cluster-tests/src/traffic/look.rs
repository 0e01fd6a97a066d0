//! Behind the end of the traffic: every room is looked at through every node, by somebody who owns it and is not in it.

use tokio::time::{Duration, Instant};

use super::cast::{LOOKER, Room, bare};
use super::seat::Seat;
use super::session::{Login, Session};
use crate::act::Act;
use crate::doors::Doors;
use crate::recorder::Recorder;

/// How long all answers about one room may take. Whatever has not come by then stays without an answer in the history.
const LIMIT: Duration = Duration::from_secs(35);

/// How often is looked whether something came.
const TICK: Duration = Duration::from_millis(100);

/// Asks through every node who is in each room, who has which affiliation, and the configuration. The sessions are called `looker@localhost/lookNODE#1`.
///
/// # Errors
///
/// A sentence that says which node does not let anybody in, or breaks the connection.
pub(super) async fn look(rooms: &[Room], doors: &Doors, recorder: &Recorder) -> Result<(), String> {
    for (node, address) in doors.beginning_with(1) {
        look_through((node, &address), rooms, recorder).await.map_err(|error| format!("node {node}: {error}"))?;
    }
    Ok(())
}

async fn look_through(door: (u32, &str), rooms: &[Room], recorder: &Recorder) -> Result<(), String> {
    let jid = format!("{}/look{}", bare(LOOKER), door.0);
    let seats = rooms.iter().map(|_| Seat::outside(LOOKER)).collect();
    let mut session = Session::open(door, &Login { jid: &jid, life: 1 }, (rooms, seats), recorder).await?;
    for (at, room) in rooms.iter().enumerate() {
        for (number, act) in questions().into_iter().enumerate() {
            let send = format!("look{}-{}-{number}", door.0, room.local);
            session.ask(&send, at, act, 0).await.map_err(|error| error.to_string())?;
        }
        let deadline = Instant::now() + LIMIT;
        while session.sends.count() > 0 && Instant::now() < deadline {
            session.next(Instant::now() + TICK).await.map_err(|error| error.to_string())?;
            session.expire();
        }
    }
    session.end("left");
    session.close().await;
    Ok(())
}

fn questions() -> Vec<Act> {
    let lists = ["owner", "admin", "member", "outcast"].map(|list| Act::Affiliations { affiliation: list.to_owned() });
    [Act::Occupants, Act::Configuration].into_iter().chain(lists).collect()
}
