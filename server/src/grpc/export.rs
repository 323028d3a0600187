//! One unary export call: five bytes of frame, a message, an answer with its status in the trailers.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use bytes::{BufMut as _, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use http_body_util::{BodyExt as _, Full};
use icecore_engine::budget::MemoryClass;
use icecore_engine::ids::Signal;
use icecore_engine::outcome::Outcome;
use tonic::Code;

use super::{Answered, failed};
use crate::app::App;
use crate::intake::{self, Encoding, Export, Format, Kind, Refusal, read_body};
use crate::limits::REQUEST_BYTES_MAX;

/// One byte that says whether the message is packed, four of its length.
const FRAME_HEAD_BYTES: usize = 5;
const GRPC_ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
const GRPC_ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");
const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");

pub(super) async fn export(app: &Arc<App>, signal: Signal, request: Request) -> Response {
    let mut response = match take(app, signal, request).await {
        Ok(outcome) => answered(&outcome),
        Err(refusal) => {
            app.counters.refused(signal.as_str(), refusal.kind);
            failed(&refusal.grpc_status())
        }
    };
    let served = HeaderValue::from_static("identity,gzip,zstd");
    response.headers_mut().insert(GRPC_ACCEPT_ENCODING, served);
    response
}

async fn take(app: &Arc<App>, signal: Signal, request: Request) -> Result<Outcome, Refusal> {
    let (head, body) = request.into_parts();
    let tenant = app.authorize(&head.headers)?;
    if !super::is_grpc(&head.headers) {
        return Err(Refusal::new(
            Kind::UnsupportedMedia,
            "send content-type: application/grpc",
        ));
    }
    let named = Encoding::of(head.headers.get(GRPC_ENCODING))?;
    let reservation = app.engine.budget().try_reserve(MemoryClass::Decode(signal), 0)?;
    let body = read_body(body, None, REQUEST_BYTES_MAX + FRAME_HEAD_BYTES, reservation).await?;
    let packed = frame_of(&body.bytes, named)?;
    let export = Export {
        tenant,
        signal,
        format: Format::OtlpProtobuf,
        packed,
    };
    intake::take_bytes(app, export, body, FRAME_HEAD_BYTES).await
}

/// Checks that the body is exactly one frame; tells how its message is packed.
fn frame_of(body: &[u8], named: Encoding) -> Result<Encoding, Refusal> {
    let invalid = |what: &str| Err(Refusal::new(Kind::Invalid, what));
    let Some((&[flag, a, b, c, d], message)) = body.split_first_chunk::<FRAME_HEAD_BYTES>() else {
        return invalid("the call carries no message");
    };
    if u32::from_be_bytes([a, b, c, d]) as usize != message.len() {
        return invalid("a unary call carries exactly one message of the length its frame tells");
    }
    match flag {
        0 => Ok(Encoding::Identity),
        1 if named != Encoding::Identity => Ok(named),
        1 => invalid("the message is marked as compressed and grpc-encoding names no compression"),
        _ => invalid("the frame's flag is neither 0 nor 1"),
    }
}

fn answered(outcome: &Outcome) -> Response {
    let message = intake::answer_protobuf(outcome);
    let mut frame = BytesMut::with_capacity(FRAME_HEAD_BYTES + message.len());
    frame.put_u8(0);
    frame.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    frame.put_slice(&message);
    let body = Full::<Bytes>::new(frame.freeze()).with_trailers(async {
        let mut trailers = HeaderMap::new();
        trailers.insert(GRPC_STATUS, HeaderValue::from_static("0"));
        Some(Ok(trailers))
    });
    let mut response = Response::new(Body::new(body));
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    response.extensions_mut().insert(Answered(code_name(Code::Ok)));
    response
}

/// The code as the field writes it.
pub(super) const fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::Unauthenticated => "UNAUTHENTICATED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Unavailable => "UNAVAILABLE",
        Code::Internal => "INTERNAL",
        _ => "OTHER",
    }
}

#[cfg(test)]
mod tests;
