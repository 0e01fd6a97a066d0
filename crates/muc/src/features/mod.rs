//! One file per use case, in the order of XEP-0045. Each says what the standard says, then decides, then applies.

pub(crate) mod admin; // §8.2-8.5, §9: the sets and lists of muc#admin
pub(crate) mod affiliation_change; // §9.1-9.5, §10.3-10.8
pub(crate) mod capacity; // §7.2.9
pub(crate) mod configure; // §10.2
pub(crate) mod create; // §10.1
pub(crate) mod destroy; // §10.9
pub(crate) mod disco; // §6.4-6.6
pub(crate) mod history; // §7.2.13
pub(crate) mod join; // §7.2
pub(crate) mod leave; // §7.14
pub(crate) mod members_only; // §7.2.6
pub(crate) mod message; // §7.4
pub(crate) mod nickname; // §7.2.2, §7.2.8, §7.6
pub(crate) mod password; // §7.2.5
pub(crate) mod presence; // §7.7
pub(crate) mod private_message; // §7.5
pub(crate) mod probe;
pub(crate) mod register; // §7.10
pub(crate) mod relay; // §17.4 and XEP-0410
pub(crate) mod role_change; // §8.2-8.5, §9.6-9.7
pub(crate) mod subject; // §7.2.15, §8.1 // RFC 6121 §4.3
