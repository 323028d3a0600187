//! Every limit of the server, with its unit in its name: one place to look, and the source of `docs/limits.md`.

use std::time::Duration;

/// Bytes of one ingest request at most, after decompression: what OTLP 1.11 recommends. Larger ones are refused for good.
pub const REQUEST_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Bytes of a request that asks something (a form, an SQL text) at most.
pub const QUESTION_BYTES_MAX: usize = 1024 * 1024;
/// Window of a zstd stream at most, as a power of two: 8 MiB, what the format tells decoders to support.
pub const ZSTD_WINDOW_LOG_MAX: u32 = 23;
/// Connections on one listener at most; further ones wait in the kernel's queue.
pub const CONNECTIONS_MAX: usize = 1024;
/// Streams of one HTTP/2 connection at most.
pub const STREAMS_PER_CONNECTION_MAX: u32 = 200;
/// Reset streams that a client may leave unaccepted before its connection is closed.
pub const RESET_STREAMS_PENDING_MAX: usize = 50;
/// Bytes of one request's headers at most.
pub const HEADER_BYTES_MAX: usize = 64 * 1024;
/// A connection that sends no complete header within this time is closed. It runs while a kept-alive connection rests,
/// too, so it must be longer than the pauses of common exporters.
pub const HEADER_READ_TIMEOUT: Duration = Duration::from_secs(30);
/// A body that sends nothing for this time is given up.
pub const BODY_IDLE_TIMEOUT: Duration = Duration::from_secs(30);
/// An HTTP/2 connection that is silent for this time is asked whether it lives.
pub const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(60);
/// Requests that are decoded and appended at one time; most of them wait for the same sync of the log.
pub const INGEST_CONCURRENCY_MAX: usize = 16;
/// An ingest request that finds no free place within this time is refused as retryable.
pub const INGEST_WAIT_MAX: Duration = Duration::from_secs(5);
/// Questions that run at one time, of PromQL and of SQL each.
pub const QUERY_CONCURRENCY_MAX: usize = 8;
/// A query that finds no free place within this time is refused as retryable.
pub const QUERY_WAIT_MAX: Duration = Duration::from_secs(10);
/// Time that a query may take unless it asks for less.
pub const QUERY_TIMEOUT: Duration = Duration::from_secs(30);
/// Bytes of one answer at most.
pub const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Bytes of the text in a partial success or a refusal at most, so that a response stays far below OTLP's 4 MiB.
pub const MESSAGE_BYTES_MAX: usize = 4 * 1024;
/// What a refused sender is told to wait when the engine says nothing of its own.
pub const RETRY_AFTER: Duration = Duration::from_secs(1);
/// Bytes of one bearer token at most.
pub const TOKEN_BYTES_MAX: usize = 256;
/// Tokens in one token file at most.
pub const TOKENS_MAX: usize = 1024;
/// From the signal to the exit, at most.
pub const SHUTDOWN_MAX: Duration = Duration::from_secs(10);
/// Share of the shutdown that open requests may take before their connections are closed.
pub const DRAIN_MAX: Duration = Duration::from_secs(3);
/// Memory limit where no cgroup sets one, in bytes.
pub const MEMORY_BYTES_DEFAULT: u64 = 256 * 1024 * 1024;
/// Threads for network work at most, unless asked for.
pub const THREADS_DEFAULT_MAX: usize = 4;
