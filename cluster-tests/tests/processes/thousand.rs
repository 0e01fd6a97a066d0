//! I1-I4: a thousand messages through one room, with occupants on all nodes, while its home is killed three times.

use cluster_tests::Cluster;
use cluster_tests::client::SERVICE;

use crate::talk::{HISTORY_MAX, Talking};
use crate::three;

const ROOM: &str = "thousand";

/// Two on each node; and two more enter through every node that was started again.
const SPEAKERS: [(&str, u32); 6] = [("user", 1), ("user2", 2), ("user3", 3), ("user4", 1), ("user5", 2), ("user6", 3)];
const NEWCOMERS: [&str; 3] = ["admin", "user7", "user8"];

/// 6 × 150 + 3 × 34 is 1,002.
const SENDS: usize = 150;
const NEWCOMER_SENDS: usize = 34;

/// Messages that may be said before and behind each fall of the home; the last stretch takes what is left.
const STRETCH: usize = 125;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_arrive_once_and_in_one_order_while_the_home_is_killed_three_times() {
    let mut cluster = three(&[HISTORY_MAX]);
    let mut talking = Talking::begin(&cluster, ROOM, &SPEAKERS, SENDS).await;
    for (round, newcomer) in NEWCOMERS.iter().enumerate() {
        talking.permit(2 * STRETCH);
        talking.settled((2 * round + 1) * STRETCH).await;
        let home = fall(&mut cluster);
        let entered = *talking.talk.entered.borrow();
        talking.speak(newcomer, home, NEWCOMER_SENDS);
        talking.entered(entered + 1).await;
    }
    let sends = SPEAKERS.len() * SENDS + NEWCOMERS.len() * NEWCOMER_SENDS;
    talking.permit(sends - 2 * STRETCH * NEWCOMERS.len());
    talking.settled(sends).await;
    talking.judge(&cluster, [2, 3]).await;
}

/// The home dies in the middle of the talk, and comes back.
fn fall(cluster: &mut Cluster) -> u32 {
    let home = cluster.home(&format!("{ROOM}@{SERVICE}"));
    cluster.kill(home);
    cluster.restart(home);
    cluster.await_whole();
    home
}
