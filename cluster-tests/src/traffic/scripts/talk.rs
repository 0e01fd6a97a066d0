//! A room in which people talk.

use super::{View, chance, presence_of_no_text, say};
use crate::act::Act;
use crate::dice::Dice;

pub(in super::super) fn wish(_: &View<'_>, dice: &mut Dice) -> Option<Act> {
    Some(match dice.below(100) {
        0..85 => say(dice),
        85..90 => Act::Subject { text: String::new() },
        90..95 => presence_of_no_text(),
        _ => Act::Ping,
    })
    .filter(|_| !chance(5, dice))
}
