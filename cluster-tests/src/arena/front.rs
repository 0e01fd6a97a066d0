//! A listener in front of another, through which all connections go.
//!
//! It listens while the other does, and refuses while nobody is behind it: nodes take it for proof of a death that an address refuses which they had
//! reached.

use std::io::ErrorKind::ConnectionRefused;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::Interest;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::time::sleep;

use super::carrying::{carry, reset};
use super::flow::{Flow, Told};
use super::sockets;

/// How often is looked whether somebody listens again, or has hung up.
const LOOK: Duration = Duration::from_millis(50);

/// The directions of a connection.
pub(super) struct Ways {
    pub there: Arc<Flow>,
    pub back: Arc<Flow>,
    /// There for as long as the connection is.
    pub _life: Arc<()>,
}

/// Where it is found, and what is behind.
#[derive(Clone, Copy)]
pub(super) struct Front {
    pub found_at: SocketAddr,
    pub behind: SocketAddr,
}

impl Front {
    /// For ever. `ways` is asked, where it may block, for the directions of a connection that comes from an address; without any it is reset.
    pub async fn serve(self, ways: impl Fn(SocketAddr) -> Option<Ways> + Send + Sync + 'static) {
        let ways = Arc::new(ways);
        loop {
            while !sockets::is_listened_at(self.behind) {
                sleep(LOOK).await;
            }
            // Another may have taken the port for a moment.
            let Ok(listener) = TcpListener::bind(self.found_at).await else {
                sleep(LOOK).await;
                continue;
            };
            self.accept(&listener, &ways).await;
        }
    }

    /// Until nobody is behind.
    async fn accept(self, listener: &TcpListener, ways: &Arc<impl Fn(SocketAddr) -> Option<Ways> + Send + Sync + 'static>) {
        // Of this listener alone: whoever finds out late must not close the next one.
        let gone = Arc::new(Notify::new());
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = gone.notified() => return,
            };
            // Too many open files, say: whoever has hung up lets go of some.
            let Ok((near, from)) = accepted else {
                sleep(LOOK).await;
                continue;
            };
            let (ways, gone) = (ways.clone(), gone.clone());
            tokio::spawn(async move {
                let found = tokio::task::spawn_blocking(move || ways(from)).await;
                match found {
                    Ok(Some(ways)) => self.lead(near, &ways.there, &ways.back, &gone).await,
                    _ => reset(&near),
                }
            });
        }
    }

    async fn lead(self, near: TcpStream, there: &Flow, back: &Flow, gone: &Notify) {
        // What is told from now on concerns it.
        let told = (there.told(), back.told());
        if !waited(&near, there, back, told).await {
            return reset(&near);
        }
        match TcpStream::connect(self.behind).await {
            Ok(far) => carry(near, far, (there, back), told).await,
            Err(error) => {
                // Closed before the one who came can look again.
                if error.kind() == ConnectionRefused {
                    gone.notify_one();
                    tokio::task::yield_now().await;
                }
                reset(&near);
            }
        }
    }
}

/// A new connection needs both directions. False if it is not to be, or whoever made it has given up.
async fn waited(near: &TcpStream, there: &Flow, back: &Flow, (told_there, told_back): (Told, Told)) -> bool {
    there.came(1, told_there);
    back.came(1, told_back);
    let both = async {
        there.passes(told_there).await;
        back.passes(told_back).await;
    };
    tokio::select! {
        biased;
        () = there.breaks_off(told_there) => there.was_reset(),
        () = back.breaks_off(told_back) => back.was_reset(),
        () = both => return true,
        () = hung_up(near) => {}
    }
    false
}

async fn hung_up(near: &TcpStream) {
    // Whatever is there to be read stays there, and is no news.
    while !near.ready(Interest::READABLE).await.is_ok_and(|ready| ready.is_read_closed()) {
        sleep(LOOK).await;
    }
}
