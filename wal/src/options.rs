//! How a log is opened: plain data, no components.

use std::time::Duration;

use crate::limits;
use crate::queue::Shares;

/// When an acknowledged record is on stable storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SyncPolicy {
    /// Before its acknowledgement: each group is followed by one fdatasync. The default.
    #[default]
    EveryCommit,
    /// At most so long after its acknowledgement: a power loss costs the records of that time.
    Every(Duration),
    /// When the operating system writes it: a power loss costs what it had not written; the death of the process costs nothing.
    Os,
}

/// Who fills segments with zeros ahead of use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ZeroFill {
    /// A thread of the log, so that a commit never allocates blocks.
    #[default]
    Worker,
    /// The commit thread, in the write that needs the space: one thread, one order of calls, for simulations.
    Inline,
}

/// Options of a log. [`WalOptions::new`] gives the defaults of [`limits`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WalOptions {
    /// Identity of the store; it is in every segment, and segments of another store are not replayed.
    pub store_id: [u8; 16],
    /// When records are synced.
    pub sync: SyncPolicy,
    /// Bytes after which a new segment is started.
    pub segment_bytes: u64,
    /// Bytes that may wait in the queue, the group being written included.
    pub queue_bytes_max: u64,
    /// Records that may wait in the queue, the group being written included.
    pub queue_records_max: u64,
    /// How long a poisoned log waits before it tries a new segment again.
    pub reopen_delay: Duration,
    /// Refuse to replay a damaged log instead of skipping and reporting the damage.
    pub strict: bool,
    /// Who fills segments with zeros.
    pub zero_fill: ZeroFill,
}

impl WalOptions {
    /// The defaults for a store.
    pub fn new(store_id: [u8; 16]) -> WalOptions {
        WalOptions {
            store_id,
            sync: SyncPolicy::default(),
            segment_bytes: limits::SEGMENT_BYTES_DEFAULT,
            queue_bytes_max: limits::QUEUE_BYTES_MAX_DEFAULT,
            queue_records_max: limits::QUEUE_RECORDS_MAX_DEFAULT,
            reopen_delay: limits::REOPEN_DELAY_DEFAULT,
            strict: false,
            zero_fill: ZeroFill::default(),
        }
    }

    /// The defaults, with segments of a quarter and a queue of a sixteenth of a memory limit where that is less.
    pub fn for_memory(store_id: [u8; 16], memory_bytes: u64) -> WalOptions {
        WalOptions {
            segment_bytes: (memory_bytes / 4).clamp(limits::SEGMENT_BYTES_FLOOR, limits::SEGMENT_BYTES_DEFAULT),
            queue_bytes_max: (memory_bytes / 16).clamp(limits::QUEUE_BYTES_FLOOR, limits::QUEUE_BYTES_MAX_DEFAULT),
            ..WalOptions::new(store_id)
        }
    }

    /// The most memory that the log takes with these options: the queue, the write buffer of one group with its padding, and
    /// the zero-fill worker's piece. Replay maps segments beside it, whose pages the system takes back as it likes.
    pub fn memory_bytes_max(&self) -> u64 {
        let group = self.queue_bytes_max.min(limits::GROUP_BYTES_MAX) + self.record_bytes_max();
        self.queue_bytes_max + group + self.zero_step_bytes() + limits::ZERO_PIECE_BYTES
    }

    /// Largest body that an empty queue takes.
    pub fn record_bytes_max(&self) -> u64 {
        Shares::lane_max(self.queue_bytes_max)
            .min(limits::RECORD_BYTES_MAX)
            .saturating_sub(limits::QUEUE_RECORD_OVERHEAD_BYTES)
    }

    /// Step in which segments are filled with zeros.
    pub(crate) fn zero_step_bytes(&self) -> u64 {
        (self.segment_bytes / limits::ZERO_STEPS_PER_SEGMENT)
            .clamp(limits::ZERO_STEP_BYTES_MIN, limits::ZERO_STEP_BYTES_MAX)
    }
}
