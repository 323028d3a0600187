//! OTLP/JSON requests, written as the protobuf they stand for: one pass over the text, no tree, so that both encodings
//! go through one decoder and can never be read differently.
//!
//! The rules are proto3's JSON mapping with OTLP's exceptions: ids are hex in either case, enumerators are numbers
//! (names are taken too), 64-bit integers are strings or numbers, unknown members are ignored, null is the default.

mod scalar;
mod schema;
mod transcode;

use jiter::Jiter;

use self::schema::Message;
use self::transcode::Problem;
use super::limits::JSON_MESSAGE_DEPTH_MAX;

/// A request that is no JSON of the expected message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the body is no JSON {message}: {problem}")]
pub struct JsonError {
    message: &'static str,
    problem: String,
}

/// An `ExportMetricsServiceRequest` in JSON as protobuf.
pub fn metrics_to_protobuf(json: &[u8]) -> Result<Vec<u8>, JsonError> {
    to_protobuf(json, &schema::METRICS_REQUEST)
}

/// An `ExportLogsServiceRequest` in JSON as protobuf.
pub fn logs_to_protobuf(json: &[u8]) -> Result<Vec<u8>, JsonError> {
    to_protobuf(json, &schema::LOGS_REQUEST)
}

/// An `ExportTraceServiceRequest` in JSON as protobuf.
pub fn traces_to_protobuf(json: &[u8]) -> Result<Vec<u8>, JsonError> {
    to_protobuf(json, &schema::TRACES_REQUEST)
}

fn to_protobuf(json: &[u8], message: &'static Message) -> Result<Vec<u8>, JsonError> {
    // Protobuf is a third of JSON's size or less; its padded lengths cost a little of that back.
    let mut out = Vec::with_capacity(json.len() / 2);
    let mut reader = Jiter::new(json);
    let walked = transcode::message(&mut reader, message, &mut out, JSON_MESSAGE_DEPTH_MAX)
        .and_then(|()| reader.finish().map_err(Problem::Json));
    match walked {
        Ok(()) => Ok(out),
        Err(problem) => Err(JsonError {
            message: message.name,
            problem: problem.words(&reader),
        }),
    }
}

#[cfg(test)]
pub(crate) mod tests;
