//! Everything that writes the database goes through here, one at a time.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use sled::Batch;

use super::database::Database;
use super::head::{self, Head};
use super::record::{First, Place, encode, generation_prefix};
use super::saves::Saves;
use super::{Change, StateError, StateHash};

/// Keys removed in one batch when a generation goes.
const SWEEP_KEYS: usize = 1000;

/// The database, and what has to be known of it to write it.
pub(super) struct Writer {
    pub(super) database: Database,
    saves: Saves,
    /// How often the database was written.
    count: u64,
    heads: BTreeMap<u32, Head>,
    /// Higher than any that has records.
    next_generation: u32,
}

impl Writer {
    /// Reads the heads of all groups and removes what is on its way out.
    pub(super) fn new(database: Database, saves: Saves, count: u64) -> Result<Writer, StateError> {
        let mut heads = BTreeMap::new();
        for record in database.scan(head::HEAD_TAG)? {
            let (key, value) = record?;
            let (group, head) = Head::parse(database.path(), &key, &value)?;
            heads.insert(group, head);
        }
        let mut marks = Vec::new();
        for mark in database.scan(head::SWEEP_TAG)? {
            let (key, value) = mark?;
            marks.push(head::parse_sweep(database.path(), &key, &value)?);
        }
        let generations = heads.values().map(|head| head.generation).chain(marks.iter().map(|(_, generation)| *generation));
        let next_generation = generations.max().map_or(1, |last| last.saturating_add(1));
        let mut writer = Writer { database, saves, count, heads, next_generation };
        for (group, generation) in marks {
            while writer.sweep(group, generation)? {}
        }
        writer.sync()?;
        Ok(writer)
    }

    pub(super) fn head(&self, group: u32) -> Option<&Head> {
        self.heads.get(&group)
    }

    pub(super) fn heads(&self) -> &BTreeMap<u32, Head> {
        &self.heads
    }

    /// Writes a checkpoint, in one batch, and not synced.
    pub(super) fn save(&mut self, group: u32, index: u64, note: Bytes, changes: Vec<Change>) -> Result<(), StateError> {
        let mut head = match self.heads.get(&group) {
            Some(head) => head.clone(),
            None => Head::empty(self.new_generation()),
        };
        (head.index, head.note) = (index, note);
        let mut batch = Batch::default();
        // Of two changes of one key only the last counts.
        let changes: HashMap<Bytes, Option<Bytes>> = changes.into_iter().collect();
        for (key, value) in changes {
            self.change(&mut batch, group, &mut head, &key, value.as_deref())?;
        }
        self.write_head(batch, group, head)
    }

    /// Adds records to a generation that is not yet a group's. A key that is there already is an error.
    pub(super) fn fill(&mut self, group: u32, head: &mut Head, pairs: &HashMap<Bytes, Bytes>) -> Result<(), StateError> {
        let mut batch = Batch::default();
        for (key, value) in pairs {
            if self.change(&mut batch, group, head, key, Some(value))? {
                return Err(StateError::refused("it has a key twice"));
            }
        }
        self.write(batch)
    }

    /// Marks a new generation, whose records go at the next start unless it is made the group's before.
    pub(super) fn begin(&mut self, group: u32) -> Result<u32, StateError> {
        let generation = self.new_generation();
        let mut batch = Batch::default();
        mark(&mut batch, group, generation);
        self.write(batch)?;
        Ok(generation)
    }

    /// Makes this the group's head, and the old one's records such that have to go; gives their generation.
    pub(super) fn switch(&mut self, group: u32, head: Head) -> Result<Option<u32>, StateError> {
        let mut batch = Batch::default();
        batch.remove(head::sweep_key(group, head.generation));
        let old = self.heads.get(&group).map(|old| old.generation);
        if let Some(old) = old {
            mark(&mut batch, group, old);
        }
        self.write_head(batch, group, head)?;
        Ok(old)
    }

    /// Removes a group's head, and makes its records such that have to go; gives their generation.
    pub(super) fn forget(&mut self, group: u32) -> Result<Option<u32>, StateError> {
        let Some(old) = self.heads.remove(&group) else { return Ok(None) };
        let mut batch = Batch::default();
        batch.remove(Head::key(group));
        mark(&mut batch, group, old.generation);
        self.write(batch)?;
        Ok(Some(old.generation))
    }

    /// Removes some records of a marked generation; false when none is left, and the mark is gone too.
    pub(super) fn sweep(&mut self, group: u32, generation: u32) -> Result<bool, StateError> {
        let mut batch = Batch::default();
        let mut found = 0;
        for record in self.database.scan(&generation_prefix(group, generation))?.take(SWEEP_KEYS) {
            batch.remove(record?.0);
            found += 1;
        }
        if found == 0 {
            batch.remove(head::sweep_key(group, generation));
        }
        self.write(batch)?;
        Ok(found > 0)
    }

    /// When this returns, the disk has everything that was written, and then the count of it.
    pub(super) fn sync(&self) -> Result<(), StateError> {
        self.database.sync()?;
        self.saves.write(self.count)
    }

    /// Puts one change into the batch and takes it into the head's count and hash; tells if the key was there.
    fn change(
        &self,
        batch: &mut Batch,
        group: u32,
        head: &mut Head,
        key: &[u8],
        value: Option<&[u8]>,
    ) -> Result<bool, StateError> {
        let place = Place::of(group, head.generation, key);
        let old = self.first(place)?;
        let new = value.map(|value| (StateHash::of_pair(key, value), value));
        if let (Some(old), Some((digest, _))) = (&old, &new)
            && old.digest == *digest
        {
            return Ok(true);
        }
        let mut chunks = 0;
        if let Some((digest, value)) = new {
            for (key, chunk) in encode(place, digest, key, value) {
                batch.insert(key.as_slice(), chunk);
                chunks += 1;
            }
            head.hash.add(digest);
            head.count += 1;
        }
        if let Some(old) = &old {
            (chunks..old.chunks()).for_each(|number| batch.remove(place.chunk_key(number).as_slice()));
            head.hash.subtract(old.digest);
            head.count = head.count.checked_sub(1).ok_or_else(|| self.damaged("a group has more pairs than its head says"))?;
        }
        Ok(old.is_some())
    }

    fn first(&self, place: Place) -> Result<Option<First>, StateError> {
        let key = place.chunk_key(0);
        let Some(chunk) = self.database.get(&key)? else { return Ok(None) };
        First::parse(&key, &chunk).map(|(first, _)| Some(first)).map_err(|reason| self.damaged(&reason))
    }

    fn damaged(&self, reason: &str) -> StateError {
        StateError::damaged(self.database.path(), reason)
    }

    fn new_generation(&mut self) -> u32 {
        let generation = self.next_generation;
        self.next_generation = generation.saturating_add(1);
        generation
    }

    fn write_head(&mut self, mut batch: Batch, group: u32, head: Head) -> Result<(), StateError> {
        batch.insert(Head::key(group), head.encode(group));
        self.write(batch)?;
        self.heads.insert(group, head);
        Ok(())
    }

    fn write(&mut self, mut batch: Batch) -> Result<(), StateError> {
        self.count += 1;
        let (key, value) = head::encode_saves(self.count);
        batch.insert(key, value);
        self.database.write(batch)
    }
}

fn mark(batch: &mut Batch, group: u32, generation: u32) {
    let key = head::sweep_key(group, generation);
    let value = super::record::seal(&key, &[]);
    batch.insert(key, value);
}
