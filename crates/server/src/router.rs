//! Where a session's stanza goes: its account, the server, a user, the service, a room.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use conclave_cluster::{service, shard};
use conclave_muc::{Asked, Attachment, Request};
use conclave_xmpp::{Condition, Element, Encoded, Jid, Presence, PresenceKind, Stanza, StanzaError, Timestamp};

use tokio::runtime::Handle;

use crate::account;
use crate::domain;
use crate::hub::Hub;
use crate::outbound::Outgoing;
use crate::sessions::Bound;
use crate::shard_task::ToShard;

/// The way of one session's stanzas into the node.
pub struct Router {
    hub: Arc<Hub>,
    bound: Arc<Bound>,
    /// Stanzas that the session sent.
    number: u64,
    /// Shards that it has asked something; where else could it sit.
    shards: BTreeSet<u16>,
}

impl Router {
    /// For a session that was just bound.
    pub fn new(hub: Arc<Hub>, bound: Arc<Bound>) -> Router {
        Router { hub, bound, number: 0, shards: BTreeSet::new() }
    }

    /// Routes the session's next stanza. Waits while the room's shard is overloaded.
    pub async fn route(&mut self, stanza: Stanza) {
        self.number += 1;
        let Some(to) = stanza.head().to.clone() else {
            return self.for_account(stanza).await;
        };
        if to.domain() == self.hub.service_domain.domain() {
            return self.for_service(&to, stanza).await;
        }
        if to.domain() != self.hub.domain.domain() {
            let text = format!("\"{}\" is not served here, and there is no way to other servers", to.domain());
            return self.reply(stanza.error_reply(&StanzaError::new(Condition::RemoteServerNotFound).text(text)));
        }
        if to.local().is_none() {
            return self.reply(domain::answer(&stanza, &self.hub.service_domain, now()));
        }
        if to.resource().is_none() && to.to_bare() == self.bound.session.jid.to_bare() && matches!(stanza, Stanza::Iq(_)) {
            return self.for_account(stanza).await;
        }
        self.reply(account::deliver(&self.hub.sessions, &self.bound, &to, &stanza));
    }

    /// The session leaves all rooms. Returns when that is committed.
    pub async fn leave_all(&mut self, presence: Vec<Element>) {
        self.number += 1;
        let request = shard::departure(self.bound.session.clone(), self.number, presence);
        self.hub.leave_all(std::mem::take(&mut self.shards).into_iter(), &request).await;
    }

    /// The session is over, whether anybody waits for that or not.
    pub fn depart(&mut self) {
        let (hub, bound) = (self.hub.clone(), self.bound.clone());
        let shards = std::mem::take(&mut self.shards);
        let request = shard::departure(bound.session.clone(), self.number + 1, Vec::new());
        // Without a runtime the process is at its end.
        let Ok(runtime) = Handle::try_current() else { return };
        runtime.spawn(async move {
            hub.leave_all(shards.into_iter(), &request).await;
            hub.sessions.unbind(&bound);
        });
    }

    /// RFC 6120 §10.3: without `to` the account itself is meant.
    async fn for_account(&mut self, stanza: Stanza) {
        match &stanza {
            Stanza::Presence(presence) => self.own_presence(presence).await,
            Stanza::Iq(iq) if iq.is_request() => self.reply(match account::own(iq) {
                Ok(payload) => Some(iq.result(payload.as_ref())),
                Err(error) => stanza.error_reply(&error),
            }),
            Stanza::Iq(_) => {}
            Stanza::Message(_) => {
                let own = Jid::from(self.bound.session.jid.to_bare());
                self.reply(account::deliver(&self.hub.sessions, &self.bound, &own, &stanza));
            }
        }
    }

    /// An unavailable presence to nobody in particular leaves all rooms.
    async fn own_presence(&mut self, presence: &Presence) {
        account::note_presence(&self.bound, presence);
        if presence.kind == PresenceKind::Unavailable {
            self.leave_all(presence.payloads.clone()).await;
        }
    }

    async fn for_service(&mut self, to: &Jid, stanza: Stanza) {
        if to.local().is_none() {
            let rooms = if service::needs_rooms(&stanza) { self.hub.listings().await } else { Vec::new() };
            return self.reply(service::answer(&stanza, &rooms));
        }
        let room = to.to_bare();
        let shard = self.hub.shard_of(&room);
        self.shards.insert(shard);
        let request = Request {
            session: self.bound.session.clone(),
            attachment: Attachment::default(),
            number: self.number,
            floor: self.number,
            what: Asked::Stanza(stanza),
        };
        self.hub.ask(shard, ToShard::Request { room, request: Box::new(request) }).await;
    }

    fn reply(&self, stanza: Option<Encoded>) {
        if let Some(stanza) = stanza {
            self.bound.push(Outgoing::Stanza(stanza));
        }
    }
}

fn now() -> Timestamp {
    let millis = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
    Timestamp(u64::try_from(millis).unwrap_or(0))
}
