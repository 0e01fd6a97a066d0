//! Who is to suffer.

use super::fault::Scene;
use crate::dice::Dice;

/// The home of one of the rooms. Without rooms, or if none has a home that may suffer, the leader of some shard.
pub(super) fn home(scene: Scene<'_>, dice: &mut Dice) -> Result<(u32, String), String> {
    let members = scene.arena.nodes();
    let may_suffer = |node: &u32| members.contains(node) && !scene.spared.contains(node);
    if !scene.rooms.is_empty() {
        let room = dice.pick(scene.rooms);
        if let Some(home) = scene.arena.home(room).filter(may_suffer) {
            return Ok((home, format!("the home of {room}")));
        }
    }
    let groups = scene.arena.status().map(|status| status.groups).unwrap_or_default();
    let led = groups.iter().filter_map(|group| Some((group.leader.filter(may_suffer)?, group.shard?)));
    let led: Vec<_> = led.collect();
    if led.is_empty() {
        return one(scene, dice).map(|node| (node, "no home is known that may suffer".to_owned()));
    }
    let (leader, shard) = *dice.pick(&led);
    Ok((leader, format!("the leader of shard {shard}")))
}

/// Any node that does something, may suffer, and is not about to go for good.
pub(super) fn one(scene: Scene<'_>, dice: &mut Dice) -> Result<u32, String> {
    let awake = scene.arena.awake();
    let awake: Vec<u32> = other_victims(scene, &[]).into_iter().filter(|node| awake.contains(node)).collect();
    if awake.is_empty() { Err("no node is left".to_owned()) } else { Ok(*dice.pick(&awake)) }
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

/// Those of them that may suffer.
pub(super) fn other_victims(scene: Scene<'_>, but: &[u32]) -> Vec<u32> {
    others(scene, but).into_iter().filter(|node| !scene.spared.contains(node)).collect()
}

/// Where nobody talks, no wire can be seen to break: two nodes run, and have a leader in common.
pub(super) fn two_talk(scene: Scene<'_>) -> Result<(), String> {
    let is_led = scene.arena.status().is_some_and(|status| status.groups.iter().any(|group| group.leader.is_some()));
    if is_led && scene.arena.awake().len() >= 2 { Ok(()) } else { Err("no two nodes talk".to_owned()) }
}
