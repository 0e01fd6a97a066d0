//! Plays conversations written in the scansion language against a running XMPP server, over real sockets.
//!
//! A script (`.scs`) names its clients, then says step by step who connects, sends, receives and disconnects. A stanza
//! that a client receives is taken by the first step that it satisfies; what a step passes over is dropped, and is no
//! failure. Clients log in with SASL PLAIN on plain TCP: this is for servers under test, on loopback.
//!
//! ```text
//! # Somebody enters a room
//!
//! [Client] Mara
//!     jid: mara@localhost
//!     password: secret
//! -----
//! Mara connects
//! Mara sends:
//!     <presence to='hall@conference.localhost/M'><x xmlns='http://jabber.org/protocol/muc'/></presence>
//! Mara receives:
//!     <presence from='hall@conference.localhost/M'/>
//! ```
//!
//! # Exact mode
//!
//! With [`Options::exact`] a stanza that no line expects is a failure. Those that are right all the same stand in
//! `NAME.extra`, beside `NAME.scs` or in [`Options::extra_dir`], each with its reason as a comment directly above:
//!
//! ```text
//! # §7.2.2: whoever enters is told of herself; the script looks at the others only.
//! Mara may receive:
//!     <presence from='hall@conference.localhost/M'/>
//! ```
//!
//! An entry stands for exactly one stanza, at any point of the conversation: two stanzas need two entries (several may
//! stand below one line), and an entry for which nothing came is stale and fails as well. Addresses, `{scansion:any}`
//! and `scansion:strict` work as in scripts. In order to see every stanza without waiting for the clock, each client
//! pings its server and every entity that the script speaks to, before a client disconnects and in the end.
//!
//! # What is not here
//!
//! No TLS, no SCRAM, no stream management, no initial presence, no answers to the server's questions: only what
//! a script says is sent.

pub mod block;
pub mod cast;
pub mod client;
mod exact;
pub mod expect;
pub mod extra;
pub mod files;
pub mod hook;
pub mod ledger;
pub mod outcome;
mod pairing;
pub mod play;
pub mod report;
pub mod script;
pub mod stanza_text;
pub mod stream;
pub mod target;

pub use hook::Hook;
pub use outcome::{Failure, Outcome, Reason};
pub use play::{Options, play, play_file};
pub use script::{Act, Script, ScriptError, Step};
pub use target::{TargetError, Targets};
