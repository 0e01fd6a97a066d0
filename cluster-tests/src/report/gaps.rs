//! How long sessions that were in a room were shown nothing.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::html::{count, text, time};
use super::timeline::Axis;
use crate::history::{Event, Phase};
use crate::run_dir::Run;

/// Upper ends of the bars, in milliseconds.
const BARS_MS: [u64; 9] = [250, 500, 1000, 2000, 3000, 5000, 10_000, 20_000, 60_000];

/// Sessions that are listed, at most.
const WORST: usize = 10;

/// The longest silence of one session in one room.
#[derive(Clone, Copy, Debug)]
struct Gap<'a> {
    session: &'a str,
    room: &'a str,
    node: u32,
    from: u64,
    to: u64,
}

impl Gap<'_> {
    fn length(&self) -> u64 {
        self.to - self.from
    }
}

/// A histogram over all sessions, and the worst ones.
pub(super) fn all(run: &Run, axis: &Axis<'_>) -> String {
    let mut gaps = longest(run);
    if gaps.is_empty() {
        return "<p class='soft'>Nobody was in a room.</p>".to_owned();
    }
    gaps.sort_by_key(|gap| std::cmp::Reverse(gap.length()));
    let intro = "<p class='soft'>The longest time that each session, while in a room and before all was looked at, was shown no message there.</p>";
    format!("{intro}{}<h3>The worst</h3>{}", histogram(&gaps), worst(&gaps, axis))
}

fn longest(run: &Run) -> Vec<Gap<'_>> {
    let mut since: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    let mut longest: BTreeMap<(&str, &str), Gap<'_>> = BTreeMap::new();
    let mut end = 0;
    for line in &run.history.lines {
        let key = (line.session.as_str(), line.room.as_str());
        let gap = |from: u64| Gap { session: key.0, room: key.1, node: line.node, from, to: line.at };
        end = line.at;
        let ended = match &line.event {
            Event::Joined => since.insert(key, line.at).map(gap),
            Event::Received { delayed: false, .. } => since.get_mut(&key).map(|since| gap(std::mem::replace(since, line.at))),
            Event::Left { .. } => since.remove(&key).map(gap),
            // Before, nobody was to speak.
            Event::Phase { phase: Phase::Safety } => {
                since.values_mut().for_each(|since| *since = line.at);
                longest.clear();
                None
            }
            // Traffic ends here, and silence is what it should be.
            Event::Phase { phase: Phase::Looking } => break,
            _ => None,
        };
        ended.into_iter().for_each(|gap| keep(&mut longest, gap));
    }
    for ((session, room), from) in since {
        let node = longest.get(&(session, room)).map_or(0, |gap| gap.node);
        keep(&mut longest, Gap { session, room, node, from, to: end });
    }
    longest.into_values().collect()
}

fn keep<'a>(longest: &mut BTreeMap<(&'a str, &'a str), Gap<'a>>, gap: Gap<'a>) {
    let kept = longest.entry((gap.session, gap.room)).or_insert(gap);
    if gap.length() > kept.length() {
        *kept = gap;
    }
}

fn histogram(gaps: &[Gap<'_>]) -> String {
    let mut counts = [0; BARS_MS.len() + 1];
    for gap in gaps {
        counts[BARS_MS.iter().position(|end| gap.length() <= end * 1000).unwrap_or(BARS_MS.len())] += 1;
    }
    let most = counts.iter().max().copied().unwrap_or(1).max(1);
    let last = counts.iter().rposition(|count| *count > 0).unwrap_or(0);
    let mut out = "<table>".to_owned();
    for (at, number) in counts.iter().enumerate().take(last + 1) {
        let name = BARS_MS.get(at).map_or("longer".to_owned(), |end| format!("up to {}", time(end * 1000)));
        let colour = if at > 5 {
            "kbad"
        } else if at > 3 {
            "kopen"
        } else {
            "kgood"
        };
        let bar = if *number > 0 {
            format!("<div class='bar {colour}' style='width:{}%'></div>", number * 100 / most)
        } else {
            String::new()
        };
        let _ = write!(
            out,
            "<tr><td class='w' style='width:9em'>{name}</td><td class='n' style='width:4em'>{}</td><td>{bar}</td></tr>",
            count(*number)
        );
    }
    out + "</table>"
}

fn worst(gaps: &[Gap<'_>], axis: &Axis<'_>) -> String {
    let mut out =
        "<table><tr><th>Session</th><th>Room</th><th>Node</th><th class='n'>Silent for</th><th class='n'>From</th><th>Faults meanwhile</th></tr>".to_owned();
    for gap in gaps.iter().take(WORST) {
        let meanwhile = axis.faults.iter().filter(|fault| fault.begun < gap.to && fault.ended.unwrap_or(axis.end) > gap.from);
        let names: Vec<String> = meanwhile.map(|fault| format!("{} {}", fault.number, fault.class)).collect();
        let _ = write!(
            out,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td class='n'>{}</td><td class='n'>{}</td><td class='soft'>{}</td></tr>",
            text(gap.session),
            text(gap.room),
            gap.node,
            time(gap.length()),
            time(gap.from),
            text(&names.join(", "))
        );
    }
    out + "</table>"
}
