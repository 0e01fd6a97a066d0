//! A room in which all want the same few nicks, for now or for good.

use super::{View, say};
use crate::act::Act;
use crate::dice::Dice;

/// Fewer than there are people.
const WANTED: [&str; 8] = ["Ann", "Bob", "Cid", "Dot", "Eve", "Fay", "Gus", "Hal"];

pub(in super::super) fn wish(view: &View<'_>, dice: &mut Dice) -> Option<Act> {
    if view.is(&["owner"]) && dice.below(3) == 0 {
        // Whoever gives its nick back is no member any more, and only members may register.
        return Some(view.standing("member", dice));
    }
    Some(match dice.below(100) {
        0..30 => Act::Rename { nick: pick(dice) },
        30..50 => Act::Register { nick: pick(dice) },
        50..58 => Act::Unregister,
        58..66 => Act::Registration,
        66..76 => Act::Leave,
        76..80 => Act::Ping,
        _ => say(dice),
    })
    .filter(|act| !matches!(act, Act::Rename { nick } if *nick == view.seat.nick))
}

pub(in super::super) fn pick(dice: &mut Dice) -> String {
    (*dice.pick(&WANTED)).to_owned()
}

pub(in super::super) fn proof() -> Vec<Act> {
    let nick = "Zoe".to_owned();
    let listed = Act::Affiliations { affiliation: "member".to_owned() };
    vec![Act::Register { nick }, Act::Registration, listed, Act::Unregister]
}
