//! The greetings on a connection, seen from both its ends: behind TLS, in front of HTTP/2.
//!
//! ```text
//! who connected          who listens
//!      Hello      ---->
//!                 <----  Answer: a welcome with a Hello, or a refusal
//!      Answer     ---->                                        and then HTTP/2, if both welcome each other
//! ```

use std::io;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};

use super::Remembered;
use super::hello::{Absence, Expected, read_frame, write_frame};
use super::identity::says;
use super::local::Local;
use super::peer::Peer;
use super::peers::Peers;
use super::refusal::Refusal;
use super::socket::is_broken;
use crate::NodeId;
use crate::wire::{Answer, Hello};

/// Why there is no connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// Nothing listens there.
    NobodyThere(String),
    /// It was closed or reset before the greetings were over.
    Broke(String),
    /// One of the two does not want to talk to the other.
    Refused(String),
    Other(String),
}

impl Failure {
    pub fn text(&self) -> &str {
        let (Self::NobodyThere(text) | Self::Broke(text) | Self::Refused(text) | Self::Other(text)) = self;
        text
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            // With TLS 1.3 the one who connects hears of it only behind his handshake.
            Some(rustls::Error::AlertReceived(alert)) => {
                return Self::Refused(format!(
                    "the other side does not accept this node's certificate, or it is no node (TLS alert {alert:?}): are both of the same authority, and valid?"
                ));
            }
            Some(reason) => return Self::Refused(format!("it cannot be proven who is there: {reason}")),
            None => {}
        }
        if is_broken(&error) {
            return Self::Broke(format!("the connection broke before the greetings were over: {error}"));
        }
        match error.kind() {
            io::ErrorKind::InvalidData => Self::Refused(Refusal::Malformed(error.to_string()).to_string()),
            _ => Self::Other(format!("the greetings failed: {error}")),
        }
    }
}

/// Greets the node that we called.
pub(super) async fn greet<S>(
    local: &Local,
    node: NodeId,
    stream: &mut S,
    shown: &[CertificateDer<'_>],
) -> Result<Remembered, Failure>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    write_frame(stream, &local.hello(node)).await?;
    let answer: Answer = read_frame(stream).await?;
    let hello = answered(local, node, answer)?;
    let hello = hello.ok_or_else(|| Failure::Refused(Refusal::Malformed("a welcome without a hello".to_owned()).to_string()))?;
    match local.acquaintances.admit(&hello, expected(local, &hello, Some(node), None, shown)).await {
        Ok(peer) => {
            write_frame(stream, &Answer::default()).await?;
            Ok(peer)
        }
        Err(refusal) => Err(refuse(stream, &refusal).await),
    }
}

/// Answers who called us, and says who that is.
pub(super) async fn answer<S>(
    local: &Local,
    peers: &Peers,
    stream: &mut S,
    shown: &[CertificateDer<'_>],
) -> Result<(Arc<Peer>, Remembered), Failure>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let hello: Hello = match read_frame(stream).await {
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            return Err(refuse(stream, &Refusal::Malformed(error.to_string())).await);
        }
        read => read?,
    };
    if local.stop.is_cancelled() {
        return Err(refuse(stream, &Refusal::Stopping(local.node)).await);
    }
    let node = NodeId(hello.node);
    let peer = peers.find(node);
    let absent = peer.as_ref().err().copied();
    let admitted = local.acquaintances.admit(&hello, expected(local, &hello, None, absent, shown)).await;
    let (peer, now) = match (peer, admitted) {
        (Ok(peer), Ok(now)) => (peer, now),
        (Err(absence), Ok(_)) => return Err(refuse(stream, &absence.refusal(node)).await),
        (peer, Err(refusal)) => {
            if let Some(peer) = peer.ok().filter(|_| refusal.unfit()) {
                peer.is_refused(refusal.to_string());
            }
            if let Refusal::NotAMember(stranger) = &refusal {
                local.strangers.send_replace(Some(*stranger));
            }
            return Err(refuse(stream, &refusal).await);
        }
    };
    write_frame(stream, &Answer { hello: Some(local.hello(node)), ..Answer::default() }).await?;
    answered(local, node, read_frame(stream).await?)?;
    Ok((peer, now))
}

fn expected<'a>(
    local: &'a Local,
    hello: &Hello,
    dialled: Option<NodeId>,
    absent: Option<Absence>,
    shown: &[CertificateDer<'_>],
) -> Expected<'a> {
    let certified = shown.first().is_some_and(|certificate| says(certificate, &local.cluster, NodeId(hello.node)));
    Expected { cluster: &local.cluster, us: local.node, dialled, certified, absent, remembered: None }
}

/// What the other said of us.
fn answered(local: &Local, node: NodeId, answer: Answer) -> Result<Option<Hello>, Failure> {
    if answer.refusal.is_empty() {
        return Ok(answer.hello);
    }
    let reason = format!("node {node} refuses this node: {}", answer.refusal);
    if answer.unfit {
        local.unfit.send_if_modified(|unfit| unfit.is_none() && unfit.replace(reason.clone()).is_none());
    }
    Err(Failure::Refused(reason))
}

/// Tells the other why; that it hears it is not certain.
async fn refuse<S>(stream: &mut S, refusal: &Refusal) -> Failure
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let answer = Answer { refusal: refusal.to_string(), hello: None, unfit: refusal.unfit() };
    if let Err(error) = write_frame(stream, &answer).await {
        tracing::debug!(%error, "could not tell whom we refuse that we do");
    }
    let _ = stream.shutdown().await;
    Failure::Refused(refusal.to_string())
}
