//! IQs between occupants that wait for their answer. They are not logged, so they live and die with the home; but while it lives, each
//! is answered: by the one who was asked, or by an error when that one leaves or has too many to answer.

use std::collections::{BTreeMap, VecDeque};

use conclave_muc::{Attachment, RelayedIq, Session};
use conclave_xmpp::{BareJid, Encoded, FullJid};

/// Questions that one session may leave open; the oldest is given up for the next.
const OPEN_MAX: usize = 64;

/// What is open, by room and by who was asked.
#[derive(Debug, Default)]
pub struct Questions {
    open: BTreeMap<(BareJid, FullJid), VecDeque<Question>>,
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
        let open = self.open.entry((room.clone(), iq.asked.jid.clone())).or_default();
        if open.iter().any(|question| question.number == number && question.iq.asker.id == iq.asker.id) {
            return (false, None);
        }
        let oldest = if open.len() >= OPEN_MAX { open.pop_front() } else { None };
        open.push_back(Question { iq, number, at });
        (true, oldest.map(unanswered))
    }

    /// The session that was asked has answered. Nothing if nobody waits for that.
    pub fn answered(&mut self, room: &BareJid, asked: &Session, id: &str) -> Option<Settled> {
        let key = (room.clone(), asked.jid.clone());
        let open = self.open.get_mut(&key)?;
        let place = open.iter().position(|question| question.iq.id == id);
        let question = place.and_then(|place| open.remove(place));
        if open.is_empty() {
            self.open.remove(&key);
        }
        question.map(|Question { iq, number, at }| Settled { asker: iq.asker, at, number, reply: None })
    }

    /// The edges of some sessions have new connections. What these were asked by the old ones may never have come, and is answered by an error.
    pub fn reconnected(&mut self, is_there: impl Fn(&BareJid, &Session) -> bool) -> Vec<Settled> {
        let mut settled = Vec::new();
        self.open.retain(|(room, _), open| {
            let lost = open.front().is_some_and(|first| is_there(room, &first.iq.asked));
            if lost {
                settled.extend(open.drain(..).map(unanswered));
            }
            !lost
        });
        settled
    }

    /// A session left: all that it was asked is answered by an error.
    pub fn left(&mut self, room: &BareJid, asked: &FullJid) -> Vec<Settled> {
        self.open.remove(&(room.clone(), asked.clone())).into_iter().flatten().map(unanswered).collect()
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
        assert_eq!(questions.left(&BareJid::parse("s@c").unwrap(), &asked.jid), [], "of another room");
        let left = questions.left(&room, &asked.jid);
        assert_eq!(left.len(), OPEN_MAX);
        assert!(!left.contains(&given_up(1)), "what was answered is not answered again");
        assert_eq!(questions.left(&room, &asked.jid), []);
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
