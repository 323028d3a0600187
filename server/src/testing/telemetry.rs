//! Small exports for tests, as the generated types of the protocol.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::{
    Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, metric, number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};

use icecore_engine::clock::{Clock as _, SystemClock};

pub(crate) fn now_ns() -> u64 {
    SystemClock.now().0 as u64
}

fn attribute(key: &str, value: &str) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue {
            value: Some(Value::StringValue(value.to_owned())),
        }),
        ..Default::default()
    }
}

fn resource() -> Option<Resource> {
    Some(Resource {
        attributes: vec![attribute("service.name", "shop")],
        ..Default::default()
    })
}

/// A gauge `temperature` with one point for each of the series `0..series`, its value the series' number.
pub(crate) fn metrics(series: usize, time_ns: u64) -> ExportMetricsServiceRequest {
    let data_points = (0..series)
        .map(|number| NumberDataPoint {
            attributes: vec![attribute("room", &number.to_string())],
            time_unix_nano: time_ns,
            value: Some(number_data_point::Value::AsDouble(number as f64)),
            ..Default::default()
        })
        .collect();
    let metric = Metric {
        name: "temperature".to_owned(),
        data: Some(metric::Data::Gauge(Gauge { data_points })),
        ..Default::default()
    };
    ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics {
            resource: resource(),
            scope_metrics: vec![ScopeMetrics {
                metrics: vec![metric],
                ..Default::default()
            }],
            ..Default::default()
        }],
    }
}

/// `count` log records, all with the time given.
pub(crate) fn logs(count: usize, time_ns: u64) -> ExportLogsServiceRequest {
    let log_records = (0..count)
        .map(|number| LogRecord {
            time_unix_nano: time_ns,
            severity_number: 9,
            severity_text: "INFO".to_owned(),
            body: Some(AnyValue {
                value: Some(Value::StringValue(format!("line {number}"))),
            }),
            ..Default::default()
        })
        .collect();
    ExportLogsServiceRequest {
        resource_logs: vec![ResourceLogs {
            resource: resource(),
            scope_logs: vec![ScopeLogs {
                log_records,
                ..Default::default()
            }],
            ..Default::default()
        }],
    }
}

/// One span for each id given; an id of 0 is invalid.
pub(crate) fn traces(span_ids: &[u64], time_ns: u64) -> ExportTraceServiceRequest {
    let spans = span_ids
        .iter()
        .map(|id| Span {
            trace_id: 0xabcu128.to_be_bytes().to_vec(),
            span_id: id.to_be_bytes().to_vec(),
            name: "work".to_owned(),
            kind: 2,
            start_time_unix_nano: time_ns,
            end_time_unix_nano: time_ns + 1_000_000,
            ..Default::default()
        })
        .collect();
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: resource(),
            scope_spans: vec![ScopeSpans {
                spans,
                ..Default::default()
            }],
            ..Default::default()
        }],
    }
}
