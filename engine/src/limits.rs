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
/// A segment of the write-ahead log is this share of the memory limit, unless it is given.
pub const WAL_SEGMENT_MEMORY_SHARE: u64 = 8;
/// Smallest segment of the write-ahead log that is chosen by the engine, in bytes.
pub const WAL_SEGMENT_BYTES_MIN: u64 = 4 * 1024 * 1024;
/// Largest segment of the write-ahead log that is chosen by the engine, in bytes.
pub const WAL_SEGMENT_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// A head is frozen when it holds this share of the memory limit.
pub const HEAD_MEMORY_SHARE: u64 = 16;
/// Rows of one head at most: positions in it are 32 bits wide.
pub const HEAD_ROWS_MAX: u32 = 1 << 30;
/// Parts of one partition that are close in size and merged at once.
pub const MERGE_FANIN: usize = 4;
/// Parts that one merge reads at most.
pub const MERGE_PARTS_MAX: usize = 32;
/// Damaged parts and segments kept in `quarantine/`, in bytes; the oldest go beyond it.
pub const QUARANTINE_BYTES_MAX: u64 = 1 << 30;
/// Exemplars kept for one tenant; the oldest go beyond it.
pub const EXEMPLARS_PER_TENANT_MAX: usize = 20_000;
/// Metrics whose type, unit and help are kept for one tenant.
pub const METADATA_PER_TENANT_MAX: usize = 20_000;
/// A clock that moved ahead by more than this between two ticks must stand for `CLOCK_JUMP_TICKS` ticks before anything is dropped for its age, in seconds.
pub const CLOCK_JUMP_S: i64 = 86_400;
/// Ticks that confirm a clock that jumped.
pub const CLOCK_JUMP_TICKS: u32 = 3;
/// Late parts of a closed partition reach its large part when they hold one row in so many of it.
pub const LATE_ROWS_SHARE: u64 = 8;
/// Late parts of a closed partition reach its large part at the latest after this time, in seconds.
pub const LATE_MERGE_DELAY_S: i64 = 86_400;
/// Bytes that one merge is counted with: its pages, dictionaries and read buffers.
pub const MERGE_BUFFER_BYTES: u64 = 8 * 1024 * 1024;
/// How long an engine that closes goes on flushing heads, in seconds; the log keeps the rest.
pub const CLOSE_FLUSH_S_MAX: i64 = 5;
/// How long an engine that closes waits for its threads, in milliseconds; a longer merge is left to itself.
pub const CLOSE_THREADS_MS_MAX: u64 = 3_000;
/// Hundredths of its ingest share that a signal's heads may hold before the largest is flushed early.
pub const HEADS_PRESSURE_PERCENT: u64 = 50;
/// How often the ticker looks for what is due, in milliseconds.
pub const TICK_MS: u64 = 5_000;
/// How long the flusher waits after a failure, in milliseconds.
pub const FLUSH_RETRY_MS: u64 = 1_000;
/// The cache of parts' indexes holds at most this share of the memory that may be handed out.
pub const INDEX_CACHE_SHARE: u64 = 8;
/// Bytes of one log record or span at most, attributes, events and links included.
pub const ITEM_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Bytes of all rows of one batch of logs or spans at most: their columns count bytes in 32 bits.
pub const BATCH_BYTES_MAX: u64 = 1 << 30;
