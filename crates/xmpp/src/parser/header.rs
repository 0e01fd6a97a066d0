//! The start tag of the stream element (RFC 6120 §4.7, §4.8).

use super::fault::Fault;
use super::namespaces::Namespaces;
use super::{StreamHeader, tree};
use crate::ns;
use crate::stream_error::StreamCondition;

/// Reads the tag, from `<` to `>`. What it declares stays in force.
pub(super) fn read(tag: &str, namespaces: &mut Namespaces) -> Result<StreamHeader, Fault> {
    let element = tree::read_start_tag(tag, namespaces)?;
    if element.namespace() != ns::STREAM {
        let what = "the stream element must be in the namespace http://etherx.jabber.org/streams";
        return Err(Fault::new(StreamCondition::InvalidNamespace, 0, what));
    }
    if element.name() != "stream" {
        return Err(Fault::new(StreamCondition::BadFormat, 0, "the outermost element must be a stream"));
    }
    if namespaces.default_namespace() == ns::STREAM {
        return Err(Fault::new(StreamCondition::BadNamespacePrefix, 0, "the stream element needs a prefix of its own"));
    }
    let owned = |name| element.attribute(name).map(str::to_owned);
    Ok(StreamHeader {
        to: owned("to"),
        from: owned("from"),
        version: owned("version"),
        lang: element.lang().map(str::to_owned),
        id: owned("id"),
        default_namespace: namespaces.default_namespace().to_owned(),
    })
}
