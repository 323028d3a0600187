//! A durable log of opaque byte records: group commit, one fdatasync a group, crash-safe replay.

mod error;
pub mod fs;
pub mod limits;
mod lsn;
mod options;
mod record;
mod report;
mod stats;
mod ticket;

pub use error::{AppendError, WalError};
pub use lsn::Lsn;
pub use options::{SyncPolicy, WalOptions, ZeroFill};
pub use record::Record;
pub use report::{DamageReason, DamagedRange, MissingSegment, ReplayReport, Replayed};
pub use stats::{FsyncHistogram, WalStats};
pub use ticket::Ticket;
