//! Linearizability: every call took effect at one moment between its invocation and its answer, and one order of those moments explains all
//! answers.
//!
//! The search is the one of Wing and Gong with Lowe's memory of what was tried. It is ours, since the crates at hand do not say what a report
//! needs: `todc-utils` answers yes or no and searches without limit, `stateright` forgets what it tried and brings fifty other crates.
//!
//! What is searched for is one of two things. Where the journal of a room is whole, the order is given, and the question is whether it is a valid
//! one ([`witness`]). Where it is not, any order will do that explains what the clients were told, key by key ([`keys`]).

pub mod calls;
pub mod clock;
pub mod folded;
pub mod keys;
pub mod search;
pub mod seats;
#[cfg(test)]
pub(crate) mod sketch;
pub mod witness;
