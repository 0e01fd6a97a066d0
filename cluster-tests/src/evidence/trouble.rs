//! What was done to the nodes, from when to when.

use std::collections::BTreeMap;

use crate::history::{FaultLine, Line, Stage};

/// One fault.
pub(crate) struct Trouble<'a> {
    pub class: &'a str,
    /// The node that it concerns most; 0 if there is none.
    pub node: u32,
    /// Whom it concerns, in words.
    pub detail: &'a str,
    pub begun: &'a Line,
    pub felt: Option<&'a Line>,
    /// Only then it is known to be taken back.
    pub ended: Option<&'a Line>,
}

impl Trouble<'_> {
    /// Whether any of it was during a span.
    pub fn touches(&self, from: u64, to: u64) -> bool {
        self.begun.at <= to && self.ended.is_none_or(|line| line.at >= from)
    }
}

/// All of them, in the order in which they began.
pub(super) fn troubles<'a>(lines: &[(&'a Line, &'a FaultLine)]) -> Vec<Trouble<'a>> {
    let mut places: BTreeMap<u32, usize> = BTreeMap::new();
    let mut troubles: Vec<Trouble<'_>> = Vec::new();
    for (line, fault) in lines {
        if fault.stage == Stage::Begun {
            places.insert(fault.fault, troubles.len());
            let (class, detail) = (fault.class.as_str(), fault.detail.as_str());
            troubles.push(Trouble { class, node: line.node, detail, begun: line, felt: None, ended: None });
        }
        let Some(trouble) = places.get(&fault.fault).map(|place| &mut troubles[*place]) else { continue };
        match fault.stage {
            Stage::Begun => {}
            Stage::Felt => trouble.felt = trouble.felt.or(Some(line)),
            Stage::Ended => trouble.ended = Some(line),
        }
    }
    troubles
}
