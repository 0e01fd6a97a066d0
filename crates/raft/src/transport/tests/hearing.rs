//! Hears what is logged.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tracing::subscriber::DefaultGuard;
use tracing_subscriber::fmt::MakeWriter;

use crate::transport::complaints::Complaints;

/// Everything that this thread logs as a warning while it exists.
pub struct Hearing {
    heard: Log,
    _guard: DefaultGuard,
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Hearing {
    pub fn begin() -> Self {
        let heard = Log::default();
        let subscriber =
            tracing_subscriber::fmt().with_max_level(tracing::Level::WARN).with_ansi(false).with_writer(heard.clone()).finish();
        Self { heard, _guard: tracing::subscriber::set_default(subscriber) }
    }

    /// How often a line said this.
    pub fn count(&self, text: &str) -> usize {
        String::from_utf8_lossy(&self.heard.0.lock().unwrap()).lines().filter(|line| line.contains(text)).count()
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.heard.0.lock().unwrap()).into_owned()
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_complaint_is_heard_once_in_an_interval() {
    let heard = Hearing::begin();
    let (seldom, always) = (Complaints::new(Duration::from_secs(60)), Complaints::new(Duration::ZERO));
    for _ in 0..3 {
        seldom.warn("node 1", "is late");
        seldom.warn("node 2", "is late");
        seldom.warn("node 1", "is early");
        always.warn("node 3", "is away");
    }
    let counts = ["node 1", "node 2", "is late", "is early", "is away"].map(|text| heard.count(text));
    assert_eq!(counts, [2, 1, 2, 1, 3], "{}", heard.text());
}
