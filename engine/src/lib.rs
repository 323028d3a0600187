//! The telemetry engine of Icecore: what metrics, logs and traces are, where they lie, and how they are found again.

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
