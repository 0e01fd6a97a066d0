//! What happens in a room.

use std::collections::BTreeMap;

use super::cast::{Cast, LOOKER, Room, bare};
use super::scripts::{self, View};
use crate::act::Act;
use crate::dice::Dice;

/// What people do in a room. Each kind has a script of dice.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// They talk.
    Talk,
    /// They come, go and change their nicks.
    Churn,
    /// Owners and admins throw people out, lock the door and open it again.
    Moderation,
    /// It is made by whoever comes first, and destroyed again.
    Race,
    /// They want the same few nicks.
    Nicks,
    /// They say again and again how they are.
    Presence,
    /// They whisper, and may not know who the others are.
    Whispers,
    /// Nothing, until its owner makes it and destroys it in the end.
    Fresh,
}

impl Kind {
    /// What somebody who is in the room does next, if anything.
    pub(super) fn wish(self, view: &View<'_>, dice: &mut Dice) -> Option<Act> {
        match self {
            Kind::Talk => scripts::talk::wish(view, dice),
            Kind::Churn => scripts::churn::wish(view, dice),
            Kind::Moderation => scripts::moderation::wish(view, dice),
            Kind::Race => scripts::race::wish(view, dice),
            Kind::Nicks => scripts::nicks::wish(view, dice),
            Kind::Presence => scripts::presence::wish(view, dice),
            Kind::Whispers => scripts::whispers::wish(view, dice),
            Kind::Fresh => None,
        }
    }

    /// With which password somebody asks to be let in.
    pub(super) fn password(self, dice: &mut Dice) -> Option<String> {
        (self == Kind::Moderation).then(|| scripts::moderation::guess(dice)).flatten()
    }

    /// The nick under which somebody asks to be let in, if not the one that it had.
    pub(super) fn nick(self, dice: &mut Dice) -> Option<String> {
        (self == Kind::Nicks).then(|| scripts::nicks::pick(dice))
    }

    /// What must succeed for everybody who is in the room when all is whole.
    pub(super) fn proof(self, nick: &str, another: Option<&str>) -> Vec<Act> {
        let whisper = another.map(|to| Act::Whisper { to: to.to_owned(), body: String::new() });
        let rename = || [Act::Rename { nick: format!("{nick}-other") }, Act::Rename { nick: nick.to_owned() }];
        let mut acts = vec![Act::Say { body: None }, Act::Ping];
        match self {
            Kind::Talk | Kind::Moderation | Kind::Race => {}
            Kind::Churn => acts.extend(rename().into_iter().chain([Act::Leave])),
            Kind::Nicks => acts.extend(rename()),
            Kind::Presence => acts.push(Act::Presence { status: String::new() }),
            Kind::Whispers => acts.extend(whisper),
            Kind::Fresh => {
                return vec![Act::Configure { fields: BTreeMap::new() }, Act::Say { body: None }, Act::Ping, Act::Destroy];
            }
        }
        acts
    }

    /// What must succeed for the owner, behind all that.
    pub(super) fn proof_of_owner(self, another: Option<&str>) -> Vec<Act> {
        match self {
            Kind::Moderation => scripts::moderation::proof(another),
            Kind::Nicks => scripts::nicks::proof(),
            Kind::Talk => vec![Act::Subject { text: String::new() }],
            Kind::Whispers => scripts::whispers::proof(another),
            _ => Vec::new(),
        }
    }

    fn fields(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Kind::Talk => &[("changesubject", "1")],
            Kind::Moderation => &[("membersonly", "0"), ("moderatedroom", "0"), ("roomsecret", ""), ("whois", "moderators")],
            _ => &[],
        }
    }
}

impl Room {
    /// The room as it should be, by its owner: lasting, with its ranks. `kept` messages of history, if not the usual number.
    pub(super) fn setting(&self, cast: &Cast, kept: Option<usize>) -> Vec<Act> {
        let mut acts = vec![self.configuration(kept), affiliation(LOOKER, "owner")];
        acts.extend(self.ranks.iter().filter(|(account, _)| self.is_other(cast, account)).map(|(a, rank)| affiliation(a, rank)));
        acts
    }

    /// The same when all has been in disorder: whoever was banned is not any more.
    pub(super) fn restoration(&self, cast: &Cast) -> Vec<Act> {
        let mut acts = vec![self.configuration(None)];
        if !matches!(self.kind, Kind::Moderation | Kind::Nicks | Kind::Whispers) {
            return acts;
        }
        let accounts: BTreeMap<&str, ()> = cast.parts.iter().map(|part| (part.account.as_str(), ())).collect();
        let others = accounts.keys().filter(|account| self.is_other(cast, account));
        acts.extend(others.map(|account| affiliation(account, self.ranks.get(*account).unwrap_or(&"none"))));
        acts
    }

    fn is_other(&self, cast: &Cast, account: &str) -> bool {
        cast.owner_of(self) != Some(account)
    }

    fn configuration(&self, kept: Option<usize>) -> Act {
        let fields = self.kind.fields().iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let lasting = [("persistentroom".to_owned(), "1".to_owned())];
        let kept = kept.map(|kept| ("historylength".to_owned(), kept.to_string()));
        Act::Configure { fields: fields.chain(lasting).chain(kept).collect() }
    }
}

/// An account becomes something.
pub(super) fn affiliation(account: &str, affiliation: &str) -> Act {
    Act::Affiliation { jid: bare(account), affiliation: affiliation.to_owned() }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::profile::Profile;
    use super::super::seat::{Other, Place, Seat};
    use super::*;

    /// Its name in a history.
    fn name(act: &Act) -> String {
        let json = serde_json::to_value(act).expect("an act is written");
        json["act"].as_str().expect("it has a name").to_owned()
    }

    /// What an owner asks for in rooms of a kind, by chance, in the beginning and in the end.
    fn asked(kind: Kind) -> BTreeSet<String> {
        let mut seat = Seat::outside("Me");
        (seat.place, seat.affiliation) = (Place::Inside, "owner".to_owned());
        seat.others.insert("You".to_owned(), Other::default());
        let view = View { seat: &seat, accounts: &["user2".to_owned()] };
        let mut dice = Dice::new(7);
        let wishes = (0..2000).filter_map(|_| kind.wish(&view, &mut dice)).collect::<Vec<_>>();
        let proofs = kind.proof("Me", Some("You")).into_iter().chain(kind.proof_of_owner(Some("You")));
        wishes.into_iter().chain(proofs).map(|act| name(&act)).collect()
    }

    #[test]
    fn everything_that_can_be_asked_of_a_room_is_asked() {
        let cast = Profile::Mixed.cast();
        let set: BTreeSet<String> = cast.rooms.iter().flat_map(|room| room.setting(&cast, None)).map(|act| name(&act)).collect();
        let asked: BTreeSet<String> = cast.rooms.iter().flat_map(|room| asked(room.kind)).chain(set).collect();
        // Everybody enters, and the looker asks who is there.
        let all = [
            "affiliation",
            "affiliations",
            "configuration",
            "configure",
            "destroy",
            "leave",
            "ping",
            "presence",
            "register",
            "registration",
            "rename",
            "role",
            "say",
            "subject",
            "unregister",
            "whisper",
        ];
        assert_eq!(asked.into_iter().collect::<Vec<_>>(), all);
    }

    #[test]
    fn a_room_is_set_and_restored_by_its_ranks() {
        let cast = Profile::Moderation.cast();
        let room = &cast.rooms[0];
        assert!(room.setting(&cast, None).contains(&affiliation("user2", "admin")));
        let restored = room.restoration(&cast);
        assert!(restored.contains(&affiliation("user2", "admin")) && restored.contains(&affiliation("user3", "none")));
        let touched =
            |account: &str| restored.iter().any(|act| matches!(act, Act::Affiliation { jid, .. } if *jid == bare(account)));
        assert!(!touched("user") && !touched(LOOKER), "owners stay owners");
    }
}
