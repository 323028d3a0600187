//! The server's settings: one table of keys, three places to write them, one plain struct in the end.

mod keys;
mod layers;
mod listen;
mod memory;
mod settings;
mod units;

use std::path::PathBuf;

pub(crate) use keys::{KEYS, Takes};
pub(crate) use layers::{FileLayer, Layer, from_env, from_file};
pub(crate) use listen::{Listen, Roles};
pub(crate) use settings::Settings;
pub(crate) use units::{format_duration, parse_duration};

/// Why the settings are refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    #[error("{path}: {reason}")]
    File { path: PathBuf, reason: String },
    #[error("{name} = {value:?}: {reason}")]
    Value {
        name: String,
        value: String,
        reason: String,
    },
    #[error(
        "{address} is reachable from other machines and no tokens are set: give --auth-token-file, listen on 127.0.0.1, or accept the risk with --insecure-no-auth"
    )]
    NoAuth { address: std::net::SocketAddr },
}
