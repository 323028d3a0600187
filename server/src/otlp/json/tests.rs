//! OTLP/JSON read as the protobuf it stands for, with all the liberties its rules allow a sender.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Proto;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point;
use prost::Message as _;
use serde_json::{Value, json};

use super::*;

/// A request as opentelemetry-proto writes it in JSON, with the two things that it writes otherwise than OTLP demands
/// put right: doubles that are no numbers, and bytes and values without a kind.
pub(crate) fn to_json(request: &impl serde::Serialize) -> Value {
    serde_json::to_value(request).unwrap()
}

fn spans(json: &Value) -> ExportTraceServiceRequest {
    let bytes = traces_to_protobuf(json.to_string().as_bytes()).unwrap();
    ExportTraceServiceRequest::decode(bytes.as_slice()).unwrap()
}

fn logs(json: &Value) -> ExportLogsServiceRequest {
    let bytes = logs_to_protobuf(json.to_string().as_bytes()).unwrap();
    ExportLogsServiceRequest::decode(bytes.as_slice()).unwrap()
}

fn metrics(json: &Value) -> ExportMetricsServiceRequest {
    let bytes = metrics_to_protobuf(json.to_string().as_bytes()).unwrap();
    ExportMetricsServiceRequest::decode(bytes.as_slice()).unwrap()
}

fn span_request(span: Value) -> Value {
    json!({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]})
}

fn value_of(value: Value) -> Option<Proto> {
    let request = logs(&json!({"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": value}]}]}]}));
    let record = request.resource_logs[0].scope_logs[0].log_records[0].clone();
    record.body.unwrap().value
}

#[test]
fn ids_are_hex_in_either_case_and_what_is_no_hex_is_no_id() {
    let request = spans(&span_request(json!({
        "traceId": "5B8EFFF798038103d269b633813fc60c",
        "spanId": "EEE19B7EC3C1B174",
        "parentSpanId": "",
        "links": [{"traceId": "xyz", "spanId": "eee19b7ec3c1b173"}],
    })));
    let span = &request.resource_spans[0].scope_spans[0].spans[0];
    assert_eq!(span.trace_id[..4], [0x5b, 0x8e, 0xff, 0xf7]);
    assert_eq!(span.span_id, [0xee, 0xe1, 0x9b, 0x7e, 0xc3, 0xc1, 0xb1, 0x74]);
    assert!(span.parent_span_id.is_empty());
    assert!(span.links[0].trace_id.is_empty());
    assert_eq!(span.links[0].span_id.len(), 8);
}

#[test]
fn numbers_may_be_strings_and_enumerators_names() {
    let request = spans(&span_request(json!({
        "startTimeUnixNano": "1544712660000000000",
        "endTimeUnixNano": 1_544_712_661_000_000_000_u64,
        "kind": "SPAN_KIND_SERVER",
        "status": {"code": 2, "message": "no"},
        "droppedAttributesCount": "7",
        "flags": 257,
    })));
    let span = &request.resource_spans[0].scope_spans[0].spans[0];
    assert_eq!(span.start_time_unix_nano, 1_544_712_660_000_000_000);
    assert_eq!(span.end_time_unix_nano, 1_544_712_661_000_000_000);
    assert_eq!((span.kind, span.dropped_attributes_count, span.flags), (2, 7, 257));
    assert_eq!(span.status.as_ref().unwrap().code, 2);
}

#[test]
fn values_of_every_kind() {
    assert_eq!(
        value_of(json!({"stringValue": ""})),
        Some(Proto::StringValue(String::new()))
    );
    assert_eq!(value_of(json!({"boolValue": false})), Some(Proto::BoolValue(false)));
    assert_eq!(
        value_of(json!({"intValue": "-9223372036854775808"})),
        Some(Proto::IntValue(i64::MIN))
    );
    assert_eq!(value_of(json!({"intValue": 12})), Some(Proto::IntValue(12)));
    assert_eq!(value_of(json!({"intValue": 1e3})), Some(Proto::IntValue(1000)));
    assert_eq!(value_of(json!({"doubleValue": 1})), Some(Proto::DoubleValue(1.0)));
    assert_eq!(
        value_of(json!({"doubleValue": "-Infinity"})),
        Some(Proto::DoubleValue(f64::NEG_INFINITY))
    );
    assert!(matches!(value_of(json!({"doubleValue": "NaN"})), Some(Proto::DoubleValue(v)) if v.is_nan()));
    assert_eq!(
        value_of(json!({"bytesValue": "AP8="})),
        Some(Proto::BytesValue(vec![0, 255]))
    );
    assert_eq!(
        value_of(json!({"bytesValue": "AP8"})),
        Some(Proto::BytesValue(vec![0, 255]))
    );
    assert_eq!(
        value_of(json!({"bytesValue": "_-8="})),
        Some(Proto::BytesValue(vec![255, 239]))
    );
    assert!(matches!(value_of(json!({"arrayValue": {}})), Some(Proto::ArrayValue(list)) if list.values.is_empty()));
    assert!(matches!(
        value_of(json!({"arrayValue": {"values": [{}, null, {"intValue": 1}]}})),
        Some(Proto::ArrayValue(list)) if list.values.len() == 3
    ));
    assert!(matches!(
        value_of(json!({"kvlistValue": {"values": []}})),
        Some(Proto::KvlistValue(_))
    ));
    assert_eq!(value_of(json!({})), None);
    assert_eq!(value_of(json!({"stringValue": null})), None);
}

#[test]
fn unknown_members_are_ignored_and_snake_case_is_unknown() {
    let request = spans(&json!({
        "resource_spans": [{}, {}],
        "future": {"deep": [1, {"x": null}]},
        "resourceSpans": [{"scopeSpans": null, "schemaUrl": "u", "new": 1}],
    }));
    assert_eq!(request.resource_spans.len(), 1);
    assert_eq!(request.resource_spans[0].schema_url, "u");
    assert_eq!(spans(&json!({})), ExportTraceServiceRequest::default());
}

#[test]
fn metrics_of_every_kind() {
    let request = metrics(&json!({"resourceMetrics": [{"scopeMetrics": [{"metrics": [
        {"name": "s", "unit": "1", "sum": {"aggregationTemporality": 1, "isMonotonic": true,
            "dataPoints": [{"asInt": "5", "timeUnixNano": "1", "attributes": [{"key": "k", "value": {"boolValue": true}}]}]}},
        {"name": "g", "gauge": {"dataPoints": [{"asDouble": 2, "flags": 1, "exemplars": [{"asDouble": 1.5, "traceId": "5B8EFFF798038103D269B633813FC60C"}]}]}},
        {"name": "h", "histogram": {"aggregationTemporality": "AGGREGATION_TEMPORALITY_CUMULATIVE",
            "dataPoints": [{"count": "2", "sum": 2, "bucketCounts": ["1", 1], "explicitBounds": [1], "min": 0, "max": 2}]}},
        {"name": "e", "exponentialHistogram": {"aggregationTemporality": 2,
            "dataPoints": [{"count": 3, "scale": -1, "zeroCount": "1", "positive": {"offset": -4, "bucketCounts": ["0", 2]}, "zeroThreshold": 0.5}]}},
        {"name": "q", "summary": {"dataPoints": [{"count": "4", "sum": 1.5, "quantileValues": [{"quantile": 0.5, "value": 3}]}]}},
    ]}]}]}));
    let metrics = &request.resource_metrics[0].scope_metrics[0].metrics;
    let Some(Data::Sum(sum)) = &metrics[0].data else {
        panic!()
    };
    assert!(sum.is_monotonic && sum.aggregation_temporality == 1);
    assert_eq!(sum.data_points[0].value, Some(number_data_point::Value::AsInt(5)));
    let Some(Data::Gauge(gauge)) = &metrics[1].data else {
        panic!()
    };
    assert_eq!(gauge.data_points[0].exemplars[0].trace_id.len(), 16);
    let Some(Data::Histogram(histogram)) = &metrics[2].data else {
        panic!()
    };
    assert_eq!(histogram.aggregation_temporality, 2);
    assert_eq!(histogram.data_points[0].bucket_counts, [1, 1]);
    assert_eq!(histogram.data_points[0].min, Some(0.0));
    let Some(Data::ExponentialHistogram(exponential)) = &metrics[3].data else {
        panic!()
    };
    let point = &exponential.data_points[0];
    assert_eq!((point.scale, point.positive.as_ref().unwrap().offset), (-1, -4));
    assert_eq!(point.positive.as_ref().unwrap().bucket_counts, [0, 2]);
    let Some(Data::Summary(summary)) = &metrics[4].data else {
        panic!()
    };
    assert_eq!(summary.data_points[0].quantile_values[0].value, 3.0);
}

#[test]
fn what_breaks_the_rules_is_refused_with_the_member_named() {
    for (json, named) in [
        ("{\"resourceSpans\": 1}", "resourceSpans"),
        (
            "{\"resourceSpans\": [{\"scopeSpans\": [{\"spans\": [{\"flags\": -1}]}]}]}",
            "flags",
        ),
        (
            "{\"resourceSpans\": [{\"scopeSpans\": [{\"spans\": [{\"kind\": \"SERVER\"}]}]}]}",
            "kind",
        ),
        (
            "{\"resourceSpans\": [{\"scopeSpans\": [{\"spans\": [{\"name\": 5}]}]}]}",
            "name",
        ),
        ("{\"resourceSpans\": [", "EOF"),
        ("{} x", "trailing"),
        (
            "{\"resourceSpans\": [{\"scopeSpans\": [{\"spans\": [{\"name\": \"a\", \"kind\": 1.5}]}]}]}",
            "1.5",
        ),
        ("", "EOF"),
    ] {
        let error = traces_to_protobuf(json.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(named), "{json}: {error}");
        assert!(error.contains("ExportTraceServiceRequest"), "{error}");
    }
}

#[test]
fn deep_json_is_refused_and_not_followed() {
    let deep = format!("{{\"x\": {}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(logs_to_protobuf(deep.as_bytes()).is_err());
    let close = "]}}".repeat(5_000);
    let body = "{\"arrayValue\":{\"values\":[".repeat(5_000);
    let deep = format!("{{\"resourceLogs\":[{{\"scopeLogs\":[{{\"logRecords\":[{{\"body\":{body}{close}}}]}}]}}]}}");
    let error = logs_to_protobuf(deep.as_bytes()).unwrap_err().to_string();
    assert!(error.contains("nest deeper"), "{error}");
}
