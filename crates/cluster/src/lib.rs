//! Many nodes that act as one service. Three words carry it: an *edge* has sessions, a *home* runs a shard of the rooms, and
//! *frames* bring what the home decided to the edges.
//!
//! This crate is pure: it does not know how bytes travel, what time it is, or where a log is kept.

pub mod accounts;
pub mod accounts_codec;
pub mod codec;
pub mod edge;
pub mod frame;
pub mod incarnation;
pub mod questions;
pub mod result_set;
pub mod room_pace;
pub mod service;
pub mod shard;
pub mod shard_map;

pub use accounts::{AccountChange, AccountRefusal, AccountRequest, Accounts, Secret};
pub use edge::{Edge, Sessions};
pub use frame::Frame;
pub use incarnation::Incarnation;
pub use shard::{Output, Shard};
pub use shard_map::ShardMap;
