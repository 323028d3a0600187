//! What is known of metrics beside their samples: metadata and exemplars, in Prometheus's shapes.

use std::collections::BTreeMap;

use icecore_engine::Engine;
use icecore_engine::exemplars::StoredExemplar;
use icecore_engine::ids::TenantId;
use icecore_engine::labels::{METRIC_NAME_LABEL, SeriesKey};
use icecore_engine::matcher::Matcher;
use icecore_engine::time::TimeRange;
use icecore_query::promql::{Expr, PromqlError, RangeExpr, parse};
use serde_json::{Map, Value, json};

/// Metric name -> what it is, of one metric or of all, at most `limit` (0: all).
pub(super) fn metadata(engine: &Engine, tenant: &TenantId, metric: Option<&str>, limit: usize) -> Value {
    let limit = if limit == 0 { usize::MAX } else { limit };
    let known = engine.metadata(tenant);
    let entries = known
        .into_iter()
        .filter(|entry| metric.is_none_or(|metric| entry.metric == metric))
        .take(limit)
        .map(|entry| {
            let facts = json!([{"type": entry.kind.as_str(), "help": entry.help, "unit": entry.unit}]);
            (entry.metric, facts)
        });
    Value::Object(entries.collect())
}

/// The exemplars of every series that a query reads, in a range of milliseconds.
pub(super) fn exemplars(
    engine: &Engine,
    tenant: &TenantId,
    query: &str,
    range: TimeRange,
) -> Result<Value, PromqlError> {
    let query = parse(query)?;
    let mut selectors = Vec::new();
    collect(&query, &mut selectors);
    let mut by_series: BTreeMap<SeriesKey, Vec<StoredExemplar>> = BTreeMap::new();
    for matchers in selectors {
        for exemplar in engine.exemplars(tenant, matchers, range) {
            let of_series = by_series.entry(exemplar.series.clone()).or_default();
            // Two selectors of one query may name the same series.
            if !of_series.contains(&exemplar) {
                of_series.push(exemplar);
            }
        }
    }
    let series = by_series.iter().map(|(series, exemplars)| {
        json!({
            "seriesLabels": series_labels(series),
            "exemplars": exemplars.iter().map(exemplar_json).collect::<Vec<_>>(),
        })
    });
    Ok(series.collect())
}

fn series_labels(series: &SeriesKey) -> Map<String, Value> {
    let name = (METRIC_NAME_LABEL.to_owned(), json!(series.metric()));
    let labels = series.labels();
    let labels = labels.iter().map(|(name, value)| (name.to_string(), json!(value)));
    [name].into_iter().chain(labels).collect()
}

fn exemplar_json(exemplar: &StoredExemplar) -> Value {
    let attributes: Map<String, Value> = serde_json::from_str(&exemplar.attributes).unwrap_or_default();
    let mut labels: Map<String, Value> = attributes
        .into_iter()
        .map(|(name, value)| match value {
            Value::String(_) => (name, value),
            other => (name, Value::String(other.to_string())),
        })
        .collect();
    let ids = [
        ("trace_id", exemplar.trace_id.as_ref().map(<[u8; 16]>::as_slice)),
        ("span_id", exemplar.span_id.as_ref().map(<[u8; 8]>::as_slice)),
    ];
    for (name, id) in ids {
        if let Some(id) = id {
            let hex: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
            labels.insert(name.to_owned(), Value::String(hex));
        }
    }
    json!({
        "labels": labels,
        "value": exemplar.value.to_string(),
        "timestamp": exemplar.timestamp_ms as f64 / 1000.0,
    })
}

/// The conditions of every selector in an expression.
fn collect<'a>(expr: &'a Expr, selectors: &mut Vec<&'a [Matcher]>) {
    match expr {
        Expr::Number(_) | Expr::Text(_) => {}
        Expr::Selector(selector) => selectors.push(&selector.matchers),
        Expr::Range(range) => match &**range {
            RangeExpr::Selector { selector, .. } => selectors.push(&selector.matchers),
            RangeExpr::Subquery { expr, .. } => collect(expr, selectors),
        },
        Expr::Call(call) => call.args.iter().for_each(|arg| collect(arg, selectors)),
        Expr::Aggregate(aggregate) => collect(&aggregate.expr, selectors),
        Expr::Binary(binary) => {
            collect(&binary.left, selectors);
            collect(&binary.right, selectors);
        }
        Expr::Negate(expr) => collect(expr, selectors),
    }
}
