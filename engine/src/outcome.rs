//! What an append answers: what became of each item, or why nothing was taken and whether to send it again.

use crate::budget::BudgetExceeded;
use crate::ids::Signal;
use crate::reason::{Reason, Rejections};

/// What became of a batch that was taken: everything not rejected is durable (by the sync policy) and visible.
/// Counts are items: OTLP data points, remote-write samples, log records, spans.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Items stored.
    pub stored: u64,
    /// Items refused, by reason, in the order of the reasons' numbers.
    pub rejected: Vec<(Reason, u64)>,
    /// Words for people: the first refusal of each reason, and warnings. None when there is nothing to say.
    pub message: Option<String>,
}

impl Outcome {
    /// From counts; `notes` are warnings that refuse nothing.
    pub fn new(stored: u64, rejections: &Rejections, notes: &[String]) -> Self {
        let mut words: Vec<String> = rejections
            .examples()
            .map(|(reason, example)| format!("{} rejected ({reason}): {example}", rejections.of(reason)))
            .collect();
        words.extend_from_slice(notes);
        Self {
            stored,
            rejected: rejections.iter().collect(),
            message: (!words.is_empty()).then(|| words.join("; ")),
        }
    }

    /// Items refused in all.
    pub fn rejected_total(&self) -> u64 {
        self.rejected.iter().map(|(_, items)| items).sum()
    }
}

/// Nothing of the batch was taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The memory budget has no room for the batch now.
    #[error(transparent)]
    Memory(#[from] BudgetExceeded),
    /// The log's queue is full.
    #[error("the write-ahead log has {queue_bytes} bytes queued and takes no more now: retry later")]
    LogFull {
        /// Bytes that wait.
        queue_bytes: u64,
    },
    /// The log cannot be written.
    #[error("the write-ahead log cannot be written ({reason}): free or replace the disk, then restart")]
    LogFailed {
        /// What the system said.
        reason: String,
    },
    /// Heads wait for their flush, or as many closed windows have one as may.
    #[error("{what}: retry later")]
    HeadsFull {
        /// What is full, with its limit.
        what: String,
    },
    /// The signal's disk budget, or the file system, is full with its open partition.
    #[error(
        "{signal} use {used_bytes} of {bytes_max} bytes on disk and their open partition alone is over: raise \
         --disk-limit-{signal} or send less"
    )]
    DiskFull {
        /// Whose budget.
        signal: Signal,
        /// Bytes used.
        used_bytes: u64,
        /// Bytes allowed.
        bytes_max: u64,
    },
    /// Series or counts that the batch relies on were forgotten while it was being filled.
    #[error("what the batch was built on was forgotten meanwhile: build it again and retry")]
    Stale,
    /// One more tenant than there may be.
    #[error("tenant {tenant} would be one more than {tenants_max}: raise --tenants-max")]
    TenantsMax {
        /// The tenant refused.
        tenant: String,
        /// Tenants allowed.
        tenants_max: usize,
    },
    /// One request is one record, and this one would be too long.
    #[error("a batch of {bytes} bytes; at most {bytes_max} are taken at once: send smaller batches")]
    TooLarge {
        /// Its length.
        bytes: u64,
        /// The longest taken.
        bytes_max: u64,
    },
    /// The batch's columns do not fit together: a decoder's fault, such as a slot of another batch.
    #[error("the batch was filled wrongly: {reason}")]
    Invalid {
        /// What does not fit.
        reason: String,
    },
    /// The engine is closing.
    #[error("the engine is closed")]
    Closed,
}

impl AppendError {
    /// After how many milliseconds the same batch may succeed; `None` when it never will.
    pub const fn retry_after_ms(&self) -> Option<u64> {
        match self {
            Self::Memory(_) | Self::LogFull { .. } => Some(500),
            Self::Stale => Some(100),
            Self::HeadsFull { .. } => Some(2_000),
            Self::LogFailed { .. } | Self::DiskFull { .. } => Some(30_000),
            Self::Closed => Some(5_000),
            Self::TenantsMax { .. } | Self::TooLarge { .. } | Self::Invalid { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests;
