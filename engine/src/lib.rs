//! The telemetry engine of Icecore: what metrics, logs and traces are, where they lie, and how they are found again.
//!
//! One [`Engine`] owns one data folder. Batches go through the write-ahead log into heads; full heads become parts, parts
//! become larger parts; whole windows go when they are too old or too much. A [`Snapshot`] is what readers see: parts and
//! heads of one tenant's signal at one moment, each row once.
//!
//! ```text
//! batch ──admit──▶ record ──▶ log ──link──▶ head ──flush──▶ part ──merge──▶ part ──▶ dropped
//!  batch  tenant    record     wal   engine   head    flush    part   merging          retention
//!                                          ╰─────────── snapshot ───────────╯
//! ```
//!
//! | module | what it holds |
//! |---|---|
//! | [`engine`], [`options`], [`stats`] | the handle, what it is told, what it tells |
//! | [`batch`], [`tenant`], [`registry`], [`limiter`], [`ledger`], [`outcome`], [`reason`] | from a decoder's rows to admitted rows |
//! | [`record`] | bodies of the log's records |
//! | [`head`], [`snapshot`], [`part`], [`select`] | where rows are read |
//! | [`flush`], [`recovery`], [`quarantine`], [`store`], [`layout`] | the data folder and its care |
//! | [`schema`], [`ids`], [`labels`], [`time`], [`matcher`], [`histogram`], [`metadata`] | the words |
//! | [`budget`], [`limits`], [`clock`] | what bounds it all |
//!
//! ```
//! use icecore_engine::ids::{Signal, TenantId};
//! use icecore_engine::schema::Temporality;
//! use icecore_engine::{Engine, EngineOptions};
//!
//! let folder = tempfile::tempdir()?;
//! let engine = Engine::open(folder.path(), EngineOptions::default())?;
//! let tenant = TenantId::default();
//!
//! let mut batch = engine.metrics_batch(&tenant)?;
//! let now_ms = engine.clock().now().to_ms().0;
//! let up = batch.series(1, |labels| {
//!     labels.metric("up");
//!     labels.label("job", "api");
//!     Ok(())
//! });
//! batch.sample(up, now_ms, 1.0, 0, Temporality::Unspecified);
//! let outcome = engine.append_metrics(batch)?; // durable, and in every snapshot from here on
//! assert_eq!(outcome.stored, 1);
//!
//! let snapshot = engine.snapshot(&tenant, Signal::Metrics);
//! assert_eq!(snapshot.rows(), 1);
//! engine.close()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod batch;
pub mod budget;
pub mod clock;
pub mod engine;
pub mod exemplars;
pub mod flush;
pub mod head;
pub mod histogram;
pub mod ids;
pub mod labels;
pub mod layout;
pub mod ledger;
pub mod limiter;
pub mod limits;
pub mod matcher;
mod merging;
pub mod metadata;
pub mod options;
pub mod outcome;
pub mod part;
mod partition;
pub mod quarantine;
pub mod reason;
pub mod record;
pub mod recovery;
pub mod registry;
mod retention;
pub mod scan;
pub mod schema;
pub mod select;
mod sidecar;
pub mod snapshot;
pub mod stats;
pub mod store;
pub mod tenant;
pub mod time;

pub use engine::{Engine, TickReport};
pub use head::HeadView;
/// The seams of the log that an engine's opener chooses: the file system, and when a commit is synced.
pub use icecore_wal::{SyncPolicy, fs};
pub use options::{EngineOptions, PerSignal, TenantOptions};
pub use snapshot::{PartitionView, Snapshot};
