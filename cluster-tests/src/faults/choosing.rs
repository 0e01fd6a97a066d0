//! Who is to suffer.

use super::fault::Scene;
use crate::dice::Dice;

/// The home of one of the rooms. Without rooms, or if none has a home, the leader of some shard.
pub(super) fn home(scene: Scene<'_>, dice: &mut Dice) -> Result<(u32, String), String> {
    if !scene.rooms.is_empty() {
        let room = dice.pick(scene.rooms);
        if let Some(home) = scene.arena.home(room) {
            return Ok((home, format!("the home of {room}")));
        }
    }
    let groups = scene.arena.status().map(|status| status.groups).unwrap_or_default();
    let led: Vec<_> = groups.iter().filter_map(|group| Some((group.leader?, group.shard?))).collect();
    if led.is_empty() {
        return one(scene, dice).map(|node| (node, "no home is known".to_owned()));
    }
    let (leader, shard) = *dice.pick(&led);
    Ok((leader, format!("the leader of shard {shard}")))
}

/// Any node that does something.
pub(super) fn one(scene: Scene<'_>, dice: &mut Dice) -> Result<u32, String> {
    one_of(&scene.arena.awake(), dice)
}

pub(super) fn one_of(nodes: &[u32], dice: &mut Dice) -> Result<u32, String> {
    if nodes.is_empty() { Err("no node is left".to_owned()) } else { Ok(*dice.pick(nodes)) }
}

/// The same in an order of chance.
pub(super) fn shuffled<T>(mut items: Vec<T>, dice: &mut Dice) -> Vec<T> {
    for left in (1..items.len()).rev() {
        items.swap(left, dice.below(left + 1));
    }
    items
}

/// All nodes but these.
pub(super) fn others(scene: Scene<'_>, but: &[u32]) -> Vec<u32> {
    scene.arena.nodes().into_iter().filter(|node| !but.contains(node)).collect()
}

/// Where nobody talks, no wire can be seen to break: two nodes run, and have a leader in common.
pub(super) fn two_talk(scene: Scene<'_>) -> Result<(), String> {
    let is_led = scene.arena.status().is_some_and(|status| status.groups.iter().any(|group| group.leader.is_some()));
    if is_led && scene.arena.awake().len() >= 2 { Ok(()) } else { Err("no two nodes talk".to_owned()) }
}
