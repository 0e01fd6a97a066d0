//! The pause at the others when the home of a room ends under load.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::fmt;
use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::process::Signal;
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep};

use crate::Result;
use crate::cluster::{Cluster, Clusters};
use crate::figures::Figures;
use crate::heard::{Heard, Hearing, Speech, await_last, listen};
use crate::room::{Room, address};

const NODES: usize = 3;
const OCCUPANTS: usize = 60;
const SENDERS: usize = 10;
/// The time between two messages: 200 a second.
const EVERY: Duration = Duration::from_millis(5);
/// How long is spoken before the home ends, and from then on.
const BEFORE: Duration = Duration::from_secs(2);
const BEHIND: Duration = Duration::from_secs(3);

/// How the home ends.
#[derive(Clone, Copy)]
pub enum Ending {
    /// `kill -9`.
    Killed,
    /// `conclave cluster drain`.
    Drained,
    /// SIGTERM.
    Stopped,
}

/// What came of one ending, at those whose streams did not break.
#[derive(Default)]
struct Round {
    /// The longest time between two messages from the ending on, and when that began, counted from the ending.
    gap: Duration,
    began: f64,
    /// The longest before the ending: what this machine does by itself.
    before: Duration,
    survivors: usize,
    messages: usize,
    refused: usize,
    lost: usize,
    doubled: usize,
    disordered: usize,
    /// Who were shown leaving.
    left: usize,
}

pub async fn measure(clusters: &Clusters, ending: Ending, rounds: usize) -> Result<()> {
    println!(
        "{ending}: {OCCUPANTS} occupants on {NODES} nodes, {} messages a second; senders on the others",
        1000 / EVERY.as_millis()
    );
    let mut all = Vec::new();
    for number in 1..=rounds {
        let round = one(clusters, ending, number).await?;
        println!("  round {number}, at {}: {round}", time_of_day());
        all.push(round);
    }
    let millis = |which: fn(&Round) -> Duration| Figures::new(all.iter().map(|round| which(round).as_secs_f64() * 1e3), "ms");
    println!("  longest gap at a survivor: {}", millis(|round| round.gap));
    println!("  before the ending:         {}", millis(|round| round.before));
    let sum = |which: fn(&Round) -> usize| all.iter().map(which).sum::<usize>();
    println!(
        "  of {} messages: refused {}, lost {}, doubled {}, out of order {}; shown leaving: {}",
        sum(|round| round.messages),
        sum(|round| round.refused),
        sum(|round| round.lost),
        sum(|round| round.doubled),
        sum(|round| round.disordered),
        sum(|round| round.left)
    );
    Ok(())
}

async fn one(clusters: &Clusters, ending: Ending, number: usize) -> Result<Round> {
    let cluster = clusters.start(NODES).await?;
    let name = format!("gap{number}");
    let home = cluster.home(&name).await?;
    let room = Room::fill(&cluster, &name, OCCUPANTS).await?;
    let (mut hearings, mut senders, mut others, mut tasks) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for occupant in room.occupants {
        let (hearing, task) = listen(occupant.client.ear);
        tasks.push(task);
        if occupant.node != home {
            hearings.push(hearing);
        }
        let speaks = occupant.node != home && senders.len() < SENDERS;
        if speaks { &mut senders } else { &mut others }.push(occupant.client.mouth);
    }
    let (said, goes_on) = (Rc::default(), Rc::new(Cell::new(true)));
    let speech =
        Speech { room: address(&name), mouths: senders, every: EVERY, said: Rc::clone(&said), goes_on: Rc::clone(&goes_on) };
    let speaking = spawn_local(speech.speak());
    sleep(BEFORE).await;
    // It may have moved since.
    if cluster.home(&name).await? != home {
        return Err("the home of the room has moved by itself".into());
    }
    let ended = Instant::now();
    ending.bring_about(&cluster, home).await?;
    sleep(BEHIND).await;
    goes_on.set(false);
    let senders = speaking.await??;
    let messages = said.borrow().len();
    await_last(&hearings, messages).await;
    tasks.iter().for_each(|task| task.abort());
    drop((senders, others));
    cluster.end().await?;
    Ok(Round::of(&hearings, messages, ended))
}

impl Ending {
    async fn bring_about(self, cluster: &Cluster, node: usize) -> Result<()> {
        match self {
            Ending::Killed => cluster.signal(node, Signal::KILL),
            Ending::Stopped => cluster.signal(node, Signal::TERM),
            Ending::Drained => cluster.drain(node).await,
        }
    }
}

impl Round {
    fn of(hearings: &[Hearing], messages: usize, ended: Instant) -> Round {
        let mut round = Round { survivors: hearings.len(), messages, ..Round::default() };
        let refused: BTreeSet<u32> = hearings.iter().flat_map(|hearing| hearing.borrow().refused.clone()).collect();
        round.refused = refused.len();
        // Of one survivor that is enough.
        let mut told = false;
        let Some(first) = hearings.first() else { return round };
        // All hear one order; what a survivor says is heard in the order in which it said it, which is that of the numbers.
        let order: Vec<u32> = first.borrow().messages.iter().map(|(number, _)| *number).collect();
        for hearing in hearings {
            let heard = hearing.borrow();
            let once: BTreeSet<u32> = heard.messages.iter().map(|(number, _)| *number).collect();
            round.lost += (messages - refused.len()).saturating_sub(once.len());
            round.doubled += heard.messages.len() - once.len();
            round.disordered += heard.messages.iter().zip(&order).filter(|((number, _), other)| number != *other).count();
            round.disordered += of_each_sender(&order).filter(|ordered| !ordered).count();
            round.left += heard.left.len() + usize::from(heard.ended.is_some());
            told = told || tell_faults(&heard, &once, &refused, messages, ended);
            round.note_gaps(&heard, ended);
        }
        round
    }

    fn note_gaps(&mut self, heard: &Heard, ended: Instant) {
        for pair in heard.messages.windows(2) {
            let (began, until) = (pair[0].1, pair[1].1);
            let gap = until - began;
            if until < ended {
                self.before = self.before.max(gap);
            } else if gap > self.gap {
                self.gap = gap;
                self.began = if began < ended { -(ended - began).as_secs_f64() } else { (began - ended).as_secs_f64() };
            }
        }
    }
}

/// Says what should not have happened at one survivor. False: all is well.
fn tell_faults(heard: &Heard, once: &BTreeSet<u32>, refused: &BTreeSet<u32>, messages: usize, ended: Instant) -> bool {
    let behind = |at: Instant| at.saturating_duration_since(ended).as_millis();
    let lost: Vec<u32> = (0_u32..).take(messages).filter(|number| !once.contains(number) && !refused.contains(number)).collect();
    if !lost.is_empty() {
        println!("    lost: {lost:?}");
    }
    if let Some(at) = heard.ended {
        println!("    a survivor's stream ended {} ms behind the ending of the home", behind(at));
    }
    if let Some((stanza, at)) = heard.left.first() {
        println!("    {} shown leaving, the first {} ms behind the ending: {stanza}", heard.left.len(), behind(*at));
    }
    !(lost.is_empty() && heard.ended.is_none() && heard.left.is_empty())
}

/// Whether the messages of each sender come in the order of their numbers.
fn of_each_sender(order: &[u32]) -> impl Iterator<Item = bool> {
    (0..SENDERS).map(|sender| order.iter().filter(|number| **number as usize % SENDERS == sender).is_sorted())
}

/// In UTC, as the nodes' logs have it.
fn time_of_day() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = since.as_secs() % 86_400;
    format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Ending::Killed => "kills",
            Ending::Drained => "drains",
            Ending::Stopped => "stops",
        })
    }
}

impl fmt::Display for Round {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (gap, began, before) = (self.gap.as_secs_f64() * 1e3, self.began * 1e3, self.before.as_secs_f64() * 1e3);
        write!(f, "gap {gap:.0} ms, which began {began:.0} ms behind the ending; {before:.0} ms before; ")?;
        let Round { survivors, messages, refused, lost, doubled, disordered, left, .. } = self;
        write!(f, "{survivors} survivors, {messages} messages: refused {refused}, lost {lost}, doubled {doubled}, ")?;
        write!(f, "out of order {disordered}; shown leaving {left}")
    }
}
