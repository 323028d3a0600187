//! The hand-written answers are what the generated types read.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use super::*;
use icecore_engine::reason::Reason;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceResponse;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceResponse;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message as _;

fn outcome(rejected: u64, message: Option<&str>) -> Outcome {
    Outcome {
        stored: 5,
        rejected: if rejected > 0 {
            vec![(Reason::SeriesCap, rejected)]
        } else {
            Vec::new()
        },
        message: message.map(str::to_owned),
    }
}

#[test]
fn full_success_is_empty_in_both_encodings() {
    assert!(answer_protobuf(&outcome(0, None)).is_empty());
    assert_eq!(answer_json(Signal::Logs, &outcome(0, None)), "{}");
}

#[test]
fn partial_success_carries_count_and_words() {
    let bytes = answer_protobuf(&outcome(300, Some("cap")));
    let metrics = ExportMetricsServiceResponse::decode(bytes.as_slice())
        .unwrap()
        .partial_success
        .unwrap();
    assert_eq!(
        (metrics.rejected_data_points, metrics.error_message.as_str()),
        (300, "cap")
    );
    let logs = ExportLogsServiceResponse::decode(bytes.as_slice())
        .unwrap()
        .partial_success
        .unwrap();
    assert_eq!(logs.rejected_log_records, 300);
    let traces = ExportTraceServiceResponse::decode(bytes.as_slice())
        .unwrap()
        .partial_success
        .unwrap();
    assert_eq!(traces.rejected_spans, 300);
    let json: serde_json::Value =
        serde_json::from_str(&answer_json(Signal::Traces, &outcome(300, Some("cap")))).unwrap();
    assert_eq!(
        json,
        json!({"partialSuccess": {"rejectedSpans": "300", "errorMessage": "cap"}})
    );
}

#[test]
fn a_warning_alone_rejects_nothing() {
    let bytes = answer_protobuf(&outcome(0, Some("two senders share a series")));
    let partial = ExportLogsServiceResponse::decode(bytes.as_slice())
        .unwrap()
        .partial_success
        .unwrap();
    assert_eq!(partial.rejected_log_records, 0);
    assert_eq!(partial.error_message, "two senders share a series");
}
