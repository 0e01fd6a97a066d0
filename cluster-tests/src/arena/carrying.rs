//! One connection through two directions, from its making to its end.

use std::io;
use std::pin::pin;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::flow::{Flow, Told};

/// Bytes that are read at a time.
const CHUNK_BYTES: usize = 16 * 1024;

/// Chunks under way in one direction; then the sender feels that nothing is read, as it does when its window is full.
const CHUNKS_MAX: usize = 64;

/// A slow wire passes so many bytes at a time.
const SIP_BYTES: usize = 512;

/// Carries until both directions have ended, or the connection is to break. A break is a reset at both ends.
pub(super) async fn carry(
    mut near: TcpStream,
    mut far: TcpStream,
    (there, back): (&Flow, &Flow),
    (told_there, told_back): (Told, Told),
) {
    // Nothing is gathered here: nodes and clients say small things and wait.
    let _ = (near.set_nodelay(true), far.set_nodelay(true));
    let closed = watch::Sender::new(0);
    let broken = {
        let ((near_in, near_out), (far_in, far_out)) = (near.split(), far.split());
        let goes = pump(near_in, far_out, Direction { flow: there, told: told_there, closed: &closed });
        let comes = pump(far_in, near_out, Direction { flow: back, told: told_back, closed: &closed });
        let both = pin!(async { tokio::try_join!(goes, comes) });
        tokio::select! {
            ended = both => ended.is_err(),
            () = there.breaks_off(told_there) => { there.was_reset(); true }
            () = back.breaks_off(told_back) => { back.was_reset(); true }
            () = given_up(&closed, there.strands(told_there), back.strands(told_back)) => true,
        }
    };
    if broken {
        reset(&near);
        reset(&far);
    }
}

/// Until both ends have closed what carries nothing any more: nobody would be told.
async fn given_up(closed: &watch::Sender<u8>, there: impl Future<Output = ()>, back: impl Future<Output = ()>) {
    drop(closed.subscribe().wait_for(|closed| *closed == 2).await);
    tokio::select! {
        () = there => {}
        () = back => {}
    }
}

/// One direction of one connection.
#[derive(Clone, Copy)]
struct Direction<'a> {
    flow: &'a Flow,
    told: Told,
    /// Ends that have closed.
    closed: &'a watch::Sender<u8>,
}

/// What closes without linger is reset.
pub(super) fn reset(stream: &TcpStream) {
    let _ = stream.set_zero_linger();
}

async fn pump(from: ReadHalf<'_>, to: WriteHalf<'_>, direction: Direction<'_>) -> io::Result<()> {
    let (sender, receiver) = mpsc::channel(CHUNKS_MAX);
    tokio::try_join!(take(from, sender, direction), give(to, receiver, direction)).map(drop)
}

async fn take(mut from: ReadHalf<'_>, chunks: mpsc::Sender<(Instant, Vec<u8>)>, direction: Direction<'_>) -> io::Result<()> {
    let mut bytes = vec![0; CHUNK_BYTES];
    loop {
        let count = from.read(&mut bytes).await?;
        direction.flow.came(count, direction.told);
        // Nobody takes it any more if the other side has closed; that is told from there.
        if count == 0 || chunks.send((Instant::now(), bytes[..count].to_vec())).await.is_err() {
            direction.closed.send_modify(|closed| *closed += 1);
            return Ok(());
        }
    }
}

async fn give(
    mut to: WriteHalf<'_>,
    mut chunks: mpsc::Receiver<(Instant, Vec<u8>)>,
    Direction { flow, told, .. }: Direction<'_>,
) -> io::Result<()> {
    while let Some((came, bytes)) = chunks.recv().await {
        flow.travel(came).await;
        for sip in bytes.chunks(if flow.is_slow() { SIP_BYTES } else { CHUNK_BYTES }) {
            flow.squeeze(sip.len()).await;
            flow.passes(told).await;
            if flow.told().breaks != told.breaks {
                to.write_all(&sip[..sip.len() / 2]).await?;
                flow.was_reset();
                return Err(io::ErrorKind::ConnectionReset.into());
            }
            to.write_all(sip).await?;
            flow.arrived(sip.len());
        }
    }
    // The end is told in its turn.
    flow.passes(told).await;
    to.shutdown().await
}
