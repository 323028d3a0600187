//! The running binary as its users meet it: real clients, kills, restarts, caps and retention.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "tests"
)]

#[path = "integration/support.rs"]
mod support;

#[path = "integration/caps.rs"]
mod caps;
#[path = "integration/clients.rs"]
mod clients;
#[path = "integration/kills.rs"]
mod kills;
#[path = "integration/otlp_json.rs"]
mod otlp_json;
#[path = "integration/retention.rs"]
mod retention;
