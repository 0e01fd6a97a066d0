//! The machine itself, while a run goes on: whoever only sleeps, and writes a byte, is late when everybody is.

use std::fs::File;
use std::io::{Result, Seek, Write};
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::history::Event;
use crate::recorder::Recorder;

/// How long it sleeps. Five syncs a second are nothing beside those of the nodes.
const PULSE: Duration = Duration::from_millis(200);

/// Whoever comes later than this was kept waiting.
const STALL_MIN: Duration = Duration::from_millis(100);

/// Someone who notes when the machine was late. Ends with [`Stalls::end`].
pub struct Stalls {
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

impl Stalls {
    /// From now on; the byte goes to the disk that the nodes have, into this directory.
    pub fn begin(recorder: Recorder, dir: &Path) -> Result<Stalls> {
        let (stop, stopped) = channel();
        let path = dir.join("pulse");
        let mut file = File::create(&path)?;
        let thread = std::thread::spawn(move || {
            loop {
                let due = Instant::now() + PULSE;
                if !matches!(stopped.recv_timeout(PULSE), Err(RecvTimeoutError::Timeout)) {
                    break;
                }
                beat(&mut file, &path);
                if due.elapsed() > STALL_MIN {
                    recorder.record("machine", 0, "", stalled(&recorder, due));
                }
            }
        });
        Ok(Stalls { stop, thread })
    }

    /// Nobody looks any more.
    pub fn end(self) {
        drop(self.stop);
        // Whoever panicked there has said so; what was not noted excuses nobody.
        let _ = self.thread.join();
    }
}

/// A byte, on the disk.
fn beat(file: &mut File, path: &Path) {
    let written = file.rewind().and_then(|()| file.write_all(b".")).and_then(|()| file.sync_all());
    written.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

fn stalled(recorder: &Recorder, due: Instant) -> Event {
    let since = due.saturating_duration_since(recorder.start());
    Event::Stalled { since: u64::try_from(since.as_micros()).unwrap_or(u64::MAX) }
}
