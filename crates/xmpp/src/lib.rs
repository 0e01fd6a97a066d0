//! The language that Conclave speaks: addresses, elements, stanzas and their errors, forms, and the machines that
//! turn the bytes of a client into stanzas.
//!
//! Everything here is pure. There is no socket, no clock, no random number and no thread: bytes, nonces and channel
//! bindings come in as arguments, and what must happen next comes out as values.

pub mod chat_states;
pub mod data_form;
pub mod delay;
pub mod element;
pub mod encoded;
pub mod jid;
pub mod keyed_hash;
pub mod ns;
pub mod parser;
pub mod sasl;
pub mod stanza;
pub mod stanza_error;
pub mod stanza_text;
pub mod stream;
pub mod stream_error;
pub mod timestamp;

pub use data_form::{DataForm, Field, FieldKind, FormError, FormKind};
pub use element::{Element, Node};
pub use encoded::{Encoded, Fragment, StanzaName, StanzaWriter};
pub use jid::{BareJid, FullJid, Jid, JidError, Nick, NickError};
pub use keyed_hash::keyed_hash;
pub use parser::{Event, Limits, Parser, StreamHeader};
pub use sasl::{ChannelBinding, Credentials, CredentialsError, Mechanism, ScramKeys};
pub use stanza::{Head, Iq, IqKind, Message, MessageKind, Presence, PresenceKind, Stanza, StanzaFault};
pub use stanza_error::{Condition, ErrorKind, StanzaError};
pub use stream::{Action, Stream, StreamSettings, TlsPolicy};
pub use stream_error::{StreamCondition, StreamError};
pub use timestamp::Timestamp;
