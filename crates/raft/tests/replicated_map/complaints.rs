//! Warnings and errors of the node, one line each, on standard error: for whoever reads why a test failed.

use std::fmt::{Debug, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// Prints what is worth a warning.
pub struct Complaints {
    start: Instant,
    spans: AtomicU64,
}

impl Complaints {
    pub fn new() -> Self {
        Self { start: Instant::now(), spans: AtomicU64::new(1) }
    }
}

impl Subscriber for Complaints {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // openraft warns of everything that a peer does not answer.
        *metadata.level() <= if metadata.target().starts_with("openraft") { Level::ERROR } else { Level::WARN }
    }

    fn new_span(&self, _span: &Attributes<'_>) -> Id {
        Id::from_u64(self.spans.fetch_add(1, Ordering::Relaxed))
    }

    fn record(&self, _span: &Id, _values: &Record<'_>) {}

    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(String::new());
        event.record(&mut line);
        let (level, target) = (event.metadata().level(), event.metadata().target());
        eprintln!("{:9.3} {level} {target}{}", self.start.elapsed().as_secs_f64(), line.0);
    }

    fn enter(&self, _span: &Id) {}

    fn exit(&self, _span: &Id) {}
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let _ = match field.name() {
            "message" => write!(self.0, " {value:?}"),
            name => write!(self.0, " {name}={value:?}"),
        };
    }
}
