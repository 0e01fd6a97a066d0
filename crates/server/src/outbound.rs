//! What is on its way to one session: a bounded queue of shared bytes, drained by vectored writes of everything ready.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::{Buf, Bytes};
use conclave_xmpp::Encoded;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::time::Instant;

/// Slices of one write, at most (Linux takes 1024).
const SLICES_MAX: usize = 1020;

/// Bytes after which a batch is full. More at once gains nothing, and what is begun must be finished before a stream can end.
const BATCH_BYTES_MAX: usize = 128 * 1024;

/// One thing to be written.
#[derive(Clone, Debug)]
pub enum Outgoing {
    /// A stanza for this very session; its JID is spliced in.
    Stanza(Encoded),
    /// Bytes as they are.
    Whole(Bytes),
}

/// How much may wait for a session that does not read.
#[derive(Clone, Copy, Debug)]
pub struct OutboundLimits {
    /// Bytes.
    pub bytes_max: usize,
    /// Stanzas.
    pub stanzas_max: usize,
}

/// How long a session above its limits may take nothing at all until it counts as one that does not read. One room's history, or one long
/// list, may be more than the limits before the first byte of it can be written.
const STALL_MAX: Duration = Duration::from_secs(2);

/// However well a session reads, so many times its limits never wait for it.
const BURST_FACTOR: usize = 8;

/// The end that everybody holds who sends to the session.
#[derive(Debug)]
pub struct Outbound {
    queue: UnboundedSender<Outgoing>,
    limits: OutboundLimits,
    bytes: AtomicUsize,
    stanzas: AtomicUsize,
    /// When something was last written, or began to wait; in milliseconds from `start`.
    moved: AtomicU64,
    start: Instant,
    /// Length of the session's escaped JID.
    to_len: usize,
}

/// The queue is full: the session reads too slowly to be kept.
#[derive(Debug, PartialEq, Eq)]
pub struct Full;

impl Outbound {
    /// A queue for a session whose escaped JID has `to_len` bytes.
    pub fn new(limits: OutboundLimits, to_len: usize) -> (Outbound, Inflow) {
        // Bounded by `push`, in bytes and in stanzas.
        let (queue, receiver) = mpsc::unbounded_channel();
        let (bytes, stanzas, moved) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicU64::new(0));
        let outbound = Outbound { queue, limits, bytes, stanzas, moved, start: Instant::now(), to_len };
        (outbound, Inflow { receiver, taken: VecDeque::new() })
    }

    /// Queues, never blocks.
    pub fn push(&self, outgoing: Outgoing) -> Result<(), Full> {
        let length = self.length(&outgoing);
        let before = self.bytes.fetch_add(length, Ordering::Relaxed);
        let stanzas = self.stanzas.fetch_add(1, Ordering::Relaxed) + 1;
        if before == 0 {
            self.note_movement();
        }
        if self.is_full(before + length, stanzas) {
            return Err(Full);
        }
        // A closed queue belongs to a connection that is gone.
        let _ = self.queue.send(outgoing);
        Ok(())
    }

    /// Whether the session is behind so far that what can be refused should be.
    pub fn is_crowded(&self) -> bool {
        let OutboundLimits { bytes_max, stanzas_max } = self.limits;
        self.bytes.load(Ordering::Relaxed) > bytes_max / 2 || self.stanzas.load(Ordering::Relaxed) > stanzas_max / 2
    }

    fn is_full(&self, bytes: usize, stanzas: usize) -> bool {
        let OutboundLimits { bytes_max, stanzas_max } = self.limits;
        if bytes <= bytes_max && stanzas <= stanzas_max {
            return false;
        }
        bytes / BURST_FACTOR > bytes_max || stanzas / BURST_FACTOR > stanzas_max || self.unmoved() > STALL_MAX
    }

    /// How long what waits has waited without anything being written.
    fn unmoved(&self) -> Duration {
        self.start.elapsed().saturating_sub(Duration::from_millis(self.moved.load(Ordering::Relaxed)))
    }

    fn note_movement(&self) {
        let now = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.moved.store(now, Ordering::Relaxed);
    }

    fn length(&self, outgoing: &Outgoing) -> usize {
        match outgoing {
            Outgoing::Stanza(encoded) => encoded.len_with(self.to_len),
            Outgoing::Whole(bytes) => bytes.len(),
        }
    }

    /// What was taken is written.
    pub fn written(&self, batch: &Batch) {
        self.bytes.fetch_sub(batch.bytes, Ordering::Relaxed);
        self.stanzas.fetch_sub(batch.stanzas, Ordering::Relaxed);
        self.note_movement();
    }

    /// What waits and was taken, as a batch of slices; what is more than one batch stays for the next.
    pub fn batch(&self, inflow: &mut Inflow, to: &Bytes) -> Batch {
        let mut batch = Batch::default();
        while batch.bytes < BATCH_BYTES_MAX && batch.slices.len() + 3 <= SLICES_MAX {
            let Some(outgoing) = inflow.taken.pop_front() else { break };
            batch.bytes += self.length(&outgoing);
            batch.stanzas += 1;
            batch.push(outgoing, to);
        }
        batch
    }
}

/// The end that the connection holds.
#[derive(Debug)]
pub struct Inflow {
    receiver: UnboundedReceiver<Outgoing>,
    taken: VecDeque<Outgoing>,
}

impl Inflow {
    /// All that is left, and whatever still comes; nothing comes here any more.
    pub fn take(&mut self) -> Inflow {
        let (_, closed) = mpsc::unbounded_channel();
        std::mem::replace(self, Inflow { receiver: closed, taken: VecDeque::new() })
    }

    /// The stanzas in it that some user sent to this very session.
    pub fn stanzas_of_users(mut self) -> impl Iterator<Item = Bytes> {
        let rest = std::iter::from_fn(move || self.receiver.try_recv().ok());
        self.taken.into_iter().chain(rest).filter_map(|outgoing| match outgoing {
            Outgoing::Whole(stanza) => Some(stanza),
            Outgoing::Stanza(_) => None,
        })
    }

    /// Waits until something is to be written. Cancel-safe.
    pub async fn ready(&mut self) {
        if self.taken.is_empty() {
            self.taken.extend(self.receiver.recv().await);
        }
        self.take_ready();
    }

    /// Takes what there is now, up to one write's worth; whether there is anything.
    pub fn take_ready(&mut self) -> bool {
        while self.taken.len() < SLICES_MAX / 3 {
            match self.receiver.try_recv() {
                Ok(outgoing) => self.taken.push_back(outgoing),
                Err(_) => break,
            }
        }
        !self.taken.is_empty()
    }

    /// Gives back what a burst took, so that an idle session is small.
    pub fn shrink(&mut self) {
        if self.taken.is_empty() {
            self.taken = VecDeque::new();
        }
    }
}

/// Slices that go out in as few writes as possible.
#[derive(Debug, Default)]
pub struct Batch {
    slices: VecDeque<Bytes>,
    bytes: usize,
    stanzas: usize,
}

impl Batch {
    fn push(&mut self, outgoing: Outgoing, to: &Bytes) {
        match outgoing {
            Outgoing::Whole(bytes) => self.slices.push_back(bytes),
            Outgoing::Stanza(Encoded { name, rest }) => {
                self.slices.extend([Bytes::from_static(name.head()), to.clone(), rest]);
            }
        }
    }

    /// Writes what is left; on cancellation it knows how far it came.
    pub async fn write<W: AsyncWrite + Unpin>(&mut self, io: &mut W) -> std::io::Result<()> {
        while !self.slices.is_empty() {
            let written = {
                let mut slices = Vec::with_capacity(self.slices.len().min(SLICES_MAX));
                slices.extend(self.slices.iter().take(SLICES_MAX).map(|bytes| IoSlice::new(bytes)));
                io.write_vectored(&slices).await?
            };
            if written == 0 {
                return Err(std::io::ErrorKind::WriteZero.into());
            }
            self.advance(written);
        }
        io.flush().await
    }

    fn advance(&mut self, mut written: usize) {
        while let Some(first) = self.slices.front_mut() {
            if written < first.len() {
                first.advance(written);
                return;
            }
            written -= first.len();
            self.slices.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use conclave_xmpp::{StanzaName, StanzaWriter};

    use super::*;

    const LIMITS: OutboundLimits = OutboundLimits { bytes_max: 200, stanzas_max: 3 };

    #[tokio::test]
    async fn everything_ready_goes_out_with_the_receiver_spliced_in() {
        let (outbound, mut inflow) = Outbound::new(LIMITS, 3);
        let stanza = StanzaWriter::new(StanzaName::Message).attribute("id", "1").finish();
        outbound.push(Outgoing::Stanza(stanza)).unwrap();
        outbound.push(Outgoing::Whole(Bytes::from_static(b"<a/>"))).unwrap();
        inflow.ready().await;
        let mut batch = outbound.batch(&mut inflow, &Bytes::from_static(b"a@b"));
        let mut out = Vec::new();
        batch.write(&mut out).await.unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "<message to='a@b' id='1'/><a/>");
        outbound.written(&batch);
        assert_eq!((outbound.bytes.into_inner(), outbound.stanzas.into_inner()), (0, 0));
    }

    #[tokio::test]
    async fn a_write_that_stops_anywhere_goes_on_there() {
        for at in 1..30 {
            let (outbound, mut inflow) = Outbound::new(LIMITS, 3);
            let stanza = StanzaWriter::new(StanzaName::Iq).attribute("id", "12").finish();
            outbound.push(Outgoing::Stanza(stanza)).unwrap();
            inflow.ready().await;
            let mut batch = outbound.batch(&mut inflow, &Bytes::from_static(b"a@b"));
            let whole: Vec<u8> = batch.slices.iter().flatten().copied().collect();
            batch.advance(at.min(whole.len()));
            let rest: Vec<u8> = batch.slices.iter().flatten().copied().collect();
            assert_eq!(rest, whole[at.min(whole.len())..]);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_queue_is_full_when_nothing_moves_or_when_it_is_far_too_much() {
        let bytes = |n| Outgoing::Whole(Bytes::from(vec![b' '; n]));
        let (outbound, mut inflow) = Outbound::new(LIMITS, 3);
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!((outbound.push(bytes(150)), outbound.push(bytes(51))), (Ok(()), Ok(())), "a burst may pass the limit");
        assert!(outbound.is_crowded());
        tokio::time::advance(STALL_MAX + Duration::from_millis(1)).await;
        assert_eq!(outbound.push(bytes(1)), Err(Full), "but must be read");
        inflow.ready().await;
        outbound.written(&outbound.batch(&mut inflow, &Bytes::new()));
        assert_eq!(outbound.push(bytes(150)), Ok(()), "whoever reads is let off");
        assert_eq!(outbound.push(bytes(BURST_FACTOR * 200)), Err(Full), "to a point");
        let (outbound, _inflow) = Outbound::new(LIMITS, 3);
        let accepted = (0..100).filter(|_| outbound.push(bytes(1)).is_ok()).count();
        assert_eq!(accepted, LIMITS.stanzas_max * BURST_FACTOR + BURST_FACTOR - 1, "stanzas have their limit, too");
    }
}
