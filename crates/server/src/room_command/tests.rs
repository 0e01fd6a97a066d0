use std::path::Path;

use clap::Parser;
use conclave_xmpp::BareJid;
use expect_test::expect;

use super::*;
use crate::admin::cluster::Later;
use crate::admin::rooms::Rooms;
use crate::admin::{ROOMS_MAX, listener, scripted};
use crate::args::{Arguments, Command};

/// A house of so many rooms, of which the first two are worth looking at.
struct House(usize);

fn room(number: usize) -> RoomLine {
    let (persistent, detached) = (number == 0, u64::from(number == 1));
    let traits = if number == 0 { vec!["members-only".to_owned(), "password".to_owned()] } else { Vec::new() };
    RoomLine { room: format!("r{number:04}@conference.localhost"), occupants: number as u64 + 1, detached, persistent, traits }
}

impl Rooms for House {
    fn list(&self) -> Later<'_, Vec<RoomLine>> {
        Box::pin(async { Ok((0..self.0).rev().map(room).collect()) })
    }

    fn show(&self, asked: BareJid) -> Later<'_, RoomShown> {
        let exists = (0..self.0).map(room).find(|line| line.room == asked.as_str());
        let (home, epoch) = if asked.as_str().starts_with("lost") { (None, None) } else { (Some(2), Some(17)) };
        Box::pin(async move {
            Ok(RoomShown { room: asked.to_string(), shard: 3, home, epoch, exists, home_answered: home.is_some() })
        })
    }
}

/// As typed behind `conclave room`; what it says, or why not.
fn typed(words: &str, dir: &Path) -> String {
    let line = words.replace("DIR", dir.to_str().unwrap());
    let arguments = ["conclave", "room"].into_iter().chain(line.split(' '));
    let Command::Room(room) = Arguments::try_parse_from(arguments).unwrap().command else { panic!("{words}") };
    let mut out = Vec::new();
    let said = match run(&room, &mut out) {
        Ok(()) => String::from_utf8(out).unwrap(),
        Err(error) => format!("not done: {error}\n"),
    };
    said.replace(dir.to_str().unwrap(), "DIR")
}

#[test]
fn rooms_are_listed_and_shown() {
    let dir = tempfile::tempdir().unwrap();
    let count = 2 * ROOMS_MAX + 1;
    scripted::serve(dir.path(), move |ask| {
        let service_domain = BareJid::parse("conference.localhost").unwrap();
        Box::pin(async move { listener::rooms(ask, &House(count), &service_domain).await })
    });
    let listed = typed("list --dir DIR", dir.path());
    let json: Vec<RoomLine> = serde_json::from_str(&typed("list --json --dir DIR", dir.path())).unwrap();
    assert_eq!(json, (0..count).map(room).collect::<Vec<_>>());
    let mut said: String = listed.lines().take(3).map(|line| format!("{line}\n")).collect();
    for words in [
        "show r0000 --dir DIR",
        "show r0001@conference.localhost --json --dir DIR",
        "show --dir DIR nowhere",
        "show lost --dir DIR",
        "show garden@localhost --dir DIR",
        "show garden@conference.localhost/nick --dir DIR",
        "show conference.localhost --dir DIR",
    ] {
        said += &format!("- {words}\n{}", typed(words, dir.path()));
    }
    expect![[r#"
        r0000@conference.localhost: 1 occupant; persistent, members-only, password
        r0001@conference.localhost: 2 occupants, 1 of them detached; temporary
        r0002@conference.localhost: 3 occupants; temporary
        - show r0000 --dir DIR
        r0000@conference.localhost: 1 occupant; persistent, members-only, password
        home: node 2 (shard 3, epoch 17)
        - show r0001@conference.localhost --json --dir DIR
        {
          "room": "r0001@conference.localhost",
          "shard": 3,
          "home": 2,
          "epoch": 17,
          "exists": {
            "room": "r0001@conference.localhost",
            "occupants": 2,
            "detached": 1,
            "persistent": false,
            "traits": []
          },
          "home_answered": true
        }
        - show --dir DIR nowhere
        nowhere@conference.localhost: does not exist
        home: node 2 (shard 3, epoch 17)
        - show lost --dir DIR
        lost@conference.localhost: its home does not answer; whether it exists is not known
        home: none at this moment (shard 3)
        - show garden@localhost --dir DIR
        not done: garden@localhost is no room of this server, whose rooms are at conference.localhost
        - show garden@conference.localhost/nick --dir DIR
        not done: "garden@conference.localhost/nick" is no room: "garden@conference.localhost/nick" is not a JID: a resource does not belong here
        - show conference.localhost --dir DIR
        conference.localhost@conference.localhost: does not exist
        home: node 2 (shard 3, epoch 17)
    "#]].assert_eq(&said);
}
