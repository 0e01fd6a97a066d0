//! What is said at an even rate, and what all occupants hear of it.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::task::{JoinHandle, spawn_local};
use tokio::time::{Instant, interval, sleep};

use crate::Result;
use crate::client::{Ear, Mark, message};

/// How long the last messages may take to come.
const LAST_MAX: Duration = Duration::from_secs(10);

/// One occupant's.
#[derive(Default)]
pub struct Heard {
    /// Numbers of messages, and when they came, in the order in which they came.
    pub messages: Vec<(u32, Instant)>,
    /// Numbers of those that were refused.
    pub refused: Vec<u32>,
    /// Those who were shown leaving, as it was said, and when.
    pub left: Vec<(String, Instant)>,
    /// When the stream ended, if it did.
    pub ended: Option<Instant>,
}

/// Shared by the listening task and whoever reads it at the end.
pub type Hearing = Rc<RefCell<Heard>>;

/// Hears until the stream ends, or the task is ended.
pub fn listen(mut ear: Ear) -> (Hearing, JoinHandle<()>) {
    let heard = Hearing::default();
    let hearing = heard.clone();
    let task = spawn_local(async move {
        // A node that is killed ends its streams in whatever way.
        while ear.read().await.unwrap_or(false) {
            let (now, mut heard) = (Instant::now(), hearing.borrow_mut());
            ear.marks(|mark| match mark {
                Mark::Message(number) => heard.messages.push((number, now)),
                Mark::Refused(number) => heard.refused.push(number),
                Mark::Left(stanza) => heard.left.push((String::from_utf8_lossy(stanza).into_owned(), now)),
            });
        }
        hearing.borrow_mut().ended = Some(Instant::now());
    });
    (heard, task)
}

/// Those who say something in turn.
pub struct Speech {
    pub room: String,
    pub mouths: Vec<OwnedWriteHalf>,
    /// The time between two messages of all together.
    pub every: Duration,
    /// When each message was written, by its number.
    pub said: Rc<RefCell<Vec<Instant>>>,
    /// Whether it goes on.
    pub goes_on: Rc<Cell<bool>>,
}

impl Speech {
    /// Speaks at an even rate, whatever becomes of what was said. The mouths come back: to drop one is to leave.
    pub async fn speak(mut self) -> Result<Vec<OwnedWriteHalf>> {
        let mut turns = interval(self.every);
        for number in 0_u32.. {
            turns.tick().await;
            if !self.goes_on.get() {
                break;
            }
            let line = message(&self.room, number);
            self.said.borrow_mut().push(Instant::now());
            let turn = number as usize % self.mouths.len();
            self.mouths[turn].write_all(line.as_bytes()).await?;
        }
        Ok(self.mouths)
    }
}

/// Waits until each of them has heard so many messages, or has had time for it.
pub async fn await_last(hearings: &[Hearing], messages: usize) {
    let start = Instant::now();
    let owed = |hearing: &Hearing| {
        let heard = hearing.borrow();
        heard.messages.len() + heard.refused.len() < messages
    };
    while start.elapsed() < LAST_MAX && hearings.iter().any(owed) {
        sleep(Duration::from_millis(20)).await;
    }
}
