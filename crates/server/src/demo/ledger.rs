//! What was said, heard and seen, and what follows from it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::{Duration, Instant};

/// Everything that the speakers noticed.
#[derive(Default)]
pub struct Ledger {
    /// Ids by speaker, in their order.
    said: BTreeMap<&'static str, Vec<String>>,
    /// Ids that the server gave back as not delivered.
    refused: BTreeSet<String>,
    heard: BTreeMap<&'static str, Vec<(String, Instant)>>,
    entered: BTreeMap<&'static str, Vec<Instant>>,
    /// Whoever was shown leaving, and to whom.
    left: Vec<(&'static str, String)>,
}

/// Whether the promises were kept.
#[derive(PartialEq, Eq, Debug, Default)]
pub struct Verdict {
    /// Messages that everybody who stayed has heard.
    pub messages: usize,
    /// The longest time in which one who stayed heard nothing.
    pub gap: Duration,
    /// Whose connection broke.
    pub broken: Vec<&'static str>,
    /// Who was shown leaving.
    pub left: BTreeSet<String>,
    /// Messages that one who stayed has not heard, though they were said through a node that lived, or were heard by who said them.
    pub lost: BTreeSet<String>,
    /// Messages that somebody heard more than once.
    pub doubled: BTreeSet<String>,
    /// Those who heard another order than the first one who stayed.
    pub disordered: BTreeSet<&'static str>,
}

impl Ledger {
    /// Notes that somebody says the next message. Its id.
    pub fn say(&mut self, nick: &'static str) -> String {
        let said = self.said.entry(nick).or_default();
        let id = format!("{nick}-{}", said.len() + 1);
        said.push(id.clone());
        id
    }

    /// Notes that a message came back as not delivered.
    pub fn refuse(&mut self, id: &str) {
        self.refused.insert(id.to_owned());
    }

    /// Notes that somebody heard a message.
    pub fn hear(&mut self, nick: &'static str, id: &str, at: Instant) {
        self.heard.entry(nick).or_default().push((id.to_owned(), at));
    }

    /// Notes that somebody is in the room, from now on or again.
    pub fn enter(&mut self, nick: &'static str, at: Instant) {
        self.entered.entry(nick).or_default().push(at);
    }

    /// Notes that somebody was shown a leave.
    pub fn see_leave(&mut self, nick: &'static str, who: &str) {
        self.left.push((nick, who.to_owned()));
    }

    /// How long after `since` somebody entered.
    pub fn entered_behind(&self, nick: &str, since: Instant) -> Option<Duration> {
        let entered = self.entered.get(nick)?.iter().find(|at| **at > since)?;
        Some(*entered - since)
    }

    /// What follows from it all.
    pub fn verdict(&self) -> Verdict {
        let (stayed, broken): (Vec<_>, Vec<_>) = self.entered.keys().partition(|nick| self.entered[*nick].len() == 1);
        let owed = self.owed(&stayed);
        let ids = |nick: &str| self.heard.get(nick).into_iter().flatten().map(|(id, _)| id.as_str());
        let mut verdict = Verdict { messages: owed.len(), broken, ..Verdict::default() };
        for nick in &stayed {
            let heard: BTreeSet<&str> = ids(nick).collect();
            verdict.lost.extend(owed.iter().filter(|id| !heard.contains(*id)).map(|id| (*id).to_owned()));
            verdict.gap = verdict.gap.max(self.gap(nick));
        }
        for nick in self.heard.keys() {
            let mut once = BTreeSet::new();
            verdict.doubled.extend(ids(nick).filter(|id| !once.insert(*id)).map(str::to_owned));
        }
        let order: Vec<&str> = stayed.first().map(|nick| ids(nick).collect()).unwrap_or_default();
        verdict.disordered = self.heard.keys().copied().filter(|nick| !is_within(ids(nick), &order)).collect();
        verdict.left = self.left.iter().filter(|(nick, _)| stayed.contains(nick)).map(|(_, who)| who.clone()).collect();
        verdict
    }

    /// What everybody who stayed must have heard.
    fn owed(&self, stayed: &[&'static str]) -> BTreeSet<&str> {
        let own = |nick: &str, id: &str| self.heard.get(nick).into_iter().flatten().any(|(heard, _)| heard == id);
        let said = self.said.iter().flat_map(|(nick, ids)| ids.iter().map(move |id| (*nick, id.as_str())));
        said.filter(|(nick, id)| (stayed.contains(nick) || own(nick, id)) && !self.refused.contains(*id))
            .map(|(_, id)| id)
            .collect()
    }

    fn gap(&self, nick: &str) -> Duration {
        let heard = self.heard.get(nick).map_or(&[][..], Vec::as_slice);
        heard.windows(2).map(|pair| pair[1].1 - pair[0].1).max().unwrap_or_default()
    }
}

impl Verdict {
    /// Whether all promises were kept.
    pub fn holds(&self) -> bool {
        // One of them was at the node that was killed.
        self.messages > 0
            && self.broken.len() <= 1
            && self.left.is_empty()
            && self.lost.is_empty()
            && self.doubled.is_empty()
            && self.disordered.is_empty()
    }
}

/// Whether the ids stand in that order, with others between; what came before it begins or behind its end does not count.
fn is_within<'a>(ids: impl Iterator<Item = &'a str>, order: &[&str]) -> bool {
    let places: BTreeMap<&str, usize> = order.iter().enumerate().map(|(place, id)| (*id, place)).collect();
    let found: Vec<usize> = ids.filter_map(|id| places.get(id).copied()).collect();
    found.is_sorted()
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = |ids: &BTreeSet<String>| match ids.len() {
            0 => "nothing".to_owned(),
            count => format!(
                "{count} ({}{})",
                ids.iter().take(5).cloned().collect::<Vec<_>>().join(", "),
                if count > 5 { ", …" } else { "" }
            ),
        };
        if self.broken.len() > 1 {
            writeln!(f, "more connections broke than that of one: {}", self.broken.join(", "))?;
        }
        let left = if self.left.is_empty() { "nobody".to_owned() } else { named(&self.left) };
        writeln!(f, "longest silence at one who stayed: {} ms", self.gap.as_millis())?;
        writeln!(f, "shown leaving: {left}")?;
        write!(
            f,
            "of {} messages lost: {}; doubled: {}; in one order for all: ",
            self.messages,
            named(&self.lost),
            named(&self.doubled)
        )?;
        if self.disordered.is_empty() {
            return f.write_str("yes");
        }
        let others: Vec<&str> = self.disordered.iter().copied().collect();
        write!(f, "no, {} heard another one", others.join(" and "))
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    /// Two who stay, one who comes back; `hears` are the beginnings of names, numbers of messages, and so many milliseconds.
    fn check(hears: [&[(&str, u64)]; 3], more: impl FnOnce(&mut Ledger), expected: Expect) {
        let (mut ledger, start) = (Ledger::default(), Instant::now());
        for nick in ["A", "B", "C"] {
            ledger.enter(nick, start);
            ledger.say(nick);
            ledger.say(nick);
        }
        ledger.enter("C", start + Duration::from_secs(1));
        for (nick, heard) in ["A", "B", "C"].into_iter().zip(hears) {
            heard.iter().for_each(|(id, at)| ledger.hear(nick, id, start + Duration::from_millis(*at)));
        }
        more(&mut ledger);
        let verdict = ledger.verdict();
        expected.assert_eq(&format!("{verdict}\n{}\n", if verdict.holds() { "holds" } else { "broken" }));
    }

    const ALL: &[(&str, u64)] = &[("A-1", 0), ("B-1", 50), ("C-1", 100), ("A-2", 350), ("B-2", 400)];

    #[test]
    fn all_is_well_when_those_who_stay_hear_everything_in_one_order() {
        // The last message of the one whose connection broke was heard by nobody, and it does not know better.
        check(
            [ALL, ALL, &[("A-1", 0), ("B-2", 400)]],
            |_| {},
            expect![[r#"
            longest silence at one who stayed: 250 ms
            shown leaving: nobody
            of 4 messages lost: nothing; doubled: nothing; in one order for all: yes
            holds
        "#]],
        );
        check(
            [&ALL[..4], &ALL[..4], &[]],
            |ledger| ledger.refuse("B-2"),
            expect![[r#"
            longest silence at one who stayed: 250 ms
            shown leaving: nobody
            of 3 messages lost: nothing; doubled: nothing; in one order for all: yes
            holds
        "#]],
        );
    }

    #[test]
    fn each_broken_promise_is_named() {
        check(
            [ALL, &ALL[..4], &[]],
            |_| {},
            expect![[r#"
            longest silence at one who stayed: 250 ms
            shown leaving: nobody
            of 4 messages lost: 1 (B-2); doubled: nothing; in one order for all: yes
            broken
        "#]],
        );
        check(
            [ALL, ALL, &[("C-2", 120)]],
            |_| {},
            expect![[r#"
            longest silence at one who stayed: 250 ms
            shown leaving: nobody
            of 5 messages lost: 1 (C-2); doubled: nothing; in one order for all: yes
            broken
        "#]],
        );
        check(
            [ALL, ALL, &[("A-1", 0), ("A-1", 1)]],
            |_| {},
            expect![[r#"
            longest silence at one who stayed: 250 ms
            shown leaving: nobody
            of 4 messages lost: nothing; doubled: 1 (A-1); in one order for all: yes
            broken
        "#]],
        );
        check(
            [ALL, ALL, &[("B-2", 0), ("A-1", 1)]],
            |_| {},
            expect![[r#"
            longest silence at one who stayed: 250 ms
            shown leaving: nobody
            of 4 messages lost: nothing; doubled: nothing; in one order for all: no, C heard another one
            broken
        "#]],
        );
        check(
            [ALL, ALL, &[]],
            |ledger| ledger.see_leave("A", "C"),
            expect![[r#"
            longest silence at one who stayed: 250 ms
            shown leaving: 1 (C)
            of 4 messages lost: nothing; doubled: nothing; in one order for all: yes
            broken
        "#]],
        );
        check(
            [ALL, ALL, &[]],
            |ledger| ledger.see_leave("C", "C"),
            expect![[r#"
            longest silence at one who stayed: 250 ms
            shown leaving: nobody
            of 4 messages lost: nothing; doubled: nothing; in one order for all: yes
            holds
        "#]],
        );
        check(
            [ALL, ALL, &[]],
            |ledger| ledger.enter("B", Instant::now()),
            expect![[r#"
            more connections broke than that of one: B, C
            longest silence at one who stayed: 250 ms
            shown leaving: nobody
            of 4 messages lost: nothing; doubled: nothing; in one order for all: yes
            broken
        "#]],
        );
        assert!(!Ledger::default().verdict().holds());
    }
}
