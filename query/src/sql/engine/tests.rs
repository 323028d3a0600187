//! Statements over a real engine on a real folder: heads, parts, both, and what is refused.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

mod answers;
mod fixture;
mod limits;
mod pushdown;

use fixture::Fixture;
