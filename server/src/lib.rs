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
//! Without the feature `transport` only the first row is compiled.
//!
//! The server is thin: it has no query semantics, no durable state and no file of its own but configuration.

#[cfg(feature = "transport")]
mod app;
#[cfg(feature = "transport")]
mod auth;
#[cfg(feature = "transport")]
mod cli;
#[cfg(feature = "transport")]
mod config;
#[cfg(feature = "transport")]
mod demo;
#[cfg(feature = "transport")]
mod grpc;
#[cfg(feature = "transport")]
mod http;
#[cfg(feature = "transport")]
mod intake;
pub mod limits;
pub mod otlp;
#[cfg(feature = "transport")]
mod pool;
pub mod protobuf;
pub mod remote_write;
#[cfg(feature = "transport")]
mod selfmetrics;
#[cfg(feature = "transport")]
mod signals;
#[cfg(feature = "transport")]
mod tenant;
#[cfg(all(test, feature = "transport"))]
mod testing;
pub mod translate;

/// Runs the command that the process was started with; what it returns is the process's exit code.
#[cfg(feature = "transport")]
pub fn main() -> std::process::ExitCode {
    cli::run(std::env::args_os())
}
