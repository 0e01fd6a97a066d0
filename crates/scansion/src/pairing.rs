//! Who goes with whom, if each may go with one only.

/// Pairs as many of the left with the right as `fits` allows: for each of the left its partner, if it has one.
///
/// Taking the first that fits is not enough: an expectation that suits anything would take what another one needs.
/// These are augmenting paths (Kuhn); the numbers here are a handful.
pub fn pair(left: usize, right: usize, fits: impl Fn(usize, usize) -> bool) -> Vec<Option<usize>> {
    let mut holder: Vec<Option<usize>> = vec![None; right];
    for one in 0..left {
        place(one, &mut holder, &mut vec![false; right], &fits);
    }
    let mut partner = vec![None; left];
    for (place, held_by) in holder.into_iter().enumerate() {
        if let Some(one) = held_by {
            partner[one] = Some(place);
        }
    }
    partner
}

/// Finds a place for `one`, moving others on if they have somewhere else to go.
fn place(one: usize, holder: &mut [Option<usize>], tried: &mut [bool], fits: &impl Fn(usize, usize) -> bool) -> bool {
    for at in 0..holder.len() {
        if tried[at] || !fits(one, at) {
            continue;
        }
        tried[at] = true;
        let free = match holder[at] {
            None => true,
            Some(other) => place(other, holder, tried, fits),
        };
        if free {
            holder[at] = Some(one);
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_takes_anything_leaves_room_for_one_that_is_choosy() {
        // 0 takes either; 1 takes only the first.
        assert_eq!(pair(2, 2, |l, r| l == 0 || r == 0), [Some(1), Some(0)]);
    }

    #[test]
    fn one_place_is_held_once() {
        assert_eq!(pair(2, 1, |_, _| true).iter().flatten().count(), 1);
        assert_eq!(pair(1, 0, |_, _| true), [None]);
    }
}
