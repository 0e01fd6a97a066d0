//! How much a stream may ask of us.

/// The limits of a parser. Passing one ends the stream with `policy-violation` and a text that names it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Bytes of one child of the stream, or of its header with what precedes it: the most that is ever held.
    pub stanza_bytes_max: usize,
    /// Elements within each other, a stanza itself being the first: the tree is walked by recursion.
    pub depth_max: usize,
    /// Attributes of one element, namespace declarations included: each is compared with the others.
    pub attributes_max: usize,
    /// Namespace declarations in scope at once, the header's included: every prefix is looked for among them. [`NAMESPACES_MAX`] is enough for clients.
    pub namespaces_max: usize,
    /// Bytes since the parser began; none for no limit. It bounds what somebody can send who has not logged in yet.
    pub stream_bytes_max: Option<usize>,
}

/// Namespace declarations that a client may have in scope at once. Stanzas met in the wild need fewer than ten.
pub const NAMESPACES_MAX: usize = 128;

/// A stanza's namespaces, counted once for every element and attribute that has one, may take this many times
/// `stanza_bytes_max`. A prefix of one byte can stand for a namespace of thousands, and both our memory and what we write
/// hold the latter. Stanzas met in the wild stay below once.
pub(super) const NAMESPACE_BYTES_FACTOR: usize = 4;
