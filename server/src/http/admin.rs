//! What an operator tells a running server: flush, compact.

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::post;
use http::{HeaderMap, StatusCode};
use icecore_engine::Engine;
use serde_json::json;

use super::reply;
use crate::app::App;
use crate::intake::Refusal;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/api/v1/admin/flush", post(flush))
        .route("/api/v1/admin/compact", post(compact))
}

async fn flush(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    act(&app, &headers, |engine| {
        engine.flush().map_err(|error| error.to_string())
    })
    .await
}

async fn compact(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    act(&app, &headers, |engine| {
        engine.compact().map_err(|error| error.to_string())
    })
    .await
}

/// Runs `action` to its end on a blocking thread of its own, outside the places of ingest and queries.
async fn act<T: Send + 'static>(
    app: &App,
    headers: &HeaderMap,
    action: impl FnOnce(&Engine) -> Result<T, String> + Send + 'static,
) -> Response {
    if !app.tokens.admit(headers) {
        return reply::api_refusal(&Refusal::unauthenticated());
    }
    let started = Instant::now();
    let engine = Arc::clone(&app.engine);
    let done = app
        .sql_places
        .runtime()
        .spawn_blocking(move || action(&engine).map(drop))
        .await;
    let error = match done {
        Ok(Ok(())) => {
            let seconds = started.elapsed().as_secs_f64();
            return reply::json(StatusCode::OK, &json!({"status": "success", "seconds": seconds}));
        }
        Ok(Err(error)) => error,
        Err(error) => error.to_string(),
    };
    reply::api_error(StatusCode::INTERNAL_SERVER_ERROR, "failed", &error)
}
