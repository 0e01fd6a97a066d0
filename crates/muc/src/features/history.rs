//! §7.2.13-7.2.14, what was said before one came.

use std::sync::Arc;

use conclave_xmpp::{Field, FieldKind, Presence, Timestamp, ns};

use crate::change::HistoryWish;
use crate::config::{ConfigField, RoomConfig, number_of};
use crate::effect::{Message, View, What};
use crate::request::Context;
use crate::room::Open;

/// Bytes of all that a room keeps for newcomers, at most: each of them gets it at once. Some thousand lines fit.
const HISTORY_BYTES_MAX: usize = 512 * 1024;

const LENGTH_VAR: &str = "muc#roomconfig_historylength";
const DEFAULT_VAR: &str = "muc#roomconfig_defaulthistorymessages";

pub(crate) const LENGTH: ConfigField = ConfigField {
    var: LENGTH_VAR,
    show: |config| {
        let value = config.history_length.to_string();
        Field::new(FieldKind::TextSingle, LENGTH_VAR, &value).label("Messages that are kept for newcomers, at most")
    },
    set: |config, field, service| {
        config.history_length = number_of(field, service.history_max)?;
        Ok(())
    },
};

pub(crate) const DEFAULT: ConfigField = ConfigField {
    var: DEFAULT_VAR,
    show: |config| {
        let value = config.default_history.to_string();
        Field::new(FieldKind::TextSingle, DEFAULT_VAR, &value).label("Messages that a newcomer is shown if it does not say")
    },
    set: |config, field, service| {
        config.default_history = number_of(field, service.history_max)?;
        Ok(())
    },
};

/// What a joining client asks for, with times resolved, and no more than the service allows by now, whatever the room may keep.
pub(crate) fn wish(stanza: &Presence, config: &RoomConfig, context: &Context) -> HistoryWish {
    let wish = asked_for(stanza, config, context.now);
    let max = u64::from(context.service.history_max);
    HistoryWish { stanzas: Some(wish.stanzas.map_or(max, |stanzas| stanzas.min(max))), ..wish }
}

/// An attribute that cannot be read counts as missing.
fn asked_for(stanza: &Presence, config: &RoomConfig, now: Timestamp) -> HistoryWish {
    let x = stanza.payloads.iter().find(|payload| payload.is("x", ns::MUC));
    let by_default = HistoryWish { stanzas: Some(u64::from(config.default_history)), ..HistoryWish::default() };
    let Some(history) = x.and_then(|x| x.child("history", ns::MUC)) else { return by_default };
    let number = |name| history.attribute(name).and_then(|value| value.parse::<u64>().ok());
    let seconds = number("seconds").map(|seconds| now.minus(seconds.saturating_mul(1000)));
    let since = history.attribute("since").and_then(Timestamp::parse);
    // The narrower of the two bounds, if both are given.
    let wish = HistoryWish { chars: number("maxchars"), stanzas: number("maxstanzas"), since: seconds.max(since) };
    if wish == HistoryWish::default() { by_default } else { wish }
}

/// The last messages that satisfy every bound, oldest first.
pub(crate) fn replay<'a>(open: &'a Open, wish: &HistoryWish) -> impl Iterator<Item = What> + use<'a> {
    let kept: Vec<&Arc<Message>> = open.history.iter().collect();
    let recent = |message: &&&Arc<Message>| wish.since.is_none_or(|since| message.time >= since);
    let mut room_left = wish.chars;
    let mut fits = |message: &&&Arc<Message>| match room_left.as_mut() {
        None => true,
        Some(left) => {
            let chars = chars(message);
            let fits = chars <= *left;
            *left = left.saturating_sub(chars);
            fits
        }
    };
    let stanzas = usize::try_from(wish.stanzas.unwrap_or(u64::MAX)).unwrap_or(usize::MAX);
    let newest_first = kept.iter().rev().take_while(recent).take(stanzas);
    let mut chosen: Vec<Arc<Message>> =
        newest_first.take_while(|message| fits(message)).map(|message| Arc::clone(message)).collect();
    chosen.reverse();
    chosen.into_iter().map(|message| What::Message { message, delayed: true })
}

/// §7.2.14: `maxchars` counts the characters of the complete stanzas.
fn chars(message: &Arc<Message>) -> u64 {
    let stanza = What::Message { message: message.clone(), delayed: true }.encode(View::Plain);
    String::from_utf8_lossy(&stanza.rest).chars().count() as u64
}

/// Keeps a message for newcomers, and no more than the room may.
pub(crate) fn keep(open: &mut Open, message: Arc<Message>) {
    open.history_bytes += message.content.as_str().len();
    open.history.enqueue_mut(message);
    trim(open);
}

/// Forgets the oldest until the rest may be kept.
pub(crate) fn trim(open: &mut Open) {
    while open.history.len() > open.config.history_length as usize || open.history_bytes > HISTORY_BYTES_MAX {
        let forgotten = open.history.peek().map_or(0, |message| message.content.as_str().len());
        open.history_bytes -= forgotten;
        if !open.history.dequeue_mut() {
            return;
        }
    }
}
