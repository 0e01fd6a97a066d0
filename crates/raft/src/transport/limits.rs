//! How much, and how long: every bound of the connections between nodes.

use std::time::Duration;

/// The bounds. The defaults are for nodes in one data centre.
#[derive(Debug, Clone)]
pub(crate) struct TransportLimits {
    /// Connections that have not said yet who they are. Further ones are closed at once: strangers must not take all memory.
    pub handshakes_max: usize,
    /// From the accepted connection to the end of both greetings. Ample, since a peer may have to write to its disk in between.
    pub handshake_max: Duration,
    /// Until TCP connects to one address. A machine that lives answers in a fraction of it, and one that does not is only unreachable, not dead.
    pub connect_max: Duration,
    /// How long a call waits for a connection that is being made before it fails.
    pub wait_max: Duration,
    /// Bytes of one message of a call, in either direction. Snapshots go in smaller pieces.
    pub message_bytes_max: usize,
    /// Calls that wait for an answer, to one peer and from one peer. Some for each group.
    pub calls_max: usize,
    /// Bytes that one call may send before the receiver has read them: a whole message, so that none waits for a round trip.
    pub call_window_bytes: u32,
    /// The same for all calls of a connection together.
    pub connection_window_bytes: u32,
    /// A connection is pinged this often...
    pub ping_interval: Duration,
    /// ... and closed when a ping has not been answered for this long. Longer than a busy machine stalls; shorter than anybody wants to wait.
    pub ping_max: Duration,
    /// What was sent must be acknowledged by the peer's machine within this time, or TCP gives up (`TCP_USER_TIMEOUT`).
    pub silence_max: Duration,
    /// Between two attempts to connect, at first...
    pub retry_min: Duration,
    /// ... and after many.
    pub retry_max: Duration,
    /// What a peer has on disk is written to our own no more often than this.
    pub remember_interval: Duration,
    /// The same complaint about the same peer is logged no more often than this.
    pub complaint_interval: Duration,
    /// How long [`super::Transport::stop`] waits for connections to close.
    pub stop_max: Duration,
}

impl Default for TransportLimits {
    fn default() -> Self {
        Self {
            handshakes_max: 64,
            handshake_max: Duration::from_secs(5),
            connect_max: Duration::from_secs(1),
            wait_max: Duration::from_secs(1),
            message_bytes_max: 4 * 1024 * 1024,
            calls_max: 1024,
            call_window_bytes: 4 * 1024 * 1024,
            connection_window_bytes: 16 * 1024 * 1024,
            ping_interval: Duration::from_secs(1),
            ping_max: Duration::from_secs(3),
            silence_max: Duration::from_secs(5),
            retry_min: Duration::from_millis(50),
            retry_max: Duration::from_secs(1),
            remember_interval: Duration::from_secs(1),
            complaint_interval: Duration::from_secs(60),
            stop_max: Duration::from_secs(1),
        }
    }
}
