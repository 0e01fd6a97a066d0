//! One checker for each numbered promise.
//!
//! Most compare what sessions were shown (`evidence`) with the journal; where two things have no order, every order that is possible is
//! granted. I9, I11 and I12 search for an order that explains everything. I20 and I23 know times and sizes alone.

pub(crate) mod i10_ban;
pub mod i11_nick;
pub mod i12_one_room;
pub(crate) mod i13_roster_converges;
pub(crate) mod i14_no_ghosts;
pub(crate) mod i15_no_false_departure;
pub(crate) mod i16_self_ping;
pub(crate) mod i18_minority_refuses;
pub(crate) mod i19_privacy;
pub mod i1_order;
pub(crate) mod i20_recovery;
pub(crate) mod i21_replicas_agree;
pub(crate) mod i23_bounded;
pub mod i2_gap_free;
pub mod i3_durable;
pub mod i4_at_most_once;
pub(crate) mod i5_no_phantom;
pub(crate) mod i6_honest_unknown;
pub(crate) mod i7_join_cut;
pub mod i9_linearizable;
