//! One file per use case. Each says what the standard says, then its form field if it has one, then decides, then applies.
//!
//! | section | use case | file |
//! |---|---|---|
//! | §6.4-6.6, §7.12 | discovery | `disco` |
//! | §7.2 | entering: every admission check, in order | `join` |
//! | §7.2.5 | passwords | `password` |
//! | §7.2.6 | members only | `members_only` |
//! | §7.2.8, §7.6 | nicks | `nickname` |
//! | §7.2.9 | full rooms | `capacity` |
//! | §7.2.13-7.2.14 | history | `history` |
//! | §7.2.15, §7.3, §8.1 | the subject | `subject` |
//! | §7.4 | messages to all | `message` |
//! | §7.5 | private messages | `private_message` |
//! | §7.2.2-7.2.4, §7.7 | presence, and who sees what of whom | `presence` |
//! | §7.10 | registration | `register` |
//! | §7.14, §11.1 | leaving | `leave` |
//! | §8.2-8.5, §9.6-9.8 | roles | `role_change` |
//! | §9.1-9.5, §10.3-10.8 | affiliations | `affiliation_change` |
//! | §8, §9 | the sets and lists that carry both | `admin` |
//! | §10.1 | creating a room | `create` |
//! | §10.1.2-10.2 | configuration | `configure` |
//! | §10.9 | destroying a room | `destroy` |
//! | none | connections that are gone, and come back | `detached` |
//! | §17.3 | presence probes | `probe` |
//! | §17.4, XEP-0410 | IQs between occupants, self-pings | `relay` |

pub(crate) mod admin;
pub(crate) mod affiliation_change;
pub(crate) mod capacity;
pub(crate) mod configure;
pub(crate) mod create;
pub(crate) mod destroy;
pub(crate) mod detached;
pub(crate) mod disco;
pub(crate) mod history;
pub(crate) mod join;
pub(crate) mod leave;
pub(crate) mod members_only;
pub(crate) mod message;
pub(crate) mod nickname;
pub(crate) mod password;
pub(crate) mod presence;
pub(crate) mod private_message;
pub(crate) mod probe;
pub(crate) mod register;
pub mod relay;
pub(crate) mod role_change;
pub(crate) mod subject;
