//! A few clients who say something now and then, and come back wherever they can: without any, faults of their connections would not be felt.

use std::time::{Duration, Instant};

use cluster_tests::Client;
use cluster_tests::client::SERVICE;
use cluster_tests::doors::Doors;
use tokio::runtime::Runtime;

const ROOM: &str = "faulty";

/// Between two words, or two attempts.
const PAUSE: Duration = Duration::from_millis(200);

/// They go when this is dropped.
pub struct Clients(Option<Runtime>);

impl Clients {
    /// Two for each of three nodes.
    pub fn begin(doors: &Doors) -> Clients {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        for (user, node) in [("user", 1), ("user2", 2), ("user3", 3)] {
            for resource in ["one", "two"] {
                runtime.spawn(talk(doors.clone(), user, resource, node));
            }
        }
        Clients(Some(runtime))
    }
}

impl Drop for Clients {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// The bare JID of the room in which they are.
pub fn room() -> String {
    format!("{ROOM}@{SERVICE}")
}

async fn talk(doors: Doors, user: &'static str, resource: &'static str, node: u32) {
    loop {
        for (_, address) in doors.beginning_with(node) {
            let entered =
                format!("<presence to='{}/{user}{resource}'><x xmlns='http://jabber.org/protocol/muc'/></presence>", room());
            let message = format!("<message type='groupchat' to='{}'><body>hello</body></message>", room());
            let Ok(mut client) = Client::open(&address, user, resource).await else { continue };
            let mut living = client.try_send(&entered).await.is_ok();
            while living {
                living = heard(&mut client).await && client.try_send(&message).await.is_ok();
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// For a while; false if the connection ends.
async fn heard(client: &mut Client) -> bool {
    let until = Instant::now() + PAUSE;
    while let Some(left) = until.checked_duration_since(Instant::now()) {
        if client.next(left).await.is_err() {
            return false;
        }
    }
    true
}
