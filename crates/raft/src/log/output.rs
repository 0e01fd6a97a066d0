//! The end of the log, where frames are added.

use std::sync::Arc;

use super::LogSettings;
use super::error::LogError;
use super::frame::{self, Binding, Kind};
use super::op::Op;
use super::segment::{HEADER_BYTES, Header, Segment};

/// Kept free at the end of a segment, for the frame that says that another one follows. A seal is as long.
const LAST_BYTES: u64 = frame::HEAD_BYTES as u64;

/// The segment that is written to. Only one frame is ever written and not synced, beside a seal.
pub(super) struct Output {
    settings: LogSettings,
    segment: Arc<Segment>,
    binding: Binding,
    end: u64,
    next_frame: u64,
}

/// A segment that is yet to be made.
pub(super) struct Plan {
    pub number: u64,
    pub first_frame: u64,
    /// What its first frame says.
    pub start: Vec<Op>,
    /// Bytes of frames that must fit behind that.
    pub room: u64,
}

impl Output {
    pub fn new(settings: &LogSettings, segment: Arc<Segment>, end: u64, next_frame: u64) -> Self {
        let binding = Binding::new(&settings.storage, segment.number);
        Self { settings: settings.clone(), segment, binding, end, next_frame }
    }

    /// Of a log that is being made.
    pub fn first(settings: &LogSettings) -> Result<Self, LogError> {
        let plan = Plan { number: 1, first_frame: 1, start: Vec::new(), room: 0 };
        let (segment, end) = plan.make(settings)?;
        Ok(Self::new(settings, Arc::new(segment), end, 2))
    }

    pub fn segment(&self) -> &Arc<Segment> {
        &self.segment
    }

    /// The number of the last frame.
    pub fn synced(&self) -> u64 {
        self.next_frame - 1
    }

    /// Whether a frame of this length can be added to this segment.
    pub fn fits(&self, length: usize) -> bool {
        self.end + frame::padded(length) as u64 + LAST_BYTES <= self.segment.size
    }

    /// Completes a frame, writes it behind the last one, over the seal, and syncs it. Gives its offset.
    pub fn put(&mut self, kind: Kind, buffer: &mut Vec<u8>) -> Result<u64, LogError> {
        frame::finish(buffer, kind, self.next_frame, &self.binding);
        let offset = self.end;
        self.segment.write(buffer, offset)?;
        self.segment.sync()?;
        self.end += buffer.len() as u64;
        self.next_frame += 1;
        Ok(offset)
    }

    /// Says behind the last frame that everything was synced. It must be true.
    ///
    /// So, as long as only the process ends and not the machine, whatever is damaged has something valid behind it and cannot pass for the
    /// beginning of a frame that was never finished.
    pub fn seal(&self) -> Result<(), LogError> {
        self.segment.write(&frame::bare(Kind::Seal, self.next_frame, &self.binding), self.end)
    }

    /// Goes on in a new segment. It is on disk before the old one says that it follows, so one that is missing is always noticed.
    pub fn roll(&mut self, start: Vec<Op>, room: usize) -> Result<(), LogError> {
        let number = self.segment.number + 1;
        let plan = Plan { number, first_frame: self.next_frame + 1, start, room: frame::padded(room) as u64 };
        let (segment, end) = plan.make(&self.settings)?;
        self.put(Kind::Last, &mut vec![0; frame::HEAD_BYTES])?;
        self.segment = Arc::new(segment);
        self.binding = Binding::new(&self.settings.storage, number);
        self.end = end;
        self.next_frame += 1;
        Ok(())
    }
}

impl Plan {
    /// Makes it, and says where its second frame goes.
    pub fn make(&self, settings: &LogSettings) -> Result<(Segment, u64), LogError> {
        self.make_with(settings, Vec::new())
    }

    /// With frames behind the first one.
    pub fn make_with(&self, settings: &LogSettings, frames: Vec<u8>) -> Result<(Segment, u64), LogError> {
        let mut content = self.start(&Binding::new(&settings.storage, self.number));
        // At least half of what it has room for is for other things than its own first frame.
        let least = HEADER_BYTES as u64 + 2 * content.len() as u64 + frames.len() as u64 + self.room + LAST_BYTES;
        let size = settings.segment_bytes.max(least);
        if size > u64::from(u32::MAX) {
            return Err(LogError::TooLong { what: "a segment", bytes: size as usize, max: u32::MAX as usize });
        }
        content.extend(frames);
        let end = HEADER_BYTES as u64 + content.len() as u64;
        let header = Header { number: self.number, first_frame: self.first_frame, size, storage: settings.storage };
        Ok((Segment::create(&settings.dir, &header, &content)?, end))
    }

    fn start(&self, binding: &Binding) -> Vec<u8> {
        let mut buffer = Vec::new();
        frame::begin(&mut buffer);
        self.start.iter().for_each(|op| op.write(&mut buffer));
        frame::finish(&mut buffer, Kind::Start, self.first_frame, binding);
        buffer
    }
}
