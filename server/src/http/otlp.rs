//! OTLP/HTTP: `/v1/{metrics,logs,traces}`, protobuf and JSON, by the letter of the specification.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::post;
use http::{HeaderMap, StatusCode, header};
use icecore_engine::ids::Signal;

use super::reply::{self, OtlpEncoding};
use crate::app::App;
use crate::intake::{self, Encoding, Export, Format, Kind, Refusal};

pub(super) fn routes() -> Router<Arc<App>> {
    Signal::ALL.into_iter().fold(Router::new(), |router, signal| {
        let export =
            move |State(app): State<Arc<App>>, request: Request| async move { export(&app, signal, request).await };
        router.route(&format!("/v1/{signal}"), post(export))
    })
}

async fn export(app: &Arc<App>, signal: Signal, request: Request) -> Response {
    let encoding = OtlpEncoding::of(request.headers().get(header::CONTENT_TYPE));
    match take(app, signal, encoding, request).await {
        Ok((encoding, outcome)) => {
            let bytes = match encoding {
                OtlpEncoding::Protobuf => intake::answer_protobuf(&outcome),
                OtlpEncoding::Json => intake::answer_json(signal, &outcome).into_bytes(),
            };
            reply::body(StatusCode::OK, encoding.content_type(), bytes)
        }
        Err(refusal) => {
            app.counters.refused(signal.as_str(), refusal.kind);
            // Who sent neither encoding is most likely a person at a terminal.
            reply::otlp_refusal(&refusal, encoding.unwrap_or(OtlpEncoding::Json))
        }
    }
}

async fn take(
    app: &Arc<App>,
    signal: Signal,
    encoding: Option<OtlpEncoding>,
    request: Request,
) -> Result<(OtlpEncoding, icecore_engine::outcome::Outcome), Refusal> {
    let (head, body) = request.into_parts();
    let tenant = app.authorize(&head.headers)?;
    let encoding = encoding.ok_or_else(|| {
        Refusal::new(
            Kind::UnsupportedMedia,
            "send Content-Type: application/x-protobuf or application/json",
        )
    })?;
    let export = Export {
        tenant,
        signal,
        format: match encoding {
            OtlpEncoding::Protobuf => Format::OtlpProtobuf,
            OtlpEncoding::Json => Format::OtlpJson,
        },
        packed: Encoding::of(head.headers.get(header::CONTENT_ENCODING))?,
    };
    let outcome = intake::take(app, export, body, declared_length(&head.headers)).await?;
    Ok((encoding, outcome))
}

/// The body's length as its header tells it.
pub(super) fn declared_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
