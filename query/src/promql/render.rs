//! Answers as Prometheus's HTTP API writes them: the `data` member, and the whole body around it.

use icecore_engine::labels::push_json_string;

use super::error::PromqlError;
use super::labels::Labels;
use super::number::{push_timestamp, push_value};
use super::value::{QueryResult, Value};

/// The whole body of a successful query.
pub fn query_body(result: &QueryResult) -> String {
    let mut data = String::with_capacity(1_024);
    push_query_data(&mut data, &result.value);
    success_body(&data, &result.warnings, &result.infos)
}

/// `{"status":"success","data":DATA,...}` around a `data` member that is already JSON.
pub fn success_body(data: &str, warnings: &[String], infos: &[String]) -> String {
    let mut out = String::with_capacity(data.len() + 64);
    out.push_str("{\"status\":\"success\",\"data\":");
    out.push_str(data);
    for (name, lines) in [("warnings", warnings), ("infos", infos)] {
        if !lines.is_empty() {
            out.push(',');
            push_json_string(&mut out, name);
            out.push(':');
            push_strings(&mut out, lines);
        }
    }
    out.push('}');
    out
}

/// `{"status":"error",...}`.
pub fn error_body(error_type: &str, message: &str) -> String {
    let mut out = String::from("{\"status\":\"error\",\"errorType\":");
    push_json_string(&mut out, error_type);
    out.push_str(",\"error\":");
    push_json_string(&mut out, message);
    out.push('}');
    out
}

/// The body of a refused or failed query; its status is `error.kind().http_status()`.
pub fn query_error_body(error: &PromqlError) -> String {
    error_body(error.kind().as_str(), &error.to_string())
}

/// `{"resultType":...,"result":...}`.
pub fn push_query_data(out: &mut String, value: &Value) {
    let kind = match value {
        Value::Scalar { .. } => "scalar",
        Value::Text { .. } => "string",
        Value::Vector(_) => "vector",
        Value::Matrix(_) => "matrix",
    };
    out.push_str("{\"resultType\":\"");
    out.push_str(kind);
    out.push_str("\",\"result\":");
    match value {
        Value::Scalar { timestamp_ms, value } => push_point(out, *timestamp_ms, *value),
        Value::Text { timestamp_ms, value } => {
            out.push('[');
            push_timestamp(out, *timestamp_ms);
            out.push(',');
            push_json_string(out, value);
            out.push(']');
        }
        Value::Vector(samples) => push_list(out, samples, |out, sample| {
            out.push_str("{\"metric\":");
            push_labels(out, &sample.labels);
            out.push_str(",\"value\":");
            push_point(out, sample.timestamp_ms, sample.value);
            out.push('}');
        }),
        Value::Matrix(series) => push_list(out, series, |out, series| {
            out.push_str("{\"metric\":");
            push_labels(out, &series.labels);
            out.push_str(",\"values\":");
            push_list(out, &series.points, |out, (at, value)| push_point(out, *at, *value));
            out.push('}');
        }),
    }
    out.push('}');
}

/// A list of strings.
pub fn push_strings(out: &mut String, texts: &[String]) {
    push_list(out, texts, |out, text| push_json_string(out, text));
}

/// A label set as an object.
pub fn push_labels(out: &mut String, labels: &Labels) {
    out.push('{');
    for (index, (name, value)) in labels.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        push_json_string(out, name);
        out.push(':');
        push_json_string(out, value);
    }
    out.push('}');
}

/// A list of label sets, as `/api/v1/series` answers.
pub fn push_label_sets(out: &mut String, sets: &[Labels]) {
    push_list(out, sets, push_labels);
}

fn push_list<T>(out: &mut String, items: &[T], mut push: impl FnMut(&mut String, &T)) {
    out.push('[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        push(out, item);
    }
    out.push(']');
}

fn push_point(out: &mut String, timestamp_ms: i64, value: f64) {
    out.push('[');
    push_timestamp(out, timestamp_ms);
    out.push_str(",\"");
    push_value(out, value);
    out.push_str("\"]");
}

#[cfg(test)]
mod tests;
