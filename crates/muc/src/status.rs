//! Status codes (§16.6), by name.

use conclave_xmpp::{Element, ns};

/// A code in `<status/>`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, PartialOrd, Ord)]
#[repr(u16)]
pub enum Status {
    /// Everybody can see your full JID.
    RealJidsForAll = 100,
    /// The configuration changed.
    Configured = 104,
    /// This presence is your own.
    Own = 110,
    /// What is said is archived from now on.
    Logging = 170,
    /// What is said is no longer archived.
    NoLogging = 171,
    /// Full JIDs are shown to everybody from now on.
    NonAnonymous = 172,
    /// Full JIDs are shown to moderators only from now on.
    SemiAnonymous = 173,
    /// You have created the room.
    Created = 201,
    /// The service has chosen or changed your nick.
    NickAssigned = 210,
    /// Banned.
    Banned = 301,
    /// The nick changes.
    NickChanged = 303,
    /// Kicked.
    Kicked = 307,
    /// Removed for a change of affiliation.
    AffiliationLost = 321,
    /// Removed because the room is for members only now.
    MembersOnly = 322,
    /// Removed because of a technical problem.
    Failure = 333,
}

impl Status {
    /// `<status code='…'/>`.
    pub fn to_element(self) -> Element {
        Element::new("status", ns::MUC_USER).with("code", &(self as u16).to_string())
    }
}
