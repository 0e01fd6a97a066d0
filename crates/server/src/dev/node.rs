//! One node of `conclave dev`, as a child process.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::net::UnixDatagram;
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::timeout;

use super::members::Place;
use super::{ADMIN, DOMAIN, DevError, SERVICE_DOMAIN, make_directory, serving, write_file};
use crate::admin::Status;
use crate::args::Dev;
use crate::settings::{CertificateFiles, variable_of};

/// How long a node may take to start.
pub(super) const READY_MAX: Duration = Duration::from_secs(30);

/// How long it may take to end, before it is killed: it hands over what it leads, and lets its streams end.
const END_MAX: Duration = Duration::from_secs(8);

/// Where it says that it is ready.
const NOTIFY: &str = "notify.sock";

/// A node and its process.
///
/// The process has the other end of a pipe as its standard input, and ends when ours is closed: also when we are killed.
pub(super) struct Node {
    pub number: usize,
    dir: PathBuf,
    process: Child,
    /// Our end of the pipe. Not left to `Child`, which closes it when it waits.
    pipe: Option<ChildStdin>,
    /// We are its service manager.
    notify: UnixDatagram,
}

/// Settings of a node that nobody else may change.
const OURS: [&str; 12] = [
    "config",
    "domain",
    "service_domain",
    "dir",
    "c2s",
    "c2s_tls",
    "http",
    "peer_listen",
    "peer_advertise",
    "certificate",
    "key",
    "admins",
];

impl Node {
    /// Writes its settings and starts it.
    pub(super) fn start(place: &Place, dev: &Dev, certificates: &CertificateFiles) -> Result<Node, DevError> {
        let dir = place.dir.clone();
        make_directory(&dir)?;
        let (settings, notify_path) = (dir.join("conclave.toml"), dir.join(NOTIFY));
        write_file(&settings, &settings_text(place, dev, certificates), 0o600)?;
        // One may be left from a process that was killed.
        let _ = std::fs::remove_file(&notify_path);
        let notify = UnixDatagram::bind(&notify_path).map_err(|cause| DevError::File(notify_path.clone(), cause))?;
        let program = std::env::current_exe().map_err(DevError::Process)?;
        let mut command = Command::new(program);
        command.arg("serve").arg("--config").arg(settings).arg("--end-with-stdin").env("NOTIFY_SOCKET", notify_path);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).kill_on_drop(true);
        // In a group of its own it does not get our terminal's Ctrl-C: we end it.
        command.process_group(0);
        // The environment can change other settings, but not these.
        for key in OURS {
            command.env_remove(variable_of(key));
        }
        let mut process = command.spawn().map_err(DevError::Process)?;
        let pipe = process.stdin.take();
        Ok(Node { number: place.number, dir, process, pipe, notify })
    }

    /// Waits until it serves. Where it listens.
    pub(super) async fn ready(&mut self) -> Result<Status, DevError> {
        let mut said = [0; 256];
        let ready = async {
            // It says nothing else before.
            self.notify.recv(&mut said).await
        };
        tokio::select! {
            ready = timeout(READY_MAX, ready) => {
                ready.map_err(|_| DevError::Late(self.number))?.map_err(DevError::Process)?;
            }
            status = self.process.wait() => return Err(DevError::Ended(self.number, status.map_err(DevError::Process)?)),
        }
        let dir = self.dir.clone();
        serving::blocking(move || serving::status(&dir)).await
    }

    /// Waits until it ends by itself.
    pub(super) async fn ended(&mut self) -> DevError {
        match self.process.wait().await {
            Ok(status) => DevError::Ended(self.number, status),
            Err(cause) => DevError::Process(cause),
        }
    }

    /// Lets it end, and kills it if it does not.
    pub(super) async fn end(mut self) -> Result<(), DevError> {
        drop(self.pipe.take());
        // The next start replaces what is left.
        let _ = std::fs::remove_file(self.dir.join(NOTIFY));
        match timeout(END_MAX, self.process.wait()).await {
            Ok(ended) => ended.map(|_| ()).map_err(DevError::Process),
            Err(_) => self.process.kill().await.map_err(DevError::Process),
        }
    }
}

fn settings_text(place: &Place, dev: &Dev, certificates: &CertificateFiles) -> String {
    // A TOML string and a JSON string are written alike where neither has control characters that only one of them knows.
    let text = |path: &Path| serde_json::Value::from(path.to_string_lossy().into_owned()).to_string();
    let mut settings = String::new();
    let mut set = |key: &str, value: String| {
        // Writing to a string does not fail.
        let _ = writeln!(settings, "{key} = {value}");
    };
    set("domain", format!("\"{DOMAIN}\""));
    set("service_domain", format!("\"{SERVICE_DOMAIN}\""));
    set("dir", text(&place.dir));
    for (key, port) in [("c2s", place.c2s), ("c2s_tls", place.c2s_tls), ("http", place.http)] {
        set(key, format!("[\"127.0.0.1:{port}\"]"));
    }
    set("certificate", text(&certificates.certificate));
    set("key", text(&certificates.key));
    set("plain_without_tls", "\"loopback\"".to_owned());
    set("admins", format!("[\"{ADMIN}@{DOMAIN}\"]"));
    if dev.quiet {
        set("log", "\"error\"".to_owned());
    }
    if !dev.limits {
        settings.push_str("\n[limits]\n");
        for rate in ["session_stanzas_per_second", "room_messages_per_second", "connections_per_address_max"] {
            let _ = writeln!(settings, "{rate} = 0");
        }
    }
    format!("# Written by `conclave dev` at every start.\n{settings}")
}
