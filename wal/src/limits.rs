//! Every limit of the log, with its unit in its name. Those that an option changes are its default.

use std::time::Duration;

/// Largest segment by default; a segment grows past it only for one record that is larger, or for its definitions.
pub const SEGMENT_BYTES_DEFAULT: u64 = 256 << 20;
/// Smallest segment that [`crate::WalOptions::for_memory`] chooses.
pub const SEGMENT_BYTES_FLOOR: u64 = 4 << 20;
/// A segment may hold so many times the bytes of its definitions before it is full, so that a log of many short-lived
/// series does not consist of definitions.
pub const SEGMENT_DEFINITIONS_FACTOR: u64 = 8;
/// Bytes that may wait in the queue by default, all lanes together.
pub const QUEUE_BYTES_MAX_DEFAULT: u64 = 64 << 20;
/// Smallest queue that [`crate::WalOptions::for_memory`] chooses.
pub const QUEUE_BYTES_FLOOR: u64 = 1 << 20;
/// Records that may wait in the queue by default, all lanes together.
pub const QUEUE_RECORDS_MAX_DEFAULT: u64 = 16_384;
/// What a waiting record costs beside its body: its entry, its ticket, its references.
pub const QUEUE_RECORD_OVERHEAD_BYTES: u64 = 256;
/// Largest body of one record, whatever the options say: lengths on disk are 32 bits, and a reader must be able to check one
/// record at once.
pub const RECORD_BYTES_MAX: u64 = 1 << 30;
/// Bytes of one group commit, after which the write is started; one record may pass it.
pub const GROUP_BYTES_MAX: u64 = 8 << 20;
/// Records of one group commit.
pub const GROUP_RECORDS_MAX: usize = 4_096;
/// Capacity that the write buffer always keeps between groups; more only while the groups need it.
pub const GROUP_BUFFER_KEPT_BYTES: usize = 1 << 20;
/// Definitions are written in frames of about this size, so that one damaged byte loses few of them.
pub const DEFINITIONS_FRAME_BYTES: usize = 64 << 10;
/// Lanes that share the queue.
pub const LANES: usize = 4;
/// Zeros are written ahead of use in steps of at most this.
pub const ZERO_STEP_BYTES_MAX: u64 = 1 << 20;
/// And of at least this.
pub const ZERO_STEP_BYTES_MIN: u64 = 64 << 10;
/// Steps of zeros in a segment, between those bounds.
pub const ZERO_STEPS_PER_SEGMENT: u64 = 16;
/// Steps of zeros that the worker keeps ahead of the writes; it is asked when half of them are left.
pub const ZERO_STEPS_AHEAD: u64 = 4;
/// Zeros are written in pieces of this.
pub const ZERO_PIECE_BYTES: u64 = 256 << 10;
/// How long a poisoned log waits before it tries a new segment again, by default.
pub const REOPEN_DELAY_DEFAULT: Duration = Duration::from_secs(1);
/// Damaged ranges that a replay report names; further ones are only counted.
pub const DAMAGED_RANGES_MAX: usize = 1_024;
/// Replay reads a segment in pieces of this before it is mapped.
pub const VERIFY_READ_BYTES: usize = 1 << 20;
/// Where a piece cannot be read, it is read again in blocks of this, and each unreadable block counts as damage.
pub const VERIFY_BLOCK_BYTES: usize = 4 << 10;
/// Upper bounds of the fsync histogram, in seconds.
pub const FSYNC_SECONDS_BOUNDS: [f64; 12] = [
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5,
];
