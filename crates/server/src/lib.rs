//! The program: listeners, TLS, sessions, accounts, settings, administration.
//!
//! Here is I/O and nothing else: no rule of XEP-0045 lives in this crate. Bytes become stanzas in [`connection`], stanzas find their way
//! in [`router`], and [`shard_task`] drives the pure machines of `cluster`.

pub mod account;
pub mod accounts;
pub mod admin;
pub mod args;
pub mod clients;
pub mod cluster;
pub mod cluster_command;
mod complaint;
pub mod connection;
pub mod delivery;
pub mod demo;
pub mod dev;
pub mod domain;
pub mod drain;
pub mod edge_task;
pub mod health;
pub mod home_terms;
pub mod homes;
pub mod http;
pub mod hub;
pub mod io;
pub mod listener;
pub mod metrics;
pub mod notify;
pub mod open_files;
pub mod outbound;
pub mod pace;
#[cfg(feature = "planted")]
pub mod planted;
pub mod program;
pub mod room_command;
pub mod router;
pub mod run;
pub mod seed;
pub mod sessions;
pub mod settings;
pub mod settings_command;
pub mod shard_task;
pub mod ticks;
pub mod tls;
pub mod trace;
pub mod user;
pub mod vital;
pub mod which_node;
