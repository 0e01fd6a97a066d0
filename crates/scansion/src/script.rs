//! A scenario: its clients, then its steps.

use std::path::{Path, PathBuf};

use conclave_xmpp::{Element, FullJid};

use crate::block::{Block, blocks, is_comment};
use crate::cast::{Cast, Client};
use crate::stanza_text::{Fault, stanzas};

/// A `.scs` file.
#[derive(Clone, Debug)]
pub struct Script {
    /// Where it was read from.
    pub path: PathBuf,
    /// Its first comment.
    pub title: Option<String>,
    /// Its `## tag` lines.
    pub tags: Vec<String>,
    /// Who takes part, in order of appearance.
    pub clients: Vec<Client>,
    /// What happens, in order.
    pub steps: Vec<Step>,
}

/// One thing that a client does or sees.
#[derive(Clone, Debug)]
pub struct Step {
    /// The line on which it begins, from 1.
    pub line: usize,
    /// That line.
    pub text: String,
    /// Whose step it is: an index into [`Script::clients`].
    pub client: usize,
    /// What it is.
    pub act: Act,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Logs in and binds. No initial presence is sent.
    Connect,
    /// Closes the stream.
    Disconnect,
    /// Sends stanzas.
    Send(Vec<Element>),
    /// Waits for stanzas in this order, each with the line on which it stands.
    Receive(Vec<(usize, Element)>),
    /// Makes sure that nothing comes for a while.
    ReceiveNothing,
}

/// Why a script cannot be played.
#[derive(Debug, thiserror::Error)]
pub enum ScriptError {
    /// The file cannot be read.
    #[error("{}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A line is not of the language.
    #[error("{}:{line}: {what}", path.display())]
    Wrong {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong, and what would be right.
        what: String,
    },
}

impl Script {
    /// Reads a file.
    pub fn read(path: &Path) -> Result<Script, ScriptError> {
        let unreadable = |source| ScriptError::Unreadable { path: path.to_owned(), source };
        Script::parse(path, &std::fs::read_to_string(path).map_err(unreadable)?)
    }

    /// Reads a text; `path` is for messages.
    pub fn parse(path: &Path, text: &str) -> Result<Script, ScriptError> {
        parse(path, text).map_err(|fault| fault.in_file(path))
    }

    /// Every client's name and address, for reading stanzas.
    pub fn names(&self) -> Vec<(&str, &FullJid)> {
        names(&self.clients)
    }
}

impl Fault {
    /// The same, with the name of the file.
    pub fn in_file(self, path: &Path) -> ScriptError {
        ScriptError::Wrong { path: path.to_owned(), line: self.line, what: self.what }
    }
}

fn parse(path: &Path, text: &str) -> Result<Script, Fault> {
    let mut lines = text.lines().enumerate().map(|(index, line)| (index + 1, line));
    let cast = Cast::parse(&mut lines)?;
    let blocks = blocks(lines).map_err(|line| Fault { line, what: "this line stands below no step".to_owned() })?;
    let steps = blocks.iter().map(|block| step(block, &cast.clients)).collect::<Result<_, _>>()?;
    Ok(Script { path: path.to_owned(), title: cast.title, tags: cast.tags, clients: cast.clients, steps })
}

fn names(clients: &[Client]) -> Vec<(&str, &FullJid)> {
    clients.iter().map(|client| (client.name.as_str(), &client.jid)).collect()
}

fn step(block: &Block<'_>, clients: &[Client]) -> Result<Step, Fault> {
    let fault = |what: String| Fault { line: block.line, what };
    let (client, rest) = whose(block.head, clients).ok_or_else(|| fault(no_client(block.head, clients)))?;
    let (verb, behind) = verb(rest);
    let act = match verb {
        "connects" => alone(block, behind, Act::Connect)?,
        "disconnects" => alone(block, behind, Act::Disconnect)?,
        "receives" if behind == "nothing" => alone(block, "", Act::ReceiveNothing)?,
        "sends" => Act::Send(written(block, behind, clients)?.into_iter().map(|(_, stanza)| stanza).collect()),
        "receives" => Act::Receive(written(block, behind, clients)?),
        other => return Err(fault(format!("`{other}`: a client `connects`, `disconnects`, `sends:` or `receives:`"))),
    };
    Ok(Step { line: block.line, text: block.head.to_owned(), client, act })
}

/// The client whose name the line begins with, and the rest. The longest name wins: `Anna's phone` is not `Anna`.
pub(crate) fn whose<'a>(head: &'a str, clients: &[Client]) -> Option<(usize, &'a str)> {
    let named = clients.iter().enumerate().filter_map(|(index, client)| {
        let rest = head.strip_prefix(client.name.as_str())?;
        rest.starts_with([' ', '\t']).then_some((index, client.name.len(), rest.trim()))
    });
    named.max_by_key(|(_, length, _)| *length).map(|(index, _, rest)| (index, rest))
}

pub(crate) fn no_client(head: &str, clients: &[Client]) -> String {
    let known: Vec<&str> = clients.iter().map(|client| client.name.as_str()).collect();
    format!("`{head}` does not begin with a client's name; the clients are: {}", known.join(", "))
}

/// The verb without its colon, and what stands behind it on the line.
fn verb(rest: &str) -> (&str, &str) {
    let end = rest.find([':', ' ', '\t']).unwrap_or(rest.len());
    let behind = rest[end..].trim_start();
    (&rest[..end], behind.strip_prefix(':').unwrap_or(behind).trim())
}

fn alone(block: &Block<'_>, behind: &str, act: Act) -> Result<Act, Fault> {
    let below = block.body.iter().find(|(_, line)| !is_comment(line));
    match below {
        Some((line, _)) => Err(Fault { line: *line, what: format!("nothing may stand below `{}`", block.head) }),
        None if behind.is_empty() => Ok(act),
        None => Err(Fault { line: block.line, what: format!("`{behind}` does not belong here") }),
    }
}

/// The stanzas of a step: on its line, below it, or both.
fn written(block: &Block<'_>, behind: &str, clients: &[Client]) -> Result<Vec<(usize, Element)>, Fault> {
    let first = (!behind.is_empty()).then_some((block.line, behind));
    let body: Vec<(usize, &str)> = first.into_iter().chain(block.body.iter().copied()).collect();
    let stanzas = stanzas(&body, &names(clients))?;
    if stanzas.is_empty() {
        return Err(Fault { line: block.line, what: "a stanza is missing: write it indented below this line".to_owned() });
    }
    Ok(stanzas)
}

#[cfg(test)]
#[path = "script_tests.rs"]
mod tests;
