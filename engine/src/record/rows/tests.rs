//! Every field of a log record or span comes back from the record; hostile bytes are an error, never a panic.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use arrow::array::{Array, AsArray};
use arrow::datatypes::{Int32Type, Int64Type, TimestampNanosecondType, UInt32Type};
use proptest::prelude::*;

use super::*;
use crate::batch::{LogRow, SpanEvent, SpanLink, SpanRow};
use crate::budget::MemoryBudget;
use crate::ids::{StoreId, TenantId};
use crate::options::PerSignal;
use crate::reason::Reason;
use crate::record::{Record, RecordRows};
use crate::tenant::{AdmittedRows, Tenant, TenantLimits};
use crate::time::TimestampMs;

const NOW: TimestampMs = TimestampMs(1_800_000_000_000);
const NOW_NS: i64 = NOW.0 * 1_000_000;

fn tenant(memory_bytes: u64) -> Arc<Tenant> {
    let limits = TenantLimits {
        series_max: 1,
        late_max_ms: PerSignal::all(86_400_000),
        future_max_ms: 3_600_000,
    };
    Tenant::new(
        TenantId::default(),
        StoreId([1; 16]),
        5,
        limits,
        &MemoryBudget::new(memory_bytes),
    )
}

#[derive(Debug, Clone)]
struct Log {
    resource: u8,
    scope: u8,
    back_ns: i64,
    observed: Option<i64>,
    texts: [String; 3],
    body: Option<String>,
    trace_id: Option<[u8; 16]>,
    span_id: Option<[u8; 8]>,
    number: u32,
}

fn log() -> impl Strategy<Value = Log> {
    let text = || "\\PC{0,6}";
    (
        (0..3_u8, 0..3_u8, 0..7_200_000_000_000_i64, any::<Option<i64>>()),
        ([text(), text(), text()], proptest::option::of(text())),
        (
            proptest::option::of(0..3_u8),
            proptest::option::of(0..3_u8),
            any::<u32>(),
        ),
    )
        .prop_map(
            |((resource, scope, back_ns, observed), (texts, body), (trace, span, number))| Log {
                resource,
                scope,
                back_ns,
                observed,
                texts,
                body,
                trace_id: trace.map(|byte| [byte; 16]),
                span_id: span.map(|byte| [byte; 8]),
                number,
            },
        )
}

fn admit(logs: &[Log]) -> AdmittedRows {
    let mut batch = tenant(256 << 20).logs_batch(NOW).unwrap();
    for log in logs {
        let resource = batch.resource(
            &format!("{{\"r\":{}}}", log.resource),
            &format!("service-{}", log.resource),
        );
        let scope = batch.scope(&format!("{{\"s\":{}}}", log.scope));
        batch.push(&LogRow {
            resource,
            scope,
            timestamp_ns: NOW_NS - log.back_ns,
            observed_timestamp_ns: log.observed,
            severity_number: log.number as i32,
            severity_text: &log.texts[0],
            body: log.body.as_deref(),
            body_is_json: log.number.is_multiple_of(2),
            event_name: &log.texts[1],
            attributes: &log.texts[2],
            trace_id: log.trace_id,
            span_id: log.span_id,
            flags: log.number,
            dropped_attributes_count: log.number / 2,
        });
    }
    Tenant::admit_logs(batch).unwrap()
}

fn text(batch: &RecordBatch, name: &str, row: usize) -> Option<String> {
    let column = batch.column_by_name(name).unwrap();
    let plain = arrow::compute::cast(column, &DataType::Utf8).unwrap();
    let plain = plain.as_string::<i32>();
    plain.is_valid(row).then(|| plain.value(row).to_owned())
}

fn id(batch: &RecordBatch, name: &str, row: usize) -> Option<Vec<u8>> {
    let column = batch.column_by_name(name).unwrap().as_fixed_size_binary();
    column.is_valid(row).then(|| column.value(row).to_vec())
}

fn non_empty(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn check_log(batch: &RecordBatch, row: usize, log: &Log) {
    let times = batch
        .column_by_name("timestamp")
        .unwrap()
        .as_primitive::<TimestampNanosecondType>();
    assert_eq!(times.value(row), NOW_NS - log.back_ns);
    let observed = batch
        .column_by_name("observed_timestamp")
        .unwrap()
        .as_primitive::<TimestampNanosecondType>();
    assert_eq!(observed.is_valid(row).then(|| observed.value(row)), log.observed);
    let severity = batch
        .column_by_name("severity_number")
        .unwrap()
        .as_primitive::<Int32Type>();
    assert_eq!(severity.value(row), log.number as i32);
    assert_eq!(text(batch, "severity_text", row), non_empty(&log.texts[0]));
    assert_eq!(text(batch, "body", row), log.body);
    assert_eq!(
        batch.column_by_name("body_is_json").unwrap().as_boolean().value(row),
        log.number.is_multiple_of(2)
    );
    assert_eq!(text(batch, "event_name", row), non_empty(&log.texts[1]));
    assert_eq!(text(batch, "attributes", row), Some(log.texts[2].clone()));
    assert_eq!(
        text(batch, "resource", row),
        Some(format!("{{\"r\":{}}}", log.resource))
    );
    assert_eq!(
        text(batch, "service_name", row),
        Some(format!("service-{}", log.resource))
    );
    assert_eq!(text(batch, "scope", row), Some(format!("{{\"s\":{}}}", log.scope)));
    assert_eq!(
        id(batch, "trace_id", row),
        log.trace_id.filter(|id| *id != [0; 16]).map(|id| id.to_vec())
    );
    assert_eq!(
        id(batch, "span_id", row),
        log.span_id.filter(|id| *id != [0; 8]).map(|id| id.to_vec())
    );
    let flags = batch.column_by_name("flags").unwrap().as_primitive::<UInt32Type>();
    assert_eq!(flags.value(row), log.number);
    let dropped = batch
        .column_by_name("dropped_attributes_count")
        .unwrap()
        .as_primitive::<UInt32Type>();
    assert_eq!(dropped.value(row), log.number / 2);
}

proptest! {
    #[test]
    fn log_records_read_back(logs in prop::collection::vec(log(), 0..20)) {
        let admitted = admit(&logs);
        let body = Bytes::from(admitted.body.concat());
        let RecordRows::Logs(read) = Record::decode(&body).unwrap().rows else {
            panic!("logs");
        };
        prop_assert_eq!(&read, &admitted.rows);
        prop_assert_eq!(read.schema(), schema::logs());
        prop_assert_eq!(read.num_rows(), logs.len());
        for (row, log) in logs.iter().enumerate() {
            check_log(&read, row, log);
        }
        prop_assert_eq!(admitted.admission.confirm().stored, logs.len() as u64);
    }

    #[test]
    fn hostile_bytes_never_panic(
        logs in prop::collection::vec(log(), 0..4),
        spans in any::<bool>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in proptest::option::weighted(0.2, any::<prop::sample::Index>()),
    ) {
        let mut bytes = if spans { admit_spans().body.concat() } else { admit(&logs).body.concat() };
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        if let Ok(record) = Record::decode(&Bytes::from(bytes))
            && let RecordRows::Logs(batch) | RecordRows::Traces(batch) = record.rows
        {
            let reversed = arrow::array::UInt32Array::from_iter_values((0..batch.num_rows() as u32).rev());
            arrow::compute::take_record_batch(&batch, &reversed).unwrap();
        }
    }
}

fn span<'a>(resource: crate::batch::ResourceSlot, scope: crate::batch::ScopeSlot, name: &'a str) -> SpanRow<'a> {
    SpanRow {
        resource,
        scope,
        trace_id: [1; 16],
        span_id: [2; 8],
        parent_span_id: None,
        trace_state: "",
        flags: 1,
        name,
        kind: 2,
        timestamp_ns: NOW_NS,
        duration_ns: -5,
        status_code: 2,
        status_message: "broken",
        attributes: "{}",
        events: &[],
        links: &[],
        dropped_attributes_count: 1,
        dropped_events_count: 2,
        dropped_links_count: 3,
    }
}

fn admit_spans() -> AdmittedRows {
    let mut batch = tenant(256 << 20).spans_batch(NOW).unwrap();
    let resource = batch.resource("{\"service.name\":\"api\"}", "api");
    let scope = batch.scope("{}");
    let event = SpanEvent {
        timestamp_ns: NOW_NS + 1,
        name: "exception",
        attributes: "{\"e\":1}",
        dropped_attributes_count: 4,
    };
    let link = SpanLink {
        trace_id: [0; 16],
        span_id: [8; 8],
        trace_state: "a=b",
        flags: 256,
        attributes: "{}",
        dropped_attributes_count: 5,
    };
    batch.push(&span(resource, scope, "GET /"));
    batch.push(&SpanRow {
        parent_span_id: Some([9; 8]),
        trace_state: "x=y",
        kind: 77,
        status_code: -1,
        status_message: "",
        events: &[event, event],
        links: &[link],
        ..span(resource, scope, "child")
    });
    batch.push(&SpanRow {
        trace_id: [0; 16],
        ..span(resource, scope, "no trace")
    });
    batch.push(&SpanRow {
        span_id: [0; 8],
        ..span(resource, scope, "no id")
    });
    batch.push(&SpanRow {
        timestamp_ns: NOW_NS - 86_400_000_000_001,
        ..span(resource, scope, "old")
    });
    Tenant::admit_spans(batch).unwrap()
}

#[test]
fn spans_read_back_with_events_and_links() {
    let admitted = admit_spans();
    let RecordRows::Traces(read) = Record::decode(&Bytes::from(admitted.body.concat())).unwrap().rows else {
        panic!("spans");
    };
    assert_eq!(read.schema(), schema::spans());
    assert_eq!(read.num_rows(), 2);
    let texts = |name: &str| [text(&read, name, 0), text(&read, name, 1)];
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(texts("name"), [some("GET /"), some("child")]);
    assert_eq!(texts("kind"), [some("server"), some("unspecified")]);
    assert_eq!(texts("status_code"), [some("error"), some("unset")]);
    assert_eq!(texts("status_message"), [some("broken"), None]);
    assert_eq!(texts("trace_state"), [None, some("x=y")]);
    assert_eq!(texts("service_name"), [some("api"), some("api")]);
    assert_eq!(id(&read, "parent_span_id", 0), None);
    assert_eq!(id(&read, "parent_span_id", 1), Some(vec![9; 8]));
    let durations = read.column_by_name("duration_ns").unwrap().as_primitive::<Int64Type>();
    assert_eq!(durations.value(0), -5);
    let events = read.column_by_name("events").unwrap().as_list::<i32>();
    assert!(events.is_null(0));
    assert_eq!(events.value(1).len(), 2);
    let links = read.column_by_name("links").unwrap().as_list::<i32>();
    let link = links.value(1);
    let link = link.as_struct();
    assert_eq!(
        link.column_by_name("trace_id").unwrap().as_fixed_size_binary().value(0),
        [0; 16]
    );
    assert_eq!(
        link.column_by_name("flags")
            .unwrap()
            .as_primitive::<UInt32Type>()
            .value(0),
        256
    );
    let outcome = admitted.admission.confirm();
    assert_eq!(outcome.stored, 2);
    assert_eq!(
        outcome.rejected,
        [
            (Reason::TooOld, 1),
            (Reason::InvalidTraceId, 1),
            (Reason::InvalidSpanId, 1)
        ]
    );
    assert!(outcome.message.unwrap().contains("no trace"));
}

#[test]
fn a_slot_of_another_batch_is_an_error() {
    let tenant = tenant(256 << 20);
    let mut other = tenant.spans_batch(NOW).unwrap();
    let scope = other.scope("{}");
    other.resource("{}", "a");
    let resource = other.resource("{}", "b");
    let mut batch = tenant.spans_batch(NOW).unwrap();
    batch.push(&span(resource, scope, "x"));
    let error = Tenant::admit_spans(batch).unwrap_err();
    assert_eq!(error.retry_after_ms(), None);
}

#[test]
fn records_too_large_and_batches_without_memory_are_refused() {
    let tenant = tenant(64 << 20);
    let large = "x".repeat(crate::limits::ITEM_BYTES_MAX + 1);
    let row = |batch: &mut crate::batch::LogsBatch, body: &str| {
        let (resource, scope) = (batch.resource("{}", ""), batch.scope("{}"));
        batch.push(&LogRow {
            resource,
            scope,
            timestamp_ns: NOW_NS,
            observed_timestamp_ns: None,
            severity_number: 0,
            severity_text: "",
            body: Some(body),
            body_is_json: false,
            event_name: "",
            attributes: "{}",
            trace_id: None,
            span_id: None,
            flags: 0,
            dropped_attributes_count: 0,
        });
    };
    let mut batch = tenant.logs_batch(NOW).unwrap();
    row(&mut batch, &large);
    row(&mut batch, "small");
    let outcome = Tenant::admit_logs(batch).unwrap().admission.confirm();
    assert_eq!((outcome.stored, outcome.rejected), (1, vec![(Reason::ItemTooLarge, 1)]));
    let mut batch = tenant.logs_batch(NOW).unwrap();
    (0..16).for_each(|_| row(&mut batch, &large[..8 << 20]));
    assert!(Tenant::admit_logs(batch).unwrap_err().retry_after_ms().is_some());
    let counts = tenant.ledger().counts(Signal::Logs);
    assert!(counts.balances());
    assert_eq!(counts.received, 2);
}
