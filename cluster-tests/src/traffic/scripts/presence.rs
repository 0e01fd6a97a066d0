//! A room in which everybody says all the time how it is.

use super::{View, presence_of_no_text, say};
use crate::act::Act;
use crate::dice::Dice;

pub(in super::super) fn wish(_: &View<'_>, dice: &mut Dice) -> Option<Act> {
    Some(match dice.below(100) {
        0..80 => presence_of_no_text(),
        80..95 => say(dice),
        95..98 => Act::Leave,
        _ => Act::Ping,
    })
}
