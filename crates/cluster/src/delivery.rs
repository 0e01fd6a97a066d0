//! A frame as edges get it: encoded, once per view that anybody needs.

use conclave_muc::{Audience, Effect, SeatChange, View, What};
use conclave_xmpp::{BareJid, Encoded, Nick, Timestamp};

use crate::answer::Answer;
use crate::frame::{Direct, Frame, Routed};
use crate::incarnation::Incarnation;
use crate::view_set::ViewSet;

/// What an edge folds and sends.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Delivery {
    /// As in [`Frame`].
    pub index: Option<u64>,
    /// As in [`Frame`].
    pub time: Timestamp,
    /// What happens in rooms, in the order of sending.
    pub rooms: Vec<(BareJid, Vec<Part>)>,
    /// What goes to sessions without a room.
    pub direct: Vec<Direct>,
    /// Requests that it answers.
    pub answers: Vec<Answer>,
    /// As in [`Frame`].
    pub anew: Option<Incarnation>,
}

/// One thing that happens in a room.
#[derive(Clone, PartialEq, Debug)]
pub enum Part {
    /// Who sits where changes.
    Seat(SeatChange),
    /// A stanza is sent.
    Send {
        /// Who gets it.
        to: Audience,
        /// The nick that is shown: its bearer sees itself.
        subject: Option<Nick>,
        /// How it looks.
        views: Views,
        /// The node, if only one session receives it.
        only: Option<u32>,
    },
}

/// A stanza in the views that are needed.
#[derive(Clone, PartialEq, Debug)]
pub enum Views {
    /// It looks the same to all.
    Same(Encoded),
    /// By [`View`]; those that nobody needs are missing.
    Each([Option<Encoded>; 3]),
}

impl Views {
    /// What a receiver with this view gets. Nothing only if the sender knew of no such receiver.
    pub fn get(&self, view: View) -> Option<&Encoded> {
        match self {
            Views::Same(encoded) => Some(encoded),
            Views::Each(views) => views[view as usize].as_ref(),
        }
    }

    /// What the only receiver gets: its home knows how it sees this.
    pub fn single(&self) -> Option<&Encoded> {
        match self {
            Views::Same(encoded) => Some(encoded),
            Views::Each(views) => views.iter().flatten().next(),
        }
    }

    fn of(what: &What, needed: ViewSet) -> Views {
        if !what.differs_by_view() {
            return Views::Same(what.encode(View::Plain));
        }
        let mut views = [const { None }; 3];
        needed.iter().for_each(|view| views[view as usize] = Some(what.encode(view)));
        Views::Each(views)
    }
}

impl Delivery {
    /// Encodes a frame.
    pub fn of(frame: &Frame) -> Delivery {
        let rooms = frame.sections.iter().map(|section| (section.room.clone(), section.effects.iter().map(part).collect()));
        Delivery {
            index: frame.index,
            time: frame.time,
            rooms: rooms.collect(),
            direct: frame.direct.clone(),
            answers: frame.answers.clone(),
            anew: frame.anew,
        }
    }

    /// Whether every edge may get the same.
    pub fn is_for_all(&self) -> bool {
        let single = |part: &Part| matches!(part, Part::Send { only: Some(_), .. });
        !self.rooms.iter().any(|(_, parts)| parts.iter().any(single))
    }
}

fn part(routed: &Routed) -> Part {
    match &routed.effect {
        Effect::Seat(change) => Part::Seat(change.clone()),
        Effect::Send { to, what } => Part::Send {
            to: to.clone(),
            subject: what.shown_nick().cloned(),
            views: Views::of(what, routed.views),
            only: routed.only,
        },
    }
}
