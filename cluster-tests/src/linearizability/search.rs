//! The search for an order that explains all answers.

use std::collections::HashSet;
use std::hash::Hash;

/// Partial orders that are tried before a search gives up: some seconds, and some hundred megabytes of memory of what was tried.
pub const STEPS_MAX: usize = 1_000_000;

/// What is called, as if one call came after the other.
pub trait Object {
    /// What it remembers. Two equal states answer everything alike.
    type State: Clone + Eq + Hash;
    /// A call with its answer.
    type Op;

    /// Every state that the object can be in after this call with this answer; none if it would not have answered so.
    fn after(&self, state: &Self::State, op: &Self::Op) -> Vec<Self::State>;

    /// Whether the call only asks: it never makes anything possible that was not. Such a call is put wherever it first leaves the state as it is,
    /// and never moved.
    fn is_question(&self, op: &Self::Op) -> bool;

    /// Whether all may be over in this state.
    fn may_end(&self, _: &Self::State) -> bool {
        true
    }
}

/// A call in time. Moments are the numbers of lines, so that no two are the same.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Span<O> {
    /// Which.
    pub op: O,
    /// When it began.
    pub invoked: usize,
    /// When it was answered. A call that never was may have its effect at any later moment, or never.
    pub returned: Option<usize>,
}

/// What a search found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Found<S> {
    /// An order: places among the calls that were given. Calls without an answer may be missing.
    Order(Vec<usize>),
    /// There is none.
    Stuck(Stuck<S>),
    /// It is not known: the search reached its limit.
    GaveUp,
}

/// How far the longest explanation gets.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stuck<S> {
    /// The order so far.
    pub order: Vec<usize>,
    /// What the object is in by then.
    pub state: S,
    /// The call that was answered next, and for which there is no place; none if all have one, and the object may not end so.
    pub call: Option<usize>,
}

/// Searches with at most so many steps.
pub fn search<O: Object>(object: &O, start: O::State, spans: &[Span<O::Op>], steps_max: usize) -> Found<O::State> {
    Search::new(object, start, spans).run(steps_max)
}

struct Search<'a, O: Object> {
    object: &'a O,
    spans: &'a [Span<O::Op>],
    /// Calls with an answer, in the order of their invocation.
    answered: Vec<usize>,
    /// Where each call stands among those; none for a call without an answer.
    ranks: Vec<Option<usize>>,
    /// Calls without an answer that may have had an effect, in the order of their invocation.
    pending: Vec<usize>,
    placed: Vec<bool>,
    /// All of `answered` before this one are placed.
    first: usize,
    /// So many of `answered` are placed.
    count: usize,
    order: Vec<usize>,
    frames: Vec<Frame<O::State>>,
    tried: HashSet<(Vec<u32>, O::State)>,
    longest: Option<Stuck<O::State>>,
    longest_count: usize,
}

/// One state on the way, with the calls that can come next.
struct Frame<S> {
    state: S,
    /// Length of the order before the call that led here.
    length: usize,
    choices: std::vec::IntoIter<(usize, S)>,
}

impl<'a, O: Object> Search<'a, O> {
    fn new(object: &'a O, start: O::State, spans: &'a [Span<O::Op>]) -> Search<'a, O> {
        let mut by_invocation: Vec<usize> = (0..spans.len()).collect();
        by_invocation.sort_by_key(|call| spans[*call].invoked);
        let (answered, pending): (Vec<usize>, Vec<usize>) =
            by_invocation.into_iter().partition(|call| spans[*call].returned.is_some());
        let mut ranks = vec![None; spans.len()];
        for (rank, call) in answered.iter().enumerate() {
            ranks[*call] = Some(rank);
        }
        let mut search = Search {
            object,
            spans,
            answered,
            ranks,
            pending: pending.into_iter().filter(|call| !object.is_question(&spans[*call].op)).collect(),
            placed: vec![false; spans.len()],
            first: 0,
            count: 0,
            order: Vec::new(),
            frames: Vec::new(),
            tried: HashSet::new(),
            longest: None,
            longest_count: 0,
        };
        search.enter(start, 0);
        search
    }

    fn run(mut self, steps_max: usize) -> Found<O::State> {
        for _ in 0..steps_max {
            let Some(frame) = self.frames.last_mut() else { break };
            if self.first == self.answered.len() && self.object.may_end(&frame.state) {
                return Found::Order(self.order);
            }
            match frame.choices.next() {
                Some((call, state)) => self.step(call, state),
                None => self.give_back(),
            }
        }
        match self.longest {
            Some(stuck) if self.frames.is_empty() => Found::Stuck(stuck),
            _ => Found::GaveUp,
        }
    }

    fn step(&mut self, call: usize, state: O::State) {
        let length = self.order.len();
        self.place(call);
        if self.tried.insert((self.key(), state.clone())) {
            self.enter(state, length);
        } else {
            self.back_to(length);
        }
    }

    /// Places all questions that fit: an order that has them later is as good with them here. Then begins to choose among the rest.
    fn enter(&mut self, state: O::State, length: usize) {
        while let Some(question) = self.candidates().into_iter().find(|call| self.is_answered_so(*call, &state)) {
            self.place(question);
        }
        let mut choices = Vec::new();
        for call in self.candidates() {
            choices.extend(self.object.after(&state, &self.spans[call].op).into_iter().map(|after| (call, after)));
        }
        self.frames.push(Frame { state, length, choices: choices.into_iter() });
    }

    fn is_answered_so(&self, question: usize, state: &O::State) -> bool {
        let op = &self.spans[question].op;
        self.object.is_question(op) && self.object.after(state, op) == std::slice::from_ref(state)
    }

    /// Nothing is left to choose here.
    fn give_back(&mut self) {
        let Some(frame) = self.frames.pop() else { return };
        if self.longest.is_none() || self.count > self.longest_count {
            let call = self.candidates().into_iter().filter(|call| self.spans[*call].returned.is_some());
            let call = call.min_by_key(|call| self.spans[*call].returned);
            self.longest_count = self.count;
            self.longest = Some(Stuck { order: self.order.clone(), state: frame.state, call });
        }
        self.back_to(frame.length);
    }

    /// Calls that can come next: those that began before any other was answered that has no place yet.
    fn candidates(&self) -> Vec<usize> {
        let (mut candidates, mut bound) = (Vec::new(), usize::MAX);
        for call in self.answered[self.first..].iter().copied().filter(|call| !self.placed[*call]) {
            if self.spans[call].invoked > bound {
                break;
            }
            bound = bound.min(self.spans[call].returned.unwrap_or(usize::MAX));
            candidates.push(call);
        }
        let begun = self.pending.iter().copied().take_while(|call| self.spans[*call].invoked < bound);
        candidates.extend(begun.filter(|call| !self.placed[*call]));
        candidates
    }

    fn place(&mut self, call: usize) {
        self.placed[call] = true;
        self.order.push(call);
        self.count += usize::from(self.ranks[call].is_some());
        while self.answered.get(self.first).is_some_and(|call| self.placed[*call]) {
            self.first += 1;
        }
    }

    fn back_to(&mut self, length: usize) {
        for call in self.order.drain(length..) {
            self.placed[call] = false;
            if let Some(rank) = self.ranks[call] {
                self.first = self.first.min(rank);
                self.count -= 1;
            }
        }
    }

    /// Which calls have a place: how many of the answered ones from the first on, and each other one.
    fn key(&self) -> Vec<u32> {
        let number = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        let beyond = self.answered[self.first..].iter().filter(|call| self.placed[**call]).take(self.count - self.first);
        let begun = self.pending.iter().filter(|call| self.placed[**call]);
        std::iter::once(self.first).chain(beyond.chain(begun).copied()).map(number).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dice::Dice;

    /// A register of small numbers, which begins with 0.
    struct Register;

    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    enum Op {
        Write(u8),
        Read(u8),
        /// Is refused unless the first is there.
        Swap(u8, u8),
    }

    impl Object for Register {
        type State = u8;
        type Op = Op;

        fn after(&self, state: &u8, op: &Op) -> Vec<u8> {
            match *op {
                Op::Write(value) => vec![value],
                Op::Read(value) => {
                    if value == *state {
                        vec![value]
                    } else {
                        vec![]
                    }
                }
                Op::Swap(from, to) => {
                    if from == *state {
                        vec![to]
                    } else {
                        vec![]
                    }
                }
            }
        }

        fn is_question(&self, op: &Op) -> bool {
            matches!(op, Op::Read(_))
        }
    }

    /// One call a line: moments of its invocation and its answer, `-` if there was none, then what.
    fn spans(text: &str) -> Vec<Span<Op>> {
        let span = |line: &str| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let number = |at: usize| words[at].parse::<u8>().expect("a number");
            let op = match words[2] {
                "write" => Op::Write(number(3)),
                "read" => Op::Read(number(3)),
                _ => Op::Swap(number(3), number(4)),
            };
            Span { op, invoked: usize::from(number(0)), returned: words[1].parse().ok() }
        };
        text.lines().map(span).collect()
    }

    fn found(text: &str) -> Found<u8> {
        search(&Register, 0, &spans(text), STEPS_MAX)
    }

    #[test]
    fn calls_one_after_the_other_have_one_order() {
        assert_eq!(found("0 1 write 1\n2 3 read 1\n4 5 swap 1 2\n6 7 read 2"), Found::Order(vec![0, 1, 2, 3]));
        assert_eq!(found(""), Found::Order(vec![]));
    }

    #[test]
    fn what_is_concurrent_may_have_any_order() {
        // The three writes have to be put into the order opposite to that of their invocation.
        let text = "0 20 write 1\n1 21 write 2\n2 22 write 3\n3 4 read 3\n5 6 read 2\n7 8 read 1";
        assert_eq!(found(text), Found::Order(vec![2, 3, 1, 4, 0, 5]));
    }

    #[test]
    fn a_write_that_changes_nothing_may_be_needed_later() {
        let text = "0 1 write 1\n2 20 write 1\n3 4 read 1\n5 6 write 2\n7 8 read 2\n9 10 read 1";
        assert_eq!(found(text), Found::Order(vec![0, 2, 3, 4, 1, 5]));
    }

    #[test]
    fn a_read_of_what_is_over_is_stuck() {
        let Found::Stuck(stuck) = found("0 1 write 1\n2 3 write 2\n4 5 read 1\n6 7 read 2") else { panic!("an order") };
        assert_eq!(stuck, Stuck { order: vec![0, 1], state: 2, call: Some(2) });
    }

    #[test]
    fn two_readers_who_see_another_order_are_stuck() {
        let text = "0 9 write 1\n1 10 write 2\n2 3 read 1\n4 5 read 2\n6 7 read 1";
        assert!(matches!(found(text), Found::Stuck(_)));
    }

    #[test]
    fn of_two_swaps_one_wins() {
        assert!(matches!(found("0 5 swap 0 1\n1 6 swap 0 2"), Found::Stuck(_)));
        assert_eq!(found("0 5 swap 0 1\n1 6 swap 1 2"), Found::Order(vec![0, 1]));
    }

    #[test]
    fn a_call_without_answer_takes_effect_later_or_never() {
        assert_eq!(found("0 - write 1\n1 2 read 0\n3 4 read 1"), Found::Order(vec![1, 0, 2]));
        assert_eq!(found("0 - write 1\n1 2 read 0\n3 4 read 0"), Found::Order(vec![1, 2]));
        assert!(matches!(found("0 - write 1\n1 2 read 1\n3 4 read 0"), Found::Stuck(_)));
        assert!(matches!(found("0 1 read 1\n2 - write 1"), Found::Stuck(_)), "not before its time");
        assert_eq!(found("0 - read 7\n1 2 read 0"), Found::Order(vec![1]), "a question without an answer says nothing");
    }

    #[test]
    fn a_search_that_is_too_long_says_so() {
        assert_eq!(search(&Register, 0, &spans("0 1 write 1\n2 3 read 2"), 1), Found::GaveUp);
    }

    #[test]
    fn what_was_tried_is_not_tried_again() {
        // Without memory of what was tried, twelve concurrent writes have half a billion orders.
        let writes: Vec<String> = (0..12).map(|at| format!("{at} {} write {}", 100 + at, at % 3)).collect();
        let text = writes.join("\n") + "\n120 121 read 9";
        assert!(matches!(found(&text), Found::Stuck(_)));
    }

    /// The same by trying everything.
    fn is_explained(state: u8, left: &[Span<Op>]) -> bool {
        if left.iter().all(|span| span.returned.is_none()) {
            return true;
        }
        let bound = left.iter().filter_map(|span| span.returned).min().unwrap_or(usize::MAX);
        let next = left.iter().enumerate().filter(|(_, span)| span.invoked < bound);
        let mut after = next.flat_map(|(at, span)| Register.after(&state, &span.op).into_iter().map(move |state| (at, state)));
        after.any(|(at, state)| is_explained(state, &[&left[..at], &left[at + 1..]].concat()))
    }

    fn random(dice: &mut Dice) -> Vec<Span<Op>> {
        let mut moments: Vec<usize> = (0..12).collect();
        let mut moment = |dice: &mut Dice| moments.swap_remove(dice.below(moments.len()));
        let mut span = |dice: &mut Dice| {
            let (one, other) = (moment(dice), moment(dice));
            let mut value = || dice.below(3) as u8;
            let ops = [Op::Write(value()), Op::Read(value()), Op::Swap(value(), value())];
            let op = *dice.pick(&ops);
            Span { op, invoked: one.min(other), returned: Some(one.max(other)).filter(|_| dice.below(5) > 0) }
        };
        let count = 1 + dice.below(6);
        std::iter::repeat_with(|| span(dice)).take(count).collect()
    }

    /// An order is a proof: it can be checked without a search.
    fn check_order(spans: &[Span<Op>], order: &[usize]) {
        let mut state = 0;
        for (place, call) in order.iter().enumerate() {
            state = Register.after(&state, &spans[*call].op)[0];
            let late = order[place..].iter().filter_map(|later| spans[*later].returned).any(|end| end < spans[*call].invoked);
            assert!(!late, "{spans:?} {order:?}");
        }
        let all = (0..spans.len()).filter(|call| spans[*call].returned.is_some()).all(|call| order.contains(&call));
        assert!(all, "{spans:?} {order:?}");
    }

    #[test]
    fn the_search_agrees_with_trying_everything() {
        let mut both = [0, 0];
        for seed in 0..20_000 {
            let spans = random(&mut Dice::new(seed));
            let expected = is_explained(0, &spans);
            both[usize::from(expected)] += 1;
            match search(&Register, 0, &spans, STEPS_MAX) {
                Found::Order(order) if expected => check_order(&spans, &order),
                Found::Stuck(_) if !expected => {}
                other => panic!("seed {seed}: {other:?} of {spans:?}"),
            }
        }
        assert!(both.iter().all(|count| *count > 1000), "{both:?} of one kind and the other");
    }
}
