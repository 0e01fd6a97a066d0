//! The room: its state, what decides for it, and the fold. Each arm below is a file of `features`.

use std::collections::BTreeSet;
use std::sync::Arc;

use conclave_xmpp::{
    BareJid, Encoded, FullJid, Iq, Jid, Message as MessageStanza, Nick, Presence, PresenceKind, Stanza, Timestamp, keyed_hash, ns,
};
use rpds::{QueueSync, RedBlackTreeMapSync};

use crate::affiliation::{Affiliate, Affiliation, covers};
use crate::change::{Change, Entry};
use crate::config::RoomConfig;
use crate::effect::{Effect, Message, What};
use crate::features::relay::RelayedIq;
use crate::features::*;
use crate::occupant::{Attachment, Detached, Occupant, Seat, Session};
use crate::refusal::Refusal;
use crate::request::{Asked, Context, Request};
use crate::role::Role;
use crate::state::Subject;

/// A room, or the place where one may be. A clone shares everything that is not changed afterwards.
#[derive(Clone, Debug)]
pub struct Room {
    jid: BareJid,
    pub(crate) life: Option<Box<Open>>,
}

/// A room that exists.
#[derive(Clone, Debug)]
pub(crate) struct Open {
    pub config: Arc<RoomConfig>,
    pub affiliates: RedBlackTreeMapSync<BareJid, Arc<Affiliate>>,
    /// Reserved nicks, for whom (§7.10).
    pub reserved: RedBlackTreeMapSync<Nick, BareJid>,
    pub occupants: RedBlackTreeMapSync<Nick, Arc<Occupant>>,
    /// Which nick a session sits under.
    pub sessions: RedBlackTreeMapSync<FullJid, Nick>,
    pub subject: Option<Subject>,
    pub history: QueueSync<Arc<Message>>,
    /// Bytes of what is said in it.
    pub history_bytes: usize,
    /// Since when it waits for its creator to configure it (§10.1.1).
    pub locked: Option<Timestamp>,
    pub occupant_key: [u8; 32],
}

/// What a request leads to, if no rule refuses it.
#[derive(Clone, PartialEq, Debug)]
pub enum Outcome {
    /// A change to be logged; its effects follow when it is committed.
    Log(Change),
    /// Answers and stanzas that change nothing; they take their place behind everything proposed before them.
    Send(Vec<Effect>),
    /// A session asks another; nothing is logged.
    Ask(Box<RelayedIq>),
    /// A session answers what another has asked.
    Answered {
        /// Who answers.
        asked: Session,
        /// The id of the question, as it was asked.
        id: String,
        /// Who asked.
        asker: Session,
        /// What it gets.
        answer: Encoded,
    },
    /// Nothing at all.
    Nothing,
}

/// What a list of rooms shows of one (§6.3).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listing {
    /// The room.
    pub jid: BareJid,
    /// Its name, or its localpart.
    pub name: String,
}

impl Room {
    /// The place where `jid` may come to be.
    pub fn absent(jid: BareJid) -> Room {
        Room { jid, life: None }
    }

    /// The room's address.
    pub fn jid(&self) -> &BareJid {
        &self.jid
    }

    /// Whether there is no room here.
    pub fn is_absent(&self) -> bool {
        self.life.is_none()
    }

    /// All the rules. Judged once for each request, on the room with every earlier change folded in.
    pub fn decide(&self, request: &Request, context: &Context) -> Result<Outcome, Refusal> {
        if self.is_superseded(request) {
            return Ok(Outcome::Nothing);
        }
        match &request.what {
            Asked::Gone { presence } => Ok(leave::gone(self, request, presence)),
            Asked::Stanza(Stanza::Presence(presence)) => self.decide_presence(presence, request, context),
            Asked::Stanza(Stanza::Message(message)) => self.decide_message(message, request, context),
            Asked::Stanza(Stanza::Iq(iq)) => self.decide_iq(iq, request, context),
        }
    }

    fn decide_presence(&self, presence: &Presence, request: &Request, context: &Context) -> Result<Outcome, Refusal> {
        match presence.kind {
            PresenceKind::Available if self.nick_of(&request.session).is_none() => {
                if presence.payloads.iter().any(|payload| payload.is("x", ns::MUC)) {
                    return join::decide(self, presence, request, context);
                }
                Err(Refusal::no_room("§7.2.1: entering takes a presence with the muc element"))
            }
            PresenceKind::Available => presence::decide(self, presence, request, context),
            PresenceKind::Unavailable => Ok(leave::decide(self, presence, request)),
            PresenceKind::Error => Ok(leave::bounced(self, &presence.payloads, request)),
            PresenceKind::Probe => {
                self.check_visible_to(&request.session, context)?;
                probe::decide(self, presence, request)
            }
            // Rooms have no roster (§4).
            _ => Ok(Outcome::Nothing),
        }
    }

    fn decide_message(&self, message: &MessageStanza, request: &Request, context: &Context) -> Result<Outcome, Refusal> {
        use conclave_xmpp::MessageKind::{Error, Groupchat};
        let nick = addressed_nick(message.head.to.as_ref())?;
        self.check_visible_to(&request.session, context)?;
        match (message.kind, nick) {
            (Error, None) => Ok(leave::bounced(self, &message.payloads, request)),
            (Error, Some(nick)) => match leave::bounced(self, &message.payloads, request) {
                Outcome::Nothing => Ok(private_message::relay_error(self, message, &nick, request)),
                leaves => Ok(leaves),
            },
            (Groupchat, None) => message::decide(self, message, request, context),
            (Groupchat, Some(_)) => Err(Refusal::bad_request("§7.5: a private message is not of type groupchat")),
            (_, Some(nick)) => private_message::decide(self, message, &nick, request),
            (_, None) => Err(message::refuse_to_room(self, &request.session)),
        }
    }

    fn decide_iq(&self, iq: &Iq, request: &Request, context: &Context) -> Result<Outcome, Refusal> {
        if let Some(nick) = addressed_nick(iq.head.to.as_ref())? {
            return relay::decide(self, iq, &nick, request, context);
        }
        let Some(payload) = iq.payload().filter(|_| iq.is_request()) else { return Ok(Outcome::Nothing) };
        let open = self.visible_to(&request.session, context)?;
        match (payload.name(), payload.namespace()) {
            ("query", ns::MUC_ADMIN) => admin::decide(self, open, iq, payload, request),
            ("query", ns::MUC_OWNER) => configure::decide(open, iq, payload, request, context),
            ("query", ns::REGISTER) => register::decide(open, iq, payload, request),
            ("query", ns::DISCO_INFO) => disco::info(self, open, iq, payload, request),
            ("query", ns::DISCO_ITEMS) => disco::items(iq, payload, request),
            ("ping", ns::PING) => Ok(answer(request, iq.result(None))),
            _ => Err(Refusal::service_unavailable("a room does not do that")),
        }
    }

    /// The fold: deterministic, without rules. Effects in the order in which they must be sent.
    pub fn apply(&mut self, entry: &Entry) -> Vec<Effect> {
        let mut effects = match &entry.change {
            Change::Join(join) => join::apply(self, join, entry),
            Change::Leave(leave) => leave::apply(self, leave),
            Change::Presence(seat) => presence::apply(self, seat),
            Change::Rename(rename) => nickname::apply(self, rename),
            Change::Message(said) => message::apply(self, said, entry),
            Change::Subject { said, text } => subject::apply(self, said, text, entry),
            Change::Private(private) => private_message::apply(self, private),
            Change::Moderate(moderation) => admin::apply(self, moderation),
            Change::Register { jid, nick, affiliation } => register::apply(self, jid, nick, *affiliation),
            Change::Unregister { jid } => register::apply_removal(self, jid),
            Change::Configure(configuration) => return configure::apply(self, configuration, entry),
            Change::Destroy(destruction) => destroy::apply(self, destruction),
            Change::Detach { attachment } => detached::detach(self, *attachment, entry),
            Change::Reattach { session, attachment } => detached::reattach(self, session, *attachment),
            Change::Expire { session, since } => detached::expire(self, session, *since),
            Change::Lost { attachment } => detached::lose(self, *attachment),
        };
        effects.extend(self.result(entry));
        self.end_if_empty();
        effects
    }

    /// What the list of rooms shows of it, if it is public.
    pub fn listing(&self) -> Option<Listing> {
        let open = self.life.as_deref().filter(|open| open.config.public && open.locked.is_none())?;
        Some(Listing { jid: self.jid.clone(), name: self.name_of(open) })
    }

    /// How many nicks are taken.
    pub fn occupant_count(&self) -> usize {
        self.life.as_deref().map_or(0, |open| open.occupants.size())
    }

    /// Who sits in it, under which nick.
    pub fn seats(&self) -> impl Iterator<Item = (&Nick, &Seat)> {
        let occupants = self.life.as_deref().into_iter().flat_map(|open| open.occupants.values());
        occupants.flat_map(|occupant| occupant.seats.iter().map(|seat| (&occupant.nick, seat)))
    }

    /// Who of them waits for its connection to come back.
    pub fn detached(&self) -> impl Iterator<Item = Detached> {
        self.seats().filter_map(|(_, seat)| {
            let (session, attachment) = (seat.session.clone(), seat.attachment);
            Some(Detached { session, attachment, since: seat.detached? })
        })
    }

    /// Where the connections are, or were, of those who sit in it.
    pub fn attachments(&self) -> BTreeSet<Attachment> {
        self.seats().map(|(_, seat)| seat.attachment).collect()
    }

    pub(crate) fn name_of(&self, open: &Open) -> String {
        if open.config.name.is_empty() { self.jid.local().unwrap_or_default().to_owned() } else { open.config.name.clone() }
    }

    /// The result of the IQ that asked for a change, once it is committed.
    pub(crate) fn result(&self, entry: &Entry) -> Option<Effect> {
        let origin = entry.origin.as_ref()?;
        let id = origin.iq.clone()?;
        Some(Effect::to_session(&origin.session, What::Result { room: self.jid.clone(), id }))
    }

    /// §10.1: a temporary room ends with its last occupant.
    pub(crate) fn end_if_empty(&mut self) {
        if self.life.as_deref().is_some_and(|open| !open.config.persistent && open.occupants.is_empty()) {
            self.life = None;
        }
    }

    /// The room, for somebody who is no occupant: absent and locked rooms look the same (§10.1.1).
    pub(crate) fn visible_to(&self, session: &Session, context: &Context) -> Result<&Open, Refusal> {
        let open = self.life.as_deref().ok_or_else(|| Refusal::no_room("§6.4: there is no such room"))?;
        if open.is_locked(context) && open.affiliation(&session.jid.to_bare()) != Affiliation::Owner {
            return Err(Refusal::no_room("§10.1.1: there is no such room"));
        }
        Ok(open)
    }

    /// Occupants know the room; everybody else must be allowed to.
    pub(crate) fn check_visible_to(&self, session: &Session, context: &Context) -> Result<(), Refusal> {
        match self.occupant_of(session) {
            Some(_) => Ok(()),
            None => self.visible_to(session, context).map(|_| ()),
        }
    }

    /// The nick under which this very session sits.
    pub(crate) fn nick_of(&self, session: &Session) -> Option<&Nick> {
        self.occupant_of(session).map(|(_, occupant)| &occupant.nick)
    }

    /// Whether the JID of a session was bound anew and the new session is in the room already: the old one's last words come too late. Of two ids the
    /// higher is newer; but whoever comes from another place gets a seat that is nobody's, so that no clock can keep anybody out.
    fn is_superseded(&self, request: &Request) -> bool {
        let session = &request.session;
        let open = self.life.as_deref();
        let seat = |open: &Open| open.occupants.get(open.sessions.get(&session.jid)?)?.seat(&session.jid).cloned();
        open.and_then(seat).is_some_and(|seat| {
            let is_held = seat.detached.is_none() || seat.attachment == request.attachment;
            is_held && seat.session.id > session.id
        })
    }

    /// The room and the occupant that this very session is one of.
    pub(crate) fn occupant_of(&self, session: &Session) -> Option<(&Open, &Arc<Occupant>)> {
        let open = self.life.as_deref()?;
        let occupant = open.occupants.get(open.sessions.get(&session.jid)?)?;
        // A JID that was bound again is another session, even while the former one's seat is not cleared yet.
        (occupant.seat(&session.jid)?.session.id == session.id).then_some((open, occupant))
    }

    /// As [`Room::occupant_of`], or the refusal that everybody else gets.
    pub(crate) fn must_be_occupant(&self, session: &Session) -> Result<(&Open, &Arc<Occupant>), Refusal> {
        match &self.life {
            None => Err(Refusal::no_room("§6.4: there is no such room")),
            Some(_) => self.occupant_of(session).ok_or_else(Refusal::not_an_occupant),
        }
    }
}

impl Open {
    /// The affiliation of an account: its own, or what its whole domain has (§9.1).
    pub fn affiliation(&self, jid: &BareJid) -> Affiliation {
        if let Some(affiliate) = self.affiliates.get(jid) {
            return affiliate.affiliation;
        }
        let of_domain = BareJid::parse(jid.domain()).ok().and_then(|domain| self.affiliates.get(&domain).cloned());
        of_domain.map_or(Affiliation::None, |affiliate| affiliate.affiliation)
    }

    /// The role with which somebody of an affiliation enters (§5.1.2).
    pub fn default_role(&self, affiliation: Affiliation) -> Role {
        match affiliation {
            Affiliation::Owner | Affiliation::Admin => Role::Moderator,
            Affiliation::Member => Role::Participant,
            Affiliation::None if self.config.members_only => Role::None,
            Affiliation::None if self.config.moderated => Role::Visitor,
            Affiliation::None => Role::Participant,
            Affiliation::Outcast => Role::None,
        }
    }

    /// Whether its creator has yet to configure it; after a while it opens by itself, as it is.
    pub fn is_locked(&self, context: &Context) -> bool {
        self.locked.is_some_and(|since| since > context.now.minus(context.service.lock_milliseconds))
    }

    /// All occupants whose affiliation is what `jid` has: the account itself, or those of a domain that have none of their own.
    pub fn occupants_of(&self, jid: &BareJid) -> Vec<Arc<Occupant>> {
        let governed = |occupant: &&Arc<Occupant>| {
            occupant.jid == *jid || (covers(jid, &occupant.jid) && !self.affiliates.contains_key(&occupant.jid))
        };
        self.occupants.values().filter(governed).cloned().collect()
    }

    /// Puts an occupant in its place, or removes it if no session is left.
    pub fn put(&mut self, occupant: Occupant) {
        if occupant.seats.is_empty() {
            self.occupants.remove_mut(&occupant.nick);
        } else {
            self.occupants.insert_mut(occupant.nick.clone(), Arc::new(occupant));
        }
    }

    /// Removes a nick with all its sessions.
    pub fn remove(&mut self, occupant: &Occupant) {
        self.occupants.remove_mut(&occupant.nick);
        for jid in occupant.jids() {
            self.sessions.remove_mut(jid);
        }
    }

    /// XEP-0421: one-way, the same for an account in this room for as long as the room lives.
    pub fn occupant_id(&self, jid: &BareJid) -> Arc<str> {
        let hash = keyed_hash(&self.occupant_key, jid.as_str());
        hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect::<String>().into()
    }
}

/// The nick that a stanza is addressed to; nothing if it goes to the room.
pub(crate) fn addressed_nick(to: Option<&Jid>) -> Result<Option<Nick>, Refusal> {
    to.and_then(Nick::of).transpose().map_err(nickname::refusal)
}

/// One stanza back to the sender.
pub(crate) fn answer(request: &Request, stanza: conclave_xmpp::Encoded) -> Outcome {
    Outcome::Send(vec![Effect::answer(&request.session, stanza)])
}
