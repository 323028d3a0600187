//! Prometheus's HTTP API, in the shapes its clients parse. Questions are answered on the query places, never on the
//! threads that serve connections.

mod catalogue;
mod params;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use axum::routing::get;
use http::{HeaderMap, StatusCode};
use icecore_engine::clock::{Clock as _, SystemClock};
use icecore_engine::ids::TenantId;
use icecore_engine::matcher::Matcher;
use icecore_engine::time::TimeRange;
use icecore_query::promql::{Listing, PromqlEngine, PromqlError, QueryLimits, parse_selector, render};
use serde_json::json;

use super::reply;
use crate::app::App;
use crate::intake::{Kind, Refusal};
use crate::limits::QUERY_TIMEOUT;
use params::{Params, unescape_label};

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/api/v1/query", get(query).post(query))
        .route("/api/v1/query_range", get(query_range).post(query_range))
        .route("/api/v1/series", get(series).post(series))
        .route("/api/v1/labels", get(labels).post(labels))
        .route("/api/v1/label/{name}/values", get(label_values))
        .route("/api/v1/metadata", get(metadata))
        .route("/api/v1/query_exemplars", get(exemplars).post(exemplars))
        .route("/api/v1/status/buildinfo", get(buildinfo))
        .route("/api/v1/rules", get(rules))
        .route("/api/v1/alerts", get(alerts))
}

/// Why a question has no answer.
enum Failure {
    Refused(Refusal),
    Query(PromqlError),
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<PromqlError> for Failure {
    fn from(error: PromqlError) -> Self {
        Self::Query(error)
    }
}

type Answer = Result<String, Failure>;

fn respond(app: &App, answer: Answer) -> Response {
    match answer {
        Ok(body) => reply::body(StatusCode::OK, "application/json", body),
        Err(Failure::Refused(refusal)) => {
            app.counters.refused("promql", refusal.kind);
            reply::prometheus_refusal(&refusal)
        }
        Err(Failure::Query(error)) => {
            let status = StatusCode::from_u16(error.kind().http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            reply::body(status, "application/json", render::query_error_body(&error))
        }
    }
}

/// Runs `ask` on a query place.
async fn answer(
    app: &Arc<App>,
    ask: impl FnOnce(&PromqlEngine) -> Result<String, PromqlError> + Send + 'static,
) -> Answer {
    let engine = app.promql.clone();
    Ok(app.promql_places.run(move || ask(&engine)).await??)
}

/// Tells a query that nobody waits for its answer any more, when the request's future is dropped.
struct CancelOnDrop(Arc<AtomicBool>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn now_ms() -> i64 {
    SystemClock.now().to_ms().0
}

fn limits(params: &Params) -> Result<(QueryLimits, CancelOnDrop), Refusal> {
    let canceled = Arc::new(AtomicBool::new(false));
    let mut limits = QueryLimits {
        canceled: Some(Arc::clone(&canceled)),
        results_max: params.limit()?,
        ..QueryLimits::default()
    };
    let asked = params
        .duration_ms("timeout")?
        .and_then(|ms| u64::try_from(ms).ok())
        .map(Duration::from_millis);
    limits.deadline = Some(Instant::now() + asked.unwrap_or(QUERY_TIMEOUT).min(QUERY_TIMEOUT));
    if let Some(lookback_ms) = params.duration_ms("lookback_delta")? {
        limits.lookback_ms = lookback_ms;
    }
    Ok((limits, CancelOnDrop(canceled)))
}

async fn query(State(app): State<Arc<App>>, request: Request) -> Response {
    let answer = query_answer(&app, request).await;
    respond(&app, answer)
}

async fn query_answer(app: &Arc<App>, request: Request) -> Answer {
    let tenant = app.authorize(request.headers())?;
    let params = Params::read(request).await?;
    let query = params.required("query")?.to_owned();
    let time_ms = params.time_ms("time")?.unwrap_or_else(now_ms);
    let (limits, _cancel) = limits(&params)?;
    answer(app, move |engine| {
        let result = engine.instant(&tenant, &query, time_ms, &limits)?;
        Ok(render::query_body(&result))
    })
    .await
}

async fn query_range(State(app): State<Arc<App>>, request: Request) -> Response {
    let answer = query_range_answer(&app, request).await;
    respond(&app, answer)
}

async fn query_range_answer(app: &Arc<App>, request: Request) -> Answer {
    let tenant = app.authorize(request.headers())?;
    let params = Params::read(request).await?;
    let query = params.required("query")?.to_owned();
    let missing = |name: &str| {
        Refusal::new(
            Kind::Invalid,
            format!("invalid parameter \"{name}\": a value is needed"),
        )
    };
    let start_ms = params.time_ms("start")?.ok_or_else(|| missing("start"))?;
    let end_ms = params.time_ms("end")?.ok_or_else(|| missing("end"))?;
    let step_ms = params.duration_ms("step")?.ok_or_else(|| missing("step"))?;
    let (limits, _cancel) = limits(&params)?;
    answer(app, move |engine| {
        let result = engine.range(&tenant, &query, start_ms, end_ms, step_ms, &limits)?;
        Ok(render::query_body(&result))
    })
    .await
}

/// What a question about series asks.
struct Scope {
    tenant: TenantId,
    matches: Vec<String>,
    range: TimeRange,
    limit: usize,
}

impl Scope {
    async fn read(app: &App, request: Request) -> Result<Self, Refusal> {
        let tenant = app.authorize(request.headers())?;
        let params = Params::read(request).await?;
        Ok(Self {
            tenant,
            matches: params.all("match[]").map(str::to_owned).collect(),
            range: params.range()?,
            limit: params.limit()?,
        })
    }

    fn selectors(&self) -> Result<Vec<Vec<Matcher>>, PromqlError> {
        self.matches.iter().map(|text| parse_selector(text)).collect()
    }
}

async fn series(State(app): State<Arc<App>>, request: Request) -> Response {
    let answer = series_answer(&app, request).await;
    respond(&app, answer)
}

async fn series_answer(app: &Arc<App>, request: Request) -> Answer {
    let scope = Scope::read(app, request).await?;
    if scope.matches.is_empty() {
        return Err(Refusal::new(Kind::Invalid, "no match[] parameter provided").into());
    }
    answer(app, move |engine| {
        let sets = engine.series(&scope.tenant, &scope.selectors()?, scope.range, scope.limit)?;
        let mut data = String::new();
        render::push_label_sets(&mut data, &sets.items);
        Ok(render::success_body(&data, &sets.warnings, &[]))
    })
    .await
}

async fn labels(State(app): State<Arc<App>>, request: Request) -> Response {
    let answer = labels_answer(&app, request).await;
    respond(&app, answer)
}

async fn labels_answer(app: &Arc<App>, request: Request) -> Answer {
    let scope = Scope::read(app, request).await?;
    answer(app, move |engine| {
        let names = engine.labels(&scope.tenant, &scope.selectors()?, scope.range, scope.limit)?;
        Ok(strings(&names))
    })
    .await
}

async fn label_values(State(app): State<Arc<App>>, Path(name): Path<String>, request: Request) -> Response {
    let answer = label_values_answer(&app, &name, request).await;
    respond(&app, answer)
}

async fn label_values_answer(app: &Arc<App>, name: &str, request: Request) -> Answer {
    let scope = Scope::read(app, request).await?;
    let name = unescape_label(name);
    answer(app, move |engine| {
        let values = engine.label_values(&scope.tenant, &name, &scope.selectors()?, scope.range, scope.limit)?;
        Ok(strings(&values))
    })
    .await
}

fn strings(texts: &Listing<String>) -> String {
    let mut data = String::new();
    render::push_strings(&mut data, &texts.items);
    render::success_body(&data, &texts.warnings, &[])
}

/// What Prometheus's clients are told of the version: the API level that is served, then our own.
async fn buildinfo(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    static_answer(
        &app,
        &headers,
        json!({
            "version": "3.0.0",
            "revision": concat!("icecore-", env!("CARGO_PKG_VERSION")),
            "branch": "",
            "buildUser": "",
            "buildDate": "",
            "goVersion": "",
        }),
    )
}

/// There are no rules yet; a client that lists them sees an empty list.
async fn rules(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    static_answer(&app, &headers, json!({"groups": []}))
}

async fn alerts(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    static_answer(&app, &headers, json!({"alerts": []}))
}

fn static_answer(app: &App, headers: &HeaderMap, data: serde_json::Value) -> Response {
    match app.authorize(headers) {
        Ok(_) => reply::json(StatusCode::OK, &json!({"status": "success", "data": data})),
        Err(refusal) => reply::prometheus_refusal(&refusal),
    }
}

async fn metadata(State(app): State<Arc<App>>, request: Request) -> Response {
    let answer = metadata_answer(&app, request).await;
    respond(&app, answer)
}

async fn metadata_answer(app: &Arc<App>, request: Request) -> Answer {
    let tenant = app.authorize(request.headers())?;
    let params = Params::read(request).await?;
    let metric = params.get("metric").map(str::to_owned);
    let limit = params.limit()?;
    let engine = Arc::clone(&app.engine);
    answer(app, move |_| {
        let known = catalogue::metadata(&engine, &tenant, metric.as_deref(), limit);
        Ok(render::success_body(&known.to_string(), &[], &[]))
    })
    .await
}

async fn exemplars(State(app): State<Arc<App>>, request: Request) -> Response {
    let answer = exemplars_answer(&app, request).await;
    respond(&app, answer)
}

async fn exemplars_answer(app: &Arc<App>, request: Request) -> Answer {
    let tenant = app.authorize(request.headers())?;
    let params = Params::read(request).await?;
    let query = params.required("query")?.to_owned();
    let range = params.range()?;
    let engine = Arc::clone(&app.engine);
    answer(app, move |_| {
        let found = catalogue::exemplars(&engine, &tenant, &query, range)?;
        Ok(render::success_body(&found.to_string(), &[], &[]))
    })
    .await
}
