//! What the traffic of a run is there for.

use super::cast::{Cast, Habit};
use super::kind::Kind;

/// A kind of traffic.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Profile {
    /// People talk.
    Chat,
    /// They enter, leave and change their nicks.
    Churn,
    /// Bans, kicks, voice, members only and passwords, against messages and joins.
    Moderation,
    /// The same rooms are made and destroyed through different nodes.
    Rooms,
    /// The same nicks are wanted, for now and for good.
    Nicks,
    /// Presence, more than anything else.
    Presence,
    /// Some do not read for a while.
    SlowReaders,
    /// All connections break at once, again and again.
    ReconnectStorm,
    /// Private messages, in rooms where not everybody knows who is who.
    Whispers,
    /// Everything.
    Mixed,
}

impl Profile {
    /// All of them.
    pub const ALL: [Profile; 10] = [
        Profile::Chat,
        Profile::Churn,
        Profile::Moderation,
        Profile::Rooms,
        Profile::Nicks,
        Profile::Presence,
        Profile::SlowReaders,
        Profile::ReconnectStorm,
        Profile::Whispers,
        Profile::Mixed,
    ];

    /// As a plan names it.
    pub fn name(self) -> &'static str {
        match self {
            Profile::Chat => "chat",
            Profile::Churn => "churn",
            Profile::Moderation => "moderation",
            Profile::Rooms => "rooms",
            Profile::Nicks => "nicks",
            Profile::Presence => "presence",
            Profile::SlowReaders => "slow_readers",
            Profile::ReconnectStorm => "reconnect_storm",
            Profile::Whispers => "whispers",
            Profile::Mixed => "mixed",
        }
    }

    /// The profile of a name.
    ///
    /// # Errors
    ///
    /// A sentence that says which names there are.
    pub fn parse(name: &str) -> Result<Profile, String> {
        let names = || Profile::ALL.map(Profile::name).join(", ");
        Profile::ALL
            .into_iter()
            .find(|profile| profile.name() == name)
            .ok_or_else(|| format!("\"{name}\" is no traffic; there are: {}", names()))
    }

    /// The promises that it puts to the test whatever the faults are.
    pub fn promises(self) -> &'static [&'static str] {
        match self {
            Profile::Chat | Profile::Presence => &["I1", "I2", "I3", "I4", "I5", "I7", "I13", "I15", "I16", "I21"],
            Profile::Churn => &["I1", "I2", "I3", "I4", "I5", "I7", "I13", "I14", "I15", "I16", "I21"],
            Profile::Moderation => &["I1", "I3", "I4", "I5", "I9", "I10", "I13", "I15", "I16", "I21"],
            Profile::Rooms => &["I3", "I4", "I5", "I12", "I21"],
            Profile::Nicks => &["I1", "I3", "I4", "I5", "I9", "I11", "I13", "I16", "I21"],
            Profile::SlowReaders => &["I1", "I2", "I3", "I4", "I5", "I7", "I13", "I21", "I23"],
            Profile::ReconnectStorm => &["I1", "I2", "I3", "I4", "I5", "I7", "I13", "I14", "I15", "I21"],
            Profile::Whispers => &["I1", "I3", "I4", "I5", "I13", "I16", "I19", "I21"],
            Profile::Mixed => {
                &["I1", "I2", "I3", "I4", "I5", "I7", "I9", "I10", "I11", "I12", "I13", "I14", "I15", "I16", "I19", "I21"]
            }
        }
    }

    /// Its rooms and its people.
    pub fn cast(self) -> Cast {
        use Habit::{Restless, Sleepy, Steady, Stormy};
        use Kind::{Churn, Moderation, Nicks, Presence, Race, Talk, Whispers};
        match self {
            Profile::Chat => Cast::new(12, Steady, &[("talk1", Talk), ("talk2", Talk), ("talk3", Talk), ("talk4", Talk)]),
            Profile::Churn => Cast::new(12, Restless, &[("churn1", Churn), ("churn2", Churn), ("churn3", Churn)]),
            Profile::Moderation => {
                let rooms = [("order1", Moderation), ("order2", Moderation), ("order3", Moderation), ("order4", Moderation)];
                Cast::new(9, Steady, &rooms).with_admins()
            }
            Profile::Rooms => {
                Cast::new(9, Restless, &[("race1", Race), ("race2", Race), ("race3", Race), ("race4", Race), ("race5", Race)])
            }
            Profile::Nicks => Cast::new(12, Steady, &[("nicks1", Nicks), ("nicks2", Nicks)]).with_members(),
            Profile::Presence => Cast::new(12, Steady, &[("mood1", Presence), ("mood2", Presence)]),
            Profile::SlowReaders => Cast::new(12, Sleepy, &[("slow1", Talk), ("slow2", Talk), ("slow3", Presence)]),
            Profile::ReconnectStorm => Cast::new(18, Stormy, &[("storm1", Talk), ("storm2", Talk), ("storm3", Talk)]),
            Profile::Whispers => Cast::new(10, Steady, &[("masks1", Whispers), ("masks2", Whispers)]),
            Profile::Mixed => {
                let rooms = [
                    ("talk1", Talk),
                    ("churn1", Churn),
                    ("order1", Moderation),
                    ("race1", Race),
                    ("nicks1", Nicks),
                    ("mood1", Presence),
                    ("masks1", Whispers),
                ];
                Cast::new(9, Restless, &rooms).with_admins().with_members()
            }
        }
    }
}

impl Cast {
    /// In every room with moderation, the account behind the owner is an admin.
    fn with_admins(mut self) -> Cast {
        self.rank(Kind::Moderation, |at, owner| (at == owner + 1).then_some("admin"));
        self
    }

    /// In rooms where nicks are wanted, all are members: nobody else may register.
    fn with_members(mut self) -> Cast {
        self.rank(Kind::Nicks, |at, owner| (at != owner).then_some("member"));
        self
    }

    fn rank(&mut self, kind: Kind, rank: impl Fn(usize, usize) -> Option<&'static str>) {
        for room in self.rooms.iter_mut().filter(|room| room.kind == kind) {
            let owner = room.owner.unwrap_or_default();
            let account = self.parts[owner].account.clone();
            let others = self.parts.iter().enumerate().filter(|(_, part)| part.account != account);
            room.ranks = others.filter_map(|(at, part)| Some((part.account.clone(), rank(at, owner)?))).collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_profile_has_its_name_its_people_and_rooms_in_bounds() {
        for profile in Profile::ALL {
            assert_eq!(Profile::parse(profile.name()), Ok(profile));
            let cast = profile.cast();
            let rooms = cast.rooms.iter().filter(|room| room.kind != Kind::Fresh).count();
            assert!((2..=8).contains(&rooms), "{profile:?} has {rooms} rooms");
            assert!((8..=24).contains(&cast.parts.len()), "{profile:?} has {} people", cast.parts.len());
            assert!(!profile.promises().is_empty(), "{profile:?} is there for nothing");
        }
        let error = Profile::parse("noise").expect_err("there is none");
        assert!(error.starts_with("\"noise\" is no traffic; there are: chat, churn"), "{error}");
    }
}
