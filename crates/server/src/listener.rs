//! Where clients come in: one task per address, with bounds on how many may be here at once.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use crate::connection::{self, Terms};

/// Pause after an accept that failed for want of something, such as open files: trying at once would only fail again.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How many connections there may be, over all listeners.
#[derive(Clone)]
pub struct Places {
    all: Arc<Semaphore>,
    by_address: Arc<Mutex<HashMap<IpAddr, usize>>>,
    per_address_max: usize,
}

/// A connection's place; free again when it is dropped.
pub struct Place {
    _permit: OwnedSemaphorePermit,
    by_address: Arc<Mutex<HashMap<IpAddr, usize>>>,
    address: IpAddr,
}

impl Places {
    /// For `max` connections, and `per_address_max` from one address; 0 means that an address may have all.
    pub fn new(max: usize, per_address_max: usize) -> Places {
        let all = Arc::new(Semaphore::new(max.min(Semaphore::MAX_PERMITS)));
        Places { all, by_address: Arc::default(), per_address_max }
    }

    /// A place for somebody from `address`, if there is one.
    pub fn take(&self, address: IpAddr) -> Option<Place> {
        let permit = self.all.clone().try_acquire_owned().ok()?;
        let mut by_address = self.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        let here = by_address.entry(address).or_default();
        if self.per_address_max > 0 && *here >= self.per_address_max {
            return None;
        }
        *here += 1;
        Some(Place { _permit: permit, by_address: self.by_address.clone(), address })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut by_address = self.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(here) = by_address.get_mut(&self.address) {
            *here -= 1;
            if *here == 0 {
                by_address.remove(&self.address);
            }
        }
    }
}

/// Accepts until the node ends. Connections are tracked, so that the node can wait for their last words.
pub async fn accept(listener: TcpListener, terms: Arc<Terms>, places: Places, connections: TaskTracker) {
    loop {
        let accepted = tokio::select! {
            () = terms.shutdown.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((tcp, peer)) => admit(tcp, peer, &terms, &places, &connections),
            Err(error) => {
                warn!(%error, "a connection could not be accepted");
                pause_if_exhausted(&error).await;
            }
        }
    }
}

/// A connection that finds no place is closed at once: it would be told the same by a stream error, at a price.
fn admit(tcp: TcpStream, peer: SocketAddr, terms: &Arc<Terms>, places: &Places, connections: &TaskTracker) {
    let Some(place) = places.take(peer.ip()) else {
        return debug!(%peer, "turned away: too many connections");
    };
    let terms = terms.clone();
    connections.spawn(async move {
        connection::serve(tcp, peer, terms).await;
        drop(place);
    });
}

async fn pause_if_exhausted(error: &io::Error) {
    // What is wrong with one connection is no reason to keep the next one waiting.
    if !matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset) {
        tokio::time::sleep(ACCEPT_PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_bounded_and_come_back() {
        let [one, other]: [IpAddr; 2] = [[127, 0, 0, 1].into(), [127, 0, 0, 2].into()];
        let places = Places::new(3, 2);
        let first = places.take(one);
        let second = places.take(one);
        assert!(first.is_some() && second.is_some());
        assert!(places.take(one).is_none(), "an address has its own bound");
        let third = places.take(other);
        assert!(third.is_some() && places.take(other).is_none(), "all together have one, too");
        drop(first);
        assert!(places.take(one).is_some());
    }
}
