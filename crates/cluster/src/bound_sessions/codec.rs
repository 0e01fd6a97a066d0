//! Changes of bound sessions, and bound sessions as they are kept, as bytes (`proto/sessions.proto`), both ways. The generated types never leave
//! this file.

use conclave_muc::{Attachment, Session};
use conclave_xmpp::FullJid;
use prost::Message;

use super::{BoundSession, Replaced, SessionChange};
use crate::codec::Undecodable;

#[allow(missing_docs)]
mod wire {
    include!(concat!(env!("OUT_DIR"), "/conclave.sessions.v1.rs"));
}

type Decoded<T> = Result<T, Undecodable>;

/// A change as the log keeps it.
pub fn encode_change(change: &SessionChange) -> Vec<u8> {
    use wire::change::Change as To;
    let change = match change {
        SessionChange::Bound { session, attachment, priority, replaces } => To::Bound(wire::Bound {
            session: Some(from_session(session)),
            attachment: attachment.0,
            priority: priority.map(i32::from),
            replaces: replaces.as_ref().map(|replaced| wire::Holder {
                session: Some(from_session(&replaced.session)),
                attachment: replaced.attachment.0,
            }),
        }),
        SessionChange::Unbound { session } => To::Unbound(from_session(session)),
        SessionChange::Priority { session, priority } => {
            To::Priority(wire::Priority { session: Some(from_session(session)), priority: priority.map(i32::from) })
        }
        SessionChange::Ended { attachment } => To::Ended(attachment.0),
        SessionChange::Moved { session, attachment } => {
            To::Moved(wire::Moved { session: Some(from_session(session)), attachment: attachment.0 })
        }
    };
    wire::Change { change: Some(change) }.encode_to_vec()
}

/// The change that the log kept.
pub fn decode_change(bytes: &[u8]) -> Decoded<SessionChange> {
    use wire::change::Change as From;
    let change = wire::Change::decode(bytes).map_err(Undecodable::garbled)?.change;
    Ok(match change.ok_or_else(|| Undecodable::lacks("a change of sessions that is known"))? {
        From::Bound(bound) => SessionChange::Bound {
            session: to_session(bound.session)?,
            attachment: Attachment(bound.attachment),
            priority: to_priority(bound.priority)?,
            replaces: bound.replaces.map(to_replaced).transpose()?,
        },
        From::Unbound(session) => SessionChange::Unbound { session: to_session(Some(session))? },
        From::Priority(said) => {
            SessionChange::Priority { session: to_session(said.session)?, priority: to_priority(said.priority)? }
        }
        From::Ended(attachment) => SessionChange::Ended { attachment: Attachment(attachment) },
        From::Moved(moved) => {
            SessionChange::Moved { session: to_session(moved.session)?, attachment: Attachment(moved.attachment) }
        }
    })
}

/// A session as the state store keeps it.
pub(super) fn encode_bound(bound: &BoundSession) -> Vec<u8> {
    wire::Stored {
        session: Some(from_session(&bound.session)),
        attachment: bound.attachment.0,
        priority: bound.priority.map(i32::from),
    }
    .encode_to_vec()
}

/// The session that the state store kept.
pub(super) fn decode_bound(bytes: &[u8]) -> Decoded<BoundSession> {
    let stored = wire::Stored::decode(bytes).map_err(Undecodable::garbled)?;
    Ok(BoundSession {
        session: to_session(stored.session)?,
        attachment: Attachment(stored.attachment),
        priority: to_priority(stored.priority)?,
    })
}

fn from_session(session: &Session) -> wire::Session {
    wire::Session { jid: session.jid.to_string(), id: session.id }
}

fn to_session(session: Option<wire::Session>) -> Decoded<Session> {
    let session = session.ok_or_else(|| Undecodable::lacks("a session"))?;
    let jid = FullJid::from_stored(&session.jid).ok_or_else(|| Undecodable::lacks("the resource of a full JID"))?;
    Ok(Session { jid, id: session.id })
}

fn to_replaced(holder: wire::Holder) -> Decoded<Replaced> {
    Ok(Replaced { session: to_session(holder.session)?, attachment: Attachment(holder.attachment) })
}

fn to_priority(priority: Option<i32>) -> Decoded<Option<i8>> {
    priority.map(i8::try_from).transpose().map_err(|_| Undecodable::lacks("a priority from -128 to 127"))
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    fn session() -> Session {
        Session { jid: FullJid::parse("ada@localhost/desk").unwrap(), id: 300 }
    }

    fn changes() -> Vec<SessionChange> {
        let (session, attachment) = (session(), Attachment(1 << 32 | 2));
        let older = Replaced { session: Session { id: 7, ..session.clone() }, attachment: Attachment(0) };
        vec![
            SessionChange::Bound { session: session.clone(), attachment, priority: None, replaces: None },
            SessionChange::Bound { session: session.clone(), attachment, priority: Some(5), replaces: None },
            SessionChange::Bound { session: session.clone(), attachment, priority: None, replaces: Some(older) },
            SessionChange::Unbound { session: session.clone() },
            SessionChange::Priority { session: session.clone(), priority: None },
            SessionChange::Priority { session: session.clone(), priority: Some(0) },
            SessionChange::Priority { session: session.clone(), priority: Some(i8::MIN) },
            SessionChange::Ended { attachment },
            SessionChange::Ended { attachment: Attachment(0) },
            SessionChange::Moved { session, attachment },
        ]
    }

    #[test]
    fn every_change_comes_back_as_it_was() {
        for change in changes() {
            assert_eq!(decode_change(&encode_change(&change)), Ok(change));
        }
    }

    #[test]
    fn what_is_on_disk_keeps_its_form() {
        let hex = |bytes: Vec<u8>| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let mut lines: Vec<String> = changes().iter().map(|change| hex(encode_change(change))).collect();
        lines.push(hex(encode_bound(&BoundSession { session: session(), attachment: Attachment(9), priority: Some(-1) })));
        expect![[r#"
            0a1f0a170a12616461406c6f63616c686f73742f6465736b10ac02108280808010
            0a210a170a12616461406c6f63616c686f73742f6465736b10ac02108280808010200a
            0a390a170a12616461406c6f63616c686f73742f6465736b10ac021082808080101a180a160a12616461406c6f63616c686f73742f6465736b1007
            12170a12616461406c6f63616c686f73742f6465736b10ac02
            1a190a170a12616461406c6f63616c686f73742f6465736b10ac02
            1a1b0a170a12616461406c6f63616c686f73742f6465736b10ac021000
            1a1c0a170a12616461406c6f63616c686f73742f6465736b10ac0210ff01
            208280808010
            2000
            2a1f0a170a12616461406c6f63616c686f73742f6465736b10ac02108280808010
            0a170a12616461406c6f63616c686f73742f6465736b10ac0210091801"#]]
        .assert_eq(&lines.join("\n"));
    }

    #[test]
    fn damage_is_said() {
        let nameless = wire::Session { jid: "ada@localhost".to_owned(), id: 1 };
        let loud = wire::Priority { session: Some(from_session(&session())), priority: Some(128) };
        let change = |change| wire::Change { change: Some(change) }.encode_to_vec();
        let cases = [
            decode_change(b"").unwrap_err(),
            decode_change(b"\x0a").unwrap_err(),
            decode_change(&change(wire::change::Change::Unbound(nameless))).unwrap_err(),
            decode_change(&change(wire::change::Change::Priority(loud))).unwrap_err(),
            decode_change(&change(wire::change::Change::Moved(wire::Moved::default()))).unwrap_err(),
            decode_bound(b"").unwrap_err(),
        ];
        let texts = cases.map(|case| case.to_string());
        let causes = texts.each_ref().map(|text| text.split(';').next().and_then(|text| text.split_once(": ")).unwrap().1);
        expect![[r#"
            it lacks a change of sessions that is known
            failed to decode Protobuf message: Change.change: invalid varint
            it lacks the resource of a full JID
            it lacks a priority from -128 to 127
            it lacks a session
            it lacks a session"#]]
        .assert_eq(&causes.join("\n"));
    }
}
