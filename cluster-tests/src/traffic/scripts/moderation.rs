//! A room whose owner and admins throw people out, take their voice, lock the door and open it again, while all want to be in and to be heard.

use super::{View, say};
use crate::act::Act;
use crate::dice::Dice;
use crate::traffic::kind::affiliation;

/// What the room's password may be.
const PASSWORDS: [&str; 2] = ["sesame", "swordfish"];

pub(in super::super) fn wish(view: &View<'_>, dice: &mut Dice) -> Option<Act> {
    if view.is(&["owner", "admin"]) && dice.below(100) < 60 {
        return deed(view, dice);
    }
    Some(match dice.below(100) {
        0..5 => Act::Leave,
        5..10 => Act::Ping,
        10..15 => Act::Presence { status: String::new() },
        _ => say(dice),
    })
}

/// Of somebody who asks to be let in and does not know whether there is a password.
pub(in super::super) fn guess(dice: &mut Dice) -> Option<String> {
    (dice.below(2) == 0).then(|| (*dice.pick(&PASSWORDS)).to_owned())
}

fn deed(view: &View<'_>, dice: &mut Dice) -> Option<Act> {
    let owner = view.is(&["owner"]);
    match dice.below(100) {
        0..20 => Some(view.standing("outcast", dice)),
        20..45 => Some(view.standing("none", dice)),
        45..55 => Some(view.standing("member", dice)),
        55..65 => role(view, "none", dice),
        65..70 => role(view, "visitor", dice),
        70..77 => role(view, "participant", dice),
        77..86 if owner => Some(configuration(dice)),
        86..88 if owner => Some(view.standing("admin", dice)),
        88..90 if owner => Some(Act::Configuration),
        _ => {
            let affiliation = (*dice.pick(&["outcast", "member", "admin", "owner"])).to_owned();
            Some(Act::Affiliations { affiliation })
        }
    }
}

fn role(view: &View<'_>, role: &str, dice: &mut Dice) -> Option<Act> {
    Some(Act::Role { nick: view.another(dice)?, role: role.to_owned() })
}

fn configuration(dice: &mut Dice) -> Act {
    let (name, value) = match dice.below(8) {
        0 => ("membersonly", "1"),
        1 | 2 => ("membersonly", "0"),
        3 => ("roomsecret", *dice.pick(&PASSWORDS)),
        4 => ("roomsecret", ""),
        5 => ("moderatedroom", "1"),
        6 => ("moderatedroom", "0"),
        _ => ("whois", *dice.pick(&["anyone", "moderators"])),
    };
    Act::Configure { fields: [(name.to_owned(), value.to_owned())].into() }
}

/// When all is whole: a stranger is banned, listed and forgiven, and somebody who is there is thrown out.
pub(in super::super) fn proof(another: Option<&str>) -> Vec<Act> {
    let stranger = |rank: &str| affiliation("stranger", rank);
    let listed = Act::Affiliations { affiliation: "outcast".to_owned() };
    let kick = another.map(|nick| Act::Role { nick: nick.to_owned(), role: "none".to_owned() });
    let mut acts = vec![stranger("outcast"), listed, stranger("none"), Act::Configuration];
    acts.extend(kick);
    acts
}
