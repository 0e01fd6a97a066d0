//! The order of the log as the order of the calls: whether it is one that explains all answers.
//!
//! What a room keeps is known after each entry. So the state of the search is a place in the log; a call that changes something is the entry that it
//! made, and a question fits wherever its answer was true.

use std::collections::{BTreeMap, BTreeSet};

use crate::act::{Act, Answer};
use crate::history::Line;
use crate::journal::{Deed, Entry, Standing};
use crate::linearizability::calls::Call;
use crate::linearizability::folded::{Folded, Kept};
use crate::linearizability::keys::{is_plain, plain};
use crate::linearizability::search::{Found, Object, STEPS_MAX, Span, Stuck, search};
use crate::verdict::Breach;

/// Characters of an entry in a sentence, at most: it stands among the proof as a whole.
const DEED_CHARS_MAX: usize = 120;

/// What a comparison with the log has shown.
#[derive(Default)]
pub struct Compared {
    /// Where calls and log contradict each other.
    pub breaches: Vec<Breach>,
    /// Calls that have their place in it.
    pub checked: usize,
    /// Whether the search reached its limit.
    pub gave_up: bool,
}

/// Compares the calls about a room with what its log holds: `folded`, and all other entries in force among `all`.
pub fn compare(calls: &[Call<'_>], folded: &Folded<'_>, all: &[&Entry]) -> Compared {
    let witness = Witness { folded, all };
    let calls: Vec<Placed<'_>> = calls.iter().filter_map(|call| witness.placed(call)).collect();
    let claimed: BTreeSet<usize> =
        calls.iter().filter(|placed| placed.call.may_have_happened()).flat_map(Placed::places).copied().collect();
    let mut compared =
        Compared { checked: calls.iter().filter(|placed| placed.call.answer().is_some()).count(), ..Compared::default() };
    compared.breaches.extend(calls.iter().filter_map(|placed| witness.lost(placed)));
    compared.breaches.extend(witness.unasked(&calls, &claimed));
    if compared.breaches.is_empty() {
        witness.search(&calls, &claimed, &mut compared);
    }
    compared
}

struct Witness<'a> {
    folded: &'a Folded<'a>,
    all: &'a [&'a Entry],
}

/// A call with what the log can say of it.
struct Placed<'a> {
    call: &'a Call<'a>,
    op: Op<'a>,
}

#[derive(Clone, Debug)]
enum Op<'a> {
    /// It is one of these entries.
    Change(Vec<usize>),
    /// The nick that it asks for is its own already, or it is one of these entries.
    Register { jid: &'a str, nick: &'a str, places: Vec<usize> },
    /// It was answered by what was kept; behind so many entries, where that is known.
    Question { says: Vec<Says<'a>>, behind: Option<BTreeSet<usize>> },
}

/// What an answer says of what a room keeps.
#[derive(Clone, Debug)]
enum Says<'a> {
    /// All who have an affiliation.
    List { affiliation: &'a str, jids: &'a [String] },
    /// Somebody's affiliation.
    Affiliation { jid: &'a str, affiliation: &'a str },
    /// Somebody's registered nick.
    Nick { jid: &'a str, nick: Option<&'a str> },
    /// The subject.
    Subject(&'a str),
    /// The configuration.
    Fields(&'a BTreeMap<String, String>),
    /// The room is there.
    Exists,
}

impl<'a> Object for Witness<'a> {
    type State = usize;
    type Op = Op<'a>;

    fn after(&self, place: &usize, op: &Op<'a>) -> Vec<usize> {
        let kept = &self.folded.kept[*place];
        match op {
            Op::Change(places) => places.contains(place).then_some(place + 1).into_iter().collect(),
            Op::Register { jid, nick, places } => {
                let own = kept.nicks.get(*jid).is_some_and(|own| own == nick).then_some(*place);
                places.contains(place).then_some(place + 1).into_iter().chain(own).collect()
            }
            Op::Question { says, behind } => {
                let here = behind.as_ref().is_none_or(|places| places.contains(place));
                (here && says.iter().all(|says| says.is_true(kept))).then_some(*place).into_iter().collect()
            }
        }
    }

    fn is_question(&self, op: &Op<'a>) -> bool {
        matches!(op, Op::Question { .. })
    }

    fn may_end(&self, place: &usize) -> bool {
        *place == self.folded.entries.len()
    }
}

impl<'a> Witness<'a> {
    /// What the log can say of a call; none where it is about nothing that is kept.
    fn placed(&self, call: &'a Call<'a>) -> Option<Placed<'a>> {
        let op = match (call.act, call.answer()) {
            (Act::Affiliation { jid, affiliation }, _) => Op::Change(self.entries(call, |deed| sets(deed, jid, affiliation))),
            (Act::Configure { fields }, _) => Op::Change(self.entries(call, |deed| configures(deed, fields))),
            (Act::Configuration, Some(Answer::Fields { fields })) => {
                Op::Question { says: vec![Says::Exists, Says::Fields(fields)], behind: None }
            }
            (Act::Destroy, _) => Op::Change(self.entries(call, |deed| matches!(deed, Deed::Destroy))),
            (Act::Subject { text }, _) => Op::Change(self.entries(call, |deed| is_subject(deed, text, call.answer()))),
            (Act::Register { nick }, _) => {
                let places = self.entries(call, |deed| matches!(deed, Deed::Register { nick: entered, .. } if entered == nick));
                Op::Register { jid: call.bare(), nick, places }
            }
            (Act::Unregister, _) => {
                let gives_back = |deed: &Deed| matches!(deed, Deed::Unregister { .. }) || sets(deed, call.bare(), "none");
                Op::Change(self.entries(call, gives_back))
            }
            (Act::Affiliations { affiliation }, Some(Answer::Jids { jids })) => {
                Op::Question { says: vec![Says::Exists, Says::List { affiliation, jids }], behind: None }
            }
            (Act::Registration, Some(Answer::Nicks { nicks })) => {
                let nick = nicks.first().map(String::as_str);
                Op::Question { says: vec![Says::Exists, Says::Nick { jid: call.bare(), nick }], behind: None }
            }
            (Act::Enter { .. }, answer) => self.entering(call, answer)?,
            _ => return None,
        };
        Some(Placed { call, op })
    }

    fn entering(&self, call: &'a Call<'a>, answer: Option<&'a Answer>) -> Option<Op<'a>> {
        let Some(Answer::Inside { nick, created: false, affiliation, .. }) = answer else {
            let places = self.entries(call, |deed| matches!(deed, Deed::Join { creates: true, .. }));
            // One that is open for ever, or was refused, has made no room more often than not.
            return (answer.is_some() || !places.is_empty()).then_some(Op::Change(places));
        };
        let is_this =
            |entry: &&&Entry| matches!(&entry.deed, Deed::Join { jid, nick: taken, .. } if jid == call.by() && taken == nick);
        let behind: BTreeSet<usize> = self.all.iter().filter(is_this).map(|entry| self.folded.position(entry.index)).collect();
        // Whoever was inside already is told again what it is, and that needs no entry of a join.
        let known = !call.inside && !behind.is_empty();
        let mut says = vec![Says::Exists, Says::Affiliation { jid: call.bare(), affiliation }];
        says.extend(call.subject.as_deref().filter(|_| known).map(Says::Subject));
        Some(Op::Question { says, behind: Some(behind).filter(|_| known) })
    }

    /// The places of the entries that may be this call.
    fn entries(&self, call: &Call<'_>, is_it: impl Fn(&Deed) -> bool) -> Vec<usize> {
        let by = |entry: &Entry| match &entry.deed {
            Deed::Join { jid, .. } => jid == call.by(),
            _ => entry.by.as_deref() == Some(call.by()),
        };
        let places = self.folded.entries.iter().enumerate().filter(|(_, entry)| by(entry) && is_it(&entry.deed));
        places.map(|(place, _)| place).collect()
    }

    /// A change that was acknowledged and is none of the log.
    fn lost(&self, placed: &Placed<'_>) -> Option<Breach> {
        let Placed { call, op } = placed;
        let lost = call.answer().is_some() && matches!(op, Op::Change(places) if places.is_empty());
        let what = || format!("{} is told that this is done, and the log has no entry of it", call.asked.session);
        lost.then(|| Breach::new(what(), &call.lines()))
    }

    /// Entries by sessions of this history which none of them asked for, or which were refused.
    fn unasked(&self, calls: &[Placed<'_>], claimed: &BTreeSet<usize>) -> Vec<Breach> {
        let sessions: BTreeSet<&str> = calls.iter().map(|placed| placed.call.by()).collect();
        let by = |entry: &'a Entry| match &entry.deed {
            Deed::Join { jid, .. } => Some(jid.as_str()),
            _ => entry.by.as_deref(),
        };
        let unclaimed = self.folded.entries.iter().enumerate().filter(|(place, _)| !claimed.contains(place));
        let unasked = unclaimed.filter(|(_, entry)| by(entry).is_some_and(|by| sessions.contains(by)));
        let breach = |(place, entry): (usize, &&Entry)| {
            let refused: Vec<&Line> =
                calls.iter().filter(|placed| placed.places().contains(&place)).flat_map(|placed| placed.call.lines()).collect();
            let why = if refused.is_empty() { "nobody asked for" } else { "was refused to whoever asked for" };
            Breach::new(format!("{why} what the log has: {}", written(entry)), &refused).with(&[entry])
        };
        unasked.map(breach).collect()
    }

    fn search(&self, calls: &[Placed<'a>], claimed: &BTreeSet<usize>, compared: &mut Compared) {
        let happened: Vec<&Placed<'a>> = calls.iter().filter(|placed| placed.call.may_have_happened()).collect();
        let span =
            |placed: &&Placed<'a>| Span { op: placed.op.clone(), invoked: placed.call.invoked, returned: placed.call.returned() };
        let mut spans: Vec<Span<Op<'a>>> = happened.iter().map(span).collect();
        // What others did than the clients of this history is in the log as well, at any time.
        let others = (0..self.folded.entries.len()).filter(|place| !claimed.contains(place));
        spans.extend(others.map(|place| Span { op: Op::Change(vec![place]), invoked: 0, returned: None }));
        match search(self, 0, &spans, STEPS_MAX) {
            Found::Order(_) => {}
            Found::GaveUp => compared.gave_up = true,
            Found::Stuck(stuck) => compared.breaches.push(self.stuck(&stuck, &happened)),
        }
    }

    fn stuck(&self, stuck: &Stuck<usize>, calls: &[&Placed<'_>]) -> Breach {
        let place = stuck.state;
        let around =
            |place: usize| self.folded.entries.get(place).map_or("the end of the log".to_owned(), |entry| written(entry));
        let before = place.checked_sub(1).map_or("the begin of the log".to_owned(), around);
        let Some(placed) = stuck.call.and_then(|call| calls.get(call)) else {
            let what = format!("the log goes on behind all calls with what nobody is known to have asked for: {}", around(place));
            return Breach::new(what, &[]).with(self.folded.entries.get(place..=place).unwrap_or_default());
        };
        let told = match &placed.op {
            Op::Question { says, .. } => {
                let kept = &self.folded.kept[place];
                let wrong: Vec<String> = says.iter().filter(|says| !says.is_true(kept)).map(|says| says.against(kept)).collect();
                let wrong = if wrong.is_empty() { "the answer is of another moment".to_owned() } else { wrong.join("; ") };
                format!("{} is answered what the log does not say at that time: {wrong}", placed.call.asked.session)
            }
            _ => format!("{} is told that this is done, and in the log it is not done by then", placed.call.asked.session),
        };
        let what =
            format!("{told}. Explained so far are {} calls, up to {before}; next comes {}", stuck.order.len(), around(place));
        let around: Vec<&Entry> = self.folded.entries[place.saturating_sub(1)..].iter().take(2).copied().collect();
        Breach::new(what, &placed.call.lines()).with(&around)
    }
}

impl Placed<'_> {
    fn places(&self) -> &[usize] {
        match &self.op {
            Op::Change(places) | Op::Register { places, .. } => places,
            Op::Question { .. } => &[],
        }
    }
}

impl Says<'_> {
    fn is_true(&self, kept: &Kept) -> bool {
        match self {
            Says::List { affiliation, jids } => {
                let mut jids: Vec<&str> = jids.iter().map(String::as_str).collect();
                jids.sort_unstable();
                jids == kept.of_affiliation(affiliation)
            }
            Says::Affiliation { jid, affiliation } => kept.affiliation(jid) == *affiliation,
            Says::Nick { jid, nick } => kept.nicks.get(*jid).map(String::as_str) == *nick,
            Says::Subject(text) => kept.subject == *text,
            Says::Fields(fields) => agree(fields, &kept.fields),
            Says::Exists => kept.exists,
        }
    }

    /// What it says, and what is so.
    fn against(&self, kept: &Kept) -> String {
        match self {
            Says::List { affiliation, jids } => {
                let kept = kept.of_affiliation(affiliation);
                format!("those with {affiliation} are [{}], and not [{}]", kept.join(", "), jids.join(", "))
            }
            Says::Affiliation { jid, affiliation } => format!("{jid} is {}, and not {affiliation}", kept.affiliation(jid)),
            Says::Nick { jid, nick } => {
                let name = |nick: Option<&str>| nick.map_or("no nick".to_owned(), |nick| format!("the nick {nick}"));
                format!("{jid} has {}, and not {}", name(kept.nicks.get(*jid).map(String::as_str)), name(*nick))
            }
            Says::Subject(text) => format!("the subject is {:?}, and not {text:?}", kept.subject),
            Says::Fields(fields) => {
                let differs =
                    |(name, value): &(&String, &String)| kept.fields.get(*name).is_some_and(|kept| plain(kept) != plain(value));
                let differing = fields.iter().filter(differs);
                let shown = differing.map(|(name, value)| format!("{name} is {:?}, and not {value:?}", kept.fields[name]));
                shown.collect::<Vec<_>>().join("; ")
            }
            Says::Exists => "there is no room".to_owned(),
        }
    }
}

fn sets(deed: &Deed, of: &str, to: &str) -> bool {
    let is = |item: &Standing| matches!(item, Standing::Affiliation { jid, affiliation, .. } if jid == of && affiliation == to);
    matches!(deed, Deed::Moderate { items } if items.iter().any(is))
}

fn configures(deed: &Deed, asked: &BTreeMap<String, String>) -> bool {
    matches!(deed, Deed::Configure { fields, .. } if agree(asked, fields))
}

/// Whether what both know is the same.
fn agree(some: &BTreeMap<String, String>, all: &BTreeMap<String, String>) -> bool {
    let plain_fields = some.iter().filter(|(name, _)| is_plain(name));
    let mut known = plain_fields.filter_map(|(name, value)| Some((value, all.get(name)?)));
    known.all(|(one, other)| plain(one) == plain(other))
}

fn is_subject(deed: &Deed, text: &str, answer: Option<&Answer>) -> bool {
    let Deed::Message { subject: Some(subject), stanza_id, .. } = deed else { return false };
    let named = !matches!(answer, Some(Answer::Reflected { stanza_id: told }) if told != stanza_id);
    subject == text && named
}

/// In short; a configuration alone is longer than a line.
fn written(entry: &Entry) -> String {
    let deed = serde_json::to_string(&entry.deed).unwrap_or_default();
    let short: String = deed.chars().take(DEED_CHARS_MAX).collect();
    let rest = if short.len() < deed.len() { "…" } else { "" };
    format!("entry {} of shard {}: {short}{rest}", entry.index, entry.shard)
}
