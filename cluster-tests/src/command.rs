//! The programs `chaos`, for runs and long runs, and `judge`, for judgements over what they left.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::faults::Class;
use crate::runner::{self, Order, Row, SAFETY, nodes_for};
use crate::simulation;
use crate::traffic::Profile;

/// Nodes killed, frozen, cut off, filled up and emptied while clients talk; and whether any promise was broken.
#[derive(Parser, Debug)]
#[command(name = "chaos")]
struct Chaos {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// One run: a cluster, clients, faults, and the judgement.
    Run(RunArguments),
    /// Run after run, each with the next seed, for as long as told.
    Soak(SoakArguments),
    /// Every trial of the simulation, seed after seed, for as long as told.
    Simulate(SimulateArguments),
    /// The traffic and the faults that there are.
    List,
}

#[derive(Args, Debug)]
struct Common {
    /// Where directories of runs are made; each is named by its seed.
    #[arg(long, default_value = "target/chaos")]
    dir: PathBuf,
    /// The program under test. Without it, the one that was built together with this.
    #[arg(long)]
    program: Option<PathBuf>,
}

#[derive(Args, Debug)]
struct RunArguments {
    /// All that chance decides comes from it; traffic and faults, too, unless they are named.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// What clients do.
    #[arg(long, value_parser = Profile::parse)]
    traffic: Option<Profile>,
    /// What is done to the nodes; classes with commas between them.
    #[arg(long, value_delimiter = ',', value_parser = class)]
    faults: Vec<Class>,
    /// Seconds in which faults come and go.
    #[arg(long, default_value_t = SAFETY.as_secs())]
    seconds: u64,
    /// What is broken on purpose; the program must have been built with the feature `planted`.
    #[arg(long)]
    planted: Option<String>,
    #[command(flatten)]
    common: Common,
}

#[derive(Args, Debug)]
struct SoakArguments {
    /// How long: `90s`, `20m`, `2h`. The run that is under way then is ended properly.
    #[arg(long = "for", value_parser = duration)]
    long: Duration,
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Runs at the same time, each with its own cluster.
    #[arg(long, default_value_t = 1)]
    abreast: usize,
    #[command(flatten)]
    common: Common,
}

#[derive(Args, Debug)]
struct SimulateArguments {
    /// How long: `90s`, `20m`, `2h`.
    #[arg(long = "for", value_parser = duration)]
    long: Duration,
    /// The first seed of each trial.
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

/// The program `chaos`. Fails unless everything that was judged passed.
pub fn chaos() -> ExitCode {
    let all_passed = match Chaos::parse().command {
        Command::Run(arguments) => run(&arguments),
        Command::Soak(arguments) => {
            let SoakArguments { long, seed, abreast, common } = arguments;
            runner::soak(long, seed, abreast, &common.program(), &common.dir)
        }
        Command::Simulate(SimulateArguments { long, seed }) => simulation::seek(long, seed),
        Command::List => {
            list();
            true
        }
    };
    if all_passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn run(arguments: &RunArguments) -> bool {
    let chosen = Order::of(arguments.seed);
    let order = Order {
        traffic: arguments.traffic.unwrap_or(chosen.traffic),
        faults: if arguments.faults.is_empty() { chosen.faults.clone() } else { arguments.faults.clone() },
        nodes: nodes_for(&arguments.faults).max(chosen.nodes),
        safety: Duration::from_secs(arguments.seconds),
        planted: arguments.planted.clone(),
        ..chosen
    };
    runner::run_and_judge(&order, &arguments.common.program(), &arguments.common.dir)
}

fn list() {
    println!("traffic:");
    Profile::ALL.iter().for_each(|profile| println!("  {}", profile.name()));
    println!("faults:");
    Class::ALL.iter().for_each(|class| println!("  {}", class.name()));
}

impl Common {
    fn program(&self) -> PathBuf {
        let beside = || std::env::current_exe().ok().map(|path| path.with_file_name("conclave-under-test"));
        self.program.clone().or_else(beside).unwrap_or_else(|| "conclave-under-test".into())
    }
}

fn class(name: &str) -> Result<Class, String> {
    let names = || Class::ALL.map(Class::name).join(", ");
    Class::named(name).ok_or_else(|| format!("\"{name}\" is no fault; there are: {}", names()))
}

/// Whether any promise was broken in runs, by what each has left in its directory.
#[derive(Parser, Debug)]
#[command(name = "judge")]
struct Judge {
    /// Directories of runs.
    #[arg(required = true)]
    runs: Vec<PathBuf>,
}

/// The program `judge`. Behind several runs stands the table of all. Fails unless everything passed.
pub fn judge() -> ExitCode {
    let dirs = Judge::parse().runs;
    let rows: Vec<Row> = dirs.iter().filter_map(|dir| runner::judge(dir)).collect();
    if dirs.len() > 1 {
        println!("\n{}", runner::table(&rows));
    }
    let all_passed = rows.len() == dirs.len() && rows.iter().all(Row::passed);
    if all_passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// `90s`, `20m` or `2h`.
fn duration(text: &str) -> Result<Duration, String> {
    let seconds = [("s", 1), ("m", 60), ("h", 3600)].into_iter().find_map(|(unit, seconds)| {
        let number: u64 = text.strip_suffix(unit)?.parse().ok()?;
        number.checked_mul(seconds)
    });
    seconds.map(Duration::from_secs).ok_or_else(|| format!("\"{text}\" is no duration; 90s, 20m and 2h are"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_made() {
        use clap::CommandFactory;
        Chaos::command().debug_assert();
        Judge::command().debug_assert();
    }

    #[test]
    fn durations_have_units() {
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("2h"), Ok(Duration::from_secs(7200)));
        for none in ["", "2", "h", "-1s", "2 h"] {
            assert!(duration(none).is_err(), "{none}");
        }
    }
}
