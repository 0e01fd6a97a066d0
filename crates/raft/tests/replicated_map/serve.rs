//! Starts the node and answers the control port.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use conclave_raft::{Applied, Group, GroupId, Node, OpenError};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use crate::arguments::Arguments;
use crate::command;
use crate::map::Shared;
use crate::{EXIT_DATA, EXIT_IO};

/// What the commands work on.
#[derive(Clone)]
pub struct Server {
    pub node: Node,
    groups: Arc<Mutex<BTreeMap<GroupId, (Group, Shared)>>>,
    pub quit: Arc<Notify>,
}

impl Server {
    pub fn group(&self, group: GroupId) -> Option<(Group, Shared)> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner).get(&group).cloned()
    }

    pub fn insert(&self, group: Group, applied: Applied) {
        let shared = Shared::follow(applied);
        self.groups.lock().unwrap_or_else(PoisonError::into_inner).insert(group.id(), (group, shared));
    }

    pub fn remove(&self, group: GroupId) {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner).remove(&group);
    }
}

/// Runs until told to quit, or until the node cannot go on.
pub async fn serve(arguments: Arguments) -> ExitCode {
    let dir = arguments.dir().to_owned();
    match run(arguments).await {
        Ok(code) => code,
        Err(Stop::Open(error)) => {
            eprintln!("replicated-map: {error}");
            ExitCode::from(if matches!(error, OpenError::Io { .. }) { EXIT_IO } else { EXIT_DATA })
        }
        Err(Stop::Listen(error)) => {
            eprintln!("replicated-map: {}: {error}", dir.display());
            ExitCode::FAILURE
        }
    }
}

enum Stop {
    Open(OpenError),
    Listen(std::io::Error),
}

async fn run(arguments: Arguments) -> Result<ExitCode, Stop> {
    let peers = TcpListener::bind(&arguments.peer_listen).await.map_err(Stop::Listen)?;
    let control = TcpListener::bind(&arguments.control_listen).await.map_err(Stop::Listen)?;
    let node = Node::open(arguments.settings, peers).await.map_err(Stop::Open)?;
    let server = Server { node, groups: Arc::default(), quit: Arc::new(Notify::new()) };
    println!("ready");
    loop {
        tokio::select! {
            accepted = control.accept() => if let Ok((stream, _)) = accepted {
                tokio::spawn(answer(server.clone(), stream));
            },
            reason = server.node.failed() => {
                eprintln!("replicated-map: {reason}");
                return Ok(ExitCode::from(EXIT_DATA));
            }
            () = server.quit.notified() => {
                server.node.shutdown().await;
                return Ok(ExitCode::SUCCESS);
            }
        }
    }
}

/// One connection: a line in, a line out.
async fn answer(server: Server, stream: TcpStream) {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let mut answer = command::run(&server, &line).await;
        answer.push('\n');
        if write.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}
