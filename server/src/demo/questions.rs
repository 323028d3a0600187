//! The demo's questions: what is asked in words, the query, and the answer the fleet's truth demands.

use std::fmt;

use http::header;
use serde_json::Value;

use super::export::BOUNDS_S;
use super::truth::{Truth, service_name};
use crate::cli::{Client, ClientError};

/// One value of an answer's row.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cell {
    Text(String),
    Number(f64),
}

impl Cell {
    /// Numbers are compared to nine digits: sums of doubles depend on the order of their parts.
    fn agrees(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => (a - b).abs() <= 1e-9 * a.abs().max(b.abs()),
            (a, b) => a == b,
        }
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Number(number) => write!(f, "{number}"),
        }
    }
}

/// A table, row by row.
pub(super) type Rows = Vec<Vec<Cell>>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Language {
    Sql,
    Promql,
}

/// A question with its known answer.
pub(super) struct Question {
    pub(super) words: &'static str,
    pub(super) language: Language,
    pub(super) query: String,
    pub(super) answer: Rows,
}

/// The stretch of time that the questions are about, in nanoseconds since the Unix epoch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Past {
    pub(super) from_ns: i64,
    /// When the instruments were read last.
    pub(super) until_ns: i64,
    /// When the last request had ended; nothing live begins before.
    pub(super) quiet_ns: i64,
}

impl Past {
    fn condition(self) -> String {
        format!(
            "timestamp >= '{}' AND timestamp < '{}'",
            rfc3339(self.from_ns),
            rfc3339(self.quiet_ns)
        )
    }
}

fn rfc3339(ns: i64) -> String {
    chrono::DateTime::from_timestamp_nanos(ns).to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}

fn text(text: impl Into<String>) -> Cell {
    Cell::Text(text.into())
}

fn count(count: u64) -> Cell {
    Cell::Number(count as f64)
}

/// The questions about what the fleet did in the past.
pub(super) fn questions(truth: &Truth, past: Past) -> Vec<Question> {
    let mut questions = sql_questions(truth, past);
    questions.extend(trace_questions(truth));
    questions.extend(promql_questions(truth));
    questions
}

fn sql_questions(truth: &Truth, past: Past) -> Vec<Question> {
    let past = past.condition();
    let sql = |words, query, answer| Question {
        words,
        language: Language::Sql,
        query,
        answer,
    };
    let spans = truth
        .spans
        .iter()
        .map(|(name, (all, failed))| vec![text(*name), count(*all), count(*failed)]);
    let errors = truth
        .error_logs
        .iter()
        .map(|(name, logs)| vec![text(*name), count(*logs)]);
    let slow = &truth.slow_ns;
    let extreme = |ns: Option<&i64>| Cell::Number(ns.copied().unwrap_or_default() as f64);
    vec![
        sql(
            "How many spans has each service, and how many of them failed?",
            format!(
                "SELECT service_name, count(*) AS spans, sum(CASE WHEN status_code = 'error' THEN 1 ELSE 0 END) AS failed \
                 FROM spans WHERE {past} GROUP BY service_name ORDER BY service_name"
            ),
            spans.collect(),
        ),
        sql(
            "How long does the slow dependency take?",
            format!(
                "SELECT name, count(*) AS requests, min(duration_ns) AS min_ns, max(duration_ns) AS max_ns FROM spans \
                 WHERE service_name = 'fraud' AND kind = 'server' AND {past} GROUP BY name"
            ),
            vec![vec![
                text("POST /score"),
                count(slow.len() as u64),
                extreme(slow.first()),
                extreme(slow.last()),
            ]],
        ),
        sql(
            "Who logs errors?",
            format!(
                "SELECT service_name, count(*) AS errors FROM logs WHERE severity_text = 'ERROR' AND {past} \
                 GROUP BY service_name ORDER BY service_name"
            ),
            errors.collect(),
        ),
    ]
}

fn trace_questions(truth: &Truth) -> Vec<Question> {
    let Some(first) = truth.failed_trace.first() else {
        return Vec::new();
    };
    let trace_id = format!("{:032x}", first.trace_id);
    let spans = truth.failed_trace.iter().map(|span| {
        let kind = if span.server { "server" } else { "client" };
        vec![text(service_name(span.service)), text(kind), text(span.route)]
    });
    let logs = truth.failed_trace_logs.iter().map(|body| vec![text(body)]);
    vec![
        Question {
            words: "Which way did a failure take?",
            language: Language::Sql,
            query: format!(
                "SELECT service_name, kind, name FROM spans WHERE trace_id = '{trace_id}' AND status_code = 'error' \
                 ORDER BY timestamp"
            ),
            answer: spans.collect(),
        },
        Question {
            words: "What was logged in that trace?",
            language: Language::Sql,
            query: format!("SELECT body FROM logs WHERE trace_id = '{trace_id}' ORDER BY timestamp"),
            answer: logs.collect(),
        },
    ]
}

fn promql_questions(truth: &Truth) -> Vec<Question> {
    let promql = |words, query: &str, answer| Question {
        words,
        language: Language::Promql,
        query: query.to_owned(),
        answer,
    };
    let requests = truth
        .requests
        .iter()
        .map(|(name, requests)| vec![text(*name), count(*requests)]);
    let cpu = truth
        .cpu_max
        .iter()
        .map(|(host, max)| vec![text(*host), Cell::Number(*max)]);
    vec![
        promql(
            "How many requests did each service answer?",
            "sum by (service_name) (http_server_requests_total)",
            requests.collect(),
        ),
        promql(
            "The 95th percentile of the slow dependency, in seconds?",
            "histogram_quantile(0.95, sum by (le) (http_server_request_duration_seconds_bucket{service_name=\"fraud\"}))",
            vec![vec![Cell::Number(truth.slow_quantile_s(0.95, &BOUNDS_S))]],
        ),
        promql(
            "How busy was each host at most?",
            "max by (host_name) (max_over_time(system_cpu_utilization_ratio[15m]))",
            cpu.collect(),
        ),
    ]
}

impl Question {
    /// Asks the server over HTTP.
    pub(super) async fn ask(&self, client: &Client, past: Past) -> Result<Rows, ClientError> {
        match self.language {
            Language::Sql => {
                let headers = [
                    (header::CONTENT_TYPE, "text/plain"),
                    (header::ACCEPT, "application/json"),
                ];
                let answer = client.post("/api/v1/sql", &headers, self.query.clone()).await?;
                Ok(sql_rows(&serde_json::from_slice(&answer).unwrap_or_default()))
            }
            Language::Promql => {
                let time = (past.until_ns as f64 / 1e9).to_string();
                let form = [("query", self.query.as_str()), ("time", time.as_str())];
                let answer = client.post_form("/api/v1/query", &form).await?;
                Ok(vector_rows(&serde_json::from_slice(&answer).unwrap_or_default()))
            }
        }
    }

    /// Whether `rows` is the known answer.
    pub(super) fn agrees(&self, rows: &Rows) -> bool {
        rows.len() == self.answer.len()
            && rows.iter().zip(&self.answer).all(|(row, expected)| {
                row.len() == expected.len() && row.iter().zip(expected).all(|(cell, expected)| cell.agrees(expected))
            })
    }

    /// The command that asks the same from a shell.
    pub(super) fn command(&self, url: &str, past: Past) -> String {
        match self.language {
            Language::Sql => format!("curl -s {url}/api/v1/sql -H 'Accept: text/csv' -d \"{}\"", self.query),
            Language::Promql => format!(
                "curl -s {url}/api/v1/query --data-urlencode 'query={}' -d time={}",
                self.query,
                past.until_ns as f64 / 1e9
            ),
        }
    }
}

/// The rows of an SQL answer in JSON.
fn sql_rows(answer: &Value) -> Rows {
    let rows = answer.get("rows").and_then(Value::as_array);
    rows.into_iter()
        .flatten()
        .map(|row| row.as_array().into_iter().flatten().map(cell).collect())
        .collect()
}

fn cell(value: &Value) -> Cell {
    match value {
        Value::Number(number) => Cell::Number(number.as_f64().unwrap_or(f64::NAN)),
        Value::String(text) => Cell::Text(text.clone()),
        other => Cell::Text(other.to_string()),
    }
}

/// The elements of an instant vector: label values, then the value; sorted.
fn vector_rows(answer: &Value) -> Rows {
    let elements = answer.pointer("/data/result").and_then(Value::as_array);
    let mut rows: Vec<(Vec<String>, f64)> = elements
        .into_iter()
        .flatten()
        .map(|element| {
            let labels = element.get("metric").and_then(Value::as_object);
            let labels = labels
                .into_iter()
                .flatten()
                .map(|(_, value)| value.as_str().unwrap_or_default().to_owned())
                .collect();
            let value = element.pointer("/value/1").and_then(Value::as_str);
            (labels, value.and_then(|value| value.parse().ok()).unwrap_or(f64::NAN))
        })
        .collect();
    rows.sort_by(|a, b| a.0.cmp(&b.0));
    rows.into_iter()
        .map(|(labels, value)| {
            labels
                .into_iter()
                .map(Cell::Text)
                .chain([Cell::Number(value)])
                .collect()
        })
        .collect()
}

#[cfg(test)]
mod tests;
