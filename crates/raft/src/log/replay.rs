//! Reading a whole log, byte by byte, without changing it.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;

use super::error::LogError;
use super::frame::{self, Binding, Frame, Kind};
use super::index::Index;
use super::op::Op;
use super::segment::{self, BadHeader, HEADER_BYTES, Header, Segment};
use super::{LogSettings, frame::HEAD_BYTES};

/// What was read so far. On an error, what was readable before the damage.
pub(super) struct Replay<'a> {
    settings: &'a LogSettings,
    pub index: Index,
    /// Of the frame that must come next; none before the first.
    pub next_frame: Option<u64>,
}

/// The end of an undamaged log.
#[derive(Debug)]
pub(super) struct Tail {
    pub segment: Arc<Segment>,
    /// Where the next frame goes.
    pub end: u64,
    /// Where zeros begin. What is between is a seal, or a frame that was not finished, or both.
    pub rubbish_end: u64,
    pub next_frame: u64,
    /// A segment that was made but never used: the process ended before the one in front of it said that it follows.
    pub unused: Option<u64>,
}

/// A file with its content.
pub(super) struct Loaded {
    pub bytes: Bytes,
    pub segment: Arc<Segment>,
    pub binding: Binding,
}

/// How a segment ends.
enum End {
    Last,
    Open { end: usize, content_end: usize },
}

impl<'a> Replay<'a> {
    pub fn new(settings: &'a LogSettings) -> Self {
        Self { settings, index: Index::default(), next_frame: None }
    }

    pub fn all(&mut self) -> Result<Tail, LogError> {
        let dir = &self.settings.dir;
        let numbers = segment::list(dir)?;
        let (Some(first), Some(last)) = (numbers.first(), numbers.last()) else {
            return Err(LogError::damaged(dir, 0, "there is no segment of a log in this directory"));
        };
        if let Some((_, missing)) = numbers.iter().zip(*first..).find(|(number, expected)| *number != expected) {
            return Err(LogError::damaged(
                &segment::path(dir, missing),
                0,
                "this segment is missing, but there are earlier and later ones",
            ));
        }
        for number in *first..=*last {
            let loaded = Loaded::load(self.settings, number)?;
            match self.segment(&loaded)? {
                End::Last if number == *last => {
                    let missing = segment::path(dir, number + 1);
                    return Err(LogError::damaged(&missing, 0, "this segment is missing; the one before says that it follows"));
                }
                End::Last => {}
                End::Open { end, content_end } => return self.tail(&loaded, end, content_end, *last),
            }
        }
        unreachable!("the last segment ends in one way or the other");
    }

    /// The segment does not say that another one follows.
    fn tail(&self, loaded: &Loaded, end: usize, content_end: usize, last: u64) -> Result<Tail, LogError> {
        let number = loaded.segment.number;
        let unused = match last - number {
            0 => None,
            1 if self.is_unused(number + 1)? => Some(last),
            _ => return Err(loaded.damaged(end, "the last frame is missing; there are later segments")),
        };
        let (end, rubbish_end, next_frame) = (end as u64, content_end.max(end) as u64, self.next_frame.unwrap_or(1));
        Ok(Tail { segment: loaded.segment.clone(), end, rubbish_end, next_frame, unused })
    }

    /// Whether this segment has only its first frame, and that is the one that would come now.
    fn is_unused(&self, number: u64) -> Result<bool, LogError> {
        let loaded = Loaded::load(self.settings, number)?;
        let first = frame::read(&loaded.bytes, HEADER_BYTES, &loaded.binding);
        Ok(first.is_some_and(|first| {
            let follows = self.next_frame.is_some_and(|next| first.number == next + 1);
            follows && frame::content_end(&loaded.bytes) <= first.end
        }))
    }

    fn segment(&mut self, loaded: &Loaded) -> Result<End, LogError> {
        self.index.add_segment(loaded.segment.clone());
        let mut at = self.start(loaded)?;
        while let Some(frame) = frame::read(&loaded.bytes, at, &loaded.binding) {
            self.check_number(loaded, at, &frame)?;
            match frame.kind {
                Kind::Start => return Err(loaded.damaged(at, "a first frame where it cannot be")),
                Kind::Changes => self.changes(loaded, &frame)?,
                Kind::Last => return self.last(loaded, frame.end),
                Kind::Seal => return self.open_end(loaded, at, frame.end),
            }
            at = frame.end;
            self.next_frame = Some(frame.number + 1);
        }
        self.open_end(loaded, at, at)
    }

    /// Reads the first frame, which repeats what is known; if there is nothing yet it is what is known.
    fn start(&mut self, loaded: &Loaded) -> Result<usize, LogError> {
        let frame = frame::read(&loaded.bytes, HEADER_BYTES, &loaded.binding);
        let frame = frame.ok_or_else(|| loaded.damaged(HEADER_BYTES, "the first frame is not valid"))?;
        let ops = loaded.ops(&frame)?;
        if self.next_frame.is_none() {
            self.apply(loaded, &ops, HEADER_BYTES)?;
        } else {
            self.check_number(loaded, HEADER_BYTES, &frame)?;
            if !ops.iter().map(|(_, op)| op).eq(&self.index.start()) {
                return Err(loaded.damaged(HEADER_BYTES, "the first frame contradicts the segments before it"));
            }
        }
        self.next_frame = Some(frame.number + 1);
        Ok(frame.end)
    }

    fn changes(&mut self, loaded: &Loaded, frame: &Frame) -> Result<(), LogError> {
        let ops = loaded.ops(frame)?;
        self.apply(loaded, &ops, frame.body.start - HEAD_BYTES)
    }

    fn apply(&mut self, loaded: &Loaded, ops: &[(u32, Op)], frame: usize) -> Result<(), LogError> {
        for (offset, op) in ops {
            let applied = self.index.apply(op, loaded.segment.number, *offset);
            applied.map_err(|gap| loaded.damaged(frame, format!("group {}: {gap}", op.group())))?;
        }
        Ok(())
    }

    fn check_number(&self, loaded: &Loaded, at: usize, frame: &Frame) -> Result<(), LogError> {
        match self.next_frame {
            Some(next) if next != frame.number => {
                Err(loaded.damaged(at, format!("this is frame {}, but frame {next} must come here", frame.number)))
            }
            _ => Ok(()),
        }
    }

    fn last(&mut self, loaded: &Loaded, end: usize) -> Result<End, LogError> {
        self.next_frame = self.next_frame.map(|next| next + 1);
        if frame::content_end(&loaded.bytes) > end {
            return Err(loaded.damaged(end, "there is something behind the last frame"));
        }
        Ok(End::Last)
    }

    /// Behind the last valid frame, or behind the seal, there may be one that was not finished, but nothing that is later than that.
    fn open_end(&self, loaded: &Loaded, end: usize, behind: usize) -> Result<End, LogError> {
        let content_end = frame::content_end(&loaded.bytes);
        let next = self.next_frame.unwrap_or(1);
        let later = next..=next.saturating_add((loaded.bytes.len() / HEAD_BYTES) as u64);
        if content_end > behind
            && let Some((later, frame)) = frame::find(&loaded.bytes, behind, later, &loaded.binding)
        {
            let reason = format!("frame {next} is not valid, but frame {} at byte {later} is", frame.number);
            return Err(loaded.damaged(behind, reason));
        }
        Ok(End::Open { end, content_end })
    }
}

impl Loaded {
    pub fn load(settings: &LogSettings, number: u64) -> Result<Self, LogError> {
        let path = segment::path(&settings.dir, number);
        let (file, bytes) = read_file(&path)?;
        match Header::read(&bytes, number, &settings.storage) {
            Ok(header) => {
                Self::new(settings, Segment { number, size: header.size, path, file }, bytes).beginning_with(header.first_frame)
            }
            Err(BadHeader::Damaged(reason)) => Err(LogError::damaged(&path, 0, reason)),
            Err(BadHeader::Foreign) => Err(LogError::damaged(&path, 0, segment::FOREIGN)),
        }
    }

    pub fn new(settings: &LogSettings, segment: Segment, bytes: Bytes) -> Self {
        let binding = Binding::new(&settings.storage, segment.number);
        Self { bytes, segment: Arc::new(segment), binding }
    }

    fn beginning_with(self, number: u64) -> Result<Self, LogError> {
        match frame::read(&self.bytes, HEADER_BYTES, &self.binding) {
            Some(first) if first.kind == Kind::Start && first.number == number => Ok(self),
            _ => Err(self.damaged(HEADER_BYTES, "the first frame is not what the header says")),
        }
    }

    /// The ops of a frame, each with its offset in the segment.
    pub fn ops(&self, frame: &Frame) -> Result<Vec<(u32, Op)>, LogError> {
        let mut body = self.bytes.slice(frame.body.clone());
        let mut ops = Vec::new();
        while !body.is_empty() {
            let offset = frame.body.end - body.len();
            let op = Op::read(&mut body).ok_or_else(|| self.damaged(offset, "this is no change that this program knows"))?;
            ops.push((offset as u32, op));
        }
        Ok(ops)
    }

    fn damaged(&self, offset: usize, reason: impl Into<String>) -> LogError {
        LogError::damaged(&self.segment.path, offset as u64, reason)
    }
}

/// A file and all that is in it.
pub(super) fn read_file(path: &PathBuf) -> Result<(File, Bytes), LogError> {
    let file = File::options().read(true).write(true).open(path).map_err(LogError::io(path, "open"))?;
    let bytes = std::fs::read(path).map_err(LogError::io(path, "read"))?;
    Ok((file, bytes.into()))
}
