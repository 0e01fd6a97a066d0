//! IQs between occupants that wait for their answer. They are not logged, so they live and die with the home; but while it lives, each
//! is answered: by the one who was asked, or by an error when that one leaves or has too many to answer.

use std::collections::{BTreeMap, VecDeque};

use conclave_muc::{Attachment, RelayedIq, Session};
use conclave_xmpp::{BareJid, Encoded, FullJid};

/// Questions that one session may leave open; the oldest is given up for the next.
const OPEN_MAX: usize = 64;

/// What is open, by room and by who was asked. No room and no session is without questions.
#[derive(Debug, Default)]
pub struct Questions {
    open: BTreeMap<BareJid, BTreeMap<FullJid, VecDeque<Question>>>,
}

/// A question, and the request that brought it.
#[derive(Debug)]
struct Question {
    iq: RelayedIq,
    number: u64,
    /// Where the asker is.
    at: Attachment,
}

/// A question that is settled.
#[derive(PartialEq, Debug)]
pub struct Settled {
    /// Who asked.
    pub asker: Session,
    /// Where it was when it asked; its node does not change.
    pub at: Attachment,
    /// The number of its request.
    pub number: u64,
    /// What it is told, if anything.
    pub reply: Option<Encoded>,
}

impl Questions {
    /// Notes a question, and says whether it is new: one that is repeated while it is open was asked already. One that is given up for it is settled.
    pub fn ask(&mut self, room: &BareJid, iq: RelayedIq, number: u64, at: Attachment) -> (bool, Option<Settled>) {
        let open = self.open.entry(room.clone()).or_default().entry(iq.asked.jid.clone()).or_default();
        if open.iter().any(|question| question.number == number && question.iq.asker.id == iq.asker.id) {
            return (false, None);
        }
        let oldest = if open.len() >= OPEN_MAX { open.pop_front() } else { None };
        open.push_back(Question { iq, number, at });
        (true, oldest.map(unanswered))
    }

    /// The session that was asked has answered. Nothing if nobody waits for that.
    pub fn answered(&mut self, room: &BareJid, asked: &Session, id: &str) -> Option<Settled> {
        let is_it = |question: &Question| question.iq.asked.id == asked.id && question.iq.id == id;
        let Question { iq, number, at } = self.take(room, &asked.jid, is_it).into_iter().next()?;
        Some(Settled { asker: iq.asker, at, number, reply: None })
    }

    /// The edges of some sessions have new connections. What these were asked by the old ones may never have come, and is answered by an error.
    pub fn reconnected(&mut self, is_there: impl Fn(&BareJid, &Session) -> bool) -> Vec<Settled> {
        let rooms: Vec<BareJid> = self.open.keys().cloned().collect();
        rooms.iter().flat_map(|room| self.settle(room, |asked| is_there(room, asked))).collect()
    }

    /// A room has changed: whoever is not there any more, or has lost its connection, answers nothing.
    pub fn changed(&mut self, room: &BareJid, is_there: impl Fn(&Session) -> bool) -> Vec<Settled> {
        self.settle(room, |asked| !is_there(asked))
    }

    fn settle(&mut self, room: &BareJid, is_lost: impl Fn(&Session) -> bool) -> Vec<Settled> {
        let Some(open) = self.open.get(room) else { return Vec::new() };
        let asked: Vec<FullJid> = open.keys().cloned().collect();
        let lost = asked.iter().flat_map(|asked| self.take(room, asked, |question| is_lost(&question.iq.asked)));
        lost.map(unanswered).collect()
    }

    /// Takes out what a session was asked and is so.
    fn take(&mut self, room: &BareJid, asked: &FullJid, is_so: impl Fn(&Question) -> bool) -> Vec<Question> {
        let Some(of_room) = self.open.get_mut(room) else { return Vec::new() };
        let Some(open) = of_room.get_mut(asked) else { return Vec::new() };
        let (taken, left) = std::mem::take(open).into_iter().partition::<VecDeque<_>, _>(is_so);
        *open = left;
        if open.is_empty() {
            of_room.remove(asked);
        }
        if of_room.is_empty() {
            self.open.remove(room);
        }
        taken.into()
    }
}

fn unanswered(question: Question) -> Settled {
    let Question { iq, number, at } = question;
    Settled { asker: iq.asker, at, number, reply: iq.unanswered }
}

#[cfg(test)]
mod tests {
    use conclave_xmpp::{StanzaName, StanzaWriter};

    use super::*;

    fn question(number: usize) -> RelayedIq {
        let session = |jid: &str| Session { jid: FullJid::parse(jid).unwrap(), id: 1 };
        let stanza = |id: &str| StanzaWriter::new(StanzaName::Iq).attribute("id", id).finish();
        let id = number.to_string();
        let unanswered = Some(stanza(&id));
        RelayedIq { asker: session("a@h/1"), asked: session("b@h/1"), stanza: stanza(&id), id, unanswered }
    }

    const AT: Attachment = Attachment(1 << 32 | 1);

    #[test]
    fn every_question_is_answered_once() {
        let mut questions = Questions::default();
        let (room, asked) = (BareJid::parse("r@c").unwrap(), question(0).asked);
        let given_up = |number: usize| unanswered(Question { iq: question(number), number: number as u64, at: AT });
        assert!((0..OPEN_MAX).all(|number| questions.ask(&room, question(number), number as u64, AT) == (true, None)));
        assert_eq!(questions.answered(&room, &asked, "1").unwrap().number, 1);
        assert_eq!(questions.answered(&room, &asked, "1"), None);
        assert_eq!(questions.ask(&room, question(100), 100, AT), (true, None));
        assert_eq!(questions.ask(&room, question(100), 100, AT), (false, None), "repeated");
        assert_eq!(questions.ask(&room, question(101), 101, AT), (true, Some(given_up(0))), "the oldest is given up");
        assert_eq!(questions.changed(&BareJid::parse("s@c").unwrap(), |_| false), [], "of another room");
        assert_eq!(questions.changed(&room, |session| *session == asked), [], "it is still there");
        let left = questions.changed(&room, |_| false);
        assert_eq!(left.len(), OPEN_MAX);
        assert!(!left.contains(&given_up(1)), "what was answered is not answered again");
        assert_eq!(questions.changed(&room, |_| false), []);
        assert!(questions.open.is_empty());
    }

    #[test]
    fn a_new_connection_settles_what_the_old_one_may_have_lost() {
        let mut questions = Questions::default();
        let (room, asked) = (BareJid::parse("r@c").unwrap(), question(0).asked);
        questions.ask(&room, question(3), 3, AT);
        assert_eq!(questions.reconnected(|_, _| false), []);
        let settled = questions.reconnected(|_, session| *session == asked);
        assert!(matches!(&settled[..], [Settled { number: 3, reply: Some(_), .. }]), "{settled:?}");
        assert_eq!(questions.answered(&room, &asked, "3"), None);
    }
}
