//! One run from its plan to its judgement: a cluster, traffic and faults in phases, and all that is needed to judge it in one directory.

mod counting;
mod order;
mod regressions;
mod row;
mod samples;
mod soak;
mod stalls;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::spawn_blocking;

pub use order::{Order, SAFETY, nodes_for};
pub use regressions::{Regression, regressions};
pub use row::{Row, table};
pub use soak::soak;

use self::samples::Sampling;
use self::stalls::Stalls;
use crate::arena::{Arena, Ground};
use crate::faults::{Class, Injector, Schedule};
use crate::history::{Event, Phase};
use crate::journal::reading;
use crate::judge::Judgement;
use crate::recorder::Recorder;
use crate::report;
use crate::run_dir::{Finding, Plan, Run, write_lines};
use crate::traffic::{ACCOUNTS, Manner, Traffic};

/// Detached occupants keep their seats for so long: less than in a cluster that serves people, so that graces end within the run.
const GRACE: Duration = Duration::from_secs(4);

/// Things that all clients together ask for in a second.
const RATE: u32 = 60;

/// Messages that a room keeps: all of a run.
const HISTORY_MAX: u32 = 10_000;

/// Entries that each log keeps: all of a run.
const LOG_ENTRIES_KEPT: u32 = 1_000_000;

/// Everybody is in all rooms within this time, on a machine that does other things, too.
const ARRIVED_MAX: Duration = Duration::from_secs(60);

/// What faults left behind is gone within this time: processes start, replicas catch up, homes move back.
const HEALED_MAX: Duration = Duration::from_secs(90);

/// And then everything works within this time.
const PROVED_MAX: Duration = Duration::from_secs(60);

/// And goes on so at least for this time: whoever was cut off at last and does not come back is gone 5 s behind the grace.
const PROVING_MIN: Duration = Duration::from_secs(10);

/// Who waits for an answer gets one within this time.
const QUIET_MAX: Duration = Duration::from_secs(40);

/// A checkpoint follows a change within a second; behind this time all replicas have one of the same entry.
pub const CHECKPOINTED: Duration = Duration::from_millis(2_500);

/// Runs an order, and judges it. What comes of it is printed, and the directory, which is `dir/seed-N`, has the report. Whether all passed.
pub fn run_and_judge(order: &Order, program: &Path, dir: &Path) -> bool {
    println!("{order}");
    match run(order, program, dir) {
        Ok(dir) => judge(&dir).is_some_and(|row| row.passed()),
        Err(error) => {
            eprintln!("there was no run: {error}");
            false
        }
    }
}

/// Judges the run in a directory, prints it and writes `verdicts.json` and `report.html`. Nothing if there is no run.
pub fn judge(dir: &Path) -> Option<Row> {
    match judged(dir) {
        Ok((row, judgement)) => {
            print!("{judgement}");
            println!("{}", dir.display());
            Some(row)
        }
        Err(error) => {
            eprintln!("{error}");
            None
        }
    }
}

fn judged(dir: &Path) -> Result<(Row, Judgement), String> {
    let run = Run::read(dir).map_err(|error| error.to_string())?;
    let judgement = crate::judge::judge(&run);
    judgement.write(dir).map_err(|error| error.to_string())?;
    let page = dir.join("report.html");
    fs::write(&page, report::page(&run, &judgement)).map_err(|error| format!("{}: {error}", page.display()))?;
    Ok((Row::of(&run.plan, &judgement), judgement))
}

/// Runs an order to its end. The error says why there is nothing to judge; whatever goes wrong in the cluster is a finding of the run.
fn run(order: &Order, program: &Path, dir: &Path) -> Result<PathBuf, String> {
    let dir = dir.join(order.name());
    let io = |error: std::io::Error| format!("{}: {error}", dir.display());
    if dir.exists() {
        fs::remove_dir_all(&dir).map_err(io)?;
    }
    fs::create_dir_all(&dir).map_err(io)?;
    let plan = serde_json::to_string_pretty(&plan(order, program)?).map_err(|error| error.to_string())?;
    fs::write(dir.join("plan.json"), plan).map_err(io)?;
    let recorder = Recorder::to(&dir.join("history.jsonl")).map_err(io)?;
    let arena = Arc::new(Arena::start(ground(order, program, &dir))?);
    let sampling = {
        let arena = arena.clone();
        Sampling::begin(recorder.start(), move || running(&arena))
    };
    let stalls = Stalls::begin(recorder.clone(), arena.dir()).map_err(io)?;
    let runtime = Runtime::new().map_err(io)?;
    let mut findings = Findings::default();
    let lived = runtime.block_on(live(order, &arena, &recorder, &mut findings));
    lived.unwrap_or_else(|why| findings.add(why));
    // Tasks of clients that still wait for something wait for nothing now.
    runtime.shutdown_timeout(Duration::from_secs(1));
    stalls.end();
    findings.all.extend(
        arena.deaths().into_iter().map(|death| Finding { what: format!("node {} ended by itself: {}", death.node, death.how) }),
    );
    for node in arena.up() {
        // One that has a bug may end by itself just now.
        arena.kill(node).or_else(|error| if arena.up().contains(&node) { Err(error) } else { Ok(()) })?;
    }
    let written = |error: crate::run_dir::NoRun| error.to_string();
    write_lines(&dir.join("samples.jsonl"), &sampling.end()).map_err(written)?;
    let logs = reading::read(&arena.nodes().into_iter().map(|node| (node, arena.node_dir(node))).collect::<BTreeMap<_, _>>());
    findings.all.extend(logs.lacking.into_iter().map(|what| Finding { what }));
    write_lines(&dir.join("journal.jsonl"), &logs.journal).map_err(written)?;
    write_lines(&dir.join("replicas.jsonl"), &logs.replicas).map_err(written)?;
    write_lines(&dir.join("findings.jsonl"), &findings.all).map_err(written)?;
    Ok(dir)
}

/// What the runner itself saw that must not be.
#[derive(Default)]
struct Findings {
    all: Vec<Finding>,
}

impl Findings {
    fn add(&mut self, what: String) {
        self.all.push(Finding { what });
    }

    fn note(&mut self, result: Result<(), String>) {
        result.unwrap_or_else(|what| self.add(what));
    }
}

/// All phases. The error ends the run early.
async fn live(order: &Order, arena: &Arc<Arena>, recorder: &Recorder, findings: &mut Findings) -> Result<(), String> {
    let phase = watch::Sender::new(Phase::Setting);
    let enter = |next: Phase| {
        recorder.record("runner", 0, "", Event::Phase { phase: next });
        phase.send_replace(next);
    };
    enter(Phase::Setting);
    let manner = Manner { profile: order.traffic, seed: order.seed, rate: RATE, kept: Some(HISTORY_MAX as usize) };
    let traffic = Traffic::begin(manner, arena.doors(), recorder.clone(), phase.subscribe());
    traffic.arrived(ARRIVED_MAX).await?;

    enter(Phase::Safety);
    let schedule = Schedule::of(order.seed, &order.faults, arena.nodes().len(), order.safety)?;
    let (on, recorded, rooms) = (arena.clone(), recorder.clone(), traffic.rooms());
    let injected =
        spawn_blocking(move || Injector { arena: &on, recorder: &recorded, rooms: &rooms, spared: &[] }.run(&schedule));
    findings.note(injected.await.map_err(|error| error.to_string())?);

    enter(Phase::Heal);
    let on = arena.clone();
    let healed = spawn_blocking(move || on.heal(HEALED_MAX)).await.map_err(|error| error.to_string())?;
    healed.map_err(|why| format!("the cluster did not become whole again: {why}"))?;

    enter(Phase::Liveness);
    let least = tokio::time::sleep(PROVING_MIN);
    findings.note(traffic.proved(PROVED_MAX).await);
    least.await;

    enter(Phase::Looking);
    findings.note(traffic.quiet(QUIET_MAX).await);
    findings.note(traffic.look().await);
    let (on, recorded, rooms) = (arena.clone(), recorder.clone(), traffic.rooms());
    let counted = spawn_blocking(move || counting::count(&on, &recorded, &rooms));
    findings.note(counted.await.map_err(|error| error.to_string())?);

    enter(Phase::Over);
    findings.note(traffic.ended(QUIET_MAX).await);
    tokio::time::sleep(CHECKPOINTED).await;
    Ok(())
}

fn ground(order: &Order, program: &Path, said: &Path) -> Ground {
    let ground = Ground::new(&program.to_string_lossy(), order.nodes)
        .accounts(&ACCOUNTS)
        .said_in(said)
        .with("CONCLAVE_DETACH_GRACE_MS", &GRACE.as_millis().to_string())
        .with("CONCLAVE_HISTORY_MAX", &HISTORY_MAX.to_string())
        .with("CONCLAVE_LOG_ENTRIES_KEPT", &LOG_ENTRIES_KEPT.to_string());
    match &order.planted {
        Some(bug) => ground.with("CONCLAVE_PLANTED", bug),
        None => ground,
    }
}

fn plan(order: &Order, program: &Path) -> Result<Plan, String> {
    let asked = Command::new(program).arg("--version").output().map_err(|error| format!("{}: {error}", program.display()))?;
    let milliseconds = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    Ok(Plan {
        seed: order.seed,
        traffic: order.traffic.name().to_owned(),
        faults: order.faults.iter().map(|class: &Class| class.name().to_owned()).collect(),
        promises: order.promises().iter().map(|promise| (*promise).to_owned()).collect(),
        nodes: order.nodes,
        safety_ms: milliseconds(order.safety),
        liveness_ms: milliseconds(PROVED_MAX),
        grace_ms: milliseconds(GRACE),
        planted: order.planted.clone(),
        program: String::from_utf8_lossy(&asked.stdout).trim().to_owned(),
    })
}

fn running(arena: &Arena) -> Vec<samples::Running> {
    let up = arena.up().into_iter();
    up.filter_map(|node| Some((node, arena.pid(node)?.as_raw_nonzero().get(), arena.node_dir(node)))).collect()
}
