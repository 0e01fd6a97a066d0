//! Clients that append and read, and write down what they see.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::{Append, Key, Outcome, Read, Record, items};
use crate::cluster::{Cluster, Control, within};
use crate::dice::Dice;

/// After this long without an answer nobody knows.
const PATIENCE: Duration = Duration::from_secs(2);

/// Before the next try when nothing could be had.
const PAUSE: Duration = Duration::from_millis(20);

/// One of so many requests is a read.
const READS: u64 = 12;

/// How long a group may be without a commit when nothing is wrong any more.
const COMMIT_LIMIT: Duration = Duration::from_secs(30);

/// Who writes what.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    pub clients: u64,
    /// Keys of each group.
    pub keys: u64,
    /// Tells this load from others of the same cluster, whose items must differ.
    pub name: &'static str,
    pub seed: u64,
}

impl Default for Load {
    fn default() -> Self {
        Self { clients: 4, keys: 4, name: "a", seed: 1 }
    }
}

/// Running clients.
#[derive(Debug)]
pub struct Clients {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<Record>>,
}

#[derive(Debug)]
struct Shared {
    addresses: BTreeMap<u64, SocketAddr>,
    stop: AtomicBool,
    /// Of each group, from group 1.
    commits: Vec<AtomicU64>,
}

impl Clients {
    pub fn start(cluster: &Cluster, load: Load) -> Self {
        let commits = (0..cluster.groups).map(|_| AtomicU64::new(0)).collect();
        let shared = Arc::new(Shared { addresses: cluster.control_addresses(), stop: AtomicBool::new(false), commits });
        let client = |number| {
            let client = Client {
                name: format!("{}{number}", load.name),
                shared: shared.clone(),
                dice: Dice::new(load.seed.wrapping_mul(1000) + number),
                keys: load.keys,
                connections: BTreeMap::new(),
                leaders: BTreeMap::new(),
                silent: None,
                record: Record::default(),
            };
            std::thread::spawn(move || client.run())
        };
        let threads = (0..load.clients).map(client).collect();
        Self { shared, threads }
    }

    /// Commits so far, over all groups.
    pub fn commits(&self) -> u64 {
        self.shared.commits.iter().map(|commits| commits.load(Ordering::Relaxed)).sum()
    }

    /// Waits until so many more are committed.
    pub fn await_commits(&self, more: u64) {
        let goal = self.commits() + more;
        within(COMMIT_LIMIT, &format!("{more} more commits"), || (self.commits() >= goal).then_some(()));
    }

    /// Waits until every group has committed twice more: something that was asked for after now is among them. Says how long each took.
    pub fn await_each_group(&self) -> Vec<Duration> {
        let start = Instant::now();
        let goals: Vec<u64> = self.shared.commits.iter().map(|commits| commits.load(Ordering::Relaxed) + 2).collect();
        let mut took = vec![None; goals.len()];
        within(COMMIT_LIMIT, "each group commits again", || {
            for (at, goal) in goals.iter().enumerate() {
                if took[at].is_none() && self.shared.commits[at].load(Ordering::Relaxed) >= *goal {
                    took[at] = Some(start.elapsed());
                }
            }
            took.iter().all(Option::is_some).then_some(())
        });
        took.into_iter().flatten().collect()
    }

    /// Ends them; each finishes what it has asked.
    pub fn stop(mut self) -> Record {
        self.shared.stop.store(true, Ordering::Relaxed);
        let mut record = Record::default();
        for thread in self.threads.drain(..) {
            record.add(thread.join().expect("a client ends"));
        }
        record
    }
}

impl Drop for Clients {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
    }
}

struct Client {
    name: String,
    shared: Arc<Shared>,
    dice: Dice,
    keys: u64,
    connections: BTreeMap<u64, Control>,
    leaders: BTreeMap<u32, u64>,
    /// Who did not answer last time: not asked unless others say that it leads.
    silent: Option<u64>,
    record: Record,
}

impl Client {
    fn run(mut self) -> Record {
        let mut number = 0;
        while !self.shared.stop.load(Ordering::Relaxed) {
            let group = 1 + self.dice.below(self.shared.commits.len() as u64) as u32;
            let key = (group, format!("k{}", self.dice.below(self.keys)));
            if self.dice.below(READS) == 0 {
                self.read(key);
            } else {
                number += 1;
                self.append(key, format!("{}.{number}", self.name));
            }
        }
        self.record
    }

    fn append(&mut self, key: Key, item: String) {
        let asked = Instant::now();
        let Some(answer) = self.ask(key.0, &format!("append {} {} {item}", key.0, key.1)) else { return };
        let outcome = match answer.as_deref().map(|answer| answer.split_once(' ').unwrap_or((answer, ""))) {
            Ok(("committed", index)) => {
                self.shared.commits[key.0 as usize - 1].fetch_add(1, Ordering::Relaxed);
                Outcome::Committed(index.parse().unwrap_or_else(|_| panic!("an index, not {index:?}")))
            }
            // An error stands for a group that does not run there.
            Ok(("refused" | "error", _)) => Outcome::Refused,
            Ok(("unknown", _)) | Err(_) => Outcome::Unknown,
            Ok(other) => panic!("an answer that is none: {other:?}"),
        };
        self.learn(key.0, answer.as_deref().unwrap_or_default());
        self.record.appends.push(Append { key, item, asked, answered: Instant::now(), outcome });
    }

    fn read(&mut self, key: Key) {
        let asked = Instant::now();
        let Some(answer) = self.ask(key.0, &format!("get {} {}", key.0, key.1)) else { return };
        let answer = answer.unwrap_or_default();
        self.learn(key.0, &answer);
        let items = match answer.splitn(3, ' ').collect::<Vec<_>>().as_slice() {
            ["value", _, value] => items(value),
            ["none", _] => Vec::new(),
            _ => return,
        };
        self.record.reads.push(Read { key, asked, answered: Instant::now(), items });
    }

    /// `None` when nothing was sent.
    fn ask(&mut self, group: u32, line: &str) -> Option<io::Result<String>> {
        let node = self.node_for(group);
        let connection = match self.connections.remove(&node) {
            Some(connection) => Ok(connection),
            None => Control::connect(self.shared.addresses[&node], PATIENCE),
        };
        let Ok(mut connection) = connection else {
            self.silent = Some(node);
            self.turn_away(group);
            return None;
        };
        let answer = connection.ask(line);
        if answer.is_ok() {
            self.connections.insert(node, connection);
        } else {
            self.silent = Some(node);
            self.leaders.retain(|_, leader| *leader != node);
        }
        Some(answer)
    }

    fn node_for(&mut self, group: u32) -> u64 {
        let mut nodes: Vec<u64> = self.shared.addresses.keys().copied().collect();
        if nodes.len() > 1 {
            nodes.retain(|node| Some(*node) != self.silent);
        }
        let anybody = *self.dice.pick(&nodes);
        *self.leaders.entry(group).or_insert(anybody)
    }

    /// Follows a refusal that names the leader; asks anybody else behind one that does not.
    fn learn(&mut self, group: u32, answer: &str) {
        let Some(why) = answer.strip_prefix("refused ") else {
            if answer.starts_with("error ") {
                self.turn_away(group);
            }
            return;
        };
        match why.strip_prefix("leader ").and_then(|leader| leader.parse().ok()) {
            Some(leader) if self.shared.addresses.contains_key(&leader) && self.leaders.get(&group) != Some(&leader) => {
                self.leaders.insert(group, leader);
            }
            _ => self.turn_away(group),
        }
    }

    fn turn_away(&mut self, group: u32) {
        self.leaders.remove(&group);
        std::thread::sleep(PAUSE);
    }
}
