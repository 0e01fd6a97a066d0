//! The program: reads the command line, does what it says, and ends with 0 or 1.
//!
//! It is in the library, so that the tests of whole clusters have the same program without building another package's binary.

use std::error::Error;
use std::process::ExitCode;

use clap::Parser;
use tokio::runtime::Runtime;

use crate::args::{Arguments, Command, Serve};
use crate::complaint::complain;
use crate::settings::Settings;
use crate::{cluster_command, demo, dev, room_command, run, settings_command, trace, user};

/// All of `main`.
pub fn main() -> ExitCode {
    #[cfg(feature = "planted")]
    if let Err(error) = crate::planted::plant_by_environment() {
        complain(&error);
        return ExitCode::FAILURE;
    }
    let done = match Arguments::parse().command {
        Command::Serve(serve) => serve_node(&serve),
        Command::Dev(dev) => Runtime::new().map_err(Into::into).and_then(|runtime| Ok(runtime.block_on(dev::run(dev))?)),
        Command::Demo => Runtime::new().map_err(Into::into).and_then(|runtime| Ok(runtime.block_on(demo::run())?)),
        Command::Cluster(asked) => cluster_command::run(&asked, &mut std::io::stdout()).map_err(Into::into),
        Command::Settings(asked) => settings_command::run(&asked, &mut std::io::stdout()).map_err(Into::into),
        Command::Room(asked) => room_command::run(&asked, &mut std::io::stdout()).map_err(Into::into),
        Command::User(asked) => user::run(&asked, &mut std::io::stdout()).map_err(Into::into),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            ExitCode::FAILURE
        }
    }
}

fn serve_node(serve: &Serve) -> Result<(), Box<dyn Error>> {
    let settings = Settings::load(serve.config.as_deref(), std::env::vars_os(), &serve.settings)?;
    trace::init(&settings.log, settings.log_format);
    let runtime = Runtime::new()?;
    let served = runtime.block_on(run::serve(settings, serve.end_with_stdin));
    // Whatever still runs has had its time.
    runtime.shutdown_background();
    Ok(served?)
}
