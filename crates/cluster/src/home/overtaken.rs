//! Requests that are repeated because their answers were lost, behind others of the same session that are in the log.

use conclave_muc::{Attachment, Change};
use conclave_xmpp::{BareJid, Stanza, StanzaError};

use super::{Home, Output};
use crate::request::Request;
use crate::shard::Shard;

impl Home {
    /// Whether the session asked something later that is in the log. Then this was decided before that, and is not in the log: its answer was lost, and it
    /// must not be done now, behind what it came before.
    pub(super) fn is_overtaken(&self, shard: &Shard, request: &Request) -> bool {
        let (session, number) = (request.session.id, request.number);
        shard.repeats.has_later(session, number) || self.ahead.has_later(session, number)
    }

    /// Answers what was overtaken. It was not done; but of a presence nobody is told, as a later one may have said as much.
    pub(super) fn decline(
        &mut self,
        room: &BareJid,
        change: &Change,
        stanza: &Stanza,
        request: &Request,
        at: Attachment,
        out: &mut Vec<Output>,
    ) {
        if matches!(change, Change::Presence(_)) {
            return self.done(request, at, out);
        }
        let error = StanzaError::wait("this was not done, and the answer that said why was lost; ask again");
        self.refuse(room, stanza, request, at, &error, out);
    }
}
