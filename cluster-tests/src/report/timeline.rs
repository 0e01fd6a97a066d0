//! The time line: phases, faults, and homes that begin.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::faults::{COLOURS, Fault, colours, faults};
use super::html::{text, time};
use crate::act::{Act, Answer};
use crate::history::{Event, Phase};
use crate::journal::{Deed, Entry};
use crate::run_dir::Run;

/// Of all drawings, in the units of the drawing.
pub(super) const WIDTH: f64 = 1000.0;
/// Where time begins: left of it are names and scales.
pub(super) const LEFT: f64 = 62.0;
const RIGHT: f64 = 12.0;

/// Height of one bar of a fault.
const LANE: f64 = 13.0;
/// Height of the names of the phases.
const HEAD: f64 = 20.0;

/// Time from left to right, the same for all drawings of a page.
pub(super) struct Axis<'a> {
    /// Microseconds, at the right end.
    pub end: u64,
    /// Each with its begin and its end.
    pub phases: Vec<(Phase, u64, u64)>,
    pub faults: Vec<Fault<'a>>,
}

impl<'a> Axis<'a> {
    pub(super) fn of(run: &'a Run) -> Axis<'a> {
        let last = run.history.lines.last().map_or(0, |line| line.at);
        let end = run.samples.iter().map(|sample| sample.at).max().unwrap_or(0).max(last).max(1_000_000);
        let begins = run.history.lines.iter().filter_map(|line| match line.event {
            Event::Phase { phase } => Some((phase, line.at)),
            _ => None,
        });
        let begins: Vec<(Phase, u64)> = begins.collect();
        let ends = begins.iter().skip(1).map(|(_, at)| *at).chain([end]);
        let phases = begins.iter().zip(ends).map(|((phase, from), to)| (*phase, *from, to)).collect();
        Axis { end, phases, faults: faults(run) }
    }

    /// Where a moment is.
    pub(super) fn x(&self, at: u64) -> f64 {
        LEFT + (WIDTH - LEFT - RIGHT) * at.min(self.end) as f64 / self.end as f64
    }

    /// Every so often a line from top to bottom, with the time below it; and behind all, the times with faults.
    pub(super) fn grid(&self, top: f64, bottom: f64) -> String {
        let mut out = String::new();
        for fault in &self.faults {
            let (from, to) = (self.x(fault.begun), self.x(fault.ended.unwrap_or(self.end)));
            let _ = write!(
                out,
                "<rect class='shade' x='{from:.1}' y='{top}' width='{:.1}' height='{}'/>",
                (to - from).max(1.0),
                bottom - top
            );
        }
        let step = self.step();
        for at in (0..=self.end / step).map(|nth| nth * step) {
            let x = self.x(at);
            let _ = write!(out, "<line class='grid' x1='{x:.1}' x2='{x:.1}' y1='{top}' y2='{bottom}'/>");
            let _ = write!(out, "<text x='{x:.1}' y='{}' text-anchor='middle'>{}</text>", bottom + 14.0, seconds(at));
        }
        out
    }

    fn step(&self) -> u64 {
        let steps = [1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600].map(|seconds| seconds * 1_000_000);
        steps.into_iter().find(|step| self.end / step <= 12).unwrap_or(7_200_000_000)
    }
}

fn seconds(at: u64) -> String {
    match at / 1_000_000 {
        seconds if seconds >= 120 => format!("{}:{:02}", seconds / 60, seconds % 60),
        seconds => format!("{seconds} s"),
    }
}

/// The drawing.
pub(super) fn chart(run: &Run, axis: &Axis<'_>) -> String {
    let colours = colours(&axis.faults);
    let mut rows = String::new();
    let mut top = HEAD + 4.0;
    let homes = homes(run);
    for node in (1..=nodes(run, axis)).chain([0]) {
        let lanes = lanes(axis, node);
        if node == 0 && lanes.is_empty() {
            continue;
        }
        let height = LANE * lanes.len().max(1) as f64 + 8.0;
        let name = if node == 0 { "others".to_owned() } else { format!("node {node}") };
        let _ = write!(rows, "<line class='grid' x1='0' x2='{WIDTH}' y1='{top}' y2='{top}'/>");
        let _ = write!(rows, "<text class='in' x='2' y='{:.1}'>{name}</text>", top + height / 2.0 + 4.0);
        for (lane, bars) in lanes.iter().enumerate() {
            let y = top + 4.0 + LANE * lane as f64;
            bars.iter().for_each(|fault| rows += &bar(axis, fault, colours[fault.class], y));
        }
        for (at, shard, _) in homes.iter().filter(|(_, _, home)| *home == node) {
            let (x, y) = (axis.x(*at), top + height);
            let _ = write!(
                rows,
                "<path class='fill {}' d='M{:.1} {y:.1}l3.5 -7l3.5 7z'><title>shard {shard} at home on node {node}, {}</title></path>",
                COLOURS[(node as usize).saturating_sub(1) % COLOURS.len()],
                x - 3.5,
                time(*at)
            );
        }
        top += height;
    }
    let phases = phases(axis, top);
    format!(
        "<svg viewBox='0 0 {WIDTH} {}' role='img' aria-label='Phases and faults'>{phases}{}{rows}</svg>",
        top + 20.0,
        axis.grid(HEAD, top)
    )
}

/// What the colours stand for.
pub(super) fn legend(run: &Run) -> String {
    let faults = faults(run);
    let mut out = "<p class='legend'>".to_owned();
    for (class, colour) in colours(&faults) {
        let _ = write!(out, "<span><i class='{colour}'></i>{}</span>", text(class));
    }
    if !faults.is_empty() {
        out += "<span>│ felt</span>";
    }
    if !homes(run).is_empty() {
        out += "<span>▲ becomes home of a shard</span>";
    }
    out + "</p>"
}

fn bar(axis: &Axis<'_>, fault: &Fault<'_>, colour: &str, y: f64) -> String {
    let (from, to) = (axis.x(fault.begun), axis.x(fault.ended.unwrap_or(axis.end)));
    let title = format!("{}: {} {}", fault.number, fault.class, fault.details.join("; "));
    let mut out = format!(
        "<rect class='fill {colour}' x='{from:.1}' y='{y:.1}' width='{:.1}' height='{}' rx='2.5'><title>{}</title></rect>",
        (to - from).max(2.5),
        LANE - 3.0,
        text(&title)
    );
    if let Some(felt) = fault.felt {
        let x = axis.x(felt);
        let _ = write!(out, "<path stroke='currentColor' stroke-width='1.6' d='M{x:.1} {:.1}v{:.1}'/>", y - 1.5, LANE);
    }
    out
}

/// The faults of one node, so that no two of a lane overlap.
fn lanes<'a, 'b>(axis: &'b Axis<'a>, node: u32) -> Vec<Vec<&'b Fault<'a>>> {
    let mut lanes: Vec<Vec<&Fault<'_>>> = Vec::new();
    let mut of_node: Vec<&Fault<'_>> = axis.faults.iter().filter(|fault| fault.node == node).collect();
    of_node.sort_by_key(|fault| fault.begun);
    for fault in of_node {
        let free =
            |lane: &&mut Vec<&Fault<'_>>| lane.last().is_none_or(|last| last.ended.is_some_and(|ended| ended <= fault.begun));
        match lanes.iter_mut().find(free) {
            Some(lane) => lane.push(fault),
            None => lanes.push(vec![fault]),
        }
    }
    lanes
}

fn nodes(run: &Run, axis: &Axis<'_>) -> u32 {
    let of_faults = axis.faults.iter().map(|fault| fault.node);
    let of_homes = run.journal.iter().filter_map(|entry| match entry.deed {
        Deed::Activate { node, .. } => Some(node),
        _ => None,
    });
    of_faults.chain(of_homes).chain(run.samples.iter().map(|sample| sample.node)).max().unwrap_or(0).max(run.plan.nodes)
}

fn phases(axis: &Axis<'_>, bottom: f64) -> String {
    let mut out = String::new();
    for (at, (phase, from, to)) in axis.phases.iter().enumerate() {
        let (from, to) = (axis.x(*from), axis.x(*to));
        if at % 2 == 0 {
            let _ = write!(out, "<rect class='phase' x='{from:.1}' y='0' width='{:.1}' height='{bottom}'/>", to - from);
        }
        let name = format!("{phase:?}").to_lowercase();
        // A name that has no room would stand over the next one.
        if to - from > 7.0 * name.len() as f64 {
            let _ = write!(out, "<text class='in' x='{:.1}' y='14'>{name}</text>", from + 4.0);
        }
    }
    out
}

/// When each home began: moment, shard, node. Logs have the time of day; messages that were sent and acknowledged tell what that is in the run.
fn homes(run: &Run) -> Vec<(u64, u16, u32)> {
    let Some(offset) = offset(run) else { return Vec::new() };
    let homes = run.journal.iter().filter_map(|entry| match entry.deed {
        Deed::Activate { node, .. } => Some((entry, node)),
        _ => None,
    });
    let moment = |time: i64| u64::try_from(time - offset).unwrap_or(0);
    homes.map(|(entry, node)| (moment(micros(entry)), entry.shard, node)).collect()
}

fn micros(entry: &Entry) -> i64 {
    i64::try_from(entry.time).unwrap_or(i64::MAX / 1000).saturating_mul(1000)
}

/// Time of day less time of the run, in microseconds: the middle one of what all acknowledged messages say.
fn offset(run: &Run) -> Option<i64> {
    let (mut begun, mut around) = (BTreeMap::new(), BTreeMap::new());
    for line in &run.history.lines {
        match &line.event {
            Event::Invoke { send, act: Act::Say { .. } } => drop(begun.insert(send.as_str(), line.at)),
            Event::Ok { send, answer: Answer::Reflected { .. } } => {
                around.extend(begun.get(send.as_str()).map(|from| (send.as_str(), (from + line.at) / 2)));
            }
            _ => {}
        }
    }
    let said = run.journal.iter().filter_map(|entry| match &entry.deed {
        Deed::Message { send: Some(send), .. } => Some(micros(entry) - i64::try_from(*around.get(send.as_str())?).ok()?),
        _ => None,
    });
    let mut offsets: Vec<i64> = said.collect();
    offsets.sort_unstable();
    offsets.get(offsets.len() / 2).copied()
}
