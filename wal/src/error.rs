//! What can go wrong, and what the caller should do about it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::Lsn;

/// An error of the log.
#[derive(Debug, thiserror::Error)]
pub enum WalError {
    /// A call of the file system failed. Nothing was acknowledged because of it; look at the disk.
    #[error("{action} {}: {source}", path.display())]
    Io {
        /// What was tried, such as `read`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another owner holds the folder. Stop it, or give each its own folder.
    #[error("the log in {} is in use by another process or another instance in this one; stop it or use another folder", path.display())]
    Locked {
        /// The lock file; it holds the process id of the owner.
        path: PathBuf,
    },
    /// The log was written by a newer version. Nothing was changed; run that version, or a newer one.
    #[error("{} has format version {found}, this build reads up to {supported}; run the newer version", path.display())]
    FormatTooNew {
        /// The segment.
        path: PathBuf,
        /// Version in the segment.
        found: u32,
        /// Newest version that this build reads.
        supported: u32,
    },
    /// The log is damaged and was opened with `strict`. Open it without, and the rest is served.
    #[error("the log is damaged and strict recovery refuses it: {detail}; without strict recovery the rest is served")]
    Damaged {
        /// The first damage found.
        detail: String,
    },
    /// The disk refuses the log: the record was not written durably and is not applied. Try again later; the log goes on by
    /// itself when the disk does.
    #[error("the log cannot write: {reason}; it tries again by itself, retry later")]
    Poisoned {
        /// What failed.
        reason: Arc<str>,
    },
    /// The log was closed, or its thread ended, before this was done.
    #[error("the log is closed")]
    Closed,
    /// An option that cannot work.
    #[error("{0}")]
    InvalidOptions(&'static str),
    /// The visitor of a replay refused to go on.
    #[error("replay was stopped: {0}")]
    Visitor(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl WalError {
    /// Wraps an error of a replay's visitor.
    pub fn visitor(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> WalError {
        WalError::Visitor(error.into())
    }

    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> WalError {
        let path = path.to_owned();
        move |source| WalError::Io { action, path, source }
    }

    /// Whether the same call may succeed later without anything being changed.
    pub fn is_retryable(&self) -> bool {
        matches!(self, WalError::Poisoned { .. })
    }
}

/// Why a record was not taken into the queue. The attachment comes back, so that what it admitted can be given back.
#[derive(thiserror::Error)]
pub enum AppendError<T> {
    /// The queue, or this lane's share of it, is full: retry in a moment.
    #[error("the log's queue is full ({queue_bytes} bytes wait); retry, or raise queue_bytes_max")]
    Full {
        /// Bytes that wait, all lanes together.
        queue_bytes: u64,
        /// The record's attachment.
        attachment: T,
    },
    /// The disk refuses the log: retry later.
    #[error("the log cannot write: {reason}; it tries again by itself, retry later")]
    Poisoned {
        /// What failed.
        reason: Arc<str>,
        /// The record's attachment.
        attachment: T,
    },
    /// The record can never be taken: make it smaller.
    #[error("a record of {record_bytes} bytes passes the limit of {limit_bytes}; split it, or raise queue_bytes_max")]
    TooLarge {
        /// Bytes of the body.
        record_bytes: u64,
        /// Largest body that an empty queue takes in this lane.
        limit_bytes: u64,
        /// The record's attachment.
        attachment: T,
    },
    /// The log is closed.
    #[error("the log is closed")]
    Closed {
        /// The record's attachment.
        attachment: T,
    },
}

impl<T> AppendError<T> {
    /// The attachment of the refused record.
    pub fn into_attachment(self) -> T {
        match self {
            AppendError::Full { attachment, .. }
            | AppendError::Poisoned { attachment, .. }
            | AppendError::TooLarge { attachment, .. }
            | AppendError::Closed { attachment } => attachment,
        }
    }

    /// Whether the same record may be taken later.
    pub fn is_retryable(&self) -> bool {
        matches!(self, AppendError::Full { .. } | AppendError::Poisoned { .. })
    }
}

impl<T> fmt::Debug for AppendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AppendError({self})")
    }
}

/// A stretch of LSNs for messages.
pub(crate) fn lsn_range(first: Lsn, last: Lsn) -> String {
    if last < first {
        "no record".to_owned()
    } else {
        format!("records {first} to {last}")
    }
}
