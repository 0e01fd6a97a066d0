//! A room in which people speak to each other alone, and only moderators know who is who. Who is a moderator changes.

use super::{View, say};
use crate::act::Act;
use crate::dice::Dice;

pub(in super::super) fn wish(view: &View<'_>, dice: &mut Dice) -> Option<Act> {
    let another = view.another(dice);
    Some(match (dice.below(100), another) {
        (0..20, _) | (_, None) => say(dice),
        (20..30, Some(nick)) if view.is(&["owner"]) => {
            let role = *dice.pick(&["moderator", "participant", "participant"]);
            Act::Role { nick, role: role.to_owned() }
        }
        (30..34, _) => Act::Leave,
        (34..40, _) => Act::Ping,
        (_, Some(to)) => Act::Whisper { to, body: String::new() },
    })
}

/// When all is whole: somebody who is there is no moderator any more, or stays none.
pub(in super::super) fn proof(another: Option<&str>) -> Vec<Act> {
    another.map(|nick| Act::Role { nick: nick.to_owned(), role: "participant".to_owned() }).into_iter().collect()
}
