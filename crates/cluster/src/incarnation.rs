//! One life of a node as the cluster counts it. Whoever sits in a room sits there by way of one.

use std::fmt;

use conclave_muc::Attachment;

/// One life of a node's process, or of its membership: a live node that was taken for dead gets the next number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Incarnation {
    /// The node, from 1; never reused.
    pub node: u32,
    /// From 1, by the order in which the cluster's register took them.
    pub number: u32,
}

impl Incarnation {
    /// As a room keeps it.
    pub fn attachment(self) -> Attachment {
        Attachment(u64::from(self.node) << 32 | u64::from(self.number))
    }

    /// What a room kept.
    pub fn of(attachment: Attachment) -> Incarnation {
        // Both halves are 32 bits wide.
        Incarnation { node: (attachment.0 >> 32) as u32, number: attachment.0 as u32 }
    }
}

impl fmt::Display for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.node, self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_gives_back_what_it_was_given() {
        for incarnation in
            [Incarnation::default(), Incarnation { node: 3, number: 7 }, Incarnation { node: u32::MAX, number: u32::MAX }]
        {
            assert_eq!(Incarnation::of(incarnation.attachment()), incarnation);
        }
        assert_ne!(Incarnation { node: 1, number: 2 }.attachment(), Incarnation { node: 2, number: 1 }.attachment());
    }
}
