//! The history of a simulation. Lines have an order of their own: of two with one time the later one has a microsecond more.

use crate::history::{Event, FaultLine, History, Line, Phase, Stage};
use crate::simulation::FaultNote;

/// Writes lines.
#[derive(Default)]
pub(super) struct Scribe {
    lines: Vec<Line>,
    at: u64,
}

impl Scribe {
    /// A line, at so many milliseconds of the simulation.
    pub fn write(&mut self, now: u64, session: &str, node: u32, room: &str, event: Event) {
        self.at = (self.at + 1).max(now * 1000);
        self.lines.push(Line { at: self.at, session: session.to_owned(), node, room: room.to_owned(), event });
    }

    /// The time of the last line, in milliseconds of the simulation.
    pub fn now(&self) -> u64 {
        self.at / 1000
    }

    pub fn phase(&mut self, now: u64, phase: Phase) {
        self.write(now, "runner", 0, "", Event::Phase { phase });
    }

    /// What was done to the nodes.
    pub fn faults(&mut self, now: u64, notes: Vec<FaultNote>) {
        for FaultNote { number, fault, ended } in notes {
            let class = format!("{fault:?}");
            let line =
                |stage: Stage| Event::Fault(FaultLine { fault: number, class: class.clone(), stage, detail: class.clone() });
            let stages = if ended { &[Stage::Ended][..] } else { &[Stage::Begun, Stage::Felt] };
            for stage in stages {
                self.write(now, "injector", 0, "", line(*stage));
            }
        }
    }

    pub fn history(self) -> History {
        History { lines: self.lines }
    }
}
