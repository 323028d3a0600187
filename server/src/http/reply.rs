//! How refusals look in each API: a `google.rpc.Status` for OTLP, Prometheus's error object, our own error object.

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::json;

use crate::intake::{Kind, Refusal};

/// The two encodings of OTLP/HTTP; an answer has its request's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OtlpEncoding {
    Protobuf,
    Json,
}

impl OtlpEncoding {
    /// By the media type of a `Content-Type` header, whatever its parameters.
    pub(crate) fn of(content_type: Option<&HeaderValue>) -> Option<Self> {
        let value = content_type?.to_str().ok()?;
        match value.split(';').next()?.trim().to_ascii_lowercase().as_str() {
            "application/x-protobuf" | "application/protobuf" => Some(Self::Protobuf),
            "application/json" => Some(Self::Json),
            _ => None,
        }
    }

    pub(crate) const fn content_type(self) -> &'static str {
        match self {
            Self::Protobuf => "application/x-protobuf",
            Self::Json => "application/json",
        }
    }
}

/// A body of one media type.
pub(crate) fn body(status: StatusCode, content_type: &'static str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// A JSON answer.
pub(crate) fn json(status: StatusCode, value: &serde_json::Value) -> Response {
    body(status, "application/json", value.to_string())
}

/// A refusal to an OTLP sender.
pub(crate) fn otlp_refusal(refusal: &Refusal, encoding: OtlpEncoding) -> Response {
    let bytes = match encoding {
        OtlpEncoding::Protobuf => refusal.grpc_status().details().to_vec(),
        OtlpEncoding::Json => refusal.status_json().into_bytes(),
    };
    let mut response = body(refusal.http_status(), encoding.content_type(), bytes);
    refusal.add_headers(response.headers_mut());
    response
}

/// A refusal to a remote-write sender, which logs the text.
pub(crate) fn text_refusal(refusal: &Refusal) -> Response {
    let mut response = (refusal.http_status(), format!("{}\n", refusal.message)).into_response();
    refusal.add_headers(response.headers_mut());
    response
}

/// An error of Prometheus's API.
pub(crate) fn prometheus_error(status: StatusCode, error_type: &str, message: &str) -> Response {
    json(
        status,
        &json!({"status": "error", "errorType": error_type, "error": message}),
    )
}

/// A refusal to a client of Prometheus's API.
pub(crate) fn prometheus_refusal(refusal: &Refusal) -> Response {
    let error_type = match refusal.kind {
        Kind::Invalid | Kind::TooLarge | Kind::UnsupportedMedia | Kind::Precondition => "bad_data",
        Kind::Unauthenticated => "unauthorized",
        Kind::Busy => "unavailable",
        Kind::Internal => "internal",
    };
    let mut response = prometheus_error(refusal.http_status(), error_type, &refusal.message);
    refusal.add_headers(response.headers_mut());
    response
}

/// An error of our own APIs.
pub(crate) fn api_error(status: StatusCode, code: &str, message: &str) -> Response {
    json(status, &json!({"error": {"code": code, "message": message}}))
}

/// A refusal to a client of our own APIs.
pub(crate) fn api_refusal(refusal: &Refusal) -> Response {
    let mut response = api_error(refusal.http_status(), refusal.kind.as_str(), &refusal.message);
    refusal.add_headers(response.headers_mut());
    response
}
