//! The form of a snapshot file, and its writing in one pass; [`super::pairs`] reads it.
//!
//! ```text
//! magic (8)  format (4)
//! group (4)  index (8)  length of the note (4)  note  CRC32 of all so far (4)
//! any number of blocks: length (4)  CRC32 of length and block (4)  block: pairs, each length of key (4), of value (4), key, value
//! end: a length of 0 (4)  number of pairs (8)  state hash (32)  SHA-256 of all so far (32)
//! ```
//!
//! Numbers have their highest byte first. A block ends with the pair that makes it 64 KiB or more, so that damage is found where it is, and a
//! reader holds one block at a time.

use std::fs::File;
use std::io::{self, Write};

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::{KEY_BYTES_MAX, NOTE_BYTES_MAX, Pair, StateError, StateHash, VALUE_BYTES_MAX, check_length, check_lengths};

pub(super) const MAGIC: [u8; 8] = *b"cnclsnap";
pub(super) const FORMAT: u32 = 1;
/// Where a block ends.
pub(super) const BLOCK_BYTES: usize = 64 * 1024;
/// Length and checksum in front of a block.
const BLOCK_HEAD_BYTES: usize = 8;
/// Lengths in front of a pair.
pub(super) const PAIR_HEAD_BYTES: usize = 8;
/// The longest block: the longest pair comes when there is nearly a block.
pub(super) const BLOCK_BYTES_MAX: usize = BLOCK_BYTES + PAIR_HEAD_BYTES + KEY_BYTES_MAX + VALUE_BYTES_MAX;

/// What a snapshot is of.
pub(super) struct Subject {
    pub(super) group: u32,
    pub(super) index: u64,
    pub(super) note: Bytes,
}

/// What the end of a file says of the whole.
#[derive(Clone, Copy)]
pub(super) struct Whole {
    pub(super) count: u64,
    pub(super) hash: StateHash,
    /// Bytes in the file.
    pub(super) size: u64,
}

/// Writes a whole snapshot.
pub(super) fn write(file: &File, subject: &Subject, pairs: impl Iterator<Item = Pair>) -> io::Result<Whole> {
    check_length("note", subject.note.len(), NOTE_BYTES_MAX).map_err(refused)?;
    let whole = Whole { count: 0, hash: StateHash::default(), size: 0 };
    let mut writer = Writer { file, digest: Sha256::new(), block: new_block(), whole };
    writer.put(&encode_head(subject))?;
    for (key, value) in pairs {
        check_lengths(&key, Some(&value)).map_err(refused)?;
        writer.add(&key, &value)?;
    }
    writer.end()
}

fn refused(error: StateError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, error.to_string())
}

struct Writer<'a> {
    file: &'a File,
    digest: Sha256,
    block: Vec<u8>,
    whole: Whole,
}

impl Writer<'_> {
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.digest.update(bytes);
        self.whole.size += bytes.len() as u64;
        self.file.write_all(bytes)
    }

    fn add(&mut self, key: &[u8], value: &[u8]) -> io::Result<()> {
        self.whole.count += 1;
        self.whole.hash.add(StateHash::of_pair(key, value));
        for part in [&(key.len() as u32).to_be_bytes(), &(value.len() as u32).to_be_bytes(), key, value] {
            self.block.extend_from_slice(part);
        }
        if self.block.len() >= BLOCK_BYTES { self.put_block() } else { Ok(()) }
    }

    /// Fills in length and checksum.
    fn put_block(&mut self) -> io::Result<()> {
        let mut block = std::mem::replace(&mut self.block, new_block());
        let length = ((block.len() - BLOCK_HEAD_BYTES) as u32).to_be_bytes();
        let crc = block_crc(length, &block[BLOCK_HEAD_BYTES..]).to_be_bytes();
        block[..BLOCK_HEAD_BYTES].copy_from_slice(&[length, crc].concat());
        self.put(&block)
    }

    fn end(mut self) -> io::Result<Whole> {
        if self.block.len() > BLOCK_HEAD_BYTES {
            self.put_block()?;
        }
        let end = [[0; 4].as_slice(), &self.whole.count.to_be_bytes(), &self.whole.hash.to_bytes()].concat();
        self.put(&end)?;
        let digest = self.digest.clone().finalize();
        self.put(&digest)?;
        Ok(self.whole)
    }
}

pub(super) fn encode_head(subject: &Subject) -> Vec<u8> {
    let mut bytes = [
        MAGIC.as_slice(),
        &FORMAT.to_be_bytes(),
        &subject.group.to_be_bytes(),
        &subject.index.to_be_bytes(),
        &(subject.note.len() as u32).to_be_bytes(),
        &subject.note,
    ]
    .concat();
    bytes.extend(crc32fast::hash(&bytes).to_be_bytes());
    bytes
}

fn new_block() -> Vec<u8> {
    let mut block = Vec::with_capacity(2 * BLOCK_BYTES);
    block.extend([0; BLOCK_HEAD_BYTES]);
    block
}

pub(super) fn block_crc(length: [u8; 4], block: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new_with_initial(crc32fast::hash(&length));
    crc.update(block);
    crc.finalize()
}
