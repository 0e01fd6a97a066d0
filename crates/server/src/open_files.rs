//! How many files and connections this process may have open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::warn;

/// Fewer than this are worth a warning: every client needs one, and a limit of 1024, which is usual, is soon reached.
const ENOUGH: u64 = 65_536;

/// Raises the limit as far as this process may, and warns if that is not far.
pub fn raise() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = match setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        Ok(()) => maximum,
        // Some systems allow less than they say; then it stays as it was.
        Err(_) => current,
    };
    if let Some(limit) = raised.filter(|limit| *limit < ENOUGH) {
        warn!(
            "this process may have {limit} files open, so about as many clients can connect; for more, raise the limit to {ENOUGH} \
             (LimitNOFILE= in a systemd unit, ulimit -n in a shell)"
        );
    }
}
