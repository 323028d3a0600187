//! The answer to an export: the response messages of the three signals have one shape, so one writer serves them all.

use icecore_engine::ids::Signal;
use icecore_engine::outcome::Outcome;
use prost::encoding::{WireType, encode_key, encode_varint};
use serde_json::json;

use super::refusal::truncate;
use crate::limits::MESSAGE_BYTES_MAX;

/// `Export<Signal>ServiceResponse` in protobuf: field 1 is the partial success (1 rejected count, 2 message). Full
/// success is the empty message.
pub(crate) fn answer_protobuf(outcome: &Outcome) -> Vec<u8> {
    let (rejected, message) = parts(outcome);
    let mut partial = Vec::new();
    if rejected > 0 {
        encode_key(1, WireType::Varint, &mut partial);
        encode_varint(rejected, &mut partial);
    }
    if !message.is_empty() {
        encode_key(2, WireType::LengthDelimited, &mut partial);
        encode_varint(message.len() as u64, &mut partial);
        partial.extend_from_slice(message.as_bytes());
    }
    let mut answer = Vec::new();
    if !partial.is_empty() {
        encode_key(1, WireType::LengthDelimited, &mut answer);
        encode_varint(partial.len() as u64, &mut answer);
        answer.extend_from_slice(&partial);
    }
    answer
}

/// The same in protobuf's JSON form, where 64-bit numbers are strings.
pub(crate) fn answer_json(signal: Signal, outcome: &Outcome) -> String {
    let (rejected, message) = parts(outcome);
    let mut partial = serde_json::Map::new();
    if rejected > 0 {
        let name = match signal {
            Signal::Metrics => "rejectedDataPoints",
            Signal::Logs => "rejectedLogRecords",
            Signal::Traces => "rejectedSpans",
        };
        partial.insert(name.to_owned(), json!(rejected.to_string()));
    }
    if !message.is_empty() {
        partial.insert("errorMessage".to_owned(), json!(message));
    }
    if partial.is_empty() {
        "{}".to_owned()
    } else {
        json!({ "partialSuccess": partial }).to_string()
    }
}

fn parts(outcome: &Outcome) -> (u64, String) {
    let mut message = outcome.message.clone().unwrap_or_default();
    truncate(&mut message, MESSAGE_BYTES_MAX);
    (outcome.rejected_total(), message)
}

#[cfg(test)]
mod tests;
