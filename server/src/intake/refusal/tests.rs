//! Each refusal keeps a conforming sender from dropping what it should keep, and from keeping what it should drop.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use super::*;
use prost::Message as _;

#[test]
fn only_busy_is_sent_again() {
    for kind in [
        Kind::Invalid,
        Kind::Unauthenticated,
        Kind::Precondition,
        Kind::TooLarge,
        Kind::UnsupportedMedia,
        Kind::Internal,
    ] {
        let refusal = Refusal::new(kind, "no");
        assert!(
            !matches!(refusal.http_status().as_u16(), 429 | 502 | 503 | 504),
            "{kind:?}"
        );
        assert!(
            refusal.grpc_status().get_error_details().retry_info().is_none(),
            "{kind:?}"
        );
        let retryable = [
            Code::Cancelled,
            Code::DeadlineExceeded,
            Code::Aborted,
            Code::OutOfRange,
            Code::Unavailable,
            Code::DataLoss,
        ];
        assert!(!retryable.contains(&refusal.grpc_code()), "{kind:?}");
    }
    let busy = Refusal::busy("later", Duration::from_millis(1500));
    assert_eq!(busy.http_status(), 503);
    assert_eq!(busy.grpc_code(), Code::Unavailable);
    let details = busy.grpc_status().get_error_details();
    assert_eq!(
        details.retry_info().unwrap().retry_delay,
        Some(Duration::from_millis(1500))
    );
    let mut headers = HeaderMap::new();
    busy.add_headers(&mut headers);
    assert_eq!(headers["retry-after"], "2");
}

#[test]
fn the_body_is_a_status_in_both_encodings() {
    let refusal = Refusal::new(Kind::Invalid, "bad varint");
    let status = refusal.grpc_status();
    let proto = tonic_types::Status::decode(status.details()).unwrap();
    assert_eq!((proto.code, proto.message.as_str()), (3, "bad varint"));
    assert_eq!(proto.details[0].type_url, "type.googleapis.com/google.rpc.BadRequest");
    let json: serde_json::Value = serde_json::from_str(&refusal.status_json()).unwrap();
    assert_eq!(json["message"], "bad varint");
    assert_eq!(json["details"][0]["fieldViolations"][0]["description"], "bad varint");
}

#[test]
fn a_long_message_is_cut_at_a_character() {
    let refusal = Refusal::new(Kind::Invalid, "é".repeat(MESSAGE_BYTES_MAX));
    assert!(refusal.message.len() <= MESSAGE_BYTES_MAX);
}
