//! The faults of a run: what was done to whom, from when to when, and whether it was felt.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::html::{text, time};
use crate::history::{Event, Stage};
use crate::run_dir::Run;

/// Colours for classes of faults, and for nodes.
pub(super) const COLOURS: [&str; 7] = ["ka", "kb", "kc", "kd", "ke", "kf", "kg"];

/// One fault with all its lines.
#[derive(Clone, Debug)]
pub(super) struct Fault<'a> {
    pub number: u32,
    pub class: &'a str,
    /// 0 where it is done to no node in particular.
    pub node: u32,
    pub begun: u64,
    pub felt: Option<u64>,
    pub ended: Option<u64>,
    /// What its lines say, for people.
    pub details: Vec<&'a str>,
}

/// All, by their numbers.
pub(super) fn faults(run: &Run) -> Vec<Fault<'_>> {
    let mut faults: BTreeMap<u32, Fault<'_>> = BTreeMap::new();
    for line in &run.history.lines {
        let Event::Fault(fault) = &line.event else { continue };
        let new = || Fault {
            number: fault.fault,
            class: &fault.class,
            node: line.node,
            begun: line.at,
            felt: None,
            ended: None,
            details: Vec::new(),
        };
        let known = faults.entry(fault.fault).or_insert_with(new);
        match fault.stage {
            Stage::Begun => known.begun = line.at,
            Stage::Felt => known.felt = known.felt.or(Some(line.at)),
            Stage::Ended => known.ended = Some(line.at),
        }
        if !fault.detail.is_empty() && !known.details.contains(&fault.detail.as_str()) {
            known.details.push(&fault.detail);
        }
    }
    faults.into_values().collect()
}

/// The colour of each class.
pub(super) fn colours<'a>(faults: &[Fault<'a>]) -> BTreeMap<&'a str, &'static str> {
    let mut colours = BTreeMap::new();
    for fault in faults {
        let next = COLOURS[colours.len() % COLOURS.len()];
        colours.entry(fault.class).or_insert(next);
    }
    colours
}

/// All of them, one a row.
pub(super) fn table(run: &Run) -> String {
    let faults = faults(run);
    if faults.is_empty() {
        return "<p class='soft'>There were none.</p>".to_owned();
    }
    let colours = colours(&faults);
    let mut out = "<table><tr><th class='n'>No.</th><th>Class</th><th>Node</th><th>What</th><th class='n'>Begun</th><th class='n'>Felt after</th>\
                   <th class='n'>Lasted</th></tr>"
        .to_owned();
    for fault in &faults {
        let node = if fault.node == 0 { "–".to_owned() } else { fault.node.to_string() };
        let felt =
            fault.felt.map_or("<span class='mark open'>never</span>".to_owned(), |at| time(at.saturating_sub(fault.begun)));
        let lasted =
            fault.ended.map_or("<span class='mark open'>to the end</span>".to_owned(), |at| time(at.saturating_sub(fault.begun)));
        let _ = write!(
            out,
            "<tr><td class='n'>{}</td><td class='w'><span class='legend'><span><i class='{}'></i>{}</span></span></td><td>{node}</td>\
             <td class='soft'>{}</td><td class='n'>{}</td><td class='n'>{felt}</td><td class='n'>{lasted}</td></tr>",
            fault.number,
            colours.get(fault.class).unwrap_or(&"ka"),
            text(fault.class),
            text(&fault.details.join("; ")),
            time(fault.begun),
        );
    }
    out + "</table>"
}
