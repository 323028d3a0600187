//! Prometheus remote write 1.0 at `/api/v1/write`. What it answers decides whether a sender drops, retries or blocks:
//! 400 and 415 drop (415 also makes vmagent send plain snappy), 503 is sent again, and a breached cap is a success whose
//! headers tell the true counts, because one exploding tenant must not block its sender's queue for ever.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use icecore_engine::ids::Signal;
use icecore_engine::outcome::Outcome;

use super::otlp::declared_length;
use super::reply;
use crate::app::App;
use crate::intake::{self, Encoding, Export, Format, Kind, Refusal};

const SAMPLES_WRITTEN: HeaderName = HeaderName::from_static("x-prometheus-remote-write-samples-written");
const SAMPLES_REJECTED: HeaderName = HeaderName::from_static("x-icecore-samples-rejected");

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/api/v1/write", post(write))
}

async fn write(State(app): State<Arc<App>>, request: Request) -> Response {
    match take(&app, request).await {
        Ok(outcome) => {
            let mut response = StatusCode::NO_CONTENT.into_response();
            let headers = response.headers_mut();
            headers.insert(SAMPLES_WRITTEN, HeaderValue::from(outcome.stored));
            headers.insert(SAMPLES_REJECTED, HeaderValue::from(outcome.rejected_total()));
            response
        }
        Err(refusal) => {
            app.counters.refused("remote_write", refusal.kind);
            reply::text_refusal(&refusal)
        }
    }
}

async fn take(app: &Arc<App>, request: Request) -> Result<Outcome, Refusal> {
    let (head, body) = request.into_parts();
    let tenant = app.authorize(&head.headers)?;
    check_media(&head.headers)?;
    let export = Export {
        tenant,
        signal: Signal::Metrics,
        format: Format::RemoteWrite,
        packed: Encoding::Snappy,
    };
    intake::take(app, export, body, declared_length(&head.headers)).await
}

/// Version 1 in snappy, or 415: senders of other forms then fall back to it.
fn check_media(headers: &HeaderMap) -> Result<(), Refusal> {
    let text = |name| {
        headers
            .get(name)
            .map_or("", |value: &HeaderValue| value.to_str().unwrap_or("?"))
    };
    let unsupported = |what: &str| Err(Refusal::new(Kind::UnsupportedMedia, what));
    let mut content_type = text(header::CONTENT_TYPE).split(';').map(str::trim);
    if !matches!(content_type.next(), Some("" | "application/x-protobuf")) {
        return unsupported("send Content-Type: application/x-protobuf");
    }
    let version = content_type.find_map(|parameter| parameter.strip_prefix("proto="));
    if version.is_some_and(|version| version != "prometheus.WriteRequest") {
        return unsupported("remote write 1.0 is served: send proto=prometheus.WriteRequest");
    }
    if !matches!(text(header::CONTENT_ENCODING), "" | "snappy") {
        return unsupported("send Content-Encoding: snappy");
    }
    Ok(())
}
