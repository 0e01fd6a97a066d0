//! Where a session's stanza goes: its account, the server, a user, the service, a room.

use std::collections::BTreeSet;
use std::sync::Arc;

use conclave_cluster::bound_sessions::SessionRequest;
use conclave_cluster::request::Ask;
use conclave_cluster::service;
use conclave_xmpp::{Condition, Element, Encoded, Jid, Presence, PresenceKind, Stanza, StanzaError};
use tokio::runtime::Handle;

use crate::account;
use crate::domain;
use crate::hub::Hub;
use crate::outbound::{Inflow, Outgoing};
use crate::sessions::Bound;
use crate::shard_task::wall_clock;

/// The way of one session's stanzas into the node.
pub struct Router {
    hub: Arc<Hub>,
    bound: Arc<Bound>,
    /// Shards that it has asked something; where else could it sit.
    shards: BTreeSet<u16>,
}

impl Router {
    /// For a session that was just bound.
    pub fn new(hub: Arc<Hub>, bound: Arc<Bound>) -> Router {
        Router { hub, bound, shards: BTreeSet::new() }
    }

    /// Routes the session's next stanza. Waits while the session leaves too much unanswered.
    pub async fn route(&mut self, stanza: Stanza) {
        self.hub.metrics.stanzas_in.inc();
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
            return self.reply(domain::answer(&stanza, &self.hub.service_domain, wall_clock()));
        }
        if to.resource().is_none() && to.to_bare() == self.bound.session.jid.to_bare() && matches!(stanza, Stanza::Iq(_)) {
            return self.for_account(stanza).await;
        }
        self.for_user(to, stanza).await;
    }

    /// The session leaves all rooms. Returns when that is committed, or after a while.
    pub async fn leave_all(&mut self, presence: &[Element]) {
        let shards = std::mem::take(&mut self.shards);
        self.hub.leave_all(&self.bound, shards.into_iter(), presence).await;
    }

    /// The session is over, whether anybody waits for that or not. What it has not read goes back.
    pub fn depart(&mut self, unread: Inflow) {
        let (hub, bound) = (self.hub.clone(), self.bound.clone());
        let shards = std::mem::take(&mut self.shards);
        // What it leaves may be out of reach for a while, in which it must not be bound anew.
        bound.standing().bound = false;
        // Without a runtime the process is at its end.
        let Ok(runtime) = Handle::try_current() else { return };
        runtime.spawn(async move {
            hub.leave_all(&bound, shards.into_iter(), &[]).await;
            hub.unbind(&bound).await;
            hub.sessions.unbind(&bound);
            hub.give_back(&bound, unread);
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
            Stanza::Message(_) => self.for_user(Jid::from(self.bound.session.jid.to_bare()), stanza).await,
        }
    }

    /// An unavailable presence to nobody in particular leaves all rooms.
    async fn own_presence(&mut self, presence: &Presence) {
        if let Some(priority) = account::priority(presence) {
            let session = self.bound.session.clone();
            let shard = self.hub.shard_of(&session.jid.to_bare());
            self.bound.standing().priority = priority;
            let said = self.hub.ask(&self.bound, shard, Ask::Session(SessionRequest::Presence { session, priority })).await;
            // It is in force before anything that the session says next; should it fail, the session is reached as before.
            let _ = said.await;
        }
        if presence.kind == PresenceKind::Unavailable {
            self.leave_all(&presence.payloads).await;
        }
    }

    async fn for_user(&mut self, to: Jid, stanza: Stanza) {
        let shard = self.hub.shard_of(&to.to_bare());
        // What becomes of it comes as a stanza, if at all.
        drop(self.hub.ask(&self.bound, shard, Ask::User(to, stanza)).await);
    }

    async fn for_service(&mut self, to: &Jid, stanza: Stanza) {
        if to.local().is_none() {
            let rooms = if service::needs_rooms(&stanza) { self.hub.listings().await } else { Ok(Vec::new()) };
            return self.reply(match rooms {
                Ok(rooms) => service::answer(&stanza, &rooms),
                Err(_) => stanza.error_reply(&StanzaError::wait("not all rooms can be listed at the moment; try again")),
            });
        }
        let room = to.to_bare();
        let shard = self.hub.shard_of(&room);
        self.shards.insert(shard);
        // As above.
        drop(self.hub.ask(&self.bound, shard, Ask::Room(room, stanza)).await);
    }

    fn reply(&self, stanza: Option<Encoded>) {
        if let Some(stanza) = stanza {
            self.bound.push(Outgoing::Stanza(stanza));
        }
    }
}
