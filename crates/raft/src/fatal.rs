//! The one answer to a disk that fails: the process ends.
//!
//! After a failed write or sync nobody can say what is on disk: the kernel may have dropped the page and called it clean, so a second sync that
//! succeeds proves nothing. The node comes back through recovery, which reads what is really there.

use std::fmt::Display;
use std::io::Write as _;
use std::path::Path;

/// Exit code of a process that stopped because of its disk: `EX_IOERR` of sysexits.h.
pub const EXIT_IO: i32 = 74;

/// Ends the process. `what` is the call that failed, in the infinitive.
///
/// Nothing is unwound and no destructor runs, so no caller is told anything that could be taken for success.
pub(crate) fn stop(file: &Path, what: &str, error: &dyn Display) -> ! {
    tracing::error!(file = %file.display(), %error, "could not {what}");
    // Straight to the descriptor: a subscriber may buffer, or there may be none. In one write, so that no other process's line comes between.
    let last = format!(
        "conclave: could not {what} {}: {error}. The process ends here: after a failed write nobody knows what is on the disk. Mend the disk, then start again.\n",
        file.display()
    );
    let _ = std::io::stderr().write_all(last.as_bytes());
    std::process::exit(EXIT_IO)
}
