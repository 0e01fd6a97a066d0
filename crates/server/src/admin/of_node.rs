//! The faces of a running node: what it says of its cluster and its rooms.

use conclave_xmpp::BareJid;

use super::cluster::{ClusterStatus, Later, Membership};
use super::rooms::{RoomLine, RoomShown, Rooms};
use crate::run::Node;

const NO_MEMBER: &str = "this node is not yet a member of a cluster; ask again when it is";

impl Membership for Node {
    fn status(&self) -> Later<'_, ClusterStatus> {
        Box::pin(async { Err(NO_MEMBER.to_owned()) })
    }

    fn invite(&self, _peer: String) -> Later<'_, String> {
        Box::pin(async { Err(NO_MEMBER.to_owned()) })
    }

    fn drain(&self, _node: u32) -> Later<'_, ()> {
        Box::pin(async { Err(NO_MEMBER.to_owned()) })
    }

    fn remove(&self, _node: u32) -> Later<'_, ()> {
        Box::pin(async { Err(NO_MEMBER.to_owned()) })
    }
}

impl Rooms for Node {
    fn list(&self) -> Later<'_, Vec<RoomLine>> {
        Box::pin(async { Err(NO_MEMBER.to_owned()) })
    }

    fn show(&self, _room: BareJid) -> Later<'_, RoomShown> {
        Box::pin(async { Err(NO_MEMBER.to_owned()) })
    }
}
