//! Many nodes that act as one service. Three words carry it: an *edge* has sessions, a *home* runs a shard of the rooms, and
//! *frames* bring what the home decided to the edges.
//!
//! This crate is pure: it does not know how bytes travel, what time it is, or where a log is kept.

pub mod accounts;
pub mod accounts_codec;
mod ahead;
pub mod answer;
mod answered;
mod barrier;
pub mod bound_sessions;
pub mod codec;
pub mod delivery;
pub mod delivery_codec;
pub mod edge;
pub mod entry;
pub mod frame;
mod grace;
pub mod home;
pub mod incarnation;
pub mod lives;
pub mod membership;
pub mod meta;
#[cfg(not(feature = "planted"))]
mod planted;
#[cfg(feature = "planted")]
pub mod planted;
pub mod questions;
pub mod repeats;
pub mod replica;
pub mod request;
pub mod result_set;
pub mod ring;
pub mod room_pace;
pub mod service;
pub mod shard;
mod shard_codec;
pub mod shard_map;
pub mod stored;
pub mod stored_room;
pub mod view_set;

pub use accounts::{AccountChange, AccountRefusal, AccountRequest, Accounts, Secret};
pub use delivery::Delivery;
pub use edge::{Edge, Sessions};
pub use frame::Frame;
pub use incarnation::Incarnation;
pub use lives::Lives;
pub use replica::Replica;
pub use shard::Shard;
pub use shard_map::ShardMap;
