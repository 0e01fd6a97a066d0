//! Processor time per delivery when senders wait for their own messages: as fast as it goes.

use tokio::io::AsyncWriteExt;
use tokio::task::spawn_local;
use tokio::time::Instant;

use crate::Result;
use crate::client::{Mark, message};
use crate::cluster::Clusters;
use crate::figures::Figures;
use crate::room::{Occupant, Room};

const OCCUPANTS: usize = 100;
const SENDERS: usize = 10;
/// Messages of a sender that are under way at once.
const WINDOW: u32 = 4;
const MESSAGES_PER_SENDER: u32 = 400;
const MESSAGES: usize = SENDERS * MESSAGES_PER_SENDER as usize;

/// The numbers of a sender's messages begin with its own number.
const OF_SENDER: u32 = 100_000;

pub async fn measure(clusters: &Clusters, rounds: usize) -> Result<()> {
    println!("chat: {OCCUPANTS} occupants, {SENDERS} senders, window {WINDOW}: processor time of all nodes per delivery");
    let mut spent: [Vec<f64>; 2] = Default::default();
    for round in 1..=rounds {
        for (nodes, spent) in [1, 3].into_iter().zip(&mut spent) {
            spent.push(one(clusters, nodes, round).await?);
        }
    }
    let [one, three] = spent.map(|spent| Figures::new(spent, "us"));
    println!("  one node:    {one}");
    println!("  three nodes: {three}");
    compare(&one, &three);
    Ok(())
}

/// Three nodes beside one.
pub fn compare(one: &Figures, three: &Figures) {
    let (lowest, median) = (three.lowest() / one.lowest(), three.median() / one.median());
    println!("  three by one: lowest {lowest:.2}, median {median:.2} (at most 1.5)");
}

async fn one(clusters: &Clusters, nodes: usize, round: usize) -> Result<f64> {
    let cluster = clusters.start(nodes).await?;
    let room = Room::fill(&cluster, &format!("chat{round}"), OCCUPANTS).await?;
    let (before, start) = (cluster.processor_seconds()?, Instant::now());
    let mut tasks = Vec::new();
    for (number, occupant) in room.occupants.into_iter().enumerate() {
        tasks.push(spawn_local(converse(occupant, room.address.clone(), number)));
    }
    let mut occupants = Vec::new();
    for task in tasks {
        occupants.push(task.await??);
    }
    let deliveries = (MESSAGES * OCCUPANTS) as f64;
    let spent = (cluster.processor_seconds()? - before) * 1e6 / deliveries;
    let rate = deliveries / start.elapsed().as_secs_f64();
    println!("  round {round}, nodes: {nodes}: {spent:.2} us; {rate:.0} deliveries a second");
    drop(occupants);
    cluster.end().await?;
    Ok(spent)
}

/// Hears everything; a sender says its next line when it has heard one of its own.
async fn converse(mut occupant: Occupant, room: String, number: usize) -> Result<Occupant> {
    let own = u32::try_from(number)?;
    let sender = number < SENDERS;
    let (mut said, mut heard, mut lines) = (0, 0, String::new());
    let mut may_say = if sender { WINDOW } else { 0 };
    while heard < MESSAGES {
        while may_say > 0 && said < MESSAGES_PER_SENDER {
            lines.push_str(&message(&room, own * OF_SENDER + said));
            (said, may_say) = (said + 1, may_say - 1);
        }
        if !lines.is_empty() {
            occupant.client.mouth.write_all(lines.as_bytes()).await?;
            lines.clear();
        }
        if !occupant.client.ear.read().await? {
            return Err("a node ended a stream".into());
        }
        may_say = 0;
        occupant.client.ear.marks(|mark| {
            if let Mark::Message(number) = mark {
                heard += 1;
                may_say += u32::from(sender && number / OF_SENDER == own);
            }
        });
    }
    Ok(occupant)
}
