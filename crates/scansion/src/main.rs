//! `scansion`: plays `.scs` files against a running server.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use conclave_scansion::{Hook, Options, Script, Targets, files, play_file};

/// Plays conversations written in the scansion language against a running XMPP server.
///
/// Ends with 0 if all passed, 1 if any failed, 2 if there was nothing to play.
#[derive(Parser)]
#[command(name = "scansion", version)]
struct Arguments {
    /// Scripts, and folders of scripts, which are played in the order of their names.
    #[arg(required = true, value_name = "FILE_OR_DIR")]
    paths: Vec<PathBuf>,

    /// Where the clients connect to; they are spread over several addresses in order of appearance.
    #[arg(long, value_name = "HOST:PORT[,HOST:PORT...]", value_parser = Targets::parse, conflicts_with = "nodes")]
    at: Option<Targets>,

    /// Take the addresses from the file that `conclave dev` writes.
    #[arg(long, value_name = "NODES.JSON")]
    nodes: Option<PathBuf>,

    /// Begin with another address than the first.
    #[arg(long, value_name = "N", default_value_t = 0)]
    rotate: usize,

    /// Play every script so many times in a row.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    repeat: u32,

    /// How long a client waits for a stanza, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 5000)]
    timeout: u64,

    /// How long `receives: nothing` listens, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 500)]
    silence: u64,

    /// Let later steps take what earlier steps passed over.
    #[arg(long)]
    unordered: bool,

    /// Fail on stanzas that no line expects, unless they stand in NAME.extra beside NAME.scs.
    #[arg(long)]
    exact: bool,

    /// Print what each client received, in order, also for scripts that pass.
    #[arg(long)]
    order: bool,

    /// Where to look for NAME.extra if there is none beside the script.
    #[arg(long, value_name = "DIR", requires = "exact")]
    extra_dir: Option<PathBuf>,

    /// Run a command once after this step, in each play of a script.
    #[arg(long, value_name = "STEP", requires = "run", value_parser = clap::value_parser!(u32).range(1..))]
    after_step: Option<u32>,

    /// The command, for the shell; the scenario waits until it is done.
    #[arg(long, value_name = "COMMAND", requires = "after_step")]
    run: Option<String>,

    /// Print the steps with their numbers, and play nothing.
    #[arg(long)]
    list_steps: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(what) => {
            eprintln!("scansion: {what}");
            ExitCode::from(2)
        }
    }
}

/// How many plays failed; the error says why nothing was played.
async fn run(arguments: Arguments) -> Result<usize, String> {
    let mut paths = Vec::new();
    for path in &arguments.paths {
        paths.extend(files::scripts(path).map_err(|e| e.to_string())?);
    }
    if paths.is_empty() {
        return Err("there is no .scs file in these folders".to_owned());
    }
    if arguments.list_steps {
        return Ok(paths.iter().filter(|path| !listed(path)).count());
    }
    let options = options(&arguments)?;
    let (mut passed, mut failed) = (0, 0);
    for path in &paths {
        for _ in 0..arguments.repeat {
            *if played(path, &options, arguments.order).await { &mut passed } else { &mut failed } += 1;
        }
    }
    println!("{passed} passed, {failed} failed");
    Ok(failed)
}

async fn played(path: &Path, options: &Options, order: bool) -> bool {
    let started = Instant::now();
    match play_file(path, options).await {
        Ok(outcome) if outcome.passed() => {
            println!("{outcome} ({} ms)", started.elapsed().as_millis());
            if order {
                print!("{}", outcome.order());
            }
            true
        }
        Ok(outcome) => {
            println!("{outcome}");
            false
        }
        Err(error) => {
            println!("FAIL  {error}");
            false
        }
    }
}

fn listed(path: &Path) -> bool {
    let script = match Script::read(path) {
        Ok(script) => script,
        Err(error) => {
            println!("FAIL  {error}");
            return false;
        }
    };
    println!("{}", path.display());
    for (index, step) in script.steps.iter().enumerate() {
        println!("{:>5}  line {:<5} {}", index + 1, step.line, step.text);
    }
    true
}

fn options(arguments: &Arguments) -> Result<Options, String> {
    let targets = match (&arguments.at, &arguments.nodes) {
        (Some(targets), _) => targets.clone(),
        (None, Some(nodes)) => Targets::of_nodes(nodes).map_err(|e| e.to_string())?,
        (None, None) => Targets::default(),
    };
    let command = arguments.after_step.zip(arguments.run.as_deref());
    Ok(Options {
        targets: targets.rotated(arguments.rotate),
        timeout: Duration::from_millis(arguments.timeout),
        silence: Duration::from_millis(arguments.silence),
        unordered: arguments.unordered,
        exact: arguments.exact,
        extra_dir: arguments.extra_dir.clone(),
        after_step: command.map(|(step, command)| (step as usize, Hook::command(command))),
    })
}
