//! The administrator's end of the socket. It blocks: whoever uses it does nothing else meanwhile.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{ANSWER_BYTES_MAX, Answer, Ask, socket};

/// How long the node may take for one answer; keys are derived meanwhile, perhaps for several administrators.
const ANSWER_MAX: Duration = Duration::from_secs(30);

/// A connection to a node.
#[derive(Debug)]
pub struct Client {
    stream: BufReader<UnixStream>,
    path: PathBuf,
}

/// Why nothing was answered. Each names the socket.
#[derive(Debug)]
pub enum ClientError {
    /// No node has this directory.
    NoNode(PathBuf),
    /// The socket is another user's.
    Forbidden(PathBuf),
    /// The socket cannot be used.
    Unreachable(PathBuf, io::Error),
    /// The node ended before it answered, or took too long.
    NoAnswer(PathBuf, io::Error),
    /// The answer cannot be understood.
    Strange(PathBuf, String),
}

impl Client {
    /// Connects to the node that has this directory.
    pub fn connect(directory: &Path) -> Result<Client, ClientError> {
        let path = socket(directory);
        let connected = UnixStream::connect(&path).and_then(|stream| {
            stream.set_read_timeout(Some(ANSWER_MAX))?;
            stream.set_write_timeout(Some(ANSWER_MAX))?;
            Ok(BufReader::new(stream))
        });
        match connected {
            Ok(stream) => Ok(Client { stream, path }),
            Err(cause) => Err(match cause.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => ClientError::NoNode(path),
                io::ErrorKind::PermissionDenied => ClientError::Forbidden(path),
                _ => ClientError::Unreachable(path, cause),
            }),
        }
    }

    /// Asks, and waits for the answer.
    pub fn ask(&mut self, ask: &Ask) -> Result<Answer, ClientError> {
        let line = self.exchange(ask).map_err(|cause| ClientError::NoAnswer(self.path.clone(), cause))?;
        serde_json::from_str(&line).map_err(|cause| ClientError::Strange(self.path.clone(), cause.to_string()))
    }

    fn exchange(&mut self, ask: &Ask) -> io::Result<String> {
        let mut line = serde_json::to_string(ask)?;
        line.push('\n');
        self.stream.get_mut().write_all(line.as_bytes())?;
        line.clear();
        self.stream.by_ref().take(ANSWER_BYTES_MAX as u64).read_line(&mut line)?;
        if line.ends_with('\n') { Ok(line) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ClientError::NoNode(path) => write!(
                f,
                "no node is running here: nobody listens on {}. Start one with `conclave serve`, or name the directory of one that runs \
                 with --dir",
                path.display()
            ),
            ClientError::Forbidden(path) => {
                write!(f, "{} is not yours to open; be the user that the node runs as", path.display())
            }
            ClientError::Unreachable(path, cause) => write!(f, "the node cannot be reached through {}: {cause}", path.display()),
            ClientError::NoAnswer(path, cause) => write!(
                f,
                "the node at {} has not answered ({cause}); whether it has done what was asked is not known",
                path.display()
            ),
            ClientError::Strange(path, cause) => write!(
                f,
                "the answer of the node at {} cannot be understood ({cause}); is it of another version?",
                path.display()
            ),
        }
    }
}

impl std::error::Error for ClientError {}
