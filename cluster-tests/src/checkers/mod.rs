//! One checker for each numbered promise.

pub mod i1_order;
pub mod i2_gap_free;
pub mod i3_durable;
pub mod i4_at_most_once;
