//! OTLP logs as rows, against opentelemetry-proto's own decoding, and the rules for times, ids and bodies.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use icecore_engine::time::TimestampMs;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Proto;
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use proptest::prelude::*;
use prost::Message as _;
use serde_json::{Value, json};

use super::*;
use crate::otlp::test_support::random::Random;
use crate::otlp::test_support::rows::parse;
use crate::otlp::test_support::{NOW_MS, NOW_NS, admit_logs, expected, tenant};

fn batch() -> LogsBatch {
    tenant(1).logs_batch(TimestampMs(NOW_MS)).unwrap()
}

fn request(random: &mut Random) -> ExportLogsServiceRequest {
    let mut list = |max: u32| 0..rand::Rng::random_range(&mut random.rng, 0..=max);
    let shape: Vec<Vec<u32>> = list(3).map(|_| list(3).map(|_| list(4).end).collect()).collect();
    let resource_logs = shape
        .into_iter()
        .map(|scopes| ResourceLogs {
            resource: random.resource(),
            scope_logs: scopes
                .into_iter()
                .map(|records| ScopeLogs {
                    scope: random.scope(),
                    log_records: (0..records).map(|_| random.log_record()).collect(),
                    schema_url: random.text(),
                })
                .collect(),
            schema_url: random.text(),
        })
        .collect();
    ExportLogsServiceRequest { resource_logs }
}

/// The rows that a request should leave.
fn expected_rows(request: &ExportLogsServiceRequest) -> Vec<Value> {
    let mut rows = Vec::new();
    for resource in &request.resource_logs {
        let attributes = resource
            .resource
            .as_ref()
            .map(|r| r.attributes.as_slice())
            .unwrap_or_default();
        let name = attributes.iter().rev().find(|pair| pair.key == "service.name");
        for scope in &resource.scope_logs {
            for record in &scope.log_records {
                let mut row = expected_row(record);
                row["resource"] = expected::resource(resource.resource.as_ref(), &resource.schema_url);
                row["scope"] = expected::scope(scope.scope.as_ref(), &scope.schema_url);
                let name = name.and_then(|pair| pair.value.as_ref()?.value.as_ref());
                row["service_name"] = match name {
                    Some(Proto::StringValue(name)) => json!(name),
                    None => json!(""),
                    // Another kind has some text; which is the business of the tests of labels.
                    Some(_) => Value::Null,
                };
                rows.push(row);
            }
        }
    }
    rows
}

fn expected_row(record: &LogRecord) -> Value {
    let body = record.body.as_ref().and_then(|body| body.value.as_ref());
    let (body, is_json) = match body {
        None => (Value::Null, false),
        Some(Proto::StringValue(text)) => (json!(text), false),
        Some(_) => (expected::value(record.body.as_ref()), true),
    };
    let timestamp = [record.time_unix_nano, record.observed_time_unix_nano, NOW_NS];
    let observed = record.observed_time_unix_nano;
    json!({
        "timestamp": timestamp.iter().find(|time| **time > 0),
        "observed_timestamp": (observed > 0).then_some(observed),
        "severity_number": record.severity_number,
        "severity_text": expected::text(&record.severity_text),
        "body": body,
        "body_is_json": is_json,
        "event_name": expected::text(&record.event_name),
        "attributes": expected::attributes(&record.attributes),
        "trace_id": expected::id(&record.trace_id, 16),
        "span_id": expected::id(&record.span_id, 8),
        "flags": record.flags,
        "dropped_attributes_count": record.dropped_attributes_count,
    })
}

/// Bodies that are JSON as what they mean; service names of other kinds than text blanked.
fn comparable(mut rows: Vec<Value>, like: &[Value]) -> Vec<Value> {
    for (row, like) in rows.iter_mut().zip(like) {
        if row["body_is_json"] == json!(true) {
            row["body"] = parse(row["body"].as_str().unwrap());
        }
        if like["service_name"].is_null() {
            row["service_name"] = Value::Null;
        }
    }
    rows
}

proptest! {
    #[test]
    fn nothing_is_lost(seed in any::<u64>()) {
        let request = request(&mut Random::new(seed));
        let expected = expected_rows(&request);
        let mut batch = batch();
        let decoded = decode(&request.encode_to_vec(), &mut batch).unwrap();
        let (rows, outcome) = admit_logs(batch);
        prop_assert_eq!(decoded.items, expected.len() as u64);
        prop_assert_eq!(outcome.stored, expected.len() as u64);
        let rows = comparable(rows, &expected);
        for (row, expected) in rows.iter().zip(&expected) {
            prop_assert_eq!(row, expected);
        }
        prop_assert_eq!(rows.len(), expected.len());
    }

    #[test]
    fn json_and_protobuf_leave_the_same_rows(seed in any::<u64>()) {
        let request = request(&mut Random::finite(seed));
        let (mut from_protobuf, mut from_json) = (batch(), batch());
        decode(&request.encode_to_vec(), &mut from_protobuf).unwrap();
        let json = super::super::json::tests::to_json(&request);
        decode_json(json.to_string().as_bytes(), &mut from_json).unwrap();
        prop_assert_eq!(admit_logs(from_protobuf), admit_logs(from_json));
    }

    #[test]
    fn damaged_requests_end_in_rows_or_an_error(seed in any::<u64>(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut body = request(&mut Random::new(seed)).encode_to_vec();
        if !body.is_empty() {
            let at = at.index(body.len());
            body[at] = byte;
        }
        let _ = decode(&body, &mut batch());
        body.truncate(at.index(body.len() + 1));
        let _ = decode(&body, &mut batch());
    }
}

#[test]
fn what_nests_too_deep_is_refused_alone() {
    let mut random = Random::new(1);
    let mut deep = LogRecord::default();
    for _ in 0..70 {
        let inner = deep.body.take().unwrap_or_default();
        deep.body = Some(opentelemetry_proto::tonic::common::v1::AnyValue {
            value: Some(Proto::ArrayValue(opentelemetry_proto::tonic::common::v1::ArrayValue {
                values: vec![inner],
            })),
        });
    }
    let request = ExportLogsServiceRequest {
        resource_logs: vec![ResourceLogs {
            scope_logs: vec![ScopeLogs {
                log_records: vec![deep, random.log_record()],
                ..ScopeLogs::default()
            }],
            ..ResourceLogs::default()
        }],
    };
    let mut batch = batch();
    assert_eq!(decode(&request.encode_to_vec(), &mut batch).unwrap().items, 2);
    let (rows, outcome) = admit_logs(batch);
    assert_eq!((rows.len(), outcome.rejected), (1, vec![(Reason::Malformed, 1)]));
}

#[test]
fn equal_resources_are_one_whatever_the_order_of_their_attributes() {
    let mut random = Random::new(5);
    let mut attributes = random.attributes();
    attributes.dedup_by(|a, b| a.key == b.key);
    let mut json = [String::new(), String::new()];
    for text in &mut json {
        let resource = opentelemetry_proto::tonic::resource::v1::Resource {
            attributes: attributes.clone(),
            ..Default::default()
        };
        push_resource(text, &resource.encode_to_vec(), b"", &mut Oddities::default()).unwrap();
        attributes.sort_by(|a, b| b.key.cmp(&a.key));
    }
    assert_eq!(json[0].len(), json[1].len());
}
