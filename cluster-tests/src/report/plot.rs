//! What happened each second: deliveries, sends, memory.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use super::faults::COLOURS;
use super::html::{bytes, count};
use super::timeline::{Axis, LEFT, WIDTH};
use crate::act::Act;
use crate::history::Event;
use crate::run_dir::Run;

const HEIGHT: f64 = 128.0;
const TOP: f64 = 8.0;
const MEBIBYTE: f64 = 1_048_576.0;

/// One line of a plot.
struct Series {
    name: String,
    colour: &'static str,
    /// Moment and value.
    points: Vec<(u64, f64)>,
}

/// All plots, each under its name.
pub(super) fn all(run: &Run, axis: &Axis<'_>) -> String {
    let whole = |value: f64| count(value as usize);
    let mut out = plot("Deliveries per second", &[deliveries(run, axis)], axis, (true, 1.0), whole);
    out += &plot("Messages sent, by what became of them, per second", &sends(run, axis), axis, (false, 1.0), whole);
    out += &plot("Memory, resident", &memory(run), axis, (false, MEBIBYTE), |value| bytes(value as u64));
    out
}

fn deliveries(run: &Run, axis: &Axis<'_>) -> Series {
    let live = run.history.lines.iter().filter(|line| matches!(line.event, Event::Received { delayed: false, .. }));
    Series { name: "delivered".to_owned(), colour: "ka", points: per_second(live.map(|line| line.at), axis) }
}

fn sends(run: &Run, axis: &Axis<'_>) -> Vec<Series> {
    let mut says: BTreeSet<&str> = BTreeSet::new();
    let mut ends: [Vec<u64>; 3] = Default::default();
    for line in &run.history.lines {
        let (end, send) = match &line.event {
            Event::Invoke { send, act: Act::Say { .. } } => {
                says.insert(send);
                continue;
            }
            Event::Ok { send, .. } => (0, send),
            Event::Refused { send, .. } => (1, send),
            Event::Unknown { send } => (2, send),
            _ => continue,
        };
        if says.contains(send.as_str()) {
            ends[end].push(line.at);
        }
    }
    let names = [("acknowledged", "kgood"), ("refused", "kopen"), ("unknown", "kbad")];
    let series = names.into_iter().zip(ends).map(|((name, colour), moments)| Series {
        name: name.to_owned(),
        colour,
        points: per_second(moments.into_iter(), axis),
    });
    series.collect()
}

fn memory(run: &Run) -> Vec<Series> {
    let mut nodes: BTreeMap<u32, Vec<(u64, f64)>> = BTreeMap::new();
    for sample in &run.samples {
        nodes.entry(sample.node).or_default().push((sample.at, sample.rss_bytes as f64));
    }
    let series = nodes.into_iter().map(|(node, mut points)| {
        points.sort_by_key(|(at, _)| *at);
        let colour = COLOURS[(node as usize).saturating_sub(1) % COLOURS.len()];
        Series { name: format!("node {node}"), colour, points }
    });
    series.collect()
}

/// How many of these moments are in each second, at the second's middle.
fn per_second(moments: impl Iterator<Item = u64>, axis: &Axis<'_>) -> Vec<(u64, f64)> {
    let seconds = usize::try_from(axis.end.div_ceil(1_000_000)).unwrap_or(0);
    let mut counts = vec![0_u32; seconds];
    for at in moments {
        if let Some(count) = counts.get_mut(usize::try_from(at / 1_000_000).unwrap_or(usize::MAX)) {
            *count += 1;
        }
    }
    counts.into_iter().enumerate().map(|(second, count)| (second as u64 * 1_000_000 + 500_000, f64::from(count))).collect()
}

/// A plot whose scale ends with a round number of the unit.
fn plot(name: &str, series: &[Series], axis: &Axis<'_>, (filled, unit): (bool, f64), shown: fn(f64) -> String) -> String {
    let most = series.iter().flat_map(|series| &series.points).map(|(_, value)| *value).fold(0.0, f64::max);
    if most <= 0.0 {
        return format!("<h3>{name}</h3><p class='soft'>Nothing.</p>");
    }
    let most = round_up(most / unit) * unit;
    let y = |value: f64| TOP + HEIGHT * (1.0 - value / most);
    let mut inside = axis.grid(TOP, TOP + HEIGHT);
    for part in [0.0, 0.5, 1.0] {
        let (at, value) = (y(most * part), shown(most * part));
        let _ = write!(inside, "<line class='grid' x1='{LEFT}' x2='{WIDTH}' y1='{at:.1}' y2='{at:.1}'/>");
        let _ = write!(inside, "<text x='{}' y='{:.1}' text-anchor='end'>{value}</text>", LEFT - 6.0, at + 4.0);
    }
    for one in series.iter().filter(|series| !series.points.is_empty()) {
        inside += &line(one, axis, filled, y);
    }
    let mut out = format!("<h3>{name}</h3>");
    if series.len() > 1 {
        let keys: String = series.iter().map(|one| format!("<span><i class='{}'></i>{}</span>", one.colour, one.name)).collect();
        let _ = write!(out, "<p class='legend'>{keys}</p>");
    }
    let _ = write!(out, "<svg viewBox='0 0 {WIDTH} {}' role='img' aria-label='{name}'>{inside}</svg>", TOP + HEIGHT + 20.0);
    out
}

fn line(series: &Series, axis: &Axis<'_>, filled: bool, y: impl Fn(f64) -> f64) -> String {
    let mut path = String::new();
    for (at, value) in &series.points {
        let _ = write!(path, "{}{:.1} {:.1}", if path.is_empty() { 'M' } else { 'L' }, axis.x(*at), y(*value));
    }
    let mut out = String::new();
    if let (true, Some((first, _)), Some((last, _))) = (filled, series.points.first(), series.points.last()) {
        let (from, to, bottom) = (axis.x(*first), axis.x(*last), y(0.0));
        let _ = write!(out, "<path class='area {}' d='{path}L{to:.1} {bottom:.1}L{from:.1} {bottom:.1}Z'/>", series.colour);
    }
    let _ = write!(out, "<path class='stroke {}' d='{path}'><title>{}</title></path>", series.colour, series.name);
    out
}

/// The next number that looks well at the end of a scale.
fn round_up(value: f64) -> f64 {
    let power = 10_f64.powf(value.log10().floor());
    let nice = [1.0, 2.0, 2.5, 4.0, 5.0, 8.0, 10.0].into_iter().find(|nice| nice * power >= value);
    nice.map_or(value, |nice| nice * power).max(2.0)
}
