//! OTLP bodies of a small fleet: the attributes, names and sizes that SDKs send.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{
    Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum,
    number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::Event;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;

const POINTS_PER_METRIC: usize = 20;

fn pair(key: &str, value: Value) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    }
}

fn text(key: &str, value: &str) -> KeyValue {
    pair(key, Value::StringValue(value.to_owned()))
}

fn resource() -> Option<Resource> {
    Some(Resource {
        attributes: vec![
            text("service.name", "checkout"),
            text("service.namespace", "shop"),
            text("service.instance.id", "checkout-7d9c4b6f5-x2x7q"),
            text("host.name", "host-0007"),
            text("telemetry.sdk.language", "go"),
        ],
        ..Resource::default()
    })
}

fn scope() -> Option<InstrumentationScope> {
    Some(InstrumentationScope {
        name: "go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp".to_owned(),
        version: "0.60.0".to_owned(),
        ..InstrumentationScope::default()
    })
}

fn metrics_body(points: usize, data: impl Fn(usize) -> Data) -> Vec<u8> {
    let metrics = (0..points / POINTS_PER_METRIC)
        .map(|at| Metric {
            name: format!("shop.requests.kind{at}"),
            description: "How many requests of the kind were served.".to_owned(),
            unit: "{request}".to_owned(),
            data: Some(data(at)),
            ..Metric::default()
        })
        .collect();
    ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics {
            resource: resource(),
            scope_metrics: vec![ScopeMetrics {
                scope: scope(),
                metrics,
                schema_url: String::new(),
            }],
            schema_url: String::new(),
        }],
    }
    .encode_to_vec()
}

fn point_attributes(at: usize) -> Vec<KeyValue> {
    vec![
        text("http.request.method", "GET"),
        text("http.route", &format!("/api/items/{at}/{{id}}")),
        pair("http.response.status_code", Value::IntValue(200)),
        text("server.address", "checkout.shop.svc"),
    ]
}

/// Gauges and sums, half and half.
pub fn numbers(points: usize, now_ns: u64) -> Vec<u8> {
    metrics_body(points, |metric| {
        let data_points = (0..POINTS_PER_METRIC)
            .map(|at| NumberDataPoint {
                attributes: point_attributes(at),
                start_time_unix_nano: now_ns - 3_600_000_000_000,
                time_unix_nano: now_ns,
                value: Some(number_data_point::Value::AsDouble(at as f64 * 1.5)),
                ..NumberDataPoint::default()
            })
            .collect();
        if metric % 2 == 0 {
            Data::Gauge(Gauge { data_points })
        } else {
            Data::Sum(Sum {
                data_points,
                aggregation_temporality: 2,
                is_monotonic: true,
            })
        }
    })
}

/// Histograms of ten buckets.
pub fn histograms(points: usize, now_ns: u64) -> Vec<u8> {
    metrics_body(points, |_| {
        Data::Histogram(Histogram {
            data_points: (0..POINTS_PER_METRIC)
                .map(|at| HistogramDataPoint {
                    attributes: point_attributes(at),
                    start_time_unix_nano: now_ns - 3_600_000_000_000,
                    time_unix_nano: now_ns,
                    count: 55,
                    sum: Some(12.5),
                    bucket_counts: (1..=10).collect(),
                    explicit_bounds: (0..9).map(|bound| f64::from(bound) * 0.25).collect(),
                    ..HistogramDataPoint::default()
                })
                .collect(),
            aggregation_temporality: 2,
        })
    })
}

fn id<const N: usize>(number: usize) -> Vec<u8> {
    let mut id = [7; N];
    id[..8].copy_from_slice(&(number as u64 + 1).to_le_bytes());
    id.to_vec()
}

/// Log records with a trace and five attributes.
pub fn logs(records: usize, now_ns: u64) -> Vec<u8> {
    let log_records = (0..records)
        .map(|at| LogRecord {
            time_unix_nano: now_ns - at as u64 * 1_000,
            observed_time_unix_nano: now_ns,
            severity_number: 9,
            severity_text: "INFO".to_owned(),
            body: Some(AnyValue {
                value: Some(Value::StringValue(format!(
                    "order {at} accepted for customer 4711 after 12 ms, 3 items, total 59.90 EUR"
                ))),
            }),
            attributes: vec![
                text("logger.name", "shop.checkout.OrderService"),
                text("thread.name", "http-nio-8080-exec-7"),
                pair("order.id", Value::IntValue(at as i64)),
                pair("duration.ms", Value::DoubleValue(12.25)),
                text("customer.tier", "gold"),
            ],
            trace_id: id::<16>(at),
            span_id: id::<8>(at),
            ..LogRecord::default()
        })
        .collect();
    ExportLogsServiceRequest {
        resource_logs: vec![ResourceLogs {
            resource: resource(),
            scope_logs: vec![ScopeLogs {
                scope: scope(),
                log_records,
                schema_url: String::new(),
            }],
            schema_url: String::new(),
        }],
    }
    .encode_to_vec()
}

/// Spans of a database call, one event each.
pub fn spans(spans: usize, now_ns: u64) -> Vec<u8> {
    let spans = (0..spans)
        .map(|at| Span {
            trace_id: id::<16>(at / 20),
            span_id: id::<8>(at),
            parent_span_id: id::<8>(at / 2),
            name: "SELECT shop.orders".to_owned(),
            kind: 3,
            start_time_unix_nano: now_ns - 5_000_000,
            end_time_unix_nano: now_ns,
            attributes: vec![
                text("db.system.name", "postgresql"),
                text(
                    "db.query.text",
                    "SELECT id, total, state FROM orders WHERE customer = $1 ORDER BY id DESC LIMIT 20",
                ),
                text("db.namespace", "shop"),
                text("server.address", "db-0.shop.svc"),
                pair("server.port", Value::IntValue(5432)),
                pair("db.response.returned_rows", Value::IntValue(20)),
            ],
            events: vec![Event {
                time_unix_nano: now_ns - 4_000_000,
                name: "connection acquired".to_owned(),
                attributes: vec![pair("pool.wait_ms", Value::DoubleValue(0.5))],
                ..Event::default()
            }],
            ..Span::default()
        })
        .collect();
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: resource(),
            scope_spans: vec![ScopeSpans {
                scope: scope(),
                spans,
                schema_url: String::new(),
            }],
            schema_url: String::new(),
        }],
    }
    .encode_to_vec()
}
