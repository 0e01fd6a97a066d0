//! One question to a node of this machine, and why there is no answer.

use std::fmt;
use std::io;

use super::client::{Client, ClientError};
use super::{Answer, Ask};
use crate::args::WhichNode;
use crate::settings::SettingsError;

/// Why it is not done.
#[derive(Debug)]
pub enum AskError {
    /// The settings file does not say where the node is.
    Settings(SettingsError),
    /// The node cannot be asked.
    Client(ClientError),
    /// The node said no.
    Refused(String),
    /// What there is to say cannot be written.
    Output(io::Error),
}

/// A connection to the node.
pub fn connect(node: &WhichNode) -> Result<Client, AskError> {
    Client::connect(&node.directory().map_err(AskError::Settings)?).map_err(AskError::Client)
}

impl Client {
    /// Asks, and takes a refusal for an error.
    pub fn obtain(&mut self, ask: &Ask) -> Result<Answer, AskError> {
        match self.ask(ask).map_err(AskError::Client)? {
            Answer::Refused { text, .. } => Err(AskError::Refused(text)),
            answer => Ok(answer),
        }
    }
}

impl AskError {
    /// The answer is not one to the question.
    pub fn strange() -> AskError {
        AskError::Refused("the node answers something else; is it of another version?".to_owned())
    }
}

impl fmt::Display for AskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AskError::Settings(cause) => cause.fmt(f),
            AskError::Client(cause) => cause.fmt(f),
            AskError::Refused(text) => f.write_str(text),
            AskError::Output(cause) => write!(f, "it is done, and cannot be said: {cause}"),
        }
    }
}

impl std::error::Error for AskError {}
