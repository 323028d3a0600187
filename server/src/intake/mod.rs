//! From bytes on a connection to rows in the engine, the same for HTTP and gRPC: who asks, how much, decode, append.

mod answer;
mod body;
mod inflate;
mod refusal;
mod take;

pub(crate) use answer::{answer_json, answer_protobuf};
pub(crate) use body::read_body;
pub(crate) use inflate::Encoding;
pub(crate) use refusal::{Kind, Refusal};
pub(crate) use take::{Export, Format, take, take_bytes};
