//! A durable log of opaque byte records: group commit, one fdatasync a group, crash-safe replay.

mod commit;
mod definitions;
mod error;
pub mod format;
pub mod fs;
pub mod limits;
mod lsn;
mod options;
mod queue;
mod record;
mod recovery;
mod replay;
mod report;
pub mod scan;
mod segment;
mod shared;
mod stats;
mod ticket;
mod wal;
mod zero;

pub use error::{AppendError, WalError};
pub use lsn::Lsn;
pub use options::{SyncPolicy, WalOptions, ZeroFill};
pub use record::Record;
pub use recovery::Recovery;
pub use report::{DamageReason, DamagedRange, MissingSegment, ReplayReport, Replayed};
pub use stats::{FsyncHistogram, WalStats};
pub use ticket::Ticket;
pub use wal::Wal;
