//! A room that people enter and leave all the time, under one nick and another.

use super::{View, presence_of_no_text, say};
use crate::act::Act;
use crate::dice::Dice;

pub(in super::super) fn wish(view: &View<'_>, dice: &mut Dice) -> Option<Act> {
    Some(match dice.below(100) {
        0..40 => say(dice),
        40..65 => Act::Leave,
        65..82 => Act::Rename { nick: another(&view.seat.nick, dice) },
        82..92 => presence_of_no_text(),
        _ => Act::Ping,
    })
}

/// Beginning with the same name, so that it is nobody else's.
fn another(nick: &str, dice: &mut Dice) -> String {
    let name = nick.split_once('-').map_or(nick, |(name, _)| name);
    format!("{name}-{}", dice.below(10_000))
}
