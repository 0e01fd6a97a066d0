//! How much a stream may ask of us.

/// The limits of a parser. Passing one ends the stream with `policy-violation` and a text that names it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Bytes of one child of the stream, or of its header: the most that is ever buffered.
    pub stanza_bytes_max: usize,
    /// Elements within each other, a stanza itself being the first: every one costs memory, and the tree is walked by
    /// recursion.
    pub depth_max: usize,
    /// Attributes of one element, namespace declarations included: each is compared with the others.
    pub attributes_max: usize,
    /// Bytes since the parser began; none for no limit. It bounds what somebody can send who has not logged in yet.
    pub stream_bytes_max: Option<usize>,
}
