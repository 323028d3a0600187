#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]
//! The log through its public interface: what was acknowledged is there, once, in order, whatever the disk did.

mod crash;
mod damage;
mod faults;
mod format;
mod harness;
mod kill;
mod lock;
mod queue;
mod round_trip;
mod segments;
