//! How much of everything there may be: the keys of `[limits]`.

use super::key::{Key, Takes};

/// One table for the struct, the defaults and the keys. The unit says what 0 means, where it may be.
macro_rules! limits {
    ($($(#[doc = $doc:literal])+ $name:ident: $type:ty = $default:literal, $range:expr, $unit:literal;)+) => {
        /// The limits of a node, and among them those of the service, which the cluster keeps. A rate of 0, and 0 connections per address, are no limit.
        #[derive(Clone, PartialEq, Eq, Debug)]
        pub struct Limits {
            $($(#[doc = $doc])+ pub $name: $type,)+
        }

        impl Default for Limits {
            fn default() -> Limits {
                Limits { $($name: $default,)+ }
            }
        }

        pub(super) const LIMITS: &[Key] = &[$(Key {
            name: stringify!($name),
            table: Some("limits"),
            help: concat!($($doc),+),
            // The ranges fit the types, so nothing is cut off.
            takes: Takes::Number {
                range: $range,
                unit: $unit,
                default: $default,
                set: |draft, number| draft.limits.$name = number as $type,
            },
        },)+];
    };
}

limits! {
    /// Bytes of one stanza of a client that has logged in. So much is buffered for each. RFC 6120 §13.12 wants at least 10000.
    stanza_bytes_max: usize = 262_144, 10_000..=16_777_216, "bytes";
    /// Bytes of one groupchat stanza: every occupant gets a copy, and the history keeps it.
    groupchat_bytes_max: usize = 65_536, 10_000..=16_777_216, "bytes";
    /// Bytes that a client may send before it has logged in: nobody knows it yet.
    unauthenticated_bytes_max: usize = 8_192, 2_048..=1_048_576, "bytes";
    /// Seconds that a client has to log in and bind a resource; blanks do not extend them.
    unauthenticated_seconds_max: u32 = 30, 1..=3_600, "seconds";
    /// Elements within each other in one stanza: they are walked by recursion.
    depth_max: usize = 64, 16..=512, "elements";
    /// Attributes of one element: each is compared with the others.
    attributes_max: usize = 64, 16..=1_024, "attributes";
    /// Connections of clients at one time; each needs an open file.
    connections_max: usize = 20_000, 1..=1_000_000, "connections";
    /// Connections at one time from one address, behind which may be a whole office.
    connections_per_address_max: usize = 256, 0..=1_000_000, "connections; 0 for no limit";
    /// Sessions of one account at one time: its devices, and those that it forgot.
    sessions_per_account_max: usize = 32, 1..=10_000, "sessions";
    /// Bytes that may wait for a session that takes nothing for two seconds; then it is cut off. One that reads is cut off at eight times as many.
    outbound_queue_bytes_max: usize = 4_194_304, 65_536..=1_073_741_824, "bytes";
    /// Stanzas that may wait for a session that takes nothing for two seconds; eight times as many for one that reads. Joining a room sends one for each occupant.
    outbound_queue_stanzas_max: usize = 10_000, 100..=1_000_000, "stanzas";
    /// Stanzas a second that a session may send in the long run; a faster one is read more slowly.
    session_stanzas_per_second: u32 = 10, 0..=1_000_000, "stanzas a second; 0 for no limit";
    /// Stanzas that a session may send at once before that rate holds: a client that starts joins all its rooms.
    session_stanzas_burst: u32 = 100, 1..=1_000_000, "stanzas";
    /// Messages a second in one room, from all occupants together: each goes to all of them.
    room_messages_per_second: u32 = 200, 0..=1_000_000, "messages a second; 0 for no limit";
    /// Rooms of the service.
    rooms_max: usize = 10_000, 1..=10_000_000, "rooms";
    /// Occupants of one room; a room's own limit can only be lower.
    occupants_per_room_max: u32 = 1_000, 2..=100_000, "occupants";
    /// Messages of history that a room may keep, and newcomers are shown, at most.
    history_max: u32 = 100, 0..=10_000, "messages; 0 for none";
    /// Entries of a shard that stay in the log behind its last checkpoint: a replica that is further behind gets the whole state instead.
    log_entries_kept: u64 = 1_000, 0..=10_000_000, "entries";
    /// Seconds after which a new room that its creator does not configure opens as it is.
    room_lock_seconds_max: u32 = 300, 1..=86_400, "seconds";
}
