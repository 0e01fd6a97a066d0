//! What people do, by dice: one file for each kind of room. A text that is left empty gets the name of the send.

pub(super) mod churn;
pub(super) mod moderation;
pub(super) mod nicks;
pub(super) mod presence;
pub(super) mod race;
pub(super) mod talk;
pub(super) mod whispers;

use super::seat::Seat;
use crate::act::Act;
use crate::dice::Dice;

/// Texts that a server might damage: what has a meaning in XML, what is long, what is not Latin, what begins and ends with a space.
const TEXTS: [&str; 6] = [
    "<b>&amp;\"'</b> ]]>",
    " two  spaces ",
    "line\nline\ttab",
    "Grüße, мир, 世界, 🦀",
    "e\u{301} is \u{e9}",
    "\u{202e}right to left\u{202c}",
];

/// What somebody sees of a room that it is in.
pub(super) struct View<'a> {
    /// Its place, and the others.
    pub seat: &'a Seat,
    /// Accounts of the play, without whoever looks and without its own.
    pub accounts: &'a [String],
}

impl View<'_> {
    /// One of the others.
    fn another(&self, dice: &mut Dice) -> Option<String> {
        let nicks: Vec<&String> = self.seat.others.keys().collect();
        (!nicks.is_empty()).then(|| (*dice.pick(&nicks)).clone())
    }

    /// Another account becomes something, whether it is in the room or not.
    fn standing(&self, affiliation: &str, dice: &mut Dice) -> Act {
        let at = dice.below(self.accounts.len());
        super::kind::affiliation(&self.accounts[at], affiliation)
    }

    fn is(&self, affiliations: &[&str]) -> bool {
        affiliations.contains(&self.seat.affiliation.as_str())
    }
}

/// So many times in a hundred.
fn chance(percent: usize, dice: &mut Dice) -> bool {
    dice.below(100) < percent
}

/// A message whose text is its name, or sometimes one that is hard to pass on.
pub(super) fn say(dice: &mut Dice) -> Act {
    let body = chance(25, dice).then(|| match dice.below(10) {
        0 => "long ".repeat(600),
        _ => format!("{} {}", dice.below(1000), dice.pick(&TEXTS)),
    });
    Act::Say { body }
}

fn presence_of_no_text() -> Act {
    Act::Presence { status: String::new() }
}
