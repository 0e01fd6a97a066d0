//! Bytes that were pushed and not yet consumed.

/// What an idle session may keep allocated, so that most sessions that say a little now and then need not allocate anew.
const KEPT_BYTES_MAX: usize = 256;

#[derive(Default)]
pub(super) struct Buffer {
    bytes: Vec<u8>,
    start: usize,
}

impl Buffer {
    pub fn push(&mut self, bytes: &[u8]) {
        // Moving no more than was consumed keeps the cost of all moves below that of all pushes.
        if self.start > 0 && self.start >= self.unread().len() {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
        self.bytes.extend_from_slice(bytes);
    }

    pub fn unread(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    pub fn consume(&mut self, count: usize) {
        self.start += count;
        if self.start == self.bytes.len() {
            self.clear();
        }
    }

    pub fn clear(&mut self) {
        self.start = 0;
        self.bytes.clear();
        self.bytes.shrink_to(KEPT_BYTES_MAX);
    }

    #[cfg(test)]
    pub fn capacity(&self) -> usize {
        self.bytes.capacity()
    }
}
