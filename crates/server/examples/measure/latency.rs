//! How long a message takes to the last of a hundred, at a rate that leaves the machine idle most of the time; and what that costs.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use tokio::task::spawn_local;
use tokio::time::{Instant, sleep};

use crate::Result;
use crate::chat::compare;
use crate::cluster::{Cluster, Clusters};
use crate::figures::Figures;
use crate::heard::{Hearing, Speech, await_last, listen};
use crate::room::Room;

const OCCUPANTS: usize = 100;
const SENDERS: usize = 10;
/// The time between two messages: 20 a second.
const EVERY: Duration = Duration::from_millis(50);
const LASTS: Duration = Duration::from_secs(20);
/// For how long it is looked what the cluster costs while nothing is said.
const SILENCE: Duration = Duration::from_secs(5);

/// Of one round.
#[derive(Default)]
struct Round {
    /// Of every message, in milliseconds.
    latencies: Vec<f64>,
    /// Microseconds per delivery.
    spent: f64,
    /// The same without what silence costs.
    above_silence: f64,
}

pub async fn measure(clusters: &Clusters, rounds: usize) -> Result<()> {
    println!("latency: {OCCUPANTS} occupants, {SENDERS} senders, {} messages a second", 1000 / EVERY.as_millis());
    let mut all: [Vec<Round>; 2] = Default::default();
    for round in 1..=rounds {
        for (nodes, all) in [1, 3].into_iter().zip(&mut all) {
            all.push(one(clusters, nodes, round).await?);
        }
    }
    for (nodes, all) in ["one node:   ", "three nodes:"].into_iter().zip(&all) {
        let latencies = Figures::new(all.iter().flat_map(|round| round.latencies.iter().copied()), "ms");
        println!("  {nodes} {latencies}, from the write to the last occupant's receipt");
    }
    println!("  processor time of all nodes per delivery:");
    tell(&all, |round| round.spent);
    println!("  the same without what the nodes spend while nothing is said:");
    tell(&all, |round| round.above_silence);
    Ok(())
}

fn tell(all: &[Vec<Round>; 2], what: impl Fn(&Round) -> f64) {
    let [one, three] = [0, 1].map(|at: usize| Figures::new(all[at].iter().map(&what), "us"));
    println!("  one node:    {one}");
    println!("  three nodes: {three}");
    compare(&one, &three);
}

async fn one(clusters: &Clusters, nodes: usize, round: usize) -> Result<Round> {
    let cluster = clusters.start(nodes).await?;
    let room = Room::fill(&cluster, &format!("latency{round}"), OCCUPANTS).await?;
    let silent = silence(&cluster).await?;
    let (mut hearings, mut mouths, mut tasks) = (Vec::new(), Vec::new(), Vec::new());
    for occupant in room.occupants {
        let (hearing, task) = listen(occupant.client.ear);
        hearings.push(hearing);
        tasks.push(task);
        mouths.push(occupant.client.mouth);
    }
    let silent_mouths = mouths.split_off(SENDERS);
    let (said, goes_on) = (Rc::default(), Rc::new(Cell::new(true)));
    let speech = Speech { room: room.address, mouths, every: EVERY, said: Rc::clone(&said), goes_on: Rc::clone(&goes_on) };
    let (before, start) = (cluster.processor_seconds()?, Instant::now());
    let speaking = spawn_local(speech.speak());
    sleep(LASTS).await;
    goes_on.set(false);
    let mouths = speaking.await??;
    let messages = said.borrow().len();
    await_last(&hearings, messages).await;
    let (spent, lasted) = (cluster.processor_seconds()? - before, start.elapsed().as_secs_f64());
    let latencies = latencies(&said, &hearings)?;
    let per_delivery = 1e6 / (latencies.len() * OCCUPANTS) as f64;
    let above_silence = (spent - silent * lasted) * per_delivery;
    println!(
        "  round {round}, nodes: {nodes}: {}; {:.2} us a delivery; {:.1} ms a second while nothing is said",
        Figures::new(latencies.iter().copied(), "ms"),
        spent * per_delivery,
        silent * 1e3
    );
    tasks.iter().for_each(|task| task.abort());
    drop((mouths, silent_mouths));
    cluster.end().await?;
    Ok(Round { latencies, spent: spent * per_delivery, above_silence })
}

/// Seconds of processor time per second.
async fn silence(cluster: &Cluster) -> Result<f64> {
    sleep(Duration::from_secs(1)).await;
    let (before, start) = (cluster.processor_seconds()?, Instant::now());
    sleep(SILENCE).await;
    Ok((cluster.processor_seconds()? - before) / start.elapsed().as_secs_f64())
}

/// Milliseconds until the last one had it, of each message.
fn latencies(said: &RefCell<Vec<Instant>>, hearings: &[Hearing]) -> Result<Vec<f64>> {
    let said = said.borrow();
    let mut last = said.clone();
    for hearing in hearings {
        let hearing = hearing.borrow();
        if hearing.messages.len() != said.len() {
            return Err(format!("an occupant heard {} of {} messages", hearing.messages.len(), said.len()).into());
        }
        for (number, at) in &hearing.messages {
            let last = last.get_mut(*number as usize).ok_or("a message that nobody said")?;
            *last = (*last).max(*at);
        }
    }
    Ok(said.iter().zip(&last).map(|(said, last)| (*last - *said).as_secs_f64() * 1e3).collect())
}
