//! One replica of a shard: the fold, and while this node leads, the home.

use std::sync::Arc;

use conclave_muc::{Context, Listing};
use conclave_xmpp::{BareJid, Timestamp};

use crate::answer::RoomLine;
use crate::codec::{self, Undecodable};
use crate::delivery_codec::Attend;
use crate::frame::Frame;
use crate::home::{Home, HomeSettings, Output};
use crate::incarnation::Incarnation;
use crate::lives::Lives;
use crate::planted::{self, Bug};
use crate::request::Request;
use crate::shard::Shard;
use crate::stored::{Record, RecordChange};

/// A replica, driven by the entries of its group.
#[derive(Debug)]
pub struct Replica {
    settings: HomeSettings,
    shard: Shard,
    home: Option<Home>,
    /// How often it began to be the home.
    offices: u64,
    living: Lives,
}

/// What an edge that asks to attend is told.
#[derive(Clone, PartialEq, Debug)]
pub enum Attendance {
    /// This is not the home, or not yet.
    NotHome,
    /// Meta does not say so far, here, that the edge's incarnation lives. It may be about to.
    Unknown,
    /// This home lacks frames that the edge lacks, and that matter to it. Other replicas may have them.
    Missing,
    /// It attends.
    Joined {
        /// The epoch in force; nothing if this is not the home.
        epoch: Option<u64>,
        /// The frames of this index and of all before are the edge's past.
        from: u64,
        /// It has missed some for good: what it knows of the shard's rooms is worth nothing.
        reset: bool,
        /// What it missed, to begin with.
        frames: Vec<Arc<Frame>>,
    },
}

impl Replica {
    /// A replica without anything in it.
    pub fn new(settings: HomeSettings) -> Replica {
        Replica { settings, shard: Shard::default(), home: None, offices: 0, living: Lives::default() }
    }

    /// The service goes by other settings from here on. A session that is detached already keeps the grace that it was given.
    pub fn set(&mut self, settings: HomeSettings) {
        self.settings = settings;
        if let Some(home) = &mut self.home {
            home.set(settings);
        }
    }

    /// Begins anew from what was stored.
    pub fn restore(&mut self, index: Option<u64>, records: &[(impl AsRef<[u8]>, impl AsRef<[u8]>)]) -> Result<(), Undecodable> {
        self.shard = Shard::read(index, records)?;
        self.home = None;
        Ok(())
    }

    /// An entry of Raft's own is next.
    pub fn pass(&mut self, index: u64) {
        self.shard.pass(index);
    }

    /// Folds the next entry. `now` is in milliseconds of this node's own clock, from any beginning.
    pub fn committed(&mut self, index: u64, bytes: &[u8], now: u64, out: &mut Vec<Output>) -> Result<(), Undecodable> {
        if planted::is(Bug::AcknowledgeBeforeCommit) && index <= self.shard.applied() {
            return Ok(());
        }
        let entry = codec::decode(bytes)?;
        #[cfg(feature = "planted")]
        let entry = planted::as_folded(entry, self.home.is_some());
        let folded = self.shard.fold(index, &entry);
        let Some(home) = &mut self.home else {
            out.extend(folded.frame.map(Output::Frame));
            return Ok(());
        };
        let served = home.epoch().is_some();
        if !home.committed(&self.shard, index, &entry, &folded, now, out) {
            self.home = None;
            out.extend(folded.frame.map(Output::Frame));
        } else if !served && home.epoch().is_some() {
            home.living(&self.shard, self.living.clone(), out);
        }
        Ok(())
    }

    /// This node leads the group, as this incarnation.
    pub fn begin(&mut self, me: Incarnation, now: Timestamp, out: &mut Vec<Output>) {
        self.offices += 1;
        self.home = Some(Home::begin(me, self.offices, self.settings, &self.shard, now, out));
    }

    /// It does not, or not surely: what is in flight may be lost.
    pub fn end(&mut self) {
        self.home = None;
    }

    /// Whether this node is the home, or about to be.
    pub fn is_home(&self) -> bool {
        self.home.is_some()
    }

    /// The epoch, while this is the home and serves.
    pub fn serves(&self) -> Option<u64> {
        self.home.as_ref().and_then(Home::epoch)
    }

    /// Entries that the home has proposed and that are not committed.
    pub fn in_flight(&self) -> usize {
        self.home.as_ref().map_or(0, Home::in_flight)
    }

    /// Whether the home takes another request.
    pub fn has_room(&self) -> bool {
        self.home.as_ref().is_none_or(Home::has_room)
    }

    /// An edge wants to attend.
    pub fn attend(&mut self, edge: Incarnation, attend: &Attend, out: &mut Vec<Output>) -> Attendance {
        let (after, at_home) = (attend.after, !attend.away_from_home);
        if at_home {
            if self.serves().is_none() {
                return Attendance::NotHome;
            }
            if !self.living.contains(edge) {
                return Attendance::Unknown;
            }
        }
        let former =
            attend.lives.iter().filter(|number| **number != edge.number).map(|number| Incarnation { number: *number, ..edge });
        let Replica { shard, home, .. } = self;
        let epoch = home.as_ref().filter(|_| at_home).and_then(Home::epoch);
        let missed: Option<(u64, Vec<Arc<Frame>>)> =
            after.and_then(|after| Some((after, shard.ring.since(after, edge.node)?.cloned().collect())));
        if missed.is_none()
            && !planted::is(Bug::GapPullOff)
            && at_home
            && after.is_some()
            && !attend.asked_others
            && shard.matters_to(edge.node)
        {
            return Attendance::Missing;
        }
        // One that is told so again may find the entry among the frames that it missed.
        let hears = |frames: &Vec<Arc<Frame>>| frames.iter().any(|frame| frame.anew == Some(edge));
        let is_lost = match &missed {
            Some((_, frames)) => attend.astray && !hears(frames),
            None => after.is_some() && !(attend.astray && hears(&shard.ring.all_of(edge.node).1)),
        };
        if let Some(home) = home.as_mut().filter(|_| at_home && is_lost) {
            home.lost(shard, former.clone(), edge, out);
        }
        let attendance = match missed {
            Some((from, frames)) => Attendance::Joined { epoch, from, reset: false, frames },
            None => {
                // An edge that is told so again has not heard the first time; that its sessions were removed stands in a frame.
                let (from, frames) = match after.filter(|_| at_home) {
                    Some(_) => shard.ring.all_of(edge.node),
                    None => (shard.applied(), Vec::new()),
                };
                Attendance::Joined { epoch, from, reset: true, frames }
            }
        };
        if let (Some(home), Attendance::Joined { from, .. }) = (home, &attendance) {
            home.acknowledged(edge.node, *from);
            if at_home {
                // Behind what removes those who have missed something: else they would sit there again, and hear what comes before they are told.
                former.for_each(|former| home.moved(shard, former, edge, out));
                home.attends(shard, edge.node, out);
            }
        }
        attendance
    }

    /// An edge that attends asks something.
    pub fn request(&mut self, from: Incarnation, request: &Request, context: &Context, out: &mut Vec<Output>) {
        if let Some(home) = &mut self.home {
            home.request(&self.shard, from, request, context, out);
        }
        #[cfg(feature = "planted")]
        planted::acknowledge_before_commit(self, out);
    }

    /// An edge asked something that a later request says as well: it is answered, and nothing else.
    pub fn superseded(&mut self, from: Incarnation, request: &Request, out: &mut Vec<Output>) {
        if let Some(home) = &mut self.home {
            home.superseded(from, request, out);
        }
    }

    /// An edge that attends has all frames up to an index.
    pub fn acknowledged(&mut self, node: u32, index: u64) {
        if let Some(home) = &mut self.home {
            home.acknowledged(node, index);
        }
    }

    /// Which incarnations live, by meta.
    pub fn living(&mut self, living: Lives, out: &mut Vec<Output>) {
        if self.living == living {
            return;
        }
        self.living = living;
        if let Some(home) = &mut self.home {
            home.living(&self.shard, self.living.clone(), out);
        }
    }

    /// Time passes. `now` is in milliseconds of this node's own clock, `time` is that of the calendar.
    pub fn tick(&mut self, now: u64, time: Timestamp, out: &mut Vec<Output>) {
        if let Some(home) = &mut self.home {
            home.tick(&self.shard, now, time, out);
        }
    }

    /// The barrier that was asked for is passed, or not.
    pub fn barrier_ended(&mut self, passed: bool, out: &mut Vec<Output>) {
        if let Some(home) = &mut self.home {
            home.barrier_ended(&self.shard, passed, out);
        }
    }

    /// What changed since this was last asked, for the state store.
    pub fn changes(&mut self) -> Vec<RecordChange> {
        self.shard.changes()
    }

    /// Everything as it is now, for the state store.
    pub fn freeze(&self) -> impl Iterator<Item = Record> + Send + 'static {
        self.shard.freeze()
    }

    /// The shard as committed.
    pub fn shard(&self) -> &Shard {
        &self.shard
    }

    /// The public rooms.
    pub fn listings(&self) -> Vec<Listing> {
        self.shard.listings()
    }

    /// One room, or all.
    pub fn room_lines(&self, one: Option<&BareJid>) -> Vec<RoomLine> {
        self.shard.room_lines(one)
    }
}
