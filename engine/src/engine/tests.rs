#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]
//! What an embedder sees: rows acknowledged are in the next snapshot, limits refuse, nothing is lost by a reopen.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use arrow::array::AsArray;
use icecore_wal::fs::{Fs, SimFs};

use super::*;
use crate::batch::{LogRow, SpanRow};
use crate::clock::ManualClock;
use crate::matcher::Matcher;
use crate::outcome::Outcome;
use crate::schema::Temporality;
use crate::time::TimestampNs;

pub(super) const NOW_S: i64 = 1_795_651_200;

/// An engine on a simulated disk, whose clock stands still.
pub(super) struct Bench {
    pub(super) fs: Arc<SimFs>,
    pub(super) clock: Arc<ManualClock>,
}

impl Bench {
    pub(super) fn new() -> Self {
        Self {
            fs: Arc::new(SimFs::new()),
            clock: Arc::new(ManualClock::new(TimestampNs(NOW_S * 1_000_000_000))),
        }
    }

    pub(super) fn options() -> EngineOptions {
        EngineOptions {
            background: false,
            memory_bytes_max: 64 << 20,
            ..EngineOptions::default()
        }
    }

    pub(super) fn open(&self, options: EngineOptions) -> Engine {
        let fs: Arc<dyn Fs> = Arc::clone(&self.fs) as Arc<dyn Fs>;
        Engine::open_with(fs, Arc::clone(&self.clock) as _, Path::new("/data"), options).unwrap()
    }
}

/// One sample of `metric{job=..}`.
pub(super) fn append(engine: &Engine, samples: &[(&str, i64, f64)]) -> Outcome {
    let mut batch = engine.metrics_batch(&TenantId::default()).unwrap();
    for (job, at_ms, value) in samples {
        let key = xxhash_rust::xxh3::xxh3_128_with_seed(job.as_bytes(), batch.arrival_seed());
        let slot = batch.series(key, |labels| {
            labels.metric("up");
            labels.label("job", job);
            Ok(())
        });
        batch.sample(slot, *at_ms, *value, 0, Temporality::Unspecified);
    }
    engine.append_metrics(batch).unwrap()
}

/// All samples of a snapshot's heads, by series.
pub(super) fn head_samples(engine: &Engine, matchers: &[Matcher]) -> BTreeMap<String, Vec<(i64, f64)>> {
    let snapshot = engine.snapshot(&TenantId::default(), Signal::Metrics);
    let mut found: BTreeMap<String, Vec<(i64, f64)>> = BTreeMap::new();
    for head in snapshot.partitions.iter().flat_map(|partition| &partition.heads) {
        for series in head.refs_matching(matchers) {
            let key = format!("{:?}", head.key(series).unwrap());
            head.read(series, TimeRange::ALL, &mut |chunk| {
                let samples = chunk.timestamps.iter().copied().zip(chunk.values.iter().copied());
                found.entry(key.clone()).or_default().extend(samples);
            });
        }
    }
    found
}

#[test]
fn an_acknowledged_sample_is_in_the_next_snapshot_and_survives_a_reopen() {
    let bench = Bench::new();
    let at = NOW_S * 1000;
    {
        let engine = bench.open(Bench::options());
        let outcome = append(&engine, &[("a", at, 1.0), ("b", at, 2.0), ("a", at + 1, 3.0)]);
        assert_eq!((outcome.stored, outcome.rejected_total()), (3, 0));
        append(&engine, &[("a", at, 5.0)]);
        let found = head_samples(&engine, &[Matcher::equal("job", "a")]);
        assert_eq!(found.len(), 1);
        assert_eq!(
            found.values().next().unwrap(),
            &[(at, 5.0), (at + 1, 3.0)],
            "the last write wins"
        );
        // No close: the process dies.
        std::mem::forget(engine);
    }
    let survivor = Bench {
        fs: Arc::new(bench.fs.survivor(1)),
        clock: bench.clock,
    };
    let engine = survivor.open(Bench::options());
    let found = head_samples(&engine, &[]);
    assert_eq!(found.len(), 2);
    assert_eq!(found.values().next().unwrap(), &[(at, 5.0), (at + 1, 3.0)]);
    assert_eq!(engine.stats().recovery.rows_replayed, 4);
}

/// All samples of a snapshot, parts and heads, by series; a time in a later source replaces that of an earlier one.
pub(super) fn all_samples(engine: &Engine, tenant: &TenantId) -> BTreeMap<String, BTreeMap<i64, u64>> {
    let snapshot = engine.snapshot(tenant, Signal::Metrics);
    let mut found: BTreeMap<String, BTreeMap<i64, u64>> = BTreeMap::new();
    for partition in &snapshot.partitions {
        for part in &partition.parts {
            let groups = part.select(&[], TimeRange::ALL).unwrap();
            part.read(&groups, TimeRange::ALL, &mut |group, chunk| {
                let samples = found.entry(format!("{:?}", groups[group].key)).or_default();
                samples.extend(
                    chunk
                        .timestamps
                        .iter()
                        .copied()
                        .zip(chunk.values.iter().map(|v| v.to_bits())),
                );
            })
            .unwrap();
        }
        for head in &partition.heads {
            for series in head.refs_matching(&[]) {
                let samples = found.entry(format!("{:?}", head.key(series).unwrap())).or_default();
                head.read(series, TimeRange::ALL, &mut |chunk| {
                    samples.extend(
                        chunk
                            .timestamps
                            .iter()
                            .copied()
                            .zip(chunk.values.iter().map(|v| v.to_bits())),
                    );
                });
            }
        }
    }
    found
}

#[test]
fn a_flush_changes_nothing_for_readers_and_lets_the_log_go() {
    let bench = Bench::new();
    let engine = bench.open(Bench::options());
    let tenant = TenantId::default();
    let at = NOW_S * 1000;
    for step in 0..50 {
        append(&engine, &[("a", at + step, 1.5), ("b", at - step * 3_600_000, 2.0)]);
    }
    let before = all_samples(&engine, &tenant);
    assert_eq!(before["up{\"job\":\"b\"}"].len(), 50);
    engine.flush().unwrap();
    assert_eq!(all_samples(&engine, &tenant), before);
    let stats = engine.stats();
    assert_eq!(stats.tenants[0].signals.metrics.head_rows, 0);
    assert_eq!(stats.tenants[0].signals.metrics.part_rows, 100);
    append(&engine, &[("a", at + 1000, 9.0)]);
    let after = all_samples(&engine, &tenant);
    engine.close().unwrap();
    assert!(
        engine
            .metrics_batch(&tenant)
            .is_ok_and(|batch| engine.append_metrics(batch).is_ok()),
        "empty"
    );
    drop(engine);
    let engine = bench.open(Bench::options());
    assert_eq!(all_samples(&engine, &tenant), after);
    assert_eq!(engine.stats().recovery.rows_replayed, 0, "close flushed all");
}

/// One log record.
pub(super) fn append_log(engine: &Engine, at_ns: i64, body: &str) -> Outcome {
    let mut batch = engine.logs_batch(&TenantId::default()).unwrap();
    let resource = batch.resource(r#"{"service.name":"api"}"#, "api");
    let scope = batch.scope("{}");
    batch.push(&LogRow {
        resource,
        scope,
        timestamp_ns: at_ns,
        observed_timestamp_ns: None,
        severity_number: 9,
        severity_text: "INFO",
        body: Some(body),
        body_is_json: false,
        event_name: "",
        attributes: "{}",
        trace_id: None,
        span_id: None,
        flags: 0,
        dropped_attributes_count: 0,
    });
    engine.append_logs(batch).unwrap()
}

/// One span of trace 1.
pub(super) fn append_span(engine: &Engine, at_ns: i64, span: u8, name: &str) -> Outcome {
    let mut batch = engine.spans_batch(&TenantId::default()).unwrap();
    let resource = batch.resource(r#"{"service.name":"api"}"#, "api");
    let scope = batch.scope("{}");
    batch.push(&SpanRow {
        resource,
        scope,
        trace_id: [1; 16],
        span_id: [span; 8],
        parent_span_id: None,
        trace_state: "",
        flags: 0,
        name,
        kind: 2,
        timestamp_ns: at_ns,
        duration_ns: 5,
        status_code: 0,
        status_message: "",
        attributes: "{}",
        events: &[],
        links: &[],
        dropped_attributes_count: 0,
        dropped_events_count: 0,
        dropped_links_count: 0,
    });
    engine.append_spans(batch).unwrap()
}

/// One text column of a signal's heads.
fn head_texts(engine: &Engine, signal: Signal, column: &str, range: TimeRange) -> Vec<String> {
    let snapshot = engine.snapshot(&TenantId::default(), signal);
    let heads = snapshot.partitions.iter().flat_map(|partition| &partition.heads);
    let batches = heads.flat_map(|head| head.batches(range).unwrap());
    let texts = batches.flat_map(|batch| {
        let texts = batch.column_by_name(column).unwrap().as_string::<i32>().clone();
        texts.iter().map(|text| text.unwrap().to_owned()).collect::<Vec<_>>()
    });
    texts.collect()
}

#[test]
fn logs_and_spans_are_in_the_next_snapshot_and_a_span_sent_again_replaces_itself() {
    let bench = Bench::new();
    let at = NOW_S * 1_000_000_000;
    {
        let engine = bench.open(Bench::options());
        append_log(&engine, at, "one");
        append_log(&engine, at, "one");
        append_log(&engine, at - 1, "two");
        append_span(&engine, at, 1, "first");
        append_span(&engine, at, 2, "other");
        append_span(&engine, at + 5, 1, "second");
        std::mem::forget(engine);
    }
    let survivor = Bench {
        fs: Arc::new(bench.fs.survivor(1)),
        clock: bench.clock,
    };
    let engine = survivor.open(Bench::options());
    let logs = |range| head_texts(&engine, Signal::Logs, "body", range);
    assert_eq!(
        logs(TimeRange::ALL),
        ["two", "one", "one"],
        "the day before comes first"
    );
    assert_eq!(logs(TimeRange::new(at, at)), ["one", "one"]);
    let spans = |range| head_texts(&engine, Signal::Traces, "name", range);
    assert_eq!(spans(TimeRange::ALL), ["other", "second"]);
    assert_eq!(
        spans(TimeRange::new(at, at)),
        ["other"],
        "the span's first form is no row any more"
    );
}

mod gaps;
mod heads;
mod limits;
mod merges;
mod pressure;
