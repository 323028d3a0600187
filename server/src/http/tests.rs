//! The status-code tables of the protocols, row by row, against a server in this process.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

mod export;
mod questions;
mod remote_write;
mod roles;
