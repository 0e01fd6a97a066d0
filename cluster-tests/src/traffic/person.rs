//! Somebody who plays: one connection after the other, in its rooms, by its dice.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::time::{Duration, Instant};

use super::cast::{Habit, Part};
use super::errand::{Errand, Errands};
use super::finale::Finale;
use super::kind::Kind;
use super::scripts::{View, race, say};
use super::seat::{Place, Seat, Turn};
use super::session::{Login, News, Session};
use super::stage::Stage;
use crate::act::{Act, Answer};
use crate::dice::Dice;
use crate::history::{Event, Phase};

/// How long somebody listens before it looks again whether there is something to do.
const TICK: Duration = Duration::from_millis(20);

/// Sends of one person that are under way, at most: the server stops reading at 64.
const UNDER_WAY_MAX: usize = 8;

/// From one storm to the next, and to the first one.
const STORM_EVERY: Duration = Duration::from_secs(4);
const FIRST_STORM: Duration = Duration::from_millis(700);

/// How long somebody stays away, in milliseconds: mostly less than the grace of its seats, and sometimes more.
const RESTS_MS: [u64; 8] = [0, 0, 50, 50, 300, 300, 1500, 6000];

/// How long somebody stays out of a room to which it does not come back at once: longer than the grace and what may pass behind it.
const OUT: Duration = Duration::from_secs(10);

/// Between two attempts to find a node that lets somebody in.
const KNOCK_AGAIN: Duration = Duration::from_millis(100);

/// Somebody.
pub(super) struct Person {
    pub stage: Arc<Stage>,
    /// Its place among the parts.
    pub at: usize,
    dice: Dice,
    /// The accounts of the others.
    accounts: Vec<String>,
    life: u32,
    sent: usize,
    pub errands: Errands,
    /// Its own rooms that it has begun to put in order.
    opening: BTreeSet<usize>,
    pub finale: Finale,
    /// Rooms that it has left so that it has a voice when it enters again.
    pub left_for_voice: BTreeSet<usize>,
    next_wish: Instant,
    next_storm: Option<Instant>,
    /// How long a server may be silent.
    patience: Duration,
}

/// Why a connection is over.
enum End {
    /// It broke, or there was no answer.
    Cut(String),
    /// It is broken off, on purpose.
    BreakOff,
    /// It is left as it is, and nobody reads it any more: another takes its place.
    Forsake,
    /// It is closed, on purpose.
    Close,
    /// All is over.
    Over,
}

impl Person {
    pub fn new(stage: Arc<Stage>, at: usize) -> Person {
        let part = &stage.cast.parts[at];
        let seed = stage.seed.wrapping_mul(1_000_003).wrapping_add(at as u64);
        let others = stage.cast.parts.iter().map(|part| part.account.clone()).filter(|account| *account != part.account);
        let mut accounts: Vec<String> = others.collect();
        accounts.sort();
        accounts.dedup();
        Person {
            at,
            dice: Dice::new(seed),
            accounts,
            life: 0,
            sent: 0,
            errands: Errands::none(),
            opening: BTreeSet::new(),
            finale: Finale::Before,
            left_for_voice: BTreeSet::new(),
            next_wish: Instant::now(),
            next_storm: None,
            patience: Duration::from_secs(10),
            stage,
        }
    }

    pub fn part(&self) -> &Part {
        &self.stage.cast.parts[self.at]
    }

    /// From the first connection to the end of the play.
    pub async fn play(mut self) {
        let stage = self.stage.clone();
        let nick = self.part().nick.clone();
        let mut seats: Vec<Seat> = stage.cast.rooms.iter().map(|_| Seat::outside(&nick)).collect();
        let mut node = 1 + self.at as u32 % 3;
        while let Some(mut session) = self.connect(&stage, node, seats).await {
            let end = self.live(&mut session).await;
            node = session.node;
            let why = match &end {
                End::Cut(why) => format!("cut off: {why}"),
                End::BreakOff | End::Forsake => "cut off: by itself".to_owned(),
                End::Close | End::Over => "left".to_owned(),
            };
            for news in session.end(&why) {
                self.heed(news, &mut session.seats);
            }
            seats = std::mem::take(&mut session.seats);
            if let End::Cut(_) = end {
                self.stay_out(&mut seats);
            }
            let over = matches!(end, End::Over);
            match end {
                End::Close | End::Over => session.close().await,
                End::Forsake => session.forsake(),
                End::Cut(_) | End::BreakOff => drop(session),
            }
            if over {
                return;
            }
            node = self.rest(node).await;
        }
    }

    /// At the first node that lets it in, beginning with this one; nothing if the play ends before.
    async fn connect<'s>(&mut self, stage: &'s Stage, node: u32, seats: Vec<Seat>) -> Option<Session<'s>> {
        self.life += 1;
        self.patience = Duration::from_millis(8000 + self.dice.below(8000) as u64);
        let jid = self.part().jid();
        let login = Login { jid: &jid, life: self.life };
        loop {
            if stage.phase() >= Phase::Looking {
                return self.stay_away().await;
            }
            for (node, address) in stage.doors.beginning_with(node) {
                let rooms = (&stage.cast.rooms[..], seats.clone());
                if let Ok(session) = Session::open((node, &address), &login, rooms, &stage.recorder).await {
                    return Some(session);
                }
            }
            tokio::time::sleep(KNOCK_AGAIN).await;
        }
    }

    /// Whoever is out when all are looked at stays out.
    async fn stay_away<T>(&self) -> Option<T> {
        self.stage.put(|board| &mut board.quiet, self.at);
        let mut phase = self.stage.phase.clone();
        // Nobody says any more how far the run is: then it is over.
        let _ = phase.wait_for(|phase| *phase == Phase::Over).await;
        None
    }

    /// It does not come back to some of the rooms that are nobody's: there it has to be seen to go.
    fn stay_out(&mut self, seats: &mut [Seat]) {
        for (room, seat) in self.stage.cast.rooms.iter().zip(seats) {
            if room.kind == Kind::Race && self.dice.below(3) == 0 {
                seat.not_before = Instant::now() + OUT;
            }
        }
    }

    /// Before it comes back, and where.
    async fn rest(&mut self, node: u32) -> u32 {
        let pause = Duration::from_millis(*self.dice.pick(&RESTS_MS));
        let mut phase = self.stage.phase.clone();
        // When all is to be whole again nobody stays away.
        let _ = tokio::time::timeout(pause, phase.wait_for(|phase| *phase >= Phase::Heal)).await;
        if self.dice.below(2) == 0 { node } else { node + 1 }
    }

    async fn live(&mut self, session: &mut Session<'_>) -> End {
        loop {
            if let Err(end) = self.step(session).await {
                return end;
            }
            let news = match session.next(Instant::now() + TICK).await {
                Ok(news) => news,
                Err(error) => return End::Cut(error.to_string()),
            };
            for news in news {
                if let Some(end) = self.heed(news, &mut session.seats) {
                    return end;
                }
            }
        }
    }

    /// Whatever there is to do.
    async fn step(&mut self, session: &mut Session<'_>) -> Result<(), End> {
        for news in session.expire() {
            if let Some(end) = self.heed(news, &mut session.seats) {
                return Err(end);
            }
        }
        session.keep_alive(self.patience).await.map_err(End::Cut)?;
        match self.stage.phase() {
            Phase::Over => return Err(End::Over),
            Phase::Looking => {
                if session.sends.count() == 0 {
                    self.stage.put(|board| &mut board.quiet, self.at);
                }
                return Ok(());
            }
            _ => {}
        }
        self.enter_rooms(session).await?;
        self.do_errands(session).await?;
        self.open_rooms(session);
        match self.stage.phase() {
            Phase::Setting => self.arrive(session),
            Phase::Liveness => {
                self.play_finale(session);
                self.wish(session).await?;
            }
            _ => {
                self.weather().await?;
                self.wish(session).await?;
            }
        }
        Ok(())
    }

    async fn enter_rooms(&mut self, session: &mut Session<'_>) -> Result<(), End> {
        for room in self.part().rooms.clone() {
            let seat = &session.seats[room];
            if seat.place != Place::Outside || seat.not_before > Instant::now() || !self.may_enter(room) {
                continue;
            }
            let kind = self.stage.cast.rooms[room].kind;
            // In the beginning, and when all must work, there is no password, and everybody has its own nick.
            let calm = matches!(self.stage.phase(), Phase::Setting | Phase::Liveness);
            let nick = if calm { Some(self.part().nick.clone()) } else { kind.nick(&mut self.dice) };
            if let Some(nick) = nick {
                session.seats[room].nick = nick;
            }
            let password = if calm { None } else { kind.password(&mut self.dice) };
            let nick = session.seats[room].nick.clone();
            self.ask(session, room, Act::Enter { nick, password, history: None }).await?;
        }
        Ok(())
    }

    fn may_enter(&self, room: usize) -> bool {
        let owned = self.stage.cast.rooms[room].owner == Some(self.at);
        match self.stage.cast.rooms[room].kind {
            Kind::Fresh => false,
            // Behind the last fault nobody comes back there, so that whoever was cut off by it has to be seen to go.
            Kind::Race => self.stage.phase() == Phase::Safety,
            _ if self.finale.is_restoring() => false,
            _ => owned || self.stage.is_on(|board| &board.opened, room),
        }
    }

    async fn do_errands(&mut self, session: &mut Session<'_>) -> Result<(), End> {
        loop {
            let is_ready = |errand: &Errand| {
                let place = session.seats[errand.room].place;
                let in_place = match errand.act {
                    Act::Enter { .. } => place == Place::Outside,
                    Act::Configure { .. } | Act::Affiliation { .. } => true,
                    _ => place == Place::Inside,
                };
                in_place && !is_busy(session, errand.room)
            };
            let Some(errand) = self.errands.take_ready(&self.stage, is_ready) else { return Ok(()) };
            let send = self.ask(session, errand.room, errand.act.clone()).await?;
            self.errands.begin(send, errand);
        }
    }

    /// Once in the rooms that are its own, in the beginning.
    fn open_rooms(&mut self, session: &Session<'_>) {
        let stage = self.stage.clone();
        for (at, room) in stage.cast.rooms.iter().enumerate() {
            let new = room.owner == Some(self.at) && room.kind != Kind::Fresh && !stage.is_on(|board| &board.opened, at);
            if !new || session.seats[at].place != Place::Inside {
                continue;
            }
            if self.opening.insert(at) {
                self.errands.add(at, room.setting(&stage.cast, stage.kept), 10, true);
            } else if self.errands.are_done_in(at) {
                stage.put(|board| &mut board.opened, at);
            }
        }
    }

    fn arrive(&self, session: &Session<'_>) {
        if self.is_in_all(session) {
            self.stage.put(|board| &mut board.arrived, self.at);
        }
    }

    /// In all rooms that are kept by somebody.
    pub fn is_in_all(&self, session: &Session<'_>) -> bool {
        let rooms = &self.stage.cast.rooms;
        let kept = |room: &&usize| !matches!(rooms[**room].kind, Kind::Race | Kind::Fresh);
        self.part().rooms.iter().filter(kept).all(|room| session.seats[*room].place == Place::Inside)
    }

    async fn wish(&mut self, session: &mut Session<'_>) -> Result<(), End> {
        if self.next_wish > Instant::now() {
            return Ok(());
        }
        let pause = self.stage.pause.as_micros() as usize;
        self.next_wish = Instant::now() + Duration::from_micros((pause / 2 + self.dice.below(pause + 1)) as u64);
        self.habit(session).await?;
        let rooms = self.part().rooms.iter().copied();
        let stage = &self.stage;
        let free = |room: &usize| {
            let is_fresh = stage.cast.rooms[*room].kind == Kind::Fresh;
            !is_fresh && session.seats[*room].place == Place::Inside && !is_busy(session, *room)
        };
        let rooms: Vec<usize> = rooms.filter(free).collect();
        if rooms.is_empty() || session.sends.count() >= UNDER_WAY_MAX {
            return Ok(());
        }
        let room = *self.dice.pick(&rooms);
        if let Some(act) = self.wish_in(session, room) {
            self.ask(session, room, act).await?;
        }
        Ok(())
    }

    fn wish_in(&mut self, session: &Session<'_>, room: usize) -> Option<Act> {
        let kind = self.stage.cast.rooms[room].kind;
        let only_speaks = match self.stage.phase() {
            // Nobody is seen to go from a room that is destroyed meanwhile.
            Phase::Heal => kind == Kind::Race,
            phase => phase == Phase::Liveness,
        };
        if only_speaks {
            return Some(say(&mut self.dice));
        }
        let view = View { seat: &session.seats[room], accounts: &self.accounts };
        kind.wish(&view, &mut self.dice)
    }

    /// What it does with its connection, now and then.
    async fn habit(&mut self, session: &mut Session<'_>) -> Result<(), End> {
        let lively = self.stage.phase() == Phase::Liveness;
        match (self.part().habit, self.dice.below(100)) {
            _ if lively => Ok(()),
            (Habit::Restless, 0..3) => Err(End::BreakOff),
            (Habit::Restless, 3..6) => Err(End::Close),
            (Habit::Restless, 6..8) => Err(End::Forsake),
            (Habit::Sleepy, 0..5) => {
                let (mut phase, since) = (self.stage.phase.clone(), Instant::now());
                let nap = Duration::from_millis(500 + self.dice.below(4000) as u64);
                // Whoever sleeps when all must work wakes up.
                let _ = tokio::time::timeout(nap, phase.wait_for(|phase| *phase >= Phase::Liveness)).await;
                session.awake(since);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Storms, in which most of the connections break at the same time.
    async fn weather(&mut self) -> Result<(), End> {
        if self.part().habit != Habit::Stormy || self.stage.phase() != Phase::Safety {
            return Ok(());
        }
        let storm = *self.next_storm.get_or_insert(Instant::now() + FIRST_STORM);
        if storm > Instant::now() {
            return Ok(());
        }
        self.next_storm = Some(storm + STORM_EVERY);
        match self.dice.below(6) {
            0 | 1 => Ok(()),
            2 => Err(End::Forsake),
            _ => Err(End::BreakOff),
        }
    }

    /// Asks for something; a text that was left empty is the name of the send, which is returned.
    async fn ask(&mut self, session: &mut Session<'_>, room: usize, mut act: Act) -> Result<String, End> {
        self.sent += 1;
        let send = format!("{}-{}-{}", self.part().account, self.part().resource, self.sent);
        if let Act::Presence { status: text } | Act::Whisper { body: text, .. } | Act::Subject { text } = &mut act
            && text.is_empty()
        {
            text.clone_from(&send);
        }
        let wanted = *self.dice.pick(&[0, 5, 20]);
        if let Act::Enter { history, .. } = &mut act {
            history.get_or_insert(wanted);
        }
        match session.ask(&send, room, act).await {
            Ok(()) => Ok(send),
            Err(error) => Err(End::Cut(error.to_string())),
        }
    }

    /// What follows from what it has been told.
    fn heed(&mut self, news: News, seats: &mut [Seat]) -> Option<End> {
        match news {
            News::Ending(why) => return Some(End::Cut(format!("stream error {why}"))),
            News::Turn(room, Turn::Left(_)) => {
                seats[room].not_before = self.later(1000);
                self.errands.drop_those_in(room);
            }
            News::Turn(_, Turn::Joined) => {}
            News::Settled(settled) => {
                self.errands.settled(&settled.event, &self.stage);
                return self.heed_settled(settled.room, &settled.act, &settled.event, seats);
            }
        }
        None
    }

    fn heed_settled(&mut self, room: usize, act: &Act, event: &Event, seats: &mut [Seat]) -> Option<End> {
        match (act, event) {
            (Act::Enter { .. }, Event::Refused { .. }) => seats[room].not_before = self.later(1500),
            (Act::Enter { .. }, Event::Unknown { .. }) => return Some(End::Cut("no answer at the door".to_owned())),
            (Act::Enter { .. }, Event::Ok { answer: Answer::Inside { created: true, .. }, .. })
                if self.stage.cast.rooms[room].kind == Kind::Race =>
            {
                let opening = race::opening(&mut self.dice);
                self.errands.add(room, opening, 1, false);
            }
            _ => {}
        }
        None
    }

    /// Within so many milliseconds.
    fn later(&mut self, milliseconds: usize) -> Instant {
        Instant::now() + Duration::from_millis(self.dice.below(milliseconds) as u64)
    }
}

/// Whether where it is in a room, or under which nick, is just being settled.
fn is_busy(session: &Session<'_>, room: usize) -> bool {
    session.sends.in_room(room).any(|act| matches!(act, Act::Enter { .. } | Act::Leave | Act::Rename { .. }))
}
