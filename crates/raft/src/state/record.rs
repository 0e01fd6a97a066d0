//! One pair as sled keeps it: a chain of chunks, none longer than sled keeps in its pages.
//!
//! The key of a chunk is `r`, group, generation, the first 20 bytes of the SHA-256 of the pair's key, and the chunk's number. The digest instead
//! of the key itself keeps sled's keys short: its inner pages hold up to 256 of them, and a page over 128 KiB would go to a file that is never
//! synced. The pair's key and value follow one another in the chunks. The first chunk has the pair's digest in front, so that a pair can be
//! taken out of the hash without a look at the rest of it, and without 32 bytes of memory for each pair in the store.

use bytes::{Bytes, BytesMut};
use sha2::{Digest, Sha256};

use super::{KEY_BYTES_MAX, Pair, StateHash, VALUE_BYTES_MAX};

/// Bytes of a chunk, at most, with its checksum: 17 of them, the most that are in one page of sled, stay far below 128 KiB.
pub(super) const CHUNK_BYTES_MAX: usize = 4096;

const ID_BYTES: usize = 20;
const CRC_BYTES: usize = 4;
/// Checksum, digest, length of the key (2) and of the value (4).
const FIRST_HEAD_BYTES: usize = CRC_BYTES + StateHash::BYTES + 6;
const FIRST_BODY_MAX: usize = CHUNK_BYTES_MAX - FIRST_HEAD_BYTES;
const REST_BODY_MAX: usize = CHUNK_BYTES_MAX - CRC_BYTES;

const TAG: u8 = b'r';
const PREFIX_BYTES: usize = 9;
/// Bytes of a chunk's key.
const CHUNK_KEY_BYTES: usize = PREFIX_BYTES + ID_BYTES + 4;

/// What the keys of all chunks of a group begin with.
pub(super) fn group_prefix(group: u32) -> [u8; 5] {
    let [a, b, c, d] = group.to_be_bytes();
    [TAG, a, b, c, d]
}

/// Where a pair is.
#[derive(Clone, Copy)]
pub(super) struct Place {
    prefix: [u8; PREFIX_BYTES],
    id: [u8; ID_BYTES],
}

/// What the keys of all chunks of a generation begin with.
pub(super) fn generation_prefix(group: u32, generation: u32) -> [u8; PREFIX_BYTES] {
    let mut prefix = [0; PREFIX_BYTES];
    prefix[..5].copy_from_slice(&group_prefix(group));
    prefix[5..].copy_from_slice(&generation.to_be_bytes());
    prefix
}

/// The generation in the key of a chunk.
pub(super) fn generation_of(chunk_key: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(chunk_key.get(5..PREFIX_BYTES)?.try_into().ok()?))
}

impl Place {
    pub(super) fn of(group: u32, generation: u32, key: &[u8]) -> Place {
        let mut id = [0; ID_BYTES];
        id.copy_from_slice(&Sha256::digest(key)[..ID_BYTES]);
        Place { prefix: generation_prefix(group, generation), id }
    }

    pub(super) fn chunk_key(&self, number: u32) -> [u8; CHUNK_KEY_BYTES] {
        let mut key = [0; CHUNK_KEY_BYTES];
        key[..PREFIX_BYTES].copy_from_slice(&self.prefix);
        key[PREFIX_BYTES..PREFIX_BYTES + ID_BYTES].copy_from_slice(&self.id);
        key[PREFIX_BYTES + ID_BYTES..].copy_from_slice(&number.to_be_bytes());
        key
    }

    fn parse(chunk_key: &[u8]) -> Result<(Place, u32), String> {
        let chunk_key: &[u8; CHUNK_KEY_BYTES] =
            chunk_key.try_into().map_err(|_| format!("a record has a key of {} bytes", chunk_key.len()))?;
        let (mut prefix, mut id, mut number) = ([0; PREFIX_BYTES], [0; ID_BYTES], [0; 4]);
        prefix.copy_from_slice(&chunk_key[..PREFIX_BYTES]);
        id.copy_from_slice(&chunk_key[PREFIX_BYTES..PREFIX_BYTES + ID_BYTES]);
        number.copy_from_slice(&chunk_key[PREFIX_BYTES + ID_BYTES..]);
        Ok((Place { prefix, id }, u32::from_be_bytes(number)))
    }
}

/// The chunks of a pair, in order.
pub(super) fn encode(place: Place, digest: StateHash, key: &[u8], value: &[u8]) -> Vec<([u8; CHUNK_KEY_BYTES], Vec<u8>)> {
    let body = [key, value].concat();
    let (first, rest) = body.split_at(body.len().min(FIRST_BODY_MAX));
    let mut head = Vec::with_capacity(FIRST_HEAD_BYTES - CRC_BYTES + first.len());
    head.extend(digest.to_bytes());
    head.extend((key.len() as u16).to_be_bytes());
    head.extend((value.len() as u32).to_be_bytes());
    head.extend(first);
    let chunks = std::iter::once(head.as_slice()).chain(rest.chunks(REST_BODY_MAX));
    (0..).zip(chunks).map(|(number, bytes)| (place.chunk_key(number), seal(&place.chunk_key(number), bytes))).collect()
}

/// What the first chunk says of the whole.
pub(super) struct First {
    pub(super) digest: StateHash,
    key_bytes: usize,
    value_bytes: usize,
}

impl First {
    /// Reads the first chunk; the rest of its bytes come with it.
    pub(super) fn parse<'a>(chunk_key: &[u8], chunk: &'a [u8]) -> Result<(First, &'a [u8]), String> {
        let bytes = unseal(chunk_key, chunk)?;
        let (head, body) = bytes.split_at_checked(FIRST_HEAD_BYTES - CRC_BYTES).ok_or("a record is too short")?;
        let (digest, lengths) = head.split_at(StateHash::BYTES);
        let digest = StateHash::from_bytes(digest.try_into().map_err(|_| "a record is too short")?);
        let first = First {
            digest,
            key_bytes: usize::from(u16::from_be_bytes([lengths[0], lengths[1]])),
            value_bytes: u32::from_be_bytes([lengths[2], lengths[3], lengths[4], lengths[5]]) as usize,
        };
        if first.key_bytes > KEY_BYTES_MAX || first.value_bytes > VALUE_BYTES_MAX {
            return Err("a record says that it is longer than any can be".to_owned());
        }
        Ok((first, body))
    }

    /// Chunks that the pair has.
    pub(super) fn chunks(&self) -> u32 {
        1 + (self.body_bytes().saturating_sub(FIRST_BODY_MAX)).div_ceil(REST_BODY_MAX) as u32
    }

    fn body_bytes(&self) -> usize {
        self.key_bytes + self.value_bytes
    }
}

/// Puts pairs together from their chunks, in the order of the chunks' keys, and believes none of it unchecked.
#[derive(Default)]
pub(super) struct Assembly {
    begun: Option<Begun>,
}

struct Begun {
    place: Place,
    first: First,
    /// The number of the chunk that has to come now.
    next: u32,
    body: BytesMut,
}

impl Assembly {
    /// Takes the next chunk; gives the pair that it ends.
    pub(super) fn take(&mut self, chunk_key: &[u8], chunk: &[u8]) -> Result<Option<(Pair, StateHash)>, String> {
        let (place, number) = Place::parse(chunk_key)?;
        let mut begun = match self.begun.take() {
            None if number == 0 => {
                let (first, bytes) = First::parse(chunk_key, chunk)?;
                Begun { place, body: start(&first, bytes), first, next: 1 }
            }
            Some(mut begun) if begun.place.id == place.id && begun.next == number => {
                begun.body.extend_from_slice(unseal(chunk_key, chunk)?);
                begun.next += 1;
                begun
            }
            None => return Err(format!("chunk {number} of a record has none before it")),
            Some(begun) => return Err(format!("chunk {} of a record is missing", begun.next)),
        };
        if begun.next < begun.first.chunks() {
            self.begun = Some(begun);
            return Ok(None);
        }
        if begun.body.len() != begun.first.body_bytes() {
            return Err(format!("a record of {} bytes has {}", begun.first.body_bytes(), begun.body.len()));
        }
        let mut key = std::mem::take(&mut begun.body).freeze();
        let value = key.split_off(begun.first.key_bytes);
        finish(&begun, (key, value)).map(Some)
    }

    /// No chunk is left.
    pub(super) fn end(self) -> Result<(), String> {
        self.begun.map_or(Ok(()), |begun| Err(format!("chunk {} of a record is missing", begun.next)))
    }
}

fn start(first: &First, bytes: &[u8]) -> BytesMut {
    let mut body = BytesMut::with_capacity(first.body_bytes());
    body.extend_from_slice(bytes);
    body
}

fn finish(begun: &Begun, (key, value): (Bytes, Bytes)) -> Result<(Pair, StateHash), String> {
    let digest = StateHash::of_pair(&key, &value);
    if Sha256::digest(&key)[..ID_BYTES] != begun.place.id || digest != begun.first.digest {
        return Err("a record is not what its digest says".to_owned());
    }
    Ok(((key, value), digest))
}

/// A checksum in front of the bytes, which covers where they are as well.
pub(super) fn seal(place: &[u8], bytes: &[u8]) -> Vec<u8> {
    let mut sealed = Vec::with_capacity(CRC_BYTES + bytes.len());
    sealed.extend(checksum(place, bytes).to_be_bytes());
    sealed.extend(bytes);
    sealed
}

/// The reverse of [`seal`].
pub(super) fn unseal<'a>(place: &[u8], sealed: &'a [u8]) -> Result<&'a [u8], String> {
    let (crc, bytes) = sealed.split_first_chunk::<CRC_BYTES>().ok_or("a record has no checksum")?;
    if u32::from_be_bytes(*crc) == checksum(place, bytes) {
        Ok(bytes)
    } else {
        Err("the checksum of a record is wrong".to_owned())
    }
}

fn checksum(place: &[u8], bytes: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(place);
    crc.update(bytes);
    crc.finalize()
}
