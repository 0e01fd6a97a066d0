//! What became of a request. Every request gets one answer, in a frame, behind everything that it led to.

use conclave_muc::Listing;
use conclave_xmpp::Encoded;

/// To one request of one session.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    /// The session's id.
    pub session: u64,
    /// The request's number.
    pub number: u64,
    /// What became of it.
    pub verdict: Verdict,
}

/// What became of a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It is dealt with: committed, or answered by what stands in the frame.
    Done,
    /// It was passed on to somebody who has yet to answer. It is not to be asked again; `Reply` comes when that one has, `Done` if nobody is to be told.
    Relayed,
    /// The answer to what was passed on: an IQ for the session.
    Reply(Encoded),
    /// The account has all the sessions that it may have.
    TooManySessions,
    /// Its id is below that of the session that holds its full JID, which is this: it is to have one above.
    Behind(u64),
    /// The session's full JID has a newer holder (RFC 6120 §7.7.2.2).
    Replaced,
    /// The home cannot read it.
    Unreadable,
    /// The public rooms of the shard.
    Listings(Vec<Listing>),
    /// One room, or all of the shard.
    Rooms(Vec<RoomLine>),
}

/// A room as those who run the service see it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RoomLine {
    /// Bare JID.
    pub jid: String,
    /// Nicks that are taken.
    pub occupants: u64,
    /// Some of them only by sessions that are detached.
    pub detached: u64,
    /// Whether it stays when everybody has left.
    pub persistent: bool,
    /// What else is out of the ordinary, in words: `members-only`, `moderated`, `password`, `hidden`, `locked`.
    pub traits: Vec<String>,
}
