//! Whether the server lives and whether it can take and answer, under every name that the field asks for.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use http::{HeaderMap, StatusCode, header};

use super::reply;
use crate::app::App;
use crate::intake::Refusal;
use crate::selfmetrics;

/// Open to all, on every listener: a load balancer has no token.
pub(super) fn routes() -> Router<Arc<App>> {
    let mut router = Router::new().route("/", get(front_page));
    for path in ["/live", "/livez", "/health", "/-/healthy"] {
        router = router.route(path, get(live));
    }
    for path in ["/ready", "/readyz", "/-/ready"] {
        router = router.route(path, get(ready));
    }
    router
}

/// `/metrics` names tenants, so it needs a token where tokens are set.
pub(super) fn metrics_route() -> Router<Arc<App>> {
    Router::new().route("/metrics", get(metrics))
}

/// For who opens the address in a browser.
async fn front_page() -> &'static str {
    concat!(
        "Icecore ",
        env!("CARGO_PKG_VERSION"),
        "\n\n",
        "POST /v1/metrics /v1/logs /v1/traces   OTLP\n",
        "POST /api/v1/write                     Prometheus remote write\n",
        "POST /api/v1/sql                       SQL\n",
        "GET  /api/v1/query?query=up            PromQL, as Prometheus answers it\n",
        "GET  /metrics                          what the server says of itself\n",
        "GET  /ready /live                      health\n",
    )
}

async fn live() -> &'static str {
    "ok\n"
}

/// 503 only when the process can neither take nor answer; damage that was set aside is named and stays 200.
async fn ready(State(app): State<Arc<App>>) -> Response {
    if app.stop.is_cancelled() {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping\n").into_response();
    }
    let stats = app.engine.stats();
    if let Some(reason) = &stats.wal.poisoned {
        let text = format!("the write-ahead log cannot be written: {reason}\n");
        return (StatusCode::SERVICE_UNAVAILABLE, text).into_response();
    }
    let mut text = "ready\n".to_owned();
    for damage in &stats.recovery.damage {
        let _ = writeln!(text, "damage found at start: {damage}");
    }
    for file in &stats.quarantined {
        let _ = writeln!(text, "set aside: {}: {}", file.path.display(), file.reason);
    }
    text.into_response()
}

async fn metrics(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    if !app.tokens.admit(&headers) {
        return reply::text_refusal(&Refusal::unauthenticated());
    }
    let content_type = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    (content_type, selfmetrics::render(&app)).into_response()
}
