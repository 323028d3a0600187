//! Every limit of the engine, with its unit in its name: one place to look, and the source of `docs/limits.md`.

/// Longest tenant name, in bytes.
pub const TENANT_NAME_BYTES_MAX: usize = 64;
/// Rows in one tile (row group) at most, so that its `labels` dictionary stays about a megabyte.
pub const TILE_ROWS_MAX: usize = 1_048_576;
/// Rows that a slice aims to hold: short enough that an hour's query decodes little else.
pub const SLICE_ROWS_AIM: usize = 250_000;
/// A part's bytes are checksummed in blocks of this size.
pub const CHECKSUM_BLOCK_BYTES: usize = 64 * 1024;
/// Frozen heads that may wait for their flush in the process; beyond it ingest is refused as retryable.
pub const FROZEN_HEADS_MAX: usize = 2;
/// Closed windows per tenant and signal that may have a head at one time.
pub const LATE_HEADS_MAX: usize = 8;
/// Labels on one series at most.
pub const LABELS_PER_SERIES_MAX: usize = 128;
/// Bytes of one series key (metric name and labels) at most.
pub const SERIES_KEY_BYTES_MAX: usize = 16 * 1024;
/// Smallest memory limit an engine opens with, in bytes.
pub const MEMORY_BYTES_MIN: u64 = 32 * 1024 * 1024;
/// Seconds of a slice when the writer is not told otherwise.
pub const SLICE_LENGTH_S: i64 = 7_200;
/// Rows that a page of times and values aims at: small enough that one series costs little, large enough to compress.
pub const PAGE_ROWS: usize = 4_096;
/// zstd's level for pages and index blocks: higher ones cost more than they save.
pub const ZSTD_LEVEL: i32 = 1;
