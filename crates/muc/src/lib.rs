//! One room of a group-chat service (XEP-0045).
//!
//! `decide(room, request) -> change or refusal` has all the rules; `apply(room, entry) -> effects` has none. The log lies between
//! them: nothing is seen before it is committed, and the same entries make the same room wherever they are folded.
//!
//! This crate does not know that there is more than one node. It has no clock, no I/O and no chance: time and secrets come in with
//! the [`Context`], and what must be sent comes out as [`Effect`]s.

pub mod affiliation;
pub mod change;
pub mod config;
pub mod effect;
mod features;
pub mod occupant;
#[cfg(not(feature = "planted"))]
mod planted;
#[cfg(feature = "planted")]
pub mod planted;
pub mod refusal;
mod render;
pub mod request;
pub mod role;
pub mod room;
pub mod seats;
pub mod state;
pub mod status;
pub mod summary;

pub use affiliation::{Affiliate, Affiliation};
pub use change::{Actor, Change, Entry, Origin};
pub use config::RoomConfig;
pub use effect::{Audience, Effect, SeatChange, View, What};
pub use features::relay::RelayedIq;
pub use occupant::{Attachment, Detached, Occupant, Seat, Session};
pub use refusal::Refusal;
pub use render::removed_untold;
pub use request::{Asked, Context, Request, Service};
pub use role::Role;
pub use room::{Listing, Outcome, Room};
pub use seats::Seats;
pub use state::{RoomState, Subject};
pub use status::Status;
pub use summary::Summary;
