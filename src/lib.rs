//! Icecore: an embedded columnar store for metrics, logs and traces.
//!
//! The data lie in plain Parquet files that any tool can open; SQL and PromQL answer over them, over what was just
//! written as well. This crate is the facade that programs embed:
//!
//! * [`Engine`] owns a data directory: typed batches go in, snapshots come out. It starts no runtime, sets no logger and
//!   has no global state; two of them in one process never meet.
//! * [`sql`] and [`promql`] answer questions over an engine.
//! * With the feature `server` (on by default), [`otlp`], [`remote_write`] and [`translate`] turn the bytes of exporters
//!   into batches, without a transport; the command `icecore` adds the transports.
//!
//! Embedders that need no protocol switch the server off: `icecore = { version = "0.1", default-features = false }`.

pub use icecore_engine::Engine;
pub use icecore_engine::options::{EngineOptions, PerSignal, SyncPolicy, TenantOptions};
pub use icecore_engine::schema::Temporality;
pub use icecore_engine::{
    batch, clock, histogram, ids, labels, matcher, options, outcome, reason, snapshot, stats, time,
};
pub use icecore_query::promql::{self, PromqlEngine};
pub use icecore_query::sql::{self, SqlEngine};
#[cfg(feature = "server")]
pub use icecore_server::{otlp, remote_write, translate};
