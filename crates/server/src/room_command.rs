//! `conclave room`: which rooms there are, and where they live.

#[cfg(test)]
mod tests;

use std::io::Write;

use crate::admin::asking::{AskError, connect};
use crate::admin::rooms::{RoomLine, RoomShown};
use crate::admin::{Answer, Ask};
use crate::args::{Room, RoomCommand, WhichNode};

/// Does what is asked.
pub fn run(room: &Room, out: &mut impl Write) -> Result<(), AskError> {
    let text = match &room.command {
        RoomCommand::List(form) => {
            let rooms = list(&room.node)?;
            if form.json { json(&rooms)? } else { rooms.iter().map(|line| format!("{}\n", for_people(line))).collect() }
        }
        RoomCommand::Show { room: name, form } => {
            let asked = Ask::RoomShow { room: name.clone() };
            let Answer::Room(shown) = connect(&room.node)?.obtain(&asked)? else { return Err(AskError::strange()) };
            if form.json { json(&shown)? } else { shown_for_people(&shown) }
        }
    };
    out.write_all(text.as_bytes()).map_err(AskError::Output)
}

fn list(node: &WhichNode) -> Result<Vec<RoomLine>, AskError> {
    let mut client = connect(node)?;
    let mut all: Vec<RoomLine> = Vec::new();
    loop {
        let behind = all.last().map(|line| line.room.clone());
        let Answer::Rooms { rooms, more } = client.obtain(&Ask::RoomList { behind })? else { return Err(AskError::strange()) };
        let came = !rooms.is_empty();
        all.extend(rooms);
        if !(more && came) {
            return Ok(all);
        }
    }
}

fn json(value: &impl serde::Serialize) -> Result<String, AskError> {
    serde_json::to_string_pretty(value).map(|text| text + "\n").map_err(|cause| AskError::Output(cause.into()))
}

/// `garden@conference.example.org: 3 occupants, 1 of them detached; persistent, members-only`
fn for_people(line: &RoomLine) -> String {
    format!("{}: {}", line.room, of_room(line))
}

fn of_room(line: &RoomLine) -> String {
    let plural = if line.occupants == 1 { "" } else { "s" };
    let detached = if line.detached == 0 { String::new() } else { format!(", {} of them detached", line.detached) };
    let kind = if line.persistent { "persistent" } else { "temporary" };
    let traits: String = line.traits.iter().map(|word| format!(", {word}")).collect();
    format!("{} occupant{plural}{detached}; {kind}{traits}", line.occupants)
}

fn shown_for_people(shown: &RoomShown) -> String {
    let room = match (&shown.exists, shown.home_answered) {
        (Some(line), _) => of_room(line),
        (None, true) => "does not exist".to_owned(),
        (None, false) => "its home does not answer; whether it exists is not known".to_owned(),
    };
    let home = shown.home.map_or_else(|| "none at this moment".to_owned(), |node| format!("node {node}"));
    let epoch = shown.epoch.map_or_else(String::new, |epoch| format!(", epoch {epoch}"));
    format!("{}: {room}\nhome: {home} (shard {}{epoch})\n", shown.room, shown.shard)
}
