//! A room from the outside, for those who keep it: everything that the fold has made of it, and back.

use std::sync::Arc;

use conclave_xmpp::{BareJid, Nick, Timestamp};
use rpds::{QueueSync, RedBlackTreeMapSync};

use crate::affiliation::Affiliate;
use crate::config::RoomConfig;
use crate::effect::Message;
use crate::occupant::Occupant;
use crate::room::{Open, Room};

/// All of a room that exists, in parts that later versions of it share where nothing changed. What follows from them, such as who sits
/// where, is not repeated.
#[derive(Clone, Debug)]
pub struct RoomState {
    /// Its address.
    pub jid: BareJid,
    /// What its owners chose.
    pub config: Arc<RoomConfig>,
    /// Since when it waits for its creator to configure it.
    pub locked: Option<Timestamp>,
    /// From which its occupant ids are made.
    pub occupant_key: [u8; 32],
    /// Those who have an affiliation, with the nicks that are reserved for them.
    pub affiliates: RedBlackTreeMapSync<BareJid, Arc<Affiliate>>,
    /// Those who are in it, with all their sessions.
    pub occupants: RedBlackTreeMapSync<Nick, Arc<Occupant>>,
    /// The subject in force.
    pub subject: Option<Subject>,
    /// What newcomers are shown, the oldest first.
    pub history: QueueSync<Arc<Message>>,
}

/// The subject in force.
#[derive(Clone, Debug)]
pub struct Subject {
    /// The message that set it, for newcomers.
    pub message: Arc<Message>,
    /// Its text, for discovery.
    pub text: Arc<str>,
}

impl Room {
    /// All of it, if it exists. Costs nothing.
    pub fn state(&self) -> Option<RoomState> {
        let open = self.life.as_deref()?;
        Some(RoomState {
            jid: self.jid().clone(),
            config: open.config.clone(),
            locked: open.locked,
            occupant_key: open.occupant_key,
            affiliates: open.affiliates.clone(),
            occupants: open.occupants.clone(),
            subject: open.subject.clone(),
            history: open.history.clone(),
        })
    }
}

impl From<RoomState> for Room {
    /// The room as it was.
    fn from(state: RoomState) -> Room {
        let reserved = state.affiliates.iter().filter_map(|(jid, affiliate)| Some((affiliate.nick.clone()?, jid.clone())));
        let seats = state.occupants.values().flat_map(|occupant| occupant.jids().map(|jid| (jid.clone(), occupant.nick.clone())));
        let open = Open {
            reserved: reserved.collect(),
            sessions: seats.collect(),
            history_bytes: state.history.iter().map(|message| message.content.as_str().len()).sum(),
            config: state.config,
            affiliates: state.affiliates,
            occupants: state.occupants,
            subject: state.subject,
            history: state.history,
            locked: state.locked,
            occupant_key: state.occupant_key,
        };
        let mut room = Room::absent(state.jid);
        room.life = Some(Box::new(open));
        room
    }
}
