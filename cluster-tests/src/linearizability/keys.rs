//! What clients were told, key by key, where there is no log to compare it with: an affiliation, a field, the subject, a registered nick.

use std::collections::BTreeSet;

use crate::act::{Act, Answer};
use crate::linearizability::calls::Call;
use crate::linearizability::search::{Found, Object, STEPS_MAX, Span, Stuck, search};
use crate::verdict::Breach;

/// One thing that a room keeps and that is changed and asked for by itself.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Key {
    /// Of a bare JID; `none` is one as well.
    Affiliation(String),
    /// A field of the configuration.
    Field(String),
    /// The subject.
    Subject,
    /// The nick that a bare JID has registered; empty if none.
    Nick(String),
    /// The bare JID that has registered a nick; empty if nobody has.
    Owner(String),
    /// Whether the room is there: empty, or `made`.
    Existence,
}

/// What the calls about one key have shown.
pub struct Explained {
    /// That no order explains them.
    pub breach: Option<Breach>,
    /// Answers that were explained.
    pub checked: usize,
    /// Whether the search reached its limit.
    pub gave_up: bool,
}

/// All keys that calls are about, but for nicks' owners and the room itself.
pub fn keys(calls: &[Call<'_>]) -> BTreeSet<Key> {
    let mut keys = BTreeSet::from([Key::Subject]);
    for call in calls {
        match (call.act, call.answer()) {
            (Act::Affiliation { jid, .. }, _) => drop(keys.insert(Key::Affiliation(jid.clone()))),
            (_, Some(Answer::Jids { jids })) => keys.extend(jids.iter().cloned().map(Key::Affiliation)),
            (Act::Configure { fields }, _) => keys.extend(fields.keys().filter(|name| is_plain(name)).cloned().map(Key::Field)),
            (Act::Register { .. }, _) => drop(keys.insert(Key::Nick(call.bare().to_owned()))),
            (Act::Enter { .. }, _) => drop(keys.insert(Key::Affiliation(call.bare().to_owned()))),
            _ => {}
        }
    }
    keys
}

/// Whether a field says by itself what is kept: of these two, one follows from the secret, and the other is never more than no.
pub fn is_plain(name: &str) -> bool {
    !["passwordprotectedroom", "enablelogging"].contains(&name)
}

/// Searches an order of the calls about one key.
pub fn explain(key: &Key, calls: &[Call<'_>]) -> Explained {
    let happened: Vec<&Call<'_>> = calls.iter().filter(|call| call.may_have_happened()).collect();
    let mut about = Vec::new();
    let mut spans = Vec::new();
    for call in happened {
        if let Some(op) = key.op(call) {
            spans.push(Span { op, invoked: call.invoked, returned: call.returned() });
            about.push(call);
        }
    }
    let found = search(&Cell, key.start(calls), &spans, STEPS_MAX);
    let breach = match &found {
        Found::Stuck(stuck) => Some(key.breach(stuck, &about)),
        _ => None,
    };
    Explained { breach, checked: spans.iter().filter(|span| span.returned.is_some()).count(), gave_up: found == Found::GaveUp }
}

/// What one call does to one key, or says of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Op {
    /// From now on it is this.
    Write(String),
    /// It is this.
    Is(String),
    /// It is anything but this.
    IsNot(String),
    /// If it is the first, from now on it is the second.
    Turn(String, String),
    /// Nobody has it, or it is this already; from now on it is.
    Claim(String),
    /// From now on it may be anything.
    Forget,
}

/// One value; none where anything may be there.
struct Cell;

impl Object for Cell {
    type State = Option<String>;
    type Op = Op;

    fn after(&self, state: &Option<String>, op: &Op) -> Vec<Option<String>> {
        let may_be = |value: &String| state.as_ref().is_none_or(|state| state == value);
        let known = |value: &String, fits: bool| fits.then(|| Some(value.clone())).into_iter().collect();
        match op {
            Op::Write(value) => known(value, true),
            Op::Is(value) => known(value, may_be(value)),
            Op::IsNot(value) => (state.as_ref() != Some(value)).then(|| state.clone()).into_iter().collect(),
            Op::Turn(from, to) if state.as_ref() == Some(from) => known(to, true),
            Op::Turn(..) => vec![state.clone()],
            Op::Claim(value) => known(value, may_be(value) || state.as_deref() == Some("")),
            Op::Forget => vec![None],
        }
    }

    fn is_question(&self, op: &Op) -> bool {
        matches!(op, Op::Is(_) | Op::IsNot(_))
    }
}

impl Key {
    /// Before anything: as in a room that has never been, if the history has seen it made.
    fn start(&self, calls: &[Call<'_>]) -> Option<String> {
        let made = |call: &Call<'_>| matches!(call.answer(), Some(Answer::Inside { created: true, .. }));
        match self {
            Key::Field(_) => None,
            Key::Affiliation(_) => calls.iter().any(made).then(|| "none".to_owned()),
            _ => calls.iter().any(made).then(String::new),
        }
    }

    fn op(&self, call: &Call<'_>) -> Option<Op> {
        let made = matches!(call.answer(), Some(Answer::Inside { created: true, .. }));
        if made || matches!(call.act, Act::Destroy) {
            return Some(self.anew(call, made));
        }
        match self {
            Key::Affiliation(of) => affiliation(call, of),
            Key::Field(name) => match (call.act, call.answer()) {
                (Act::Configure { fields }, _) => Some(Op::Write(plain(fields.get(name)?))),
                (_, Some(Answer::Fields { fields })) => Some(Op::Is(plain(fields.get(name).map_or("", String::as_str)))),
                _ => None,
            },
            Key::Subject => match call.act {
                Act::Subject { text } => Some(Op::Write(text.clone())),
                _ => call.subject.clone().filter(|_| !call.inside).map(Op::Is),
            },
            Key::Nick(of) => nick(call, of),
            Key::Owner(of) => owner(call, of),
            Key::Existence => {
                let inside = matches!(call.answer(), Some(Answer::Inside { .. }));
                inside.then(|| Op::Is("made".to_owned()))
            }
        }
    }

    /// A room that is made, or ends, keeps nothing of what was.
    fn anew(&self, call: &Call<'_>, made: bool) -> Op {
        match self {
            Key::Affiliation(of) if made && of == call.bare() => Op::Write("owner".to_owned()),
            Key::Affiliation(_) => Op::Write("none".to_owned()),
            Key::Field(_) => Op::Forget,
            // A temporary room may have ended without a word before.
            Key::Existence if made => Op::Write("made".to_owned()),
            _ => Op::Write(String::new()),
        }
    }

    fn breach(&self, stuck: &Stuck<Option<String>>, calls: &[&Call<'_>]) -> Breach {
        let shown = |value: &Option<String>| value.as_ref().map_or("anything".to_owned(), |value| format!("{value:?}"));
        let call = stuck.call.and_then(|call| calls.get(call));
        let before = stuck.order.iter().rev().filter_map(|call| calls.get(*call)).find(|call| !call.act.is_question());
        let what = format!(
            "no order of the calls explains what {} was told of {self:?}: after {} of them it is {}",
            call.map_or("", |call| &call.asked.session),
            stuck.order.len(),
            shown(&stuck.state),
        );
        let lines: Vec<_> = before.into_iter().chain(call).flat_map(|call| call.lines()).collect();
        Breach::new(what, &lines)
    }
}

fn affiliation(call: &Call<'_>, of: &str) -> Option<Op> {
    match (call.act, call.answer()) {
        (Act::Affiliation { jid, affiliation }, _) => (jid == of).then(|| Op::Write(affiliation.clone())),
        (Act::Affiliations { affiliation }, Some(Answer::Jids { jids })) => {
            let listed = jids.iter().any(|jid| jid == of);
            Some(if listed { Op::Is(affiliation.clone()) } else { Op::IsNot(affiliation.clone()) })
        }
        (Act::Unregister, _) => (call.bare() == of).then(|| Op::Turn("member".to_owned(), "none".to_owned())),
        (_, Some(Answer::Inside { affiliation, .. })) => (call.bare() == of && !call.inside).then(|| Op::Is(affiliation.clone())),
        _ => None,
    }
}

fn nick(call: &Call<'_>, of: &str) -> Option<Op> {
    let own = call.bare() == of;
    match (call.act, call.answer()) {
        (Act::Register { nick }, _) => own.then(|| Op::Write(nick.clone())),
        (Act::Unregister, _) => own.then(|| Op::Write(String::new())),
        (Act::Affiliation { jid, affiliation }, _) => (jid == of && loses_nick(affiliation)).then(|| Op::Write(String::new())),
        (Act::Registration, Some(Answer::Nicks { nicks })) => own.then(|| Op::Is(nicks.first().cloned().unwrap_or_default())),
        _ => None,
    }
}

fn owner(call: &Call<'_>, of: &str) -> Option<Op> {
    let gives_up = |jid: &str| Some(Op::Turn(jid.to_owned(), String::new()));
    match call.act {
        Act::Register { nick } if nick == of => Some(Op::Claim(call.bare().to_owned())),
        Act::Register { .. } | Act::Unregister => gives_up(call.bare()),
        Act::Affiliation { jid, affiliation } if loses_nick(affiliation) => gives_up(jid),
        _ => None,
    }
}

fn loses_nick(affiliation: &str) -> bool {
    ["none", "outcast"].contains(&affiliation)
}

/// One way to write each value: yes is 1, and several values are in one order.
pub fn plain(value: &str) -> String {
    match value {
        "true" => "1".to_owned(),
        "false" => "0".to_owned(),
        value if value.contains(',') => {
            let mut values: Vec<&str> = value.split(',').collect();
            values.sort_unstable();
            values.join(",")
        }
        value => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linearizability::calls::calls;
    use crate::linearizability::sketch::lines;
    use crate::sketch::ROOM;

    fn is_explained(key: &Key, history: &str) -> bool {
        explain(key, &calls(&lines(history), ROOM)).breach.is_none()
    }

    fn field(name: &str) -> Key {
        Key::Field(name.to_owned())
    }

    #[test]
    fn what_was_there_before_anything_is_known_by_the_first_answer() {
        let twice = "a/x asks q1 configuration\na/x told q1 fields name=tea\na/x asks q2 configuration\na/x told q2 fields name=";
        assert!(is_explained(&field("name"), &format!("{twice}tea")));
        assert!(!is_explained(&field("name"), &format!("{twice}cake")));
        let made = "a/x asks q1 configuration\na/x told q1 fields name=tea\na/x asks e1 enter a\na/x told e1 created a\n\
                    a/x asks q2 configuration\na/x told q2 fields name=cake";
        assert!(is_explained(&field("name"), made), "a new room has its own");
    }

    #[test]
    fn values_are_the_same_however_they_are_written() {
        let history = "a/x asks s1 configure public=true list=b,a\na/x told s1 done\na/x asks q1 configuration\n\
                       a/x told q1 fields public=1 list=a,b";
        assert!(is_explained(&field("public"), history) && is_explained(&field("list"), history));
        assert!(!is_explained(&field("public"), &history.replace("public=1", "public=0")));
        let keys = keys(&calls(&lines(&history.replace("list", "passwordprotectedroom")), ROOM));
        assert_eq!(keys.into_iter().collect::<Vec<_>>(), [field("public"), Key::Subject]);
    }

    #[test]
    fn who_unregisters_is_no_member_any_more_and_stays_an_admin() {
        let of = |before: &str, after: &str| {
            format!(
                "a/x asks s1 affiliation b {before}\na/x told s1 done\nb/y asks s2 unregister\nb/y told s2 done\n\
                 a/x asks q1 affiliations {before}\na/x told q1 jids{after}"
            )
        };
        let b = Key::Affiliation("b".to_owned());
        assert!(is_explained(&b, &of("member", "")) && !is_explained(&b, &of("member", " b")));
        assert!(is_explained(&b, &of("admin", " b")) && !is_explained(&b, &of("admin", "")));
    }
}
