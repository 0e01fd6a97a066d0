//! A room that is made by whoever comes first, through whichever node, and destroyed by whoever owns it.

use std::collections::BTreeMap;

use super::{View, chance, say};
use crate::act::Act;
use crate::dice::Dice;
use crate::traffic::cast::LOOKER;
use crate::traffic::kind::affiliation;

pub(in super::super) fn wish(view: &View<'_>, dice: &mut Dice) -> Option<Act> {
    if view.is(&["owner"]) && chance(10, dice) {
        return Some(Act::Destroy);
    }
    Some(match dice.below(100) {
        0..15 => Act::Leave,
        15..20 => Act::Ping,
        _ => say(dice),
    })
}

/// What whoever made the room does at once: it opens it, for the time that somebody is there or for good.
pub(in super::super) fn opening(dice: &mut Dice) -> Vec<Act> {
    let lasting = chance(50, dice).then(|| ("persistentroom".to_owned(), "1".to_owned()));
    vec![Act::Configure { fields: lasting.into_iter().collect::<BTreeMap<_, _>>() }, affiliation(LOOKER, "owner")]
}
