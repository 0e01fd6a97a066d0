//! The form of a snapshot file, written and read in one pass.
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
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::head::take;
use super::{KEY_BYTES_MAX, NOTE_BYTES_MAX, Pair, StateError, StateHash, VALUE_BYTES_MAX, check_length, check_lengths};

const MAGIC: [u8; 8] = *b"cnclsnap";
const FORMAT: u32 = 1;
/// Where a block ends.
const BLOCK_BYTES: usize = 64 * 1024;
/// Lengths in front of a pair.
const PAIR_HEAD_BYTES: usize = 8;
/// The longest block: the longest pair comes when there is nearly a block.
const BLOCK_BYTES_MAX: usize = BLOCK_BYTES + PAIR_HEAD_BYTES + KEY_BYTES_MAX + VALUE_BYTES_MAX;

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
pub(super) fn write(mut file: &File, subject: &Subject, pairs: impl Iterator<Item = Pair>) -> io::Result<Whole> {
    let refused = |error: StateError| io::Error::new(io::ErrorKind::InvalidInput, error.to_string());
    check_length("note", subject.note.len(), NOTE_BYTES_MAX).map_err(refused)?;
    let mut digest = Sha256::new();
    let mut whole = Whole { count: 0, hash: StateHash::default(), size: 0 };
    let mut put = |bytes: &[u8]| {
        digest.update(bytes);
        whole.size += bytes.len() as u64;
        file.write_all(bytes)
    };
    put(&encode_head(subject))?;
    let mut block = new_block();
    for (key, value) in pairs {
        check_lengths(&key, Some(&value)).map_err(refused)?;
        whole.count += 1;
        whole.hash.add(StateHash::of_pair(&key, &value));
        for part in [&(key.len() as u32).to_be_bytes(), &(value.len() as u32).to_be_bytes(), key.as_ref(), value.as_ref()] {
            block.extend_from_slice(part);
        }
        if block.len() >= BLOCK_BYTES {
            put(&seal_block(&mut block))?;
        }
    }
    if block.len() > PAIR_HEAD_BYTES {
        put(&seal_block(&mut block))?;
    }
    let end = [[0; 4].as_slice(), &whole.count.to_be_bytes(), &whole.hash.to_bytes()].concat();
    put(&end)?;
    file.write_all(&digest.finalize())?;
    whole.size += 32;
    Ok(whole)
}

fn encode_head(subject: &Subject) -> Vec<u8> {
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

/// Room for length and checksum in front.
fn new_block() -> Vec<u8> {
    let mut block = Vec::with_capacity(2 * BLOCK_BYTES);
    block.extend([0; 8]);
    block
}

/// Fills in length and checksum, and leaves a new block.
fn seal_block(block: &mut Vec<u8>) -> Vec<u8> {
    let mut sealed = std::mem::replace(block, new_block());
    let length = ((sealed.len() - 8) as u32).to_be_bytes();
    let crc = block_crc(length, &sealed[8..]).to_be_bytes();
    sealed[..4].copy_from_slice(&length);
    sealed[4..8].copy_from_slice(&crc);
    sealed
}

fn block_crc(length: [u8; 4], block: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new_with_initial(crc32fast::hash(&length));
    crc.update(block);
    crc.finalize()
}

/// The pairs of a snapshot file. The last item is an error unless the whole file is what its end says.
pub(super) struct Pairs {
    path: PathBuf,
    file: BufReader<File>,
    /// Bytes that the file still has.
    left: u64,
    size: u64,
    digest: Sha256,
    block: Bytes,
    count: u64,
    hash: StateHash,
    /// Set at the end.
    pub(super) whole: Option<Whole>,
    failed: bool,
}

impl Pairs {
    /// Reads the head.
    pub(super) fn open(path: &Path) -> Result<(Subject, Pairs), StateError> {
        let file = File::open(path).map_err(StateError::io(path, "open"))?;
        let size = file.metadata().map_err(StateError::io(path, "look at"))?.len();
        let mut pairs = Pairs {
            path: path.to_owned(),
            file: BufReader::with_capacity(BLOCK_BYTES, file),
            left: size,
            size,
            digest: Sha256::new(),
            block: Bytes::new(),
            count: 0,
            hash: StateHash::default(),
            whole: None,
            failed: false,
        };
        Ok((pairs.read_head()?, pairs))
    }

    fn read_head(&mut self) -> Result<Subject, StateError> {
        let magic = self.read_array::<8>()?;
        let format = self.read_array::<4>()?;
        if magic != MAGIC {
            return Err(self.damaged("it does not begin as a snapshot does"));
        }
        if u32::from_be_bytes(format) != FORMAT {
            return Err(StateError::Format { path: self.path.clone(), found: u32::from_be_bytes(format), known: FORMAT });
        }
        let (group, index, note_bytes) = (self.read_array()?, self.read_array()?, self.read_array()?);
        if u32::from_be_bytes(note_bytes) as usize > NOTE_BYTES_MAX {
            return Err(self.damaged("its note is longer than any can be"));
        }
        let note = self.read(u32::from_be_bytes(note_bytes) as usize)?.into();
        let subject = Subject { group: u32::from_be_bytes(group), index: u64::from_be_bytes(index), note };
        let said = self.read_array::<4>()?;
        if encode_head(&subject).ends_with(&said) { Ok(subject) } else { Err(self.damaged("the checksum of its head is wrong")) }
    }

    /// The next pair; none at an end that holds.
    fn read_pair(&mut self) -> Result<Option<Pair>, StateError> {
        if self.block.is_empty() && !self.read_block()? {
            return Ok(None);
        }
        let cut = || self.damaged("a pair goes on behind its block");
        let mut rest = &self.block[..];
        let key_bytes = u32::from_be_bytes(take(&mut rest).ok_or_else(cut)?) as usize;
        let value_bytes = u32::from_be_bytes(take(&mut rest).ok_or_else(cut)?) as usize;
        if key_bytes > KEY_BYTES_MAX || value_bytes > VALUE_BYTES_MAX || rest.len() < key_bytes + value_bytes {
            return Err(cut());
        }
        // A copy: who keeps one pair of many shall not keep the block of them all.
        let mut key = Bytes::copy_from_slice(&rest[..key_bytes + value_bytes]);
        let value = key.split_off(key_bytes);
        let _ = self.block.split_to(PAIR_HEAD_BYTES + key_bytes + value_bytes);
        self.count += 1;
        self.hash.add(StateHash::of_pair(&key, &value));
        Ok(Some((key, value)))
    }

    /// False at the end.
    fn read_block(&mut self) -> Result<bool, StateError> {
        let length = u32::from_be_bytes(self.read_array()?);
        if length == 0 {
            return self.read_end().map(|()| false);
        }
        let crc = u32::from_be_bytes(self.read_array()?);
        if length as usize > BLOCK_BYTES_MAX {
            return Err(self.damaged("a block is longer than any can be"));
        }
        self.block = self.read(length as usize)?.into();
        if block_crc(length.to_be_bytes(), &self.block) == crc {
            Ok(true)
        } else {
            Err(self.damaged("the checksum of a block is wrong"))
        }
    }

    fn read_end(&mut self) -> Result<(), StateError> {
        let end = self.read(8 + StateHash::BYTES)?;
        let digest = self.digest.clone().finalize();
        let said = self.read(digest.len())?;
        if self.left > 0 {
            return Err(self.damaged("there is something behind its end"));
        }
        if said != digest[..] || end != [self.count.to_be_bytes().as_slice(), &self.hash.to_bytes()].concat() {
            return Err(self.damaged("it does not hold what its end says"));
        }
        self.whole = Some(Whole { count: self.count, hash: self.hash, size: self.size });
        Ok(())
    }

    fn read_array<const N: usize>(&mut self) -> Result<[u8; N], StateError> {
        let mut bytes = [0; N];
        bytes.copy_from_slice(&self.read(N)?);
        Ok(bytes)
    }

    /// Nothing is allocated for what the file does not have.
    fn read(&mut self, bytes: usize) -> Result<Vec<u8>, StateError> {
        self.left = self.left.checked_sub(bytes as u64).ok_or_else(|| self.damaged("it ends too early"))?;
        let mut read = vec![0; bytes];
        self.file.read_exact(&mut read).map_err(|cause| match cause.kind() {
            io::ErrorKind::UnexpectedEof => self.damaged("it ends too early"),
            _ => StateError::io(&self.path, "read")(cause),
        })?;
        self.digest.update(&read);
        Ok(read)
    }

    fn damaged(&self, reason: &str) -> StateError {
        StateError::damaged(&self.path, reason)
    }
}

impl Iterator for Pairs {
    type Item = Result<Pair, StateError>;

    fn next(&mut self) -> Option<Result<Pair, StateError>> {
        if self.failed || self.whole.is_some() {
            return None;
        }
        let pair = self.read_pair();
        self.failed = pair.is_err();
        pair.transpose()
    }
}
