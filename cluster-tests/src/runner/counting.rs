//! What the administrator of each node is told of each room, while nobody does anything.

use crate::act::{Act, Answer};
use crate::arena::Arena;
use crate::history::Event;
use crate::recorder::Recorder;

/// Asks every node that runs. The sessions are called `admin#NODE`.
///
/// # Errors
///
/// A sentence that says which node does not answer, or does not hear the home of a room.
pub(super) fn count(arena: &Arena, recorder: &Recorder, rooms: &[String]) -> Result<(), String> {
    for node in arena.up() {
        for room in rooms {
            let (session, send) = (format!("admin#{node}"), format!("admin{node}-{room}"));
            recorder.record(&session, node, room, Event::Invoke { send: send.clone(), act: Act::Occupants });
            let shown =
                arena.room(node, room).map_err(|error| format!("{room}, asked of node {node}'s administrator: {error}"))?;
            if !shown.home_answered {
                return Err(format!("{room}, asked of node {node}'s administrator: its home does not answer"));
            }
            let (occupants, detached) = shown.exists.map_or((0, 0), |line| (line.occupants, line.detached));
            let [occupants, detached] = [occupants, detached].map(|number| usize::try_from(number).unwrap_or(usize::MAX));
            recorder.record(&session, node, room, Event::Ok { send, answer: Answer::Count { occupants, detached } });
        }
    }
    Ok(())
}
