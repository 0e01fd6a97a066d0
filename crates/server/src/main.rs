//! The program: reads the command line, does what it says, and ends with 0 or 1.

use std::error::Error;
use std::process::ExitCode;

use clap::Parser;
use conclave_server::args::{Arguments, Command, Serve};
use conclave_server::settings::Settings;
use conclave_server::{dev, run, trace, user};
use tokio::runtime::Runtime;

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Serve(serve) => serve_node(&serve),
        Command::Dev(dev) => Runtime::new().map_err(Into::into).and_then(|runtime| Ok(runtime.block_on(dev::run(dev))?)),
        Command::User(asked) => user::run(&asked, &mut std::io::stdout()).map_err(Into::into),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("conclave: {error}");
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
