//! OTLP/gRPC and the health service. The unary framing is done here rather than by a generated service, because the
//! message must reach the decoder as bytes: unpacked on a blocking thread, within the budget, never as prost structs.

mod export;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::post;
use http::{HeaderMap, header};
use icecore_engine::ids::Signal;
use tonic::Status;

use crate::app::App;

/// The code an answer carries in its trailers, for the request counter.
#[derive(Debug, Clone)]
pub(crate) struct Answered(pub(crate) &'static str);

/// The export methods of the three signals, and `grpc.health.v1.Health`.
pub(crate) fn routes() -> Router<Arc<App>> {
    let exports = Signal::ALL.into_iter().fold(Router::new(), |router, signal| {
        let export = move |State(app): State<Arc<App>>, request: Request| async move {
            export::export(&app, signal, request).await
        };
        router.route(path(signal), post(export))
    });
    let (_, health) = tonic_health::server::health_reporter();
    exports.route_service("/grpc.health.v1.Health/{method}", health)
}

const fn path(signal: Signal) -> &'static str {
    match signal {
        Signal::Metrics => "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
        Signal::Logs => "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
        Signal::Traces => "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    }
}

/// Whether a request speaks gRPC.
pub(crate) fn is_grpc(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"))
}

/// The answer to a method that is not there, such as the profiles signal.
pub(crate) fn unimplemented(path: &str) -> Response {
    failed(&Status::unimplemented(format!("{path} is not served")))
}

/// An answer that is only a status.
fn failed(status: &Status) -> Response {
    let mut response = status.clone().into_http::<axum::body::Body>();
    response
        .extensions_mut()
        .insert(Answered(export::code_name(status.code())));
    response
}
