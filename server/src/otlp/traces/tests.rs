//! OTLP spans as rows, against opentelemetry-proto's own decoding, and the rules for ids.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use icecore_engine::time::TimestampMs;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Proto;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use proptest::prelude::*;
use prost::Message as _;
use serde_json::{Value, json};

use super::*;
use crate::otlp::test_support::random::Random;
use crate::otlp::test_support::{NOW_MS, admit_spans, expected, tenant};

const KINDS: [&str; 6] = ["unspecified", "internal", "server", "client", "producer", "consumer"];
const CODES: [&str; 3] = ["unset", "ok", "error"];

fn batch() -> SpansBatch {
    tenant(1).spans_batch(TimestampMs(NOW_MS)).unwrap()
}

fn request(random: &mut Random) -> ExportTraceServiceRequest {
    let mut list = |max: u32| 0..rand::Rng::random_range(&mut random.rng, 0..=max);
    let shape: Vec<Vec<u32>> = list(3).map(|_| list(3).map(|_| list(4).end).collect()).collect();
    let resource_spans = shape
        .into_iter()
        .map(|scopes| ResourceSpans {
            resource: random.resource(),
            scope_spans: scopes
                .into_iter()
                .map(|spans| ScopeSpans {
                    scope: random.scope(),
                    spans: (0..spans).map(|_| random.span()).collect(),
                    schema_url: random.text(),
                })
                .collect(),
            schema_url: random.text(),
        })
        .collect();
    ExportTraceServiceRequest { resource_spans }
}

/// The rows that a request should leave, and how many spans have no valid trace id, and no valid span id.
fn expected_rows(request: &ExportTraceServiceRequest) -> (Vec<Value>, u64, u64) {
    let (mut rows, mut without_trace, mut without_span) = (Vec::new(), 0, 0);
    for resource in &request.resource_spans {
        let attributes = resource
            .resource
            .as_ref()
            .map(|r| r.attributes.as_slice())
            .unwrap_or_default();
        let name = attributes.iter().rev().find(|pair| pair.key == "service.name");
        let name = name.and_then(|pair| pair.value.as_ref()?.value.as_ref());
        for scope in &resource.scope_spans {
            for span in &scope.spans {
                if span.trace_id.len() != 16 {
                    without_trace += 1;
                } else if span.span_id.len() != 8 {
                    without_span += 1;
                } else {
                    let mut row = expected_row(span);
                    row["resource"] = expected::resource(resource.resource.as_ref(), &resource.schema_url);
                    row["scope"] = expected::scope(scope.scope.as_ref(), &scope.schema_url);
                    row["service_name"] = match name {
                        Some(Proto::StringValue(name)) => json!(name),
                        None => json!(""),
                        Some(_) => Value::Null,
                    };
                    rows.push(row);
                }
            }
        }
    }
    (rows, without_trace, without_span)
}

fn expected_row(span: &Span) -> Value {
    let word = |words: &[&str], number: i32| json!(words.get(number as usize).unwrap_or(&words[0]));
    let events: Vec<Value> = span
        .events
        .iter()
        .map(|event| {
            json!({
                "timestamp": event.time_unix_nano,
                "name": event.name,
                "attributes": expected::attributes(&event.attributes),
                "dropped_attributes_count": event.dropped_attributes_count,
            })
        })
        .collect();
    let links: Vec<Value> = span
        .links
        .iter()
        .map(|link| {
            json!({
                "trace_id": expected::id(&link.trace_id, 16),
                "span_id": expected::id(&link.span_id, 8),
                "trace_state": expected::text(&link.trace_state),
                "flags": link.flags,
                "attributes": expected::attributes(&link.attributes),
                "dropped_attributes_count": link.dropped_attributes_count,
            })
        })
        .collect();
    let status = span.status.clone().unwrap_or_default();
    let list = |list: Vec<Value>| {
        if list.is_empty() {
            Value::Null
        } else {
            Value::Array(list)
        }
    };
    json!({
        "trace_id": expected::id(&span.trace_id, 16),
        "span_id": expected::id(&span.span_id, 8),
        "parent_span_id": expected::id(&span.parent_span_id, 8),
        "trace_state": expected::text(&span.trace_state),
        "flags": span.flags,
        "name": span.name,
        "kind": word(&KINDS, span.kind),
        "timestamp": span.start_time_unix_nano,
        "duration_ns": i128::from(span.end_time_unix_nano) as i64 - span.start_time_unix_nano as i64,
        "status_code": word(&CODES, status.code),
        "status_message": expected::text(&status.message),
        "attributes": expected::attributes(&span.attributes),
        "events": list(events),
        "links": list(links),
        "dropped_attributes_count": span.dropped_attributes_count,
        "dropped_events_count": span.dropped_events_count,
        "dropped_links_count": span.dropped_links_count,
    })
}

proptest! {
    #[test]
    fn nothing_is_lost(seed in any::<u64>()) {
        let request = request(&mut Random::new(seed));
        let (expected, without_trace, without_span) = expected_rows(&request);
        let mut batch = batch();
        let decoded = decode(&request.encode_to_vec(), &mut batch).unwrap();
        let (mut rows, outcome) = admit_spans(batch);
        prop_assert_eq!(decoded.items, expected.len() as u64 + without_trace + without_span);
        prop_assert_eq!(outcome.stored, expected.len() as u64);
        let refused = |reason| outcome.rejected.iter().find(|(r, _)| *r == reason).map_or(0, |(_, items)| *items);
        prop_assert_eq!(refused(Reason::InvalidTraceId), without_trace);
        prop_assert_eq!(refused(Reason::InvalidSpanId), without_span);
        prop_assert_eq!(rows.len(), expected.len());
        for (row, expected) in rows.iter_mut().zip(&expected) {
            if expected["service_name"].is_null() {
                row["service_name"] = Value::Null;
            }
            prop_assert_eq!(&*row, expected);
        }
    }

    #[test]
    fn json_and_protobuf_leave_the_same_rows(seed in any::<u64>()) {
        let request = request(&mut Random::finite(seed));
        let (mut from_protobuf, mut from_json) = (batch(), batch());
        decode(&request.encode_to_vec(), &mut from_protobuf).unwrap();
        let json = super::super::json::tests::to_json(&request);
        decode_json(json.to_string().as_bytes(), &mut from_json).unwrap();
        prop_assert_eq!(admit_spans(from_protobuf), admit_spans(from_json));
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
fn ids_of_zeros_are_no_ids() {
    let span = |trace: u8, id: u8| Span {
        trace_id: vec![trace; 16],
        span_id: vec![id; 8],
        start_time_unix_nano: crate::otlp::test_support::NOW_NS,
        ..Span::default()
    };
    let request = ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            scope_spans: vec![ScopeSpans {
                spans: vec![span(0, 1), span(1, 0), span(1, 1)],
                ..ScopeSpans::default()
            }],
            ..ResourceSpans::default()
        }],
    };
    let mut batch = batch();
    decode(&request.encode_to_vec(), &mut batch).unwrap();
    let (rows, outcome) = admit_spans(batch);
    assert_eq!(rows.len(), 1);
    assert_eq!(
        outcome.rejected,
        [(Reason::InvalidTraceId, 1), (Reason::InvalidSpanId, 1)]
    );
}
