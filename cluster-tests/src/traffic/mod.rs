//! People who talk, come and go, and throw each other out, by dice; and write down all that they do and see.
//!
//! A [`Profile`] says what for: it has rooms ([`cast::Room`]), each of a [`kind`](kind::Kind) that has a script of dice, and people
//! ([`cast::Part`]), each of whom has one connection after the other. [`Traffic::begin`] starts them; from then on they follow the phase of the run:
//!
//! | phase | what they do |
//! |---|---|
//! | setting | owners make their rooms and put them in order, then all enter: [`Traffic::arrived`] |
//! | safety | each does what its dice say; whose connection breaks comes back, to rooms that are nobody's sooner or later |
//! | heal | the same, but rooms that are nobody's stay as they are: nobody comes back there, and who is in only speaks |
//! | liveness | owners put their rooms in order again, everybody goes in, and everything that the profile has must work: [`Traffic::proved`] |
//! | looking | nobody asks for anything more: [`Traffic::quiet`], then [`Traffic::look`] |
//! | over | all leave: [`Traffic::ended`] |
//!
//! Every send ends as `ok`, `refused` or `unknown`. A message is settled by its reflection, a presence by one's own, an IQ by its answer. A
//! room says nothing about a whisper that it has passed on, nor about leaving a room that one is not in: behind these goes a ping, which the room
//! answers in its turn.

mod answering;
mod asking;
pub mod cast;
mod errand;
mod finale;
pub mod kind;
mod look;
pub(crate) mod payload;
mod person;
pub mod profile;
mod scripts;
mod seat;
mod sends;
mod session;
pub mod simulated;
mod stage;

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Duration, timeout};

pub use cast::ACCOUNTS;
pub use profile::Profile;

use self::person::Person;
use self::stage::{Board, Stage};
use crate::doors::Doors;
use crate::history::Phase;
use crate::recorder::Recorder;

/// What a traffic is like.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Manner {
    /// What it is for.
    pub profile: Profile,
    /// All its chance comes from this.
    pub seed: u64,
    /// How many things all people together ask for in a second.
    pub rate: u32,
    /// How many messages of history rooms keep, if not the usual number of the server.
    pub kept: Option<usize>,
}

/// All people of a profile, at work.
pub struct Traffic {
    stage: Arc<Stage>,
    people: JoinSet<()>,
}

impl Traffic {
    /// Everybody connects. All accounts of [`ACCOUNTS`] must be there.
    pub fn begin(manner: Manner, doors: Doors, recorder: Recorder, phase: watch::Receiver<Phase>) -> Traffic {
        let cast = manner.profile.cast();
        let pause = Duration::from_secs_f64(cast.parts.len() as f64 / f64::from(manner.rate.max(1)));
        let (seed, kept) = (manner.seed, manner.kept);
        let stage = Arc::new(Stage { cast, seed, pause, kept, doors, recorder, phase, board: watch::Sender::default() });
        let people = (0..stage.cast.parts.len()).map(|at| Person::new(stage.clone(), at).play()).collect();
        Traffic { stage, people }
    }

    /// The bare JIDs of all rooms, also of those that are not there.
    pub fn rooms(&self) -> Vec<String> {
        self.stage.cast.rooms.iter().map(cast::Room::jid).collect()
    }

    /// Waits until all rooms are made and everybody is in.
    ///
    /// # Errors
    ///
    /// A sentence that says who is not, after so long.
    pub async fn arrived(&self, limit: Duration) -> Result<(), String> {
        self.all("in all its rooms", limit, |board| &board.arrived).await
    }

    /// Waits until, in liveness, everybody has done everything that must work.
    ///
    /// # Errors
    ///
    /// Sentences that say what did not work, or who has not come to it after so long.
    pub async fn proved(&self, limit: Duration) -> Result<(), String> {
        self.all("through with all that must work", limit, |board| &board.proved).await?;
        let failed = self.stage.board.borrow().failed.clone();
        if failed.is_empty() { Ok(()) } else { Err(failed.join("\n")) }
    }

    /// Waits until, in looking, nobody waits for anything.
    ///
    /// # Errors
    ///
    /// A sentence that says who does, after so long.
    pub async fn quiet(&self, limit: Duration) -> Result<(), String> {
        self.all("quiet", limit, |board| &board.quiet).await
    }

    /// Asks through every node who is in each room, who has which affiliation, and the configuration. The sessions are called
    /// `looker@localhost/lookNODE#1`. Then one after the other goes into the rooms to be shown what was said: `looker@localhost/visitNODE#1`.
    ///
    /// # Errors
    ///
    /// A sentence that says which node does not let anybody in, or breaks the connection.
    pub async fn look(&self) -> Result<(), String> {
        look::look(&self.stage).await
    }

    /// Waits until, when all is over, everybody has left.
    ///
    /// # Errors
    ///
    /// Somebody panicked, or has not left after so long.
    pub async fn ended(mut self, limit: Duration) -> Result<(), String> {
        let all = async {
            while let Some(one) = self.people.join_next().await {
                one.map_err(|error| error.to_string())?;
            }
            Ok(())
        };
        timeout(limit, all).await.unwrap_or_else(|_| Err("somebody does not leave".to_owned()))
    }

    async fn all(&self, what: &str, limit: Duration, list: fn(&Board) -> &BTreeSet<usize>) -> Result<(), String> {
        let parts = &self.stage.cast.parts;
        let mut board = self.stage.board.subscribe();
        let all = timeout(limit, board.wait_for(|board| list(board).len() >= parts.len())).await.is_ok_and(|all| all.is_ok());
        if all {
            return Ok(());
        }
        let there = list(&self.stage.board.borrow()).clone();
        let missing = parts.iter().enumerate().filter(|(at, _)| !there.contains(at)).map(|(_, part)| part.jid());
        let missing: Vec<String> = missing.collect();
        Err(format!("not {what} after {} s: {}; {:?}", limit.as_secs(), missing.join(", "), self.stage.board.borrow().failed))
    }
}
