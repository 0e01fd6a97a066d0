//! Delayed delivery (XEP-0203).

use crate::element::Element;
use crate::ns;
use crate::timestamp::Timestamp;

/// The stamp that `from` puts on what it sends later than it came.
pub fn delay(from: &str, stamp: Timestamp) -> Element {
    Element::new("delay", ns::DELAY).with("from", from).with("stamp", &stamp.to_string())
}
