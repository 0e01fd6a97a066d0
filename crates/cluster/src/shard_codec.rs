//! The records of a shard that belong to no room and no session (`proto/shard.proto`), both ways. The generated types never leave this file.

use conclave_xmpp::Timestamp;
use prost::Message;

use crate::codec::Undecodable;
use crate::repeats::Logged;

#[allow(missing_docs)]
mod wire {
    include!(concat!(env!("OUT_DIR"), "/conclave.shard.v1.rs"));
}

/// The shard's own figures.
pub fn encode_head(epoch: u64, number: u64, time: Timestamp) -> Vec<u8> {
    wire::Head { epoch, number, time_ms: time.0 }.encode_to_vec()
}

/// The shard's own figures: epoch, number of the newest entry in it, and time.
pub fn decode_head(bytes: &[u8]) -> Result<(u64, u64, Timestamp), Undecodable> {
    let head = wire::Head::decode(bytes).map_err(Undecodable::garbled)?;
    Ok((head.epoch, head.number, Timestamp(head.time_ms)))
}

/// What is remembered of the requests of a session.
pub fn encode_repeats(logged: &Logged) -> Vec<u8> {
    let (numbers, indexes) = logged.numbers.iter().copied().unzip();
    wire::Repeats { newest: logged.newest, numbers, indexes }.encode_to_vec()
}

/// The same.
pub fn decode_repeats(bytes: &[u8]) -> Result<Logged, Undecodable> {
    let repeats = wire::Repeats::decode(bytes).map_err(Undecodable::garbled)?;
    if repeats.numbers.len() != repeats.indexes.len() {
        return Err(Undecodable::lacks("an index for each number"));
    }
    Ok(Logged { newest: repeats.newest, numbers: repeats.numbers.into_iter().zip(repeats.indexes).collect() })
}
