//! IQs between occupants that wait for their answer. They are not logged, so they live and die with the home; but while it lives, each
//! is answered: by the one who was asked, or by an error when that one leaves or has too many to answer.

use std::collections::{BTreeMap, VecDeque};

use conclave_muc::{Effect, RelayedIq, Session};
use conclave_xmpp::{BareJid, FullJid};

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
}

/// A question that is settled.
#[derive(PartialEq, Debug)]
pub struct Settled {
    /// Who asked.
    pub asker: Session,
    /// The number of its request.
    pub number: u64,
    /// What it is told, if not the answer itself.
    pub error: Option<Effect>,
}

impl Questions {
    /// Notes a question. One that is given up for it is settled.
    pub fn ask(&mut self, room: &BareJid, iq: RelayedIq, number: u64) -> Option<Settled> {
        let open = self.open.entry((room.clone(), iq.asked.jid.clone())).or_default();
        let given_up = if open.len() >= OPEN_MAX { open.pop_front() } else { None };
        open.push_back(Question { iq, number });
        given_up.map(unanswered)
    }

    /// The session that was asked has answered.
    pub fn answered(&mut self, room: &BareJid, asked: &Session, id: &str) -> Option<Settled> {
        let key = (room.clone(), asked.jid.clone());
        let open = self.open.get_mut(&key)?;
        let at = open.iter().position(|question| question.iq.id == id);
        let question = at.and_then(|at| open.remove(at));
        if open.is_empty() {
            self.open.remove(&key);
        }
        question.map(|question| Settled { asker: question.iq.asker, number: question.number, error: None })
    }

    /// A session left: all that it was asked is answered by an error.
    pub fn left(&mut self, room: &BareJid, asked: &FullJid) -> Vec<Settled> {
        self.open.remove(&(room.clone(), asked.clone())).into_iter().flatten().map(unanswered).collect()
    }
}

fn unanswered(question: Question) -> Settled {
    let Question { iq, number } = question;
    let error = iq.unanswered.map(|error| Effect::answer(&iq.asker, error));
    Settled { asker: iq.asker, number, error }
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

    #[test]
    fn every_question_is_answered_once() {
        let mut questions = Questions::default();
        let (room, asked) = (BareJid::parse("r@c").unwrap(), question(0).asked);
        let given_up = |number: usize| unanswered(Question { iq: question(number), number: number as u64 });
        assert!((0..OPEN_MAX).all(|number| questions.ask(&room, question(number), number as u64).is_none()));
        assert_eq!(questions.answered(&room, &asked, "1").unwrap().number, 1);
        assert_eq!(questions.answered(&room, &asked, "1"), None);
        assert_eq!(questions.ask(&room, question(100), 100), None);
        assert_eq!(questions.ask(&room, question(101), 101), Some(given_up(0)), "the oldest is given up");
        assert_eq!(questions.left(&BareJid::parse("s@c").unwrap(), &asked.jid), [], "of another room");
        let left = questions.left(&room, &asked.jid);
        assert_eq!(left.len(), OPEN_MAX);
        assert!(!left.contains(&given_up(1)), "what was answered is not answered again");
        assert_eq!(questions.left(&room, &asked.jid), []);
    }
}
