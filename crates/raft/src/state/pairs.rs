//! Reading a snapshot file: pair by pair, and nothing of it believed before its checksum.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::block::{BLOCK_BYTES, BLOCK_BYTES_MAX, FORMAT, MAGIC, PAIR_HEAD_BYTES, Subject, Whole, block_crc, encode_head};
use super::head::take;
use super::{KEY_BYTES_MAX, NOTE_BYTES_MAX, Pair, StateError, StateHash, VALUE_BYTES_MAX};

/// The pairs of a snapshot file. The last item is an error unless the whole file is what its end says.
pub(super) struct Pairs {
    path: PathBuf,
    file: BufReader<At>,
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
    /// Reads the head. The path is for errors.
    pub(super) fn open(path: &Path, file: &Arc<File>) -> Result<(Subject, Pairs), StateError> {
        let size = file.metadata().map_err(StateError::io(path, "look at"))?.len();
        let mut pairs = Pairs {
            path: path.to_owned(),
            file: BufReader::with_capacity(BLOCK_BYTES, At { file: file.clone(), offset: 0 }),
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

/// A place in a file that others read too.
struct At {
    file: Arc<File>,
    offset: u64,
}

impl Read for At {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(bytes, self.offset)?;
        self.offset += read as u64;
        Ok(read)
    }
}
