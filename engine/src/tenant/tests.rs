//! From batch to record: what is admitted, refused, given back and counted, against a naive model.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use std::collections::BTreeSet;

use bytes::Bytes;

use super::*;
use crate::batch::{ExemplarRow, Slot};
use crate::metadata::MetricKind;
use crate::outcome::AppendError;
use crate::reason::{Reason, Reject};
use crate::record::{Record, RecordRows};
use crate::schema::Temporality;

mod model;

const NOW: TimestampMs = TimestampMs(1_800_000_000_000);
const STORE: StoreId = StoreId([9; 16]);

pub(super) fn tenant(series_max: u64) -> Arc<Tenant> {
    tenant_with_memory(series_max, 256 << 20)
}

fn tenant_with_memory(series_max: u64, bytes: u64) -> Arc<Tenant> {
    let limits = TenantLimits {
        series_max,
        late_max_ms: PerSignal::all(30 * 86_400_000),
        future_max_ms: 3_600_000,
    };
    let budget = MemoryBudget::new(bytes);
    Tenant::new(TenantId::default(), STORE, 3, limits, &budget)
}

pub(super) fn slot(batch: &mut MetricsBatch, name: &str, id: &str) -> Slot {
    let arrival = xxhash_rust::xxh3::xxh3_128_with_seed(format!("{name}/{id}").as_bytes(), batch.arrival_seed());
    batch.series(arrival, |labels| {
        labels.metric(name);
        labels.label("id", id);
        Ok(())
    })
}

fn gauge(batch: &mut MetricsBatch, id: u32, timestamp_ms: i64, value: f64) {
    let slot = slot(batch, "m", &id.to_string());
    batch.sample(slot, timestamp_ms, value, 0, Temporality::Unspecified);
}

pub(super) fn body_of(pieces: &[Bytes]) -> Bytes {
    Bytes::from(pieces.concat())
}

#[test]
fn the_150th_series_finds_a_cap_of_100() {
    let tenant = tenant(100);
    for round in 0..3 {
        let mut batch = tenant.metrics_batch(NOW).unwrap();
        for id in 0..150 {
            gauge(&mut batch, id, NOW.0 + round, 1.0);
        }
        let outcome = Tenant::admit_metrics(batch).unwrap().admission.confirm();
        assert_eq!(outcome.stored, 100);
        assert_eq!(outcome.rejected, [(Reason::SeriesCap, 50)]);
        let message = outcome.message.unwrap();
        assert!(
            message.contains("series cap of 100 active series reached for tenant default"),
            "{message}"
        );
        assert!(message.contains("m{id=\"100\"}"), "{message}");
        assert!(message.contains("--series-max"), "{message}");
    }
    assert_eq!(tenant.active_series(NOW), 100);
    assert_eq!(
        tenant.with_series(|series| series.len()),
        100,
        "refused series leave nothing behind"
    );
    let counts = tenant.ledger().counts(Signal::Metrics);
    assert!(counts.balances());
    assert_eq!((counts.received, counts.stored), (450, 300));
}

#[test]
fn the_record_reads_back_as_the_rows_and_series_of_the_batch() {
    let tenant = tenant(100);
    let mut batch = tenant.metrics_batch(NOW).unwrap();
    let counter = slot(&mut batch, "requests_total", "a");
    batch.sample(counter, NOW.0, 5.0, 0, Temporality::Unspecified);
    batch.sample(counter, NOW.0 + 1, f64::NAN, NOW.0 - 9, Temporality::Cumulative);
    let histogram = crate::histogram::NativeHistogram {
        count: 3,
        sum: Some(1.5),
        ..Default::default()
    };
    batch.histogram(counter, NOW.0 + 2, &histogram, 0, Temporality::Delta);
    batch.metadata("requests", MetricKind::Counter, "1", "how many");
    batch.metadata("requests", MetricKind::Counter, "1", "how many");
    let exemplar = ExemplarRow {
        timestamp_ms: NOW.0,
        value: 0.5,
        trace_id: Some([1; 16]),
        span_id: Some([0; 8]),
        attributes: "{\"k\":\"v\"}",
    };
    batch.exemplar(counter, &exemplar);
    let admitted = Tenant::admit_metrics(batch).unwrap();
    let record = Record::decode(&body_of(&admitted.body)).unwrap();
    assert_eq!((record.tenant.as_str(), record.space), ("default", 3));
    let RecordRows::Metrics(read) = record.rows else {
        panic!("metrics");
    };
    assert_eq!(read.rows.refs, admitted.rows.refs);
    assert_eq!(read.rows.timestamps, admitted.rows.timestamps);
    assert!(read.rows.values[1].is_nan() && read.rows.values[2].is_nan());
    assert_eq!(
        (read.rows.start_timestamp(0), read.rows.start_timestamp(1)),
        (0, NOW.0 - 9)
    );
    assert_eq!(read.rows.temporality(0), Temporality::Unspecified);
    assert_eq!(read.rows.temporality(2), Temporality::Delta);
    assert_eq!(
        (read.rows.histogram(1), read.rows.histogram(2)),
        (None, Some(histogram))
    );
    assert_eq!(read.metadata.len(), 1);
    assert_eq!(read.metadata, admitted.metadata);
    assert_eq!(read.exemplars, admitted.exemplars);
    assert_eq!(
        (read.exemplars[0].trace_id, read.exemplars[0].span_id),
        (Some([1; 16]), None)
    );
    let mut definition = Vec::new();
    tenant.define(SeriesRef(admitted.refs[0]), &mut definition);
    let definition = Definition::decode(&definition).unwrap();
    assert_eq!(definition.tenant, TenantId::default());
    assert_eq!(definition.key.labels_json(), "{\"id\":\"a\"}");
    tenant.learn_metadata(&admitted.metadata);
    let mut batch = tenant.metrics_batch(NOW).unwrap();
    batch.metadata("requests", MetricKind::Counter, "1", "how many");
    batch.metadata("others", MetricKind::Gauge, "", "");
    let metadata = Tenant::admit_metrics(batch).unwrap().metadata;
    assert_eq!(metadata.len(), 1, "what is known is not sent through the log again");
    assert_eq!(metadata[0].metric, "others");
}

#[test]
fn a_point_of_many_rows_is_stored_whole_or_refused_whole() {
    let tenant = tenant(5);
    let mut batch = tenant.metrics_batch(NOW).unwrap();
    for point in 0..3 {
        batch.point_begin();
        for bucket in 0..3 {
            gauge(&mut batch, point * 3 + bucket, NOW.0, 1.0);
        }
        batch.point_end();
    }
    gauge(&mut batch, 100, NOW.0, 1.0);
    gauge(&mut batch, 0, NOW.0 + 1, 2.0);
    let admitted = Tenant::admit_metrics(batch).unwrap();
    assert_eq!(admitted.rows.len(), 5);
    assert_eq!(admitted.refs.len(), 4);
    let outcome = admitted.admission.confirm();
    assert_eq!((outcome.stored, outcome.rejected_total()), (3, 2));
    assert_eq!(tenant.active_series(NOW), 4);
    assert_eq!(tenant.with_series(|series| series.len()), 4);
}

#[test]
fn a_point_is_refused_for_the_decoders_reason_and_its_exemplars_with_it() {
    let tenant = tenant(5);
    let mut batch = tenant.metrics_batch(NOW).unwrap();
    batch.point_begin();
    gauge(&mut batch, 1, NOW.0, 1.0);
    batch.reject(Reason::InvalidHistogram, 1, || "bounds do not ascend".into());
    gauge(&mut batch, 2, NOW.0, 1.0);
    batch.point_end();
    batch.reject(Reason::NoValue, 7, || "a point without a value".into());
    let outcome = Tenant::admit_metrics(batch).unwrap().admission.confirm();
    assert_eq!(outcome.stored, 0);
    assert_eq!(outcome.rejected, [(Reason::NoValue, 7), (Reason::InvalidHistogram, 1)]);
    assert_eq!(tenant.active_series(NOW), 0);
}

#[test]
fn a_refused_series_has_its_samples_counted_under_its_reason() {
    let tenant = tenant(5);
    let mut batch = tenant.metrics_batch(NOW).unwrap();
    let slot = batch.series(1, |labels| {
        labels.label("a", "1");
        labels.label("a", "2");
        Ok(())
    });
    for at in 0..3 {
        batch.sample(slot, NOW.0 + at, 1.0, 0, Temporality::Unspecified);
    }
    let refused = batch.series(2, |_| {
        Err(Reject {
            reason: Reason::UnsupportedType,
            message: "no".into(),
        })
    });
    batch.sample(refused, NOW.0, 1.0, 0, Temporality::Unspecified);
    let outcome = Tenant::admit_metrics(batch).unwrap().admission.confirm();
    assert_eq!(
        outcome.rejected,
        [(Reason::LabelConflict, 3), (Reason::UnsupportedType, 1)]
    );
}

#[test]
fn times_out_of_bounds_say_what_to_change() {
    let tenant = tenant(5);
    let mut batch = tenant.metrics_batch(NOW).unwrap();
    gauge(&mut batch, 1, NOW.0 - 30 * 86_400_000, 1.0);
    gauge(&mut batch, 1, NOW.0 - 30 * 86_400_000 - 1, 1.0);
    gauge(&mut batch, 1, NOW.0 + 3_600_000, 1.0);
    gauge(&mut batch, 1, i64::MAX, 1.0);
    gauge(&mut batch, 1, i64::MIN, 1.0);
    let admitted = Tenant::admit_metrics(batch).unwrap();
    let outcome = admitted.admission.confirm();
    assert_eq!(outcome.stored, 2);
    assert_eq!(outcome.rejected, [(Reason::TooOld, 2), (Reason::TooFarInFuture, 1)]);
    let message = outcome.message.unwrap();
    assert!(
        message.contains("--late-max") && message.contains("--future-max"),
        "{message}"
    );
}

#[test]
fn an_admission_dropped_is_given_back_and_counts_nothing() {
    let tenant = tenant(10);
    let mut batch = tenant.metrics_batch(NOW).unwrap();
    (0..10).for_each(|id| gauge(&mut batch, id, NOW.0, 1.0));
    drop(Tenant::admit_metrics(batch).unwrap());
    assert_eq!(tenant.active_series(NOW), 0);
    assert_eq!(tenant.ledger().counts(Signal::Metrics).received, 0);
    let mut batch = tenant.metrics_batch(NOW).unwrap();
    (10..20).for_each(|id| gauge(&mut batch, id, NOW.0, 1.0));
    assert_eq!(Tenant::admit_metrics(batch).unwrap().admission.confirm().stored, 10);
}

#[test]
fn replay_and_parts_count_before_anything_is_admitted() {
    let first = tenant(2);
    let mut batch = first.metrics_batch(NOW).unwrap();
    (0..2).for_each(|id| gauge(&mut batch, id, NOW.0, 1.0));
    let admitted = Tenant::admit_metrics(batch).unwrap();
    let keys: Vec<SeriesKey> = admitted
        .refs
        .iter()
        .map(|at| first.key(SeriesRef(*at)).unwrap())
        .collect();

    let second = tenant(2);
    let replayed = second.replay_series(&keys[0]);
    second.replay_samples(&[replayed.0], &[NOW.0]);
    let in_part = keys[1].id(STORE);
    let hour = hour_of(NOW.0);
    second.set_active_ids(Box::new(move |hours, found| {
        if hours.contains(&hour) {
            found(hour, in_part);
        }
    }));
    let mut batch = second.metrics_batch(NOW).unwrap();
    (0..4).rev().for_each(|id| gauge(&mut batch, id, NOW.0 + 1, 1.0));
    let outcome = Tenant::admit_metrics(batch).unwrap().admission.confirm();
    assert_eq!((outcome.stored, outcome.rejected_total()), (2, 2));
    let listed = second.with_series(|series| series.label_values("id", series.all()));
    assert_eq!(listed, BTreeSet::from(["0".to_owned(), "1".to_owned()]));
}

#[test]
fn a_request_sent_twice_is_counted_as_replaced_unless_the_first_failed() {
    let tenant = tenant(100);
    let send = |timestamp_ms: i64| {
        let mut batch = tenant.metrics_batch(NOW).unwrap();
        gauge(&mut batch, 0, timestamp_ms, 1.0);
        batch.point_begin();
        (1..4).for_each(|id| gauge(&mut batch, id, timestamp_ms, 1.0));
        batch.point_end();
        let target = slot(&mut batch, "target_info", "t");
        batch.derived_sample(target, timestamp_ms, 1.0);
        Tenant::admit_metrics(batch).unwrap().admission
    };
    drop(send(NOW.0));
    for timestamp_ms in [NOW.0, NOW.0, NOW.0 + 1] {
        assert_eq!(send(timestamp_ms).confirm().stored, 2);
    }
    let counts = tenant.ledger().counts(Signal::Metrics);
    assert_eq!((counts.received, counts.stored, counts.replaced), (6, 4, 2));
    assert!(counts.balances());
}

#[test]
fn batches_of_many_threads_share_one_cap() {
    let tenant = tenant(50);
    std::thread::scope(|scope| {
        for thread in 0..4_u32 {
            let tenant = &tenant;
            scope.spawn(move || {
                for round in 0..200_u32 {
                    let mut batch = tenant.metrics_batch(NOW).unwrap();
                    let first = thread * 7 + round % 60;
                    (first..first + 10).for_each(|id| gauge(&mut batch, id, NOW.0 + i64::from(round), 1.0));
                    match Tenant::admit_metrics(batch) {
                        Ok(admitted) if round % 3 == 0 => drop(admitted),
                        Ok(admitted) => assert!(admitted.admission.confirm().stored <= 10),
                        Err(error) => assert_eq!(error, AppendError::Stale),
                    }
                    assert!(tenant.active_series(NOW) <= 50);
                }
            });
        }
    });
    assert_eq!(tenant.active_series(NOW), 50);
    assert!(tenant.ledger().counts(Signal::Metrics).balances());
    let mut batch = tenant.metrics_batch(NOW).unwrap();
    (0..200).for_each(|id| gauge(&mut batch, id, NOW.0, 1.0));
    assert_eq!(Tenant::admit_metrics(batch).unwrap().admission.confirm().stored, 50);
}

#[test]
fn past_hours_are_dropped_once_parts_can_tell_them_again() {
    let tenant = tenant(3);
    let rows: Arc<Mutex<Vec<(i32, SeriesId)>>> = Arc::default();
    let told = Arc::clone(&rows);
    tenant.set_active_ids(Box::new(move |hours, tell| {
        let rows = told.lock();
        rows.iter()
            .filter(|(hour, _)| hours.contains(hour))
            .for_each(|(hour, id)| tell(*hour, *id));
    }));
    let send = |id: u32, timestamp_ms: i64| {
        let mut batch = tenant.metrics_batch(NOW).unwrap();
        gauge(&mut batch, id, timestamp_ms, 1.0);
        let admitted = Tenant::admit_metrics(batch).unwrap();
        for series in &admitted.refs {
            let id = tenant.with_series(|series_table| series_table.id(SeriesRef(*series)).unwrap());
            rows.lock().push((hour_of(timestamp_ms), id));
        }
        admitted.admission.confirm().stored
    };
    let past = NOW.0 - 20 * HOUR_MS;
    assert_eq!((0..5).map(|id| send(id, past)).sum::<u64>(), 3);
    assert_eq!(send(7, past + 3 * HOUR_MS), 1);
    let before = tenant.memory_bytes();
    let still_in_head = || InHeads {
        oldest_ms: Some(past),
        ..InHeads::default()
    };
    tenant.forget_idle(NOW, still_in_head);
    assert!(tenant.counting.lock().limiter.counts(0));
    tenant.forget_idle(NOW, InHeads::default);
    assert!(!tenant.counting.lock().limiter.counts(0));
    assert!(tenant.memory_bytes() < before);
    for hour in -1..6 {
        let at = TimestampMs(past + hour * HOUR_MS);
        let expected = [0, 3, 3, 0, 1, 1, 0][(hour + 1) as usize];
        assert_eq!(tenant.active_series(at), expected, "hour {hour}");
    }
    assert_eq!(send(4, past + HOUR_MS), 0, "the cap is what it was");
    assert_eq!(send(1, past + HOUR_MS), 1);
}

#[test]
fn two_senders_of_one_series_are_told() {
    let tenant = tenant(10);
    let mut batch = tenant.metrics_batch(NOW).unwrap();
    let slot = slot(&mut batch, "total", "x");
    for (at, start) in [(0, 100), (1, 200), (2, 100), (3, 200)] {
        batch.sample(slot, NOW.0 + at, 1.0, start, Temporality::Cumulative);
    }
    let outcome = Tenant::admit_metrics(batch).unwrap().admission.confirm();
    assert_eq!((outcome.stored, outcome.rejected_total()), (4, 0));
    assert!(outcome.message.unwrap().contains("service.instance.id"));
    assert_eq!(tenant.ledger().counts(Signal::Metrics).interleaved_starts, 2);
}

#[test]
fn a_batch_without_memory_is_refused_whole_and_retryable() {
    let tenant = tenant_with_memory(1_000_000, 2 << 20);
    let mut batch = tenant.metrics_batch(NOW).unwrap();
    for at in 0..200_000 {
        gauge(&mut batch, 1, NOW.0 + at, 1.0);
    }
    let error = Tenant::admit_metrics(batch).unwrap_err();
    assert!(matches!(error, AppendError::Memory(_)));
    assert!(error.retry_after_ms().is_some());
    assert_eq!(tenant.ledger().counts(Signal::Metrics).received, 0);
    let mut batch = tenant.metrics_batch(NOW).unwrap();
    gauge(&mut batch, 1, NOW.0, 1.0);
    assert_eq!(Tenant::admit_metrics(batch).unwrap().admission.confirm().stored, 1);
}

#[test]
fn forgotten_series_come_back_and_a_batch_that_named_them_is_told_to_retry() {
    let tenant = tenant(10);
    let mut batch = tenant.metrics_batch(NOW).unwrap();
    gauge(&mut batch, 1, NOW.0, 1.0);
    let admitted = Tenant::admit_metrics(batch).unwrap();
    let later = TimestampMs(NOW.0 + 3 * HOUR_MS);
    assert_eq!(tenant.forget_idle(later, InHeads::default), 0, "its batch is in flight");
    let in_heads = InHeads {
        series: admitted.refs.iter().copied().collect(),
        oldest_ms: Some(NOW.0),
    };
    admitted.admission.confirm();
    assert_eq!(tenant.forget_idle(later, || in_heads), 0);
    // A batch that reaches the heads after they were looked at is not missed.
    let mut batch = tenant.metrics_batch(later).unwrap();
    gauge(&mut batch, 1, NOW.0, 1.0);
    let overtaking = || {
        Tenant::admit_metrics(batch).unwrap().admission.confirm();
        InHeads::default()
    };
    assert_eq!(tenant.forget_idle(later, overtaking), 0);
    let mut stale = tenant.metrics_batch(later).unwrap();
    gauge(&mut stale, 1, later.0, 1.0);
    assert_eq!(tenant.forget_idle(later, InHeads::default), 1);
    assert_eq!(Tenant::admit_metrics(stale).unwrap_err(), AppendError::Stale);
    let mut batch = tenant.metrics_batch(later).unwrap();
    gauge(&mut batch, 1, later.0, 1.0);
    assert_eq!(Tenant::admit_metrics(batch).unwrap().admission.confirm().stored, 1);
    assert_eq!(tenant.with_series(|series| series.len()), 1);
}
