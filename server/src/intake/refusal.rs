//! Why a request as a whole is refused, and how each protocol says so. The codes decide whether a sender keeps its data:
//! HTTP 429/503 and UNAVAILABLE with RetryInfo are sent again, everything else is dropped by a conforming client.

use std::time::Duration;

use http::{HeaderMap, HeaderValue, StatusCode, header};
use icecore_engine::budget::BudgetExceeded;
use serde_json::json;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::limits::{MESSAGE_BYTES_MAX, RETRY_AFTER};
use crate::tenant::TenantError;

/// What is wrong, in the words of the protocols' tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// The bytes are not what they should be.
    Invalid,
    /// No token, or one that is not known.
    Unauthenticated,
    /// A configured bound that only a person can lift, such as the number of tenants.
    Precondition,
    /// Above the size limit.
    TooLarge,
    /// A content type or an encoding that is not served.
    UnsupportedMedia,
    /// Nothing was stored; the same request may succeed soon.
    Busy,
    /// A defect of ours.
    Internal,
}

impl Kind {
    /// The name as a label value.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::Unauthenticated => "unauthenticated",
            Self::Precondition => "precondition",
            Self::TooLarge => "too_large",
            Self::UnsupportedMedia => "unsupported_media",
            Self::Busy => "busy",
            Self::Internal => "internal",
        }
    }
}

/// A request that is refused as a whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Refusal {
    pub(crate) kind: Kind,
    pub(crate) message: String,
    /// Only with `Busy`.
    pub(crate) retry_after: Option<Duration>,
}

impl Refusal {
    pub(crate) fn new(kind: Kind, message: impl Into<String>) -> Self {
        let mut message = message.into();
        truncate(&mut message, MESSAGE_BYTES_MAX);
        let retry_after = (kind == Kind::Busy).then_some(RETRY_AFTER);
        Self {
            kind,
            message,
            retry_after,
        }
    }

    pub(crate) fn busy(message: impl Into<String>, retry_after: Duration) -> Self {
        Self {
            retry_after: Some(retry_after),
            ..Self::new(Kind::Busy, message)
        }
    }

    pub(crate) fn unauthenticated() -> Self {
        Self::new(
            Kind::Unauthenticated,
            "a bearer token of this server's token file is needed: send Authorization: Bearer TOKEN",
        )
    }

    pub(crate) fn too_large(bytes_max: usize) -> Self {
        Self::new(
            Kind::TooLarge,
            format!("the request holds more than {bytes_max} bytes after decompression: send smaller batches"),
        )
    }

    pub(crate) fn http_status(&self) -> StatusCode {
        match self.kind {
            Kind::Invalid | Kind::Precondition => StatusCode::BAD_REQUEST,
            Kind::Unauthenticated => StatusCode::UNAUTHORIZED,
            Kind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Kind::UnsupportedMedia => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Kind::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Kind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    pub(crate) fn grpc_code(&self) -> Code {
        match self.kind {
            Kind::Invalid => Code::InvalidArgument,
            Kind::Unauthenticated => Code::Unauthenticated,
            Kind::Precondition => Code::FailedPrecondition,
            Kind::TooLarge => Code::ResourceExhausted,
            Kind::UnsupportedMedia => Code::Unimplemented,
            Kind::Busy => Code::Unavailable,
            Kind::Internal => Code::Internal,
        }
    }

    /// The gRPC status; its details are a `google.rpc.Status`, which is also the body of an OTLP/HTTP refusal.
    pub(crate) fn grpc_status(&self) -> Status {
        let details = match (self.kind, self.retry_after) {
            (Kind::Invalid, _) => ErrorDetails::with_bad_request_violation("body", self.message.clone()),
            (Kind::Busy, retry_after) => ErrorDetails::with_retry_info(retry_after),
            _ => ErrorDetails::new(),
        };
        Status::with_error_details(self.grpc_code(), self.message.clone(), details)
    }

    /// The same `google.rpc.Status` in protobuf's JSON form.
    pub(crate) fn status_json(&self) -> String {
        let details = match (self.kind, self.retry_after) {
            (Kind::Invalid, _) => json!([{
                "@type": "type.googleapis.com/google.rpc.BadRequest",
                "fieldViolations": [{"field": "body", "description": self.message}],
            }]),
            (Kind::Busy, Some(delay)) => json!([{
                "@type": "type.googleapis.com/google.rpc.RetryInfo",
                "retryDelay": format!("{}s", delay.as_secs_f64()),
            }]),
            _ => json!([]),
        };
        json!({"code": self.grpc_code() as i32, "message": self.message, "details": details}).to_string()
    }

    /// `Retry-After` in whole seconds, rounded up, and what a 401 must name.
    pub(crate) fn add_headers(&self, headers: &mut HeaderMap) {
        if let Some(delay) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(retry_after_seconds(delay)));
        }
        if self.kind == Kind::Unauthenticated {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
    }
}

fn retry_after_seconds(delay: Duration) -> u64 {
    delay.as_secs() + u64::from(delay.subsec_nanos() > 0)
}

/// Cuts a text at a character boundary at or below `bytes_max`.
pub(crate) fn truncate(text: &mut String, bytes_max: usize) {
    let end = text.floor_char_boundary(bytes_max);
    text.truncate(end);
}

impl From<BudgetExceeded> for Refusal {
    fn from(error: BudgetExceeded) -> Self {
        Self::new(Kind::Busy, error.to_string())
    }
}

impl From<TenantError> for Refusal {
    fn from(error: TenantError) -> Self {
        Self::new(Kind::Invalid, error.to_string())
    }
}

#[cfg(test)]
mod tests;
