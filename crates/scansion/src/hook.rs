//! What is done to the server in the middle of a scenario, such as ending one of its processes.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::process::Command;

/// A hook may start or end whole processes; this is far beyond what that takes, and short enough for a test to fail.
const HOOK_LIMIT: Duration = Duration::from_secs(120);

type Running = Pin<Box<dyn Future<Output = Result<(), String>> + Send>>;

/// Something to do once, between two steps. The scenario waits until it is done.
#[derive(Clone)]
pub struct Hook {
    name: String,
    start: Arc<dyn Fn() -> Running + Send + Sync>,
}

impl Hook {
    /// A hook that calls `start`; its error is the end of a sentence about what failed.
    pub fn new<F, R>(name: &str, start: F) -> Hook
    where
        F: Fn() -> R + Send + Sync + 'static,
        R: Future<Output = Result<(), String>> + Send + 'static,
    {
        Hook { name: name.to_owned(), start: Arc::new(move || Box::pin(start())) }
    }

    /// A hook that runs a command in the shell; it fails if the command does.
    pub fn command(command: &str) -> Hook {
        let line = command.to_owned();
        Hook::new(command, move || run(line.clone()))
    }

    /// Does it, within 120 s.
    pub(crate) async fn run(&self) -> Result<(), String> {
        match tokio::time::timeout(HOOK_LIMIT, (self.start)()).await {
            Ok(done) => done.map_err(|what| format!("the hook `{}` failed: {what}", self.name)),
            Err(_) => Err(format!("the hook `{}` took longer than {} s", self.name, HOOK_LIMIT.as_secs())),
        }
    }
}

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hook({})", self.name)
    }
}

async fn run(command: String) -> Result<(), String> {
    let mut child = Command::new("sh");
    let status = child.arg("-c").arg(&command).kill_on_drop(true).status().await.map_err(|e| e.to_string())?;
    if status.success() { Ok(()) } else { Err(status.to_string()) }
}
