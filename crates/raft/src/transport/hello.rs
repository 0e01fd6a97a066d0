//! What nodes say first, and the rules by which one lets another in.

use std::io;

use prost::Message;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::Remembered;
use super::identity;
use super::refusal::Refusal;
use crate::NodeId;
use crate::wire::Hello;

/// Version of everything that nodes say to each other. Another one is refused.
pub(super) const PROTOCOL: u32 = 1;

/// Bytes of a greeting: names and numbers, and a sentence.
const FRAME_BYTES_MAX: u32 = 4096;

/// Why a node is not among the peers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Absence {
    /// It may be a member that is not known here so far.
    Unknown,
    /// It was a member, or was invited, and is no more: no number is given twice.
    Removed,
}

impl Absence {
    pub fn refusal(self, node: NodeId) -> Refusal {
        match self {
            Self::Unknown => Refusal::NotAMember(node),
            Self::Removed => Refusal::Removed(node),
        }
    }
}

/// What is known about a greeting without having read it: who we are, and what we know of the node it names.
#[derive(Debug, Clone)]
pub(super) struct Expected<'a> {
    pub cluster: &'a str,
    pub us: NodeId,
    /// Whom we called, if it was we who called.
    pub dialled: Option<NodeId>,
    /// Its certificate says that it is the node that it claims to be.
    pub certified: bool,
    /// It is no peer.
    pub absent: Option<Absence>,
    pub remembered: Option<Remembered>,
}

/// The rules, in this order. Returns what is to be remembered of the node.
pub(super) fn check(hello: &Hello, expected: &Expected<'_>) -> Result<Remembered, Refusal> {
    let node = NodeId(hello.node);
    if hello.protocol != PROTOCOL {
        return Err(Refusal::Protocol { node, theirs: hello.protocol, ours: PROTOCOL });
    }
    if hello.cluster != expected.cluster {
        return Err(Refusal::Cluster { node, theirs: hello.cluster.clone(), ours: expected.cluster.to_owned() });
    }
    if hello.to != expected.us.0 {
        return Err(Refusal::NotUs { node, to: NodeId(hello.to), us: expected.us });
    }
    if let Some(dialled) = expected.dialled.filter(|dialled| *dialled != node) {
        return Err(Refusal::OtherNode { node, dialled });
    }
    if !expected.certified {
        return Err(Refusal::Certificate { node, name: identity::name(expected.cluster, node) });
    }
    if let Some(absence) = expected.absent {
        return Err(absence.refusal(node));
    }
    let now = read(hello)?;
    match &expected.remembered {
        None => Ok(now),
        Some(before) => same(node, before, now),
    }
}

/// Whether it is still the one that it was.
fn same(node: NodeId, before: &Remembered, now: Remembered) -> Result<Remembered, Refusal> {
    if now.storage != before.storage {
        return Err(Refusal::Storage { node, theirs: hex(&now.storage), ours: hex(&before.storage) });
    }
    if now.incarnation < before.incarnation {
        return Err(Refusal::Incarnation { node, theirs: now.incarnation, ours: before.incarnation });
    }
    if now.incarnation == before.incarnation {
        if now.life != before.life {
            return Err(Refusal::Life { node, incarnation: now.incarnation });
        }
        // The same life forgets nothing. Its answers on another connection may have overtaken this greeting.
        return Ok(Remembered { synced: now.synced.max(before.synced), ..now });
    }
    if now.synced < before.synced {
        return Err(Refusal::Synced { node, theirs: now.synced, ours: before.synced });
    }
    Ok(now)
}

fn read(hello: &Hello) -> Result<Remembered, Refusal> {
    let sixteen = |what: &str, bytes: &[u8]| {
        <[u8; 16]>::try_from(bytes).map_err(|_| Refusal::Malformed(format!("{what} of {} bytes instead of 16", bytes.len())))
    };
    if hello.incarnation == 0 {
        return Err(Refusal::Malformed("starts are counted from 1, not 0".to_owned()));
    }
    let (storage, life) = (sixteen("a storage", &hello.storage)?, sixteen("a life", &hello.life)?);
    Ok(Remembered { storage, incarnation: hello.incarnation, life, synced: hello.synced })
}

fn hex(bytes: &[u8; 16]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Four bytes of length (big-endian), then the message.
pub(super) async fn write_frame(stream: &mut (impl AsyncWrite + Unpin), message: &impl Message) -> io::Result<()> {
    let body = message.encode_to_vec();
    let length = u32::try_from(body.len()).ok().filter(|length| *length <= FRAME_BYTES_MAX);
    let length = length.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "a greeting of more than 4 KiB"))?;
    let mut frame = length.to_be_bytes().to_vec();
    frame.extend_from_slice(&body);
    stream.write_all(&frame).await?;
    stream.flush().await
}

/// The same, read. Not a byte more: HTTP/2 begins behind it. What is not a greeting is [`io::ErrorKind::InvalidData`].
pub(super) async fn read_frame<M: Message + Default>(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<M> {
    let length = stream.read_u32().await?;
    if length > FRAME_BYTES_MAX {
        let reason = format!("it says to be {length} bytes long, and {FRAME_BYTES_MAX} are allowed");
        return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
    }
    let mut body = vec![0; length as usize];
    stream.read_exact(&mut body).await?;
    M::decode(&*body).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}
