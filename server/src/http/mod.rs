//! Everything that speaks HTTP: which paths a listener answers, and the handlers behind them.

mod admin;
mod health;
mod listener;
mod otlp;
mod prometheus;
mod remote_write;
mod reply;
mod sql;

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use tower_http::compression::CompressionLayer;

pub(crate) use listener::Acceptor;

use crate::app::App;
use crate::config::Roles;
use crate::grpc;
use crate::limits::QUESTION_BYTES_MAX;

/// The router of one listener with these roles. gRPC is answered on every ingest listener as well: the paths differ.
pub(crate) fn router(app: &Arc<App>, roles: Roles) -> Router {
    let mut router = health::routes();
    if roles.ingest {
        router = router
            .merge(otlp::routes())
            .merge(remote_write::routes())
            .merge(grpc::routes());
    }
    if roles.query {
        router = router
            .merge(prometheus::routes())
            .nest("/prometheus", prometheus::routes())
            .merge(sql::routes());
    }
    if roles.admin {
        router = router.merge(admin::routes());
    }
    if roles.query || roles.admin {
        router = router.merge(health::metrics_route());
    }
    finish(router, app)
}

/// The router of a gRPC listener.
pub(crate) fn grpc_router(app: &Arc<App>) -> Router {
    finish(grpc::routes(), app)
}

fn finish(router: Router<Arc<App>>, app: &Arc<App>) -> Router {
    router
        .fallback(not_found)
        .layer(DefaultBodyLimit::max(QUESTION_BYTES_MAX))
        .layer(CompressionLayer::new())
        .layer(from_fn_with_state(Arc::clone(app), count))
        .with_state(Arc::clone(app))
}

/// Counts each request under its route's template, so that no path as sent becomes a label.
async fn count(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "other".to_owned(), |path| path.as_str().to_owned());
    let response = next.run(request).await;
    let took = started.elapsed();
    match response.extensions().get::<grpc::Answered>() {
        Some(grpc::Answered(code)) => app.counters.request("grpc", &route, code, took),
        None => app.counters.request("http", &route, response.status().as_str(), took),
    }
    response
}

/// A path that this listener does not answer, in the protocol of the asker.
async fn not_found(request: Request) -> Response {
    if grpc::is_grpc(request.headers()) {
        return grpc::unimplemented(request.uri().path());
    }
    reply::api_error(
        StatusCode::NOT_FOUND,
        "not_found",
        "this listener does not answer this path",
    )
    .into_response()
}

#[cfg(test)]
mod tests;
