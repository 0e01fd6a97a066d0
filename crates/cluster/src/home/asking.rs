//! What a session asks of the home: judged, and logged, answered, or passed on.

use conclave_muc::{Asked, Attachment, Change, Context, Effect, Origin, Outcome, Session};
use conclave_xmpp::{BareJid, Condition, Element, Encoded, Jid, Stanza, StanzaError, Timestamp};

use super::{ENTRY_BYTES_MAX, Home, Output};
use crate::answer::{Answer, Verdict};
use crate::barrier::Soft;
use crate::bound_sessions::{self, BoundSession, BoundSessions, SessionRefusal, SessionRequest};
use crate::entry::ShardChange;
use crate::frame::Direct;
use crate::incarnation::Incarnation;
use crate::questions::Settled;
use crate::request::Request;
use crate::shard::Shard;

impl Home {
    #[allow(clippy::too_many_arguments)] // a stanza, a place and a time: nothing of it belongs together elsewhere
    pub(super) fn ask_room(
        &mut self,
        shard: &Shard,
        room: &BareJid,
        stanza: &Stanza,
        request: &Request,
        at: Attachment,
        context: &Context,
        out: &mut Vec<Output>,
    ) {
        let pace_now = context.now;
        let context = &Context { now: context.now.max(self.time), ..context.clone() };
        self.time = context.now;
        let asked = request.to_room(at, stanza.clone());
        match self.judged(shard, room).decide(&asked, context) {
            Ok(Outcome::Log(change)) if self.is_overtaken(shard, request) => {
                self.decline(room, &change, stanza, request, at, out);
            }
            Ok(Outcome::Log(change)) => {
                match self.check_pace(room, &change, context.service.room_messages_per_second, pace_now) {
                    Ok(()) => self.log_room(shard, room, change, stanza, request, at, out),
                    Err(error) => self.refuse(room, stanza, request, at, &error, out),
                }
            }
            Ok(Outcome::Send(effects)) => self.answer(room, effects, request, at, out),
            Ok(Outcome::Ask(iq)) => {
                let asked = Effect::answer(&iq.asked, iq.stanza.clone());
                let (is_new, given_up) = self.questions.ask(room, *iq, request.number, at);
                let answer = Answer { session: request.session.id, number: request.number, verdict: Verdict::Relayed };
                let asked = is_new.then_some(asked).into_iter().collect();
                self.push_soft(room.clone(), asked, vec![(answer, at)], Some((request.session.clone(), at)));
                self.settle(given_up, out);
            }
            Ok(Outcome::Answered { asked, id, answer, .. }) => {
                let settled = self.questions.answered(room, &asked, &id);
                self.settle(settled.map(|settled| Settled { reply: Some(answer), ..settled }), out);
                self.done(request, at, out);
            }
            Ok(Outcome::Nothing) => self.done(request, at, out),
            Err(refusal) => self.refuse(room, stanza, request, at, &refusal.to_error(room), out),
        }
        self.begin_barrier(out);
    }

    #[allow(clippy::too_many_arguments)] // as above
    pub(super) fn log_room(
        &mut self,
        shard: &Shard,
        room: &BareJid,
        change: Change,
        stanza: &Stanza,
        request: &Request,
        at: Attachment,
        out: &mut Vec<Output>,
    ) {
        if !self.change_room(shard, room, Some(origin(request, at)), change, out) {
            let text = format!("what follows from this has more than {ENTRY_BYTES_MAX} bytes");
            let error = StanzaError::new(Condition::PolicyViolation).text(text);
            self.refuse(room, stanza, request, at, &error, out);
        }
    }

    /// A session ended, or leaves all rooms at once. That may take many entries, so they have no origin; a repeat is known by what the session
    /// asked later, which it must not undo.
    pub(super) fn leave_all(
        &mut self,
        shard: &Shard,
        presence: &[Element],
        request: &Request,
        at: Attachment,
        context: &Context,
        out: &mut Vec<Output>,
    ) {
        let context = &Context { now: context.now.max(self.time), ..context.clone() };
        self.time = context.now;
        if self.is_overtaken(shard, request) {
            return self.done(request, at, out);
        }
        let mut rooms = shard.seated.get(&request.session.jid).cloned().unwrap_or_default();
        rooms.extend(self.ahead.rooms().map(|room| room.jid().clone()));
        for room in rooms {
            let Request { session, number, floor, .. } = request.clone();
            let what = Asked::Gone { presence: presence.to_vec() };
            let asked = conclave_muc::Request { session, attachment: at, number, floor, what };
            if let Ok(Outcome::Log(change)) = self.judged(shard, &room).decide(&asked, context) {
                self.change_room(shard, &room, None, change, out);
            }
        }
        self.done(request, at, out);
    }

    /// A stanza from session to session reaches whoever is bound now. It is logged, so that it arrives once though connections break; but who is
    /// typing is passed on and forgotten.
    #[allow(clippy::too_many_arguments)] // as above
    pub(super) fn ask_user(
        &mut self,
        shard: &Shard,
        to: &Jid,
        stanza: &Stanza,
        request: &Request,
        at: Attachment,
        now: Timestamp,
        out: &mut Vec<Output>,
    ) {
        self.time = self.time.max(now);
        let receivers = self.ahead.sessions(shard).receivers(to, stanza);
        if receivers.is_empty() {
            return self.answer_user(BoundSessions::unreachable(stanza), request, at, out);
        }
        let bytes = bound_sessions::relayed(&request.session.jid, stanza).for_receiver(to.as_str());
        if matches!(stanza, Stanza::Message(message) if message.is_only_chat_state()) {
            let typing =
                |receiver: BoundSession| (direct(receiver.session, receiver.attachment, bytes.clone()), receiver.attachment);
            return self.tell_directly(receivers.into_iter().map(typing).collect(), request, at, out);
        }
        if self.is_overtaken(shard, request) {
            let error = StanzaError::wait("this was not delivered, and the answer that said why was lost; send it again");
            return self.answer_user(stanza.error_reply(&error), request, at, out);
        }
        let to = receivers.into_iter().map(|receiver| receiver.session).collect();
        let change = ShardChange::User { origin: origin(request, at), to, stanza: bytes };
        if !self.propose(change, Some((request.session.id, request.number)), out) {
            let error = StanzaError::new(Condition::PolicyViolation).text(format!("this has more than {ENTRY_BYTES_MAX} bytes"));
            self.answer_user(stanza.error_reply(&error), request, at, out);
        }
    }

    fn answer_user(&mut self, reply: Option<Encoded>, request: &Request, at: Attachment, out: &mut Vec<Output>) {
        let bytes = |reply: Encoded| reply.for_receiver(request.session.jid.as_str());
        let direct = reply.map(|reply| (direct(request.session.clone(), at, bytes(reply)), at));
        self.tell_directly(direct.into_iter().collect(), request, at, out);
    }

    fn tell_directly(&mut self, direct: Vec<(Direct, Attachment)>, request: &Request, at: Attachment, out: &mut Vec<Output>) {
        let answer = Answer { session: request.session.id, number: request.number, verdict: Verdict::Done };
        let soft = Soft { room: None, direct, answers: vec![(answer, at)], asker: Some((request.session.clone(), at)) };
        self.barrier.push(soft, self.ahead.proposed());
        self.begin_barrier(out);
    }

    pub(super) fn ask_session(
        &mut self,
        shard: &Shard,
        asked: &SessionRequest,
        request: &Request,
        at: Attachment,
        now: Timestamp,
        out: &mut Vec<Output>,
    ) {
        self.time = self.time.max(now);
        let asked = match asked {
            SessionRequest::Bind { session, .. } => SessionRequest::Bind { session: session.clone(), attachment: at },
            SessionRequest::Rebind { session, priority, .. } => {
                SessionRequest::Rebind { session: session.clone(), attachment: at, priority: *priority }
            }
            SessionRequest::Unbind { .. } | SessionRequest::Presence { .. } => asked.clone(),
        };
        match self.ahead.sessions(shard).decide(&asked, self.settings.sessions_per_account_max) {
            Ok(Some(change)) => {
                let origin = Some(origin(request, at));
                let request = Some((request.session.id, request.number));
                if self.propose(ShardChange::Session { origin, change: change.clone() }, request, out) {
                    self.ahead.change_sessions(shard, &change);
                }
            }
            Ok(None) => self.done(request, at, out),
            Err(SessionRefusal::TooMany) => self.tell(request, at, Verdict::TooManySessions, out),
            Err(SessionRefusal::Behind(id)) => self.tell(request, at, Verdict::Behind(id), out),
            Err(SessionRefusal::Replaced) => self.tell(request, at, Verdict::Replaced, out),
        }
    }

    /// Talk is charged; what keeps a room in order is not.
    pub(super) fn check_pace(
        &mut self,
        room: &BareJid,
        change: &Change,
        per_second: u32,
        now: Timestamp,
    ) -> Result<(), StanzaError> {
        match change {
            Change::Message(_) | Change::Private(_) | Change::Subject { .. } => self.pace.count(room, per_second, now),
            _ => Ok(()),
        }
    }

    pub(super) fn refuse(
        &mut self,
        room: &BareJid,
        stanza: &Stanza,
        request: &Request,
        at: Attachment,
        error: &StanzaError,
        out: &mut Vec<Output>,
    ) {
        let reply = stanza.error_reply(error).map(|reply| Effect::answer(&request.session, reply));
        self.answer(room, reply.into_iter().collect(), request, at, out);
    }

    pub(super) fn answer(
        &mut self,
        room: &BareJid,
        effects: Vec<Effect>,
        request: &Request,
        at: Attachment,
        out: &mut Vec<Output>,
    ) {
        let answer = Answer { session: request.session.id, number: request.number, verdict: Verdict::Done };
        self.push_soft(room.clone(), effects, vec![(answer, at)], Some((request.session.clone(), at)));
        self.begin_barrier(out);
    }

    pub(super) fn done(&mut self, request: &Request, at: Attachment, out: &mut Vec<Output>) {
        self.tell(request, at, Verdict::Done, out);
    }

    pub(super) fn tell(&mut self, request: &Request, at: Attachment, verdict: Verdict, out: &mut Vec<Output>) {
        let answer = Answer { session: request.session.id, number: request.number, verdict };
        let soft = Soft { room: None, direct: Vec::new(), answers: vec![(answer, at)], asker: None };
        self.barrier.push(soft, self.ahead.proposed());
        self.begin_barrier(out);
    }
}

fn direct(session: Session, at: Attachment, bytes: Vec<u8>) -> Direct {
    Direct::Stanza { session, node: Incarnation::of(at).node, bytes }
}

fn origin(request: &Request, at: Attachment) -> Origin {
    let iq = match request.ask.stanza() {
        Some(Stanza::Iq(iq)) => iq.head.id.clone(),
        Some(Stanza::Message(_) | Stanza::Presence(_)) | None => None,
    };
    Origin { session: request.session.clone(), attachment: at, number: request.number, floor: request.floor, iq }
}
