//! What a room keeps of what was said, to show it to whoever enters (§7.2.13), as far as its entries say.

use std::collections::VecDeque;
use std::ops::RangeInclusive;

use crate::journal::{Deed, Entry};

/// Messages that a room keeps as long as its owner has not said how many.
const AT_FIRST: usize = 20;

/// Bytes of texts that a room keeps in any case. It has a bound in bytes, too, for which all counts that goes around a text.
const SURE_BYTES: usize = 256 * 1024;

/// The messages that a room keeps behind an entry.
pub(crate) struct Kept {
    /// At most so many.
    length: usize,
    /// The bytes of their texts, the oldest first.
    texts: VecDeque<usize>,
}

impl Default for Kept {
    fn default() -> Kept {
        Kept { length: AT_FIRST, texts: VecDeque::new() }
    }
}

impl Kept {
    /// The next entry.
    pub fn fold(&mut self, entry: &Entry) {
        match &entry.deed {
            Deed::Join { creates: true, .. } => *self = Kept::default(),
            // What has no text, such as a subject, is kept elsewhere or not at all.
            Deed::Message { body: Some(body), .. } => self.texts.push_back(body.len()),
            Deed::Configure { fields, .. } => {
                let length = fields.get("historylength").and_then(|value| value.parse().ok());
                self.length = length.unwrap_or(self.length);
            }
            _ => {}
        }
        // What is forgotten does not come back when more may be kept.
        while self.texts.len() > self.length {
            self.texts.pop_front();
        }
    }

    /// How many messages somebody is shown who asks for so many at most.
    pub fn shown_of(&self, wanted: usize) -> RangeInclusive<usize> {
        let mut bytes = 0;
        let sure = self.texts.iter().rev().take_while(|text| {
            bytes += **text;
            bytes <= SURE_BYTES
        });
        sure.take(wanted).count()..=self.texts.len().min(wanted)
    }
}
