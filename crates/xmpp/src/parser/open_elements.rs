//! The elements of a stanza that were opened and not closed.

use std::ops::Range;

use super::fault::Fault;

/// Names, as places in the item, outermost first.
#[derive(Default)]
pub(super) struct OpenElements {
    names: Vec<Range<usize>>,
}

impl OpenElements {
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Begins an element whose name stands there.
    pub fn open(&mut self, name: Range<usize>, depth_max: usize) -> Result<(), Fault> {
        if self.names.len() >= depth_max {
            return Err(Fault::limit(format!("elements are nested more than {depth_max} deep")));
        }
        self.names.push(name);
        Ok(())
    }

    /// Ends the innermost element, if that is its name.
    pub fn close(&mut self, item: &[u8], name: &str) -> Result<(), Fault> {
        match self.names.pop() {
            Some(open) if item[open.clone()] == *name.as_bytes() => Ok(()),
            _ => Err(Fault::malformed(0, "this end tag does not close the innermost element")),
        }
    }

    /// Forgets all, and what they took.
    pub fn clear(&mut self) {
        self.names.clear();
        self.names.shrink_to(8);
    }

    #[cfg(test)]
    pub fn capacity(&self) -> usize {
        self.names.capacity() * size_of::<Range<usize>>()
    }
}
