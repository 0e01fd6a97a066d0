//! What edges and homes say to each other as bytes (`proto/delivery.proto`), both ways. The generated types never leave this file.

use bytes::Bytes;
use conclave_muc::{Attachment, Audience, Listing, SeatChange, Session};
use conclave_xmpp::{BareJid, Encoded, FullJid, Jid, Nick, Presence, PresenceKind, Stanza, StanzaName, Timestamp};
use prost::Message;
use prost::encoding::{WireType, encode_key, encode_varint};

use crate::answer::{Answer, RoomLine, Verdict};
use crate::bound_sessions::SessionRequest;
use crate::codec::Undecodable;
use crate::delivery::{Delivery, Part, Views};
use crate::frame::Direct;
use crate::incarnation::Incarnation;
use crate::request::{Ask, Request};

#[allow(missing_docs, clippy::all)]
mod wire {
    include!(concat!(env!("OUT_DIR"), "/conclave.delivery.v1.rs"));
}

type Decoded<T> = Result<T, Undecodable>;

/// What an edge says.
#[derive(Clone, PartialEq, Debug)]
pub enum ToHome {
    /// It wants to attend.
    Attend(Attend),
    /// A session asks something.
    Request(Box<Request>),
    /// It has every frame up to here.
    Acknowledge(u64),
}

/// The first word of an edge.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Attend {
    /// Which shard.
    pub shard: u16,
    /// The number of its incarnation.
    pub incarnation: u32,
    /// All numbers that its process has had.
    pub lives: Vec<u32>,
    /// The last frame that it has.
    pub after: Option<u64>,
    /// Frames are wanted even if this is not the home.
    pub away_from_home: bool,
    /// Nobody has what the home lacks.
    pub asked_others: bool,
    /// It was told to begin anew, and has not heard the entry by which it does.
    pub astray: bool,
}

/// What an edge is told.
#[derive(Clone, PartialEq, Debug)]
pub enum ToEdge {
    /// A frame, and the entry of the one before.
    Frame {
        /// The entry of the frame before it to this edge.
        previous: u64,
        /// The frame.
        delivery: Box<Delivery>,
    },
    /// It attends.
    Joined {
        /// The epoch, if this is the home.
        epoch: Option<u64>,
        /// Frames behind this index follow.
        from: u64,
        /// What it knows is worth nothing.
        reset: bool,
    },
    /// This is not the home.
    NotHome {
        /// Who is, by what was heard last.
        home: Option<u32>,
    },
    /// It has everything up to here.
    Position(u64),
    /// The home lacks frames that the edge lacks; others may have them.
    Missing,
}

impl ToHome {
    /// As bytes.
    pub fn encode(&self) -> Vec<u8> {
        use wire::to_home::What;
        let what = match self {
            ToHome::Attend(attend) => What::Attend(wire::Attend {
                shard: attend.shard.into(),
                incarnation: attend.incarnation,
                lives: attend.lives.clone(),
                after: attend.after,
                away_from_home: attend.away_from_home,
                asked_others: attend.asked_others,
                astray: attend.astray,
            }),
            ToHome::Request(request) => What::Request(encode_request(request)),
            ToHome::Acknowledge(index) => What::Acknowledge(*index),
        };
        wire::ToHome { what: Some(what) }.encode_to_vec()
    }

    /// From bytes.
    pub fn decode(bytes: &[u8]) -> Decoded<ToHome> {
        use wire::to_home::What;
        Ok(match wire::ToHome::decode(bytes).map_err(Undecodable::garbled)?.what.ok_or_else(|| Undecodable::lacks("a word"))? {
            What::Attend(attend) => ToHome::Attend(Attend {
                shard: u16::try_from(attend.shard).map_err(|_| Undecodable::lacks("a shard that there can be"))?,
                incarnation: attend.incarnation,
                lives: attend.lives,
                after: attend.after,
                away_from_home: attend.away_from_home,
                asked_others: attend.asked_others,
                astray: attend.astray,
            }),
            What::Request(request) => ToHome::Request(Box::new(decode_request(request)?)),
            What::Acknowledge(index) => ToHome::Acknowledge(index),
        })
    }
}

impl ToEdge {
    /// As bytes.
    pub fn encode(&self) -> Vec<u8> {
        use wire::to_edge::What;
        let what = match self {
            ToEdge::Frame { previous, delivery } => return encode_frame(*previous, &encode_delivery(delivery, None)),
            ToEdge::Joined { epoch, from, reset } => What::Joined(wire::Joined { epoch: *epoch, from: *from, reset: *reset }),
            ToEdge::NotHome { home } => What::NotHome(wire::NotHome { home: home.unwrap_or(0) }),
            ToEdge::Position(index) => What::Position(*index),
            ToEdge::Missing => What::Missing(wire::Nothing {}),
        };
        wire::ToEdge { previous: 0, what: Some(what) }.encode_to_vec()
    }

    /// From bytes.
    pub fn decode(bytes: impl bytes::Buf) -> Decoded<ToEdge> {
        use wire::to_edge::What;
        let said = wire::ToEdge::decode(bytes).map_err(Undecodable::garbled)?;
        Ok(match said.what.ok_or_else(|| Undecodable::lacks("a word"))? {
            What::Frame(frame) => ToEdge::Frame { previous: said.previous, delivery: Box::new(decode_delivery(frame)?) },
            What::Joined(joined) => ToEdge::Joined { epoch: joined.epoch, from: joined.from, reset: joined.reset },
            What::NotHome(not) => ToEdge::NotHome { home: Some(not.home).filter(|home| *home != 0) },
            What::Position(index) => ToEdge::Position(index),
            What::Missing(_) => ToEdge::Missing,
        })
    }
}

/// A frame that was encoded once, as it goes to one edge behind its own `previous`.
pub fn encode_frame(previous: u64, delivery: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(delivery.len() + 24);
    encode_key(1, WireType::Varint, &mut bytes);
    encode_varint(previous, &mut bytes);
    encode_key(2, WireType::LengthDelimited, &mut bytes);
    encode_varint(delivery.len() as u64, &mut bytes);
    bytes.extend_from_slice(delivery);
    bytes
}

/// A frame for all edges, or for one node: what goes to a single session elsewhere is left out then.
pub fn encode_delivery(delivery: &Delivery, node: Option<u32>) -> Vec<u8> {
    let goes = |part: &&Part| match (part, node) {
        (Part::Send { only: Some(only), .. }, Some(node)) => *only == node,
        (Part::Send { .. } | Part::Seat(_), _) => true,
    };
    let sections = delivery.rooms.iter().map(|(room, parts)| wire::Section {
        room: room.to_string(),
        parts: parts.iter().filter(goes).map(encode_part).collect(),
    });
    wire::Frame {
        index: delivery.index,
        time_ms: delivery.time.0,
        sections: sections.collect(),
        direct: delivery.direct.iter().map(encode_direct).collect(),
        answers: delivery.answers.iter().map(encode_answer).collect(),
        anew: delivery.anew.map(|edge| edge.attachment().0),
    }
    .encode_to_vec()
}

fn decode_delivery(frame: wire::Frame) -> Decoded<Delivery> {
    let room = |section: wire::Section| {
        let parts = section.parts.into_iter().map(decode_part).collect::<Decoded<_>>()?;
        Ok((BareJid::from_stored(&section.room), parts))
    };
    Ok(Delivery {
        index: frame.index,
        time: Timestamp(frame.time_ms),
        rooms: frame.sections.into_iter().map(room).collect::<Decoded<_>>()?,
        direct: frame.direct.into_iter().map(decode_direct).collect::<Decoded<_>>()?,
        answers: frame.answers.into_iter().map(decode_answer).collect(),
        anew: frame.anew.map(|edge| Incarnation::of(Attachment(edge))),
    })
}

fn encode_part(part: &Part) -> wire::Part {
    use wire::part::Part as To;
    let part = match part {
        Part::Seat(SeatChange::Taken { session: taken, attachment, nick, moderator }) => To::Taken(wire::Taken {
            session: Some(session(taken)),
            attachment: attachment.0,
            nick: nick.to_string(),
            moderator: *moderator,
        }),
        Part::Seat(SeatChange::Left(jid)) => To::Left(jid.to_string()),
        Part::Seat(SeatChange::Moderator(nick, moderator)) => {
            To::Moderator(wire::Moderator { nick: nick.to_string(), moderator: *moderator })
        }
        Part::Seat(SeatChange::RealJidsForAll(shown)) => To::RealJidsForAll(*shown),
        Part::Send { to, subject, views, only: _ } => To::Send(encode_send(to, subject.as_ref(), views)),
    };
    wire::Part { part: Some(part) }
}

fn decode_part(part: wire::Part) -> Decoded<Part> {
    use wire::part::Part as From;
    Ok(match part.part.ok_or_else(|| Undecodable::lacks("a part"))? {
        From::Taken(taken) => Part::Seat(SeatChange::Taken {
            session: read_session(taken.session)?,
            attachment: Attachment(taken.attachment),
            nick: Nick::from_stored(&taken.nick),
            moderator: taken.moderator,
        }),
        From::Left(jid) => Part::Seat(SeatChange::Left(full_jid(&jid)?)),
        From::Moderator(change) => Part::Seat(SeatChange::Moderator(Nick::from_stored(&change.nick), change.moderator)),
        From::RealJidsForAll(shown) => Part::Seat(SeatChange::RealJidsForAll(shown)),
        From::Send(send) => decode_send(send)?,
    })
}

fn encode_send(to: &Audience, subject: Option<&Nick>, views: &Views) -> wire::Send {
    use wire::send::To;
    let to = match to {
        Audience::Everyone => To::Everyone(wire::Nothing {}),
        Audience::Others(nick) => To::Others(nick.to_string()),
        Audience::RealJidViewers => To::RealJidViewers(wire::Nothing {}),
        Audience::Occupant(nick) => To::Occupant(nick.to_string()),
        Audience::Session(to) => To::Session(session(to)),
    };
    let (same, [plain, real_jids, own]) = match views {
        Views::Same(encoded) => (Some(encoded), [None; 3]),
        Views::Each(views) => (None, [views[0].as_ref(), views[1].as_ref(), views[2].as_ref()]),
    };
    let name =
        [same, plain, real_jids, own].into_iter().flatten().next().map_or(wire::StanzaName::Unspecified, |any| name(any.name));
    let rest = |encoded: Option<&Encoded>| encoded.map(|encoded| encoded.rest.clone());
    wire::Send {
        to: Some(to),
        subject: subject.map(ToString::to_string),
        name: name.into(),
        same: rest(same),
        plain: rest(plain),
        real_jids: rest(real_jids),
        own: rest(own),
    }
}

fn decode_send(send: wire::Send) -> Decoded<Part> {
    use wire::send::To;
    let to = match send.to.ok_or_else(|| Undecodable::lacks("receivers"))? {
        To::Everyone(_) => Audience::Everyone,
        To::Others(nick) => Audience::Others(Nick::from_stored(&nick)),
        To::RealJidViewers(_) => Audience::RealJidViewers,
        To::Occupant(nick) => Audience::Occupant(Nick::from_stored(&nick)),
        To::Session(to) => Audience::Session(read_session(Some(to))?),
    };
    let name = match wire::StanzaName::try_from(send.name) {
        Ok(wire::StanzaName::Message) => Some(StanzaName::Message),
        Ok(wire::StanzaName::Presence) => Some(StanzaName::Presence),
        Ok(wire::StanzaName::Iq) => Some(StanzaName::Iq),
        Ok(wire::StanzaName::Unspecified) | Err(_) => None,
    };
    let encoded = |rest: Option<Bytes>| {
        rest.map(|rest| Ok(Encoded { name: name.ok_or_else(|| Undecodable::lacks("the name of a stanza"))?, rest })).transpose()
    };
    let views = match encoded(send.same)? {
        Some(same) => Views::Same(same),
        None => Views::Each([encoded(send.plain)?, encoded(send.real_jids)?, encoded(send.own)?]),
    };
    Ok(Part::Send { to, subject: send.subject.as_deref().map(Nick::from_stored), views, only: None })
}

fn name(name: StanzaName) -> wire::StanzaName {
    match name {
        StanzaName::Message => wire::StanzaName::Message,
        StanzaName::Presence => wire::StanzaName::Presence,
        StanzaName::Iq => wire::StanzaName::Iq,
    }
}

fn encode_direct(direct: &Direct) -> wire::Direct {
    match direct {
        Direct::Stanza { session: to, node, bytes } => {
            wire::Direct { session: Some(session(to)), stanza: Some(bytes.clone().into()), node: *node }
        }
        Direct::Replaced(to) => wire::Direct { session: Some(session(to)), stanza: None, node: 0 },
    }
}

fn decode_direct(direct: wire::Direct) -> Decoded<Direct> {
    let session = read_session(direct.session)?;
    Ok(match direct.stanza {
        Some(bytes) => Direct::Stanza { session, node: direct.node, bytes: bytes.into() },
        None => Direct::Replaced(session),
    })
}

fn encode_answer(answer: &Answer) -> wire::Answer {
    use wire::answer::Verdict as To;
    let verdict = match &answer.verdict {
        Verdict::Done => None,
        Verdict::Relayed => Some(To::Relayed(wire::Nothing {})),
        Verdict::TooManySessions => Some(To::TooManySessions(wire::Nothing {})),
        Verdict::Behind(id) => Some(To::Behind(*id)),
        Verdict::Replaced => Some(To::Replaced(wire::Nothing {})),
        Verdict::Unreadable => Some(To::Unreadable(wire::Nothing {})),
        Verdict::Reply(reply) => Some(To::Reply(reply.rest.clone())),
        Verdict::Listings(listings) => {
            let listing = |listing: &Listing| wire::Listing { jid: listing.jid.to_string(), name: listing.name.clone() };
            Some(To::Listings(wire::Listings { listings: listings.iter().map(listing).collect() }))
        }
        Verdict::Rooms(rooms) => {
            let room = |room: &RoomLine| wire::Room {
                jid: room.jid.clone(),
                occupants: room.occupants,
                detached: room.detached,
                persistent: room.persistent,
                traits: room.traits.clone(),
            };
            Some(To::Rooms(wire::Rooms { rooms: rooms.iter().map(room).collect() }))
        }
    };
    wire::Answer { session: answer.session, number: answer.number, verdict }
}

fn decode_answer(answer: wire::Answer) -> Answer {
    use wire::answer::Verdict as From;
    let verdict = match answer.verdict {
        None => Verdict::Done,
        Some(From::Relayed(_)) => Verdict::Relayed,
        Some(From::TooManySessions(_)) => Verdict::TooManySessions,
        Some(From::Behind(id)) => Verdict::Behind(id),
        Some(From::Replaced(_)) => Verdict::Replaced,
        Some(From::Unreadable(_)) => Verdict::Unreadable,
        Some(From::Reply(rest)) => Verdict::Reply(Encoded { name: StanzaName::Iq, rest }),
        Some(From::Listings(listings)) => {
            let listing = |listing: wire::Listing| Listing { jid: BareJid::from_stored(&listing.jid), name: listing.name };
            Verdict::Listings(listings.listings.into_iter().map(listing).collect())
        }
        Some(From::Rooms(rooms)) => {
            let room = |room: wire::Room| RoomLine {
                jid: room.jid,
                occupants: room.occupants,
                detached: room.detached,
                persistent: room.persistent,
                traits: room.traits,
            };
            Verdict::Rooms(rooms.rooms.into_iter().map(room).collect())
        }
    };
    Answer { session: answer.session, number: answer.number, verdict }
}

fn encode_request(request: &Request) -> wire::Request {
    use wire::request::Ask as To;
    let from = &request.session.jid;
    let ask = match &request.ask {
        Ask::Room(room, stanza) => {
            let to = stanza.head().to.clone().unwrap_or_else(|| Jid::from(room.clone()));
            To::Room(wire::ToRoom { room: room.to_string(), stanza: stanza.to_text(from, &to).into() })
        }
        Ask::User(to, stanza) => To::User(stanza.to_text(from, to).into()),
        Ask::Gone(payloads) => {
            let presence = Presence { head: Default::default(), kind: PresenceKind::Unavailable, payloads: payloads.clone() };
            To::Gone(Stanza::Presence(presence).to_text(from, &Jid::from(from.to_bare())).into())
        }
        Ask::Session(SessionRequest::Bind { .. }) => To::Bind(wire::Nothing {}),
        Ask::Session(SessionRequest::Rebind { priority, .. }) => To::Rebind(wire::Priority { priority: priority.map(i32::from) }),
        Ask::Session(SessionRequest::Unbind { .. }) => To::Unbind(wire::Nothing {}),
        Ask::Session(SessionRequest::Presence { priority, .. }) => {
            To::Priority(wire::Priority { priority: priority.map(i32::from) })
        }
        Ask::EdgeEnds => To::EdgeEnds(wire::Nothing {}),
        Ask::Listings => To::Listings(wire::Nothing {}),
        // No edge asks so.
        Ask::Unreadable => To::User(Default::default()),
        Ask::Rooms(room) => To::Rooms(room.as_ref().map(ToString::to_string).unwrap_or_default()),
    };
    wire::Request { session: Some(session(&request.session)), number: request.number, floor: request.floor, ask: Some(ask) }
}

/// What cannot be read is answered so: to end the stream would have the edge repeat it, and keep all others from being heard.
fn decode_request(request: wire::Request) -> Decoded<Request> {
    let session = read_session(request.session)?;
    let ask = request.ask.and_then(|ask| decode_ask(ask, &session).ok()).unwrap_or(Ask::Unreadable);
    Ok(Request { session, number: request.number, floor: request.floor, ask })
}

/// Attachments are not said: whoever asks is attached where the connection comes from, which the home knows.
fn decode_ask(ask: wire::request::Ask, session: &Session) -> Decoded<Ask> {
    use wire::request::Ask as From;
    let at = Attachment::default();
    Ok(match ask {
        From::Room(to) => Ask::Room(BareJid::from_stored(&to.room), stanza(&to.stanza)?),
        From::User(text) => {
            let stanza = stanza(&text)?;
            Ask::User(stanza.head().to.clone().ok_or_else(|| Undecodable::lacks("an addressee"))?, stanza)
        }
        From::Gone(text) => Ask::Gone(stanza(&text)?.payloads().to_vec()),
        From::Bind(_) => Ask::Session(SessionRequest::Bind { session: session.clone(), attachment: at }),
        From::Rebind(said) => {
            let (session, priority) = (session.clone(), priority(said)?);
            Ask::Session(SessionRequest::Rebind { session, attachment: at, priority })
        }
        From::Unbind(_) => Ask::Session(SessionRequest::Unbind { session: session.clone() }),
        From::Priority(said) => Ask::Session(SessionRequest::Presence { session: session.clone(), priority: priority(said)? }),
        From::EdgeEnds(_) => Ask::EdgeEnds,
        From::Listings(_) => Ask::Listings,
        From::Rooms(room) => Ask::Rooms((!room.is_empty()).then(|| BareJid::from_stored(&room))),
    })
}

fn priority(said: wire::Priority) -> Decoded<Option<i8>> {
    let priority = said.priority.map(i8::try_from).transpose();
    priority.map_err(|_| Undecodable::lacks("a priority from -128 to 127"))
}

fn stanza(text: &[u8]) -> Decoded<Stanza> {
    Stanza::from_text(text).map_err(|error| Undecodable::garbled(error.0))
}

fn session(session: &Session) -> wire::Session {
    wire::Session { jid: session.jid.to_string(), id: session.id }
}

fn read_session(session: Option<wire::Session>) -> Decoded<Session> {
    let session = session.ok_or_else(|| Undecodable::lacks("a session"))?;
    Ok(Session { jid: full_jid(&session.jid)?, id: session.id })
}

fn full_jid(text: &str) -> Decoded<FullJid> {
    FullJid::from_stored(text).ok_or_else(|| Undecodable::lacks("the resource of a full JID"))
}
