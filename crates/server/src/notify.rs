//! What the service manager is told (sd_notify of systemd). Without one this does nothing.

use sd_notify::NotifyState;
use tracing::warn;

/// The node serves.
pub fn ready() {
    tell(NotifyState::Ready);
}

/// The node ends.
pub fn stopping() {
    tell(NotifyState::Stopping);
}

fn tell(state: NotifyState<'_>) {
    if let Err(cause) = sd_notify::notify(&[state]) {
        warn!("the service manager cannot be told how it stands: {cause}; is NOTIFY_SOCKET right?");
    }
}
