//! Plays a script: its steps strictly in sequence, each client on a connection of its own.

use std::path::{Path, PathBuf};
use std::time::Duration;

use conclave_xmpp::Element;
use tokio::time::Instant;

use crate::client::{Connection, ConnectionError};
use crate::exact;
use crate::expect::satisfies;
use crate::extra::Extra;
use crate::hook::Hook;
use crate::ledger::{Fate, Ledger};
use crate::outcome::{Failure, Outcome, Reason};
use crate::script::{Act, Script, ScriptError, Step};
use crate::stanza_text::without_directives;
use crate::target::Targets;

/// How to play.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the clients connect to.
    pub targets: Targets,
    /// How long a client waits for one stanza, for its login or for the end of its stream. A healthy server needs
    /// milliseconds; one that elects a new leader needs a second or two.
    pub timeout: Duration,
    /// How long `receives: nothing` listens. Every such line costs this time, and what comes later is not noticed.
    pub silence: Duration,
    /// Whether a stanza that a step passed over may still satisfy a later one.
    pub unordered: bool,
    /// Whether a stanza that no line expects is a failure.
    pub exact: bool,
    /// Where else to look for `NAME.extra`.
    pub extra_dir: Option<PathBuf>,
    /// What to do once after a step (from 1), in each play of a script.
    pub after_step: Option<(usize, Hook)>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            targets: Targets::default(),
            timeout: Duration::from_secs(5),
            silence: Duration::from_millis(500),
            unordered: false,
            exact: false,
            extra_dir: None,
            after_step: None,
        }
    }
}

/// Reads a script and plays it once. The error means that it cannot be played; a server that falls short is an outcome.
pub async fn play_file(path: &Path, options: &Options) -> Result<Outcome, ScriptError> {
    play(&Script::read(path)?, options).await
}

/// Plays a script once. In the end every client has closed its stream, whatever happened.
pub async fn play(script: &Script, options: &Options) -> Result<Outcome, ScriptError> {
    let extra = match options.exact {
        true => Extra::of(script, options.extra_dir.as_deref())?,
        false => Extra::default(),
    };
    let mut player = Player::new(script, options);
    let mut failure = player.play().await;
    if let Err(reason) = player.leave().await {
        failure = failure.or(Some(Failure::at_the_end(reason)));
    }
    let mut ledger = player.ledger;
    if failure.is_none() && options.exact {
        failure = exact::judge(&mut ledger, extra, script.clients.len()).map(Failure::at_the_end);
    }
    Ok(Outcome { script: script.clone(), exact: options.exact, ledger, failure })
}

/// A client of the script, as far as it has come.
pub(crate) enum Seat {
    Absent,
    Online(Box<Connection>),
    Left,
}

pub(crate) struct Player<'a> {
    pub script: &'a Script,
    pub options: &'a Options,
    pub seats: Vec<Seat>,
    pub ledger: Ledger,
}

impl<'a> Player<'a> {
    fn new(script: &'a Script, options: &'a Options) -> Player<'a> {
        let seats = script.clients.iter().map(|_| Seat::Absent).collect();
        Player { script, options, seats, ledger: Ledger::default() }
    }

    async fn play(&mut self) -> Option<Failure> {
        let script = self.script;
        for (index, step) in script.steps.iter().enumerate() {
            let mut played = self.step(step).await;
            if let (Ok(()), Some((after, hook))) = (&played, &self.options.after_step)
                && *after == index + 1
            {
                played = hook.run().await.map_err(Reason::Hook);
            }
            if let Err(reason) = played {
                return Some(Failure::at(index, step, reason));
            }
        }
        self.finish().await.err().map(Failure::at_the_end)
    }

    /// What remains to be looked at when every step was played.
    async fn finish(&mut self) -> Result<(), Reason> {
        match &self.options.after_step {
            Some((after, _)) if !(1..=self.script.steps.len()).contains(after) => {
                return Err(Reason::Hook(format!("there is no step {after}: the script has {}", self.script.steps.len())));
            }
            _ => {}
        }
        if self.options.exact { exact::drain(self).await } else { Ok(()) }
    }

    async fn step(&mut self, step: &Step) -> Result<(), Reason> {
        match &step.act {
            Act::Connect => self.connect(step.client).await,
            Act::Disconnect => self.disconnect(step.client).await,
            Act::Send(stanzas) => self.send(step.client, stanzas).await,
            Act::Receive(expected) => {
                for (line, stanza) in expected {
                    self.receive(step.client, *line, stanza).await?;
                }
                Ok(())
            }
            Act::ReceiveNothing => self.receive_nothing(step.client).await,
        }
    }

    async fn connect(&mut self, client: usize) -> Result<(), Reason> {
        if matches!(self.seats[client], Seat::Online(_)) {
            return Err(Reason::OnlineAlready);
        }
        let wanted = &self.script.clients[client];
        let address = self.options.targets.address(client, wanted);
        let deadline = self.deadline();
        self.seats[client] = Seat::Online(Box::new(Connection::open(&address, wanted, deadline).await?));
        Ok(())
    }

    async fn disconnect(&mut self, client: usize) -> Result<(), Reason> {
        if self.options.exact {
            exact::drain(self).await?;
        }
        let deadline = self.deadline();
        match std::mem::replace(&mut self.seats[client], Seat::Left) {
            Seat::Online(connection) => Ok(connection.close(deadline).await?),
            Seat::Absent | Seat::Left => Err(Reason::NotOnline),
        }
    }

    async fn send(&mut self, client: usize, stanzas: &[Element]) -> Result<(), Reason> {
        let deadline = self.deadline();
        match &mut self.seats[client] {
            Seat::Absent => return Err(Reason::NotOnline),
            // The language says that this is ignored.
            Seat::Left => {}
            Seat::Online(connection) => {
                for stanza in stanzas {
                    connection.send(&without_directives(stanza), deadline).await?;
                }
            }
        }
        Ok(())
    }

    async fn receive(&mut self, client: usize, line: usize, expected: &Element) -> Result<(), Reason> {
        let deadline = self.deadline();
        let passed_over = if self.options.unordered { Fate::Waiting } else { Fate::PassedOver };
        for index in self.ledger.waiting(client) {
            if satisfies(self.ledger.stanza(index), expected) {
                self.ledger.settle(index, Fate::Expected(line));
                return Ok(());
            }
            self.ledger.settle(index, passed_over);
        }
        let Seat::Online(connection) = &mut self.seats[client] else { return Err(Reason::NotOnline) };
        let closed = loop {
            match connection.next(deadline).await {
                Ok(Some(stanza)) if satisfies(&stanza, expected) => {
                    return self.ledger.enter(client, stanza, Fate::Expected(line)).map_err(Reason::Flood);
                }
                Ok(Some(stanza)) => self.ledger.enter(client, stanza, passed_over).map_err(Reason::Flood)?,
                Ok(None) => break None,
                Err(error) => break Some(error),
            }
        };
        Err(Reason::NotReceived { line, expected: expected.clone(), waited: self.options.timeout, closed })
    }

    async fn receive_nothing(&mut self, client: usize) -> Result<(), Reason> {
        let deadline = Instant::now() + self.options.silence;
        if !self.options.unordered && self.ledger.waiting(client).next().is_some() {
            return Err(Reason::NotSilent);
        }
        match &mut self.seats[client] {
            Seat::Absent | Seat::Left => Ok(()),
            Seat::Online(connection) => match connection.next(deadline).await {
                Ok(Some(stanza)) => {
                    self.ledger.enter(client, stanza, Fate::Waiting).map_err(Reason::Flood)?;
                    Err(Reason::NotSilent)
                }
                Ok(None) | Err(ConnectionError::Closed) => Ok(()),
                Err(error) => Err(error.into()),
            },
        }
    }

    /// Closes what is open still.
    async fn leave(&mut self) -> Result<(), Reason> {
        let mut left = Ok(());
        for client in 0..self.seats.len() {
            let deadline = self.deadline();
            if let Seat::Online(connection) = std::mem::replace(&mut self.seats[client], Seat::Left)
                && let Err(error) = connection.close(deadline).await
            {
                left = Err(Reason::Connection(error));
            }
        }
        left
    }

    pub fn deadline(&self) -> Instant {
        Instant::now() + self.options.timeout
    }
}
