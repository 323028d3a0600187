//! `POST /api/v1/sql`: a statement as text or as `{"query": ...}`, its answer in the form that Accept asks for.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::Response;
use axum::routing::post;
use futures::TryStreamExt as _;
use http::{HeaderMap, StatusCode, header};
use icecore_engine::budget::{MemoryClass, Reservation};
use icecore_engine::ids::TenantId;
use icecore_query::sql::render::{Encoder, Format};
use icecore_query::sql::{SqlError, SqlErrorCode, SqlLimits};
use serde::Deserialize;

use super::reply;
use crate::app::App;
use crate::intake::{Kind, Refusal};
use crate::limits::{ANSWER_BYTES_MAX, QUERY_TIMEOUT};

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/api/v1/sql", post(sql))
}

/// The JSON form of a question.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    query: String,
    /// Milliseconds that the statement may take; never more than the server allows.
    timeout_ms: Option<u64>,
    /// Rows that the answer may have; never more than the server allows.
    rows_max: Option<u64>,
}

/// Why a statement has no answer.
enum Failure {
    Refused(Refusal),
    Sql(SqlError),
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<SqlError> for Failure {
    fn from(error: SqlError) -> Self {
        Self::Sql(error)
    }
}

async fn sql(State(app): State<Arc<App>>, headers: HeaderMap, body: Bytes) -> Response {
    match answer(&app, &headers, &body).await {
        Ok(response) => response,
        Err(Failure::Refused(refusal)) => {
            app.counters.refused("sql", refusal.kind);
            reply::api_refusal(&refusal)
        }
        Err(Failure::Sql(error)) => reply::api_error(StatusCode::BAD_REQUEST, error.code.as_str(), &error.message),
    }
}

async fn answer(app: &Arc<App>, headers: &HeaderMap, body: &[u8]) -> Result<Response, Failure> {
    let tenant = app.authorize(headers)?;
    let question = question(headers, body)?;
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    let format = Format::of_accept(accept).ok_or_else(|| {
        Refusal::new(
            Kind::UnsupportedMedia,
            "answers are given as application/json, application/x-ndjson, text/csv, \
             application/vnd.apache.arrow.stream or application/vnd.apache.parquet: accept one of them",
        )
    })?;
    let place = app.sql_places.place().await?;
    let reservation = app
        .engine
        .budget()
        .try_reserve(MemoryClass::Sql, 0)
        .map_err(Refusal::from)?;
    let for_work = Arc::clone(app);
    // On the query runtime, so that a statement's work never takes a thread from the connections.
    let written = app.sql_places.runtime().spawn(async move {
        let written = run(&for_work, tenant, question, format, reservation).await;
        drop(place);
        written
    });
    let (bytes, _reservation) = written
        .await
        .map_err(|error| Refusal::new(Kind::Internal, format!("the statement ended early: {error}")))??;
    Ok(reply::body(StatusCode::OK, format.content_type(), bytes))
}

/// Runs the statement and writes its answer whole: an error in its middle must still become a 400.
async fn run(
    app: &App,
    tenant: TenantId,
    question: Question,
    format: Format,
    mut reservation: Reservation,
) -> Result<(Vec<u8>, Reservation), Failure> {
    let mut stream = app.sql.query(&tenant, &question.query, limits(&question)).await?;
    let mut encoder = Encoder::new(format, stream.schema())?;
    let mut answer = Vec::new();
    hold(&mut answer, &encoder.start(), &mut reservation)?;
    while let Some(batch) = stream.try_next().await? {
        hold(&mut answer, &encoder.batch(&batch)?, &mut reservation)?;
    }
    hold(&mut answer, &encoder.finish()?, &mut reservation)?;
    Ok((answer, reservation))
}

/// Adds a piece to the answer, within the limit and the budget.
fn hold(answer: &mut Vec<u8>, piece: &[u8], reservation: &mut Reservation) -> Result<(), SqlError> {
    let needed = answer.len() + piece.len();
    if needed > ANSWER_BYTES_MAX {
        let message = format!("the answer has more than {ANSWER_BYTES_MAX} bytes: select fewer rows or columns");
        return Err(SqlError::new(SqlErrorCode::RowsExceeded, message));
    }
    if needed > answer.capacity() {
        let capacity = needed.max(answer.capacity() * 2).min(ANSWER_BYTES_MAX);
        reservation
            .try_resize(capacity as u64)
            .map_err(|error| SqlError::new(SqlErrorCode::MemoryExceeded, error.to_string()))?;
        answer.reserve_exact(capacity - answer.len());
    }
    answer.extend_from_slice(piece);
    Ok(())
}

fn limits(question: &Question) -> SqlLimits {
    let mut limits = SqlLimits::default();
    let asked = question.timeout_ms.map_or(QUERY_TIMEOUT, Duration::from_millis);
    limits.timeout = asked.min(limits.timeout);
    if let Some(rows_max) = question.rows_max {
        limits.rows_max = rows_max.min(limits.rows_max);
    }
    limits
}

/// The statement: JSON when the content type says so, else the text itself.
fn question(headers: &HeaderMap, body: &[u8]) -> Result<Question, Refusal> {
    let content_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    if media_type.eq_ignore_ascii_case("application/json") {
        return serde_json::from_slice(body).map_err(|error| {
            Refusal::new(
                Kind::Invalid,
                format!("the body is not {{\"query\": \"...\"}}: {error}"),
            )
        });
    }
    match std::str::from_utf8(body) {
        Ok(text) if !text.trim().is_empty() => Ok(Question {
            query: text.to_owned(),
            timeout_ms: None,
            rows_max: None,
        }),
        Ok(_) => Err(Refusal::new(
            Kind::Invalid,
            "the body is empty: send the statement as text",
        )),
        Err(_) => Err(Refusal::new(Kind::Invalid, "the statement is not UTF-8")),
    }
}
