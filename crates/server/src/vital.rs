//! Tasks without which a node only seems to live.

use std::future::Future;

use tracing::error;

/// Runs a task. Should it panic, the process ends: its peers take over what it had, and whoever starts it again finds the reason in the log.
pub fn spawn(what: &'static str, task: impl Future<Output = ()> + Send + 'static) {
    let running = tokio::spawn(task);
    tokio::spawn(async move {
        if running.await.is_err_and(|ended| ended.is_panic()) {
            error!("{what} has panicked; this process ends");
            std::process::abort();
        }
    });
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// Set in the process that is to end.
    const CHILD: &str = "CONCLAVE_TEST_OF_A_VITAL_TASK";

    #[test]
    fn a_vital_task_that_panics_ends_the_process() {
        if std::env::var_os(CHILD).is_some() {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            return runtime.block_on(async {
                spawn("this task", async { panic!("on purpose") });
                std::future::pending().await
            });
        }
        let name = "vital::tests::a_vital_task_that_panics_ends_the_process";
        let mut child = Command::new(std::env::current_exe().unwrap());
        let ended = child.args(["--exact", name, "--nocapture"]).env(CHILD, "1").output().unwrap();
        assert!(!ended.status.success());
        assert!(String::from_utf8_lossy(&ended.stderr).contains("on purpose"));
    }
}
