//! M(r): the sequence that a room has committed.

use std::collections::BTreeMap;

use crate::history::{Event, History};

/// The groupchat messages of one room, in the order of the log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Committed {
    /// The room's bare JID.
    pub room: String,
    /// Oldest first.
    pub messages: Vec<Message>,
}

/// One message of the log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Message {
    /// What the room calls it.
    pub stanza_id: String,
    /// The send that it names; none if it names none.
    pub send: Option<String>,
}

impl Committed {
    /// What a witness was shown who entered when all was over. The room has to keep all of the run's messages for newcomers.
    pub fn shown_to(witness: &str, history: &History, room: &str) -> Committed {
        let lines = history.lines.iter().filter(|line| line.session == witness && line.room == room);
        let messages = lines.filter_map(|line| match &line.event {
            Event::Received { stanza_id, send, delayed: true, .. } => {
                Some(Message { stanza_id: stanza_id.clone(), send: send.clone() })
            }
            _ => None,
        });
        Committed { room: room.to_owned(), messages: messages.collect() }
    }

    /// Where each message stands, by what the room calls it. Of two with one name, the first.
    pub fn positions(&self) -> BTreeMap<&str, usize> {
        let newest_first = self.messages.iter().enumerate().rev();
        newest_first.map(|(position, message)| (message.stanza_id.as_str(), position)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{ROOM, committed, history};

    #[test]
    fn a_witness_tells_what_it_was_shown_and_not_what_it_heard() {
        let history = history("A received 9 s9\nW shown 1 s1\nW shown 2 s2\nW joined\nW received 3 s3");
        assert_eq!(Committed::shown_to("W", &history, ROOM), committed("1:s1 2:s2"));
        assert_eq!(Committed::shown_to("W", &history, "other@s").messages, []);
    }
}
