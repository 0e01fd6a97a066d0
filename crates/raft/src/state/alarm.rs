//! The answer to a write that failed and that sled told nobody of.
//!
//! Sled writes with threads of its own. It notes what fails, but not everywhere does it wake whoever waits for that write: of each batch the first part is
//! such a write. A flush would wait for it for ever, and the node would never save a checkpoint again, nor end.

use std::convert::Infallible;
use std::path::Path;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use super::StateError;
use crate::fatal;

/// Between two looks; so long has whoever hears of the failure in the ordinary way to say what was being done.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Ends the process when sled has noted a failure. Raised until it is dropped.
pub(super) struct Alarm {
    _raised: Sender<Infallible>,
}

impl Alarm {
    /// For the database that is opened with these settings, before that: opening it writes as well.
    pub(super) fn raise(path: &Path, settings: sled::Config) -> Result<Self, StateError> {
        let (raised, end) = mpsc::channel();
        let watched = path.to_owned();
        let thread = thread::Builder::new().name("state alarm".to_owned()).spawn(move || watch(&watched, &settings, &end));
        thread.map_err(StateError::io(path, "start a thread for"))?;
        Ok(Self { _raised: raised })
    }
}

fn watch(path: &Path, settings: &sled::Config, end: &Receiver<Infallible>) {
    let mut noted = None;
    while end.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Timeout) {
        if let Some(error) = noted {
            fatal::stop(path, "write", &error);
        }
        // Hidden in sled's documentation, but the version is fixed; and it is set only when the file could not be changed.
        noted = settings.global_error().err();
    }
}
