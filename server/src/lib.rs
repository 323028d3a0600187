//! Icecore as a server: OTLP and remote write in, SQL, PromQL and Parquet out.
//!
//! | module | what it is |
//! |---|---|
//! | `otlp`, `remote_write`, `translate`, `protobuf` | bytes into batches; pure, usable without the server |
//! | `config`, `cli` | settings from flags, environment and file; the commands |
//! | `http`, `grpc`, `intake` | the transports, and the way of an export from them into the engine |
//! | `auth`, `tenant` | who may, and as whom |
//! | `pool` | bounded places for ingest and for queries, so that neither waits for the other |
//! | `selfmetrics` | `/metrics` |
//! | `demo` | a simulated fleet whose answers are known |
//!
//! The server is thin: it has no query semantics, no durable state and no file of its own but configuration.

mod app;
mod auth;
mod cli;
mod config;
mod demo;
mod grpc;
mod http;
mod intake;
pub mod limits;
pub mod otlp;
mod pool;
pub mod protobuf;
pub mod remote_write;
mod selfmetrics;
mod signals;
mod tenant;
#[cfg(test)]
mod testing;
pub mod translate;

/// Runs the command that the process was started with; what it returns is the process's exit code.
pub fn main() -> std::process::ExitCode {
    cli::run(std::env::args_os())
}
