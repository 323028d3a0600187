//! OTLP without a transport: request bytes in, batches of the engine out, answers as bytes.
//!
//! Protobuf is walked where it lies. JSON is first written as the same protobuf, so that one decoder decides what an
//! item is, whatever the encoding. `docs/otlp.md` has the tables of what becomes what.

pub mod any_value;
pub(crate) mod arrival;
mod envelope;
mod identity;
pub mod json;
pub(crate) mod json_text;
pub mod limits;
pub mod logs;
pub mod metrics;
#[cfg(test)]
pub(crate) mod test_support;
pub mod traces;

use crate::protobuf::WireError;

/// What a request held.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Decoded {
    /// Data points, log records or spans, whatever became of them.
    pub items: u64,
}

/// A request that cannot be read at all: nothing of it is taken, and sending it again will not help.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Its bytes are no protobuf of the expected message.
    #[error("the body is no {message}: {error}")]
    Wire {
        /// The message that was expected.
        message: &'static str,
        /// What is wrong.
        error: WireError,
    },
    /// Its text is no JSON of the expected message.
    #[error(transparent)]
    Json(#[from] json::JsonError),
}
