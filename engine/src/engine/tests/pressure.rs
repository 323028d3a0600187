//! Memory and disk at their limits: what cannot be taken is refused as retryable, and nothing acknowledged is lost.

use icecore_wal::fs::sim::{Call, Fault, FaultError};

use super::*;
use crate::outcome::AppendError;

/// Sends rows of many samples until one request is refused.
fn fill(engine: &Engine, requests_max: u32) -> (u64, Option<AppendError>) {
    let mut stored = 0;
    for request in 0..requests_max {
        let Ok(mut batch) = engine.metrics_batch(&TenantId::default()) else {
            break;
        };
        for series in 0..2_000u32 {
            let slot = batch.series(u128::from(series) + 1, |labels| {
                labels.metric("m");
                labels.label("n", &series.to_string());
                Ok(())
            });
            batch.sample(
                slot,
                NOW_S * 1000 + i64::from(request),
                1.0,
                0,
                Temporality::Unspecified,
            );
        }
        match engine.append_metrics(batch) {
            Ok(outcome) => stored += outcome.stored,
            Err(error) => return (stored, Some(error)),
        }
    }
    (stored, None)
}

#[test]
fn when_nobody_flushes_ingest_is_refused_and_goes_on_after_the_flush() {
    let bench = Bench::new();
    let engine = bench.open(EngineOptions {
        memory_bytes_max: 32 << 20,
        ..Bench::options()
    });
    let (stored, error) = fill(&engine, 10_000);
    let error = error.expect("memory is bounded");
    assert!(error.retry_after_ms().is_some(), "{error}");
    assert!(engine.stats().memory.used_bytes <= engine.stats().memory.usable_bytes);
    engine.flush().unwrap();
    let rows = engine.snapshot(&TenantId::default(), Signal::Metrics).rows();
    assert_eq!(rows, stored);
    let (more, _) = fill(&engine, 3);
    assert_eq!(more, 6_000);
}

#[test]
fn a_full_disk_refuses_appends_and_loses_nothing() {
    let bench = Bench::new();
    let engine = bench.open(Bench::options());
    append(&engine, &[("a", NOW_S * 1000, 1.0)]);
    let used = bench
        .fs
        .files()
        .iter()
        .map(|file| bench.fs.content(file).unwrap().len() as u64)
        .sum::<u64>();
    bench.fs.set_capacity_bytes(Some(used));
    assert!(engine.flush().is_err(), "there is no room for the part");
    assert_eq!(engine.stats().flushes.consecutive_failures, 1);
    let found = head_samples(&engine, &[]);
    assert_eq!(found.len(), 1, "the rows are still served");
    bench.fs.set_capacity_bytes(None);
    engine.flush().unwrap();
    assert_eq!(engine.stats().flushes.consecutive_failures, 0);
    assert_eq!(all_samples(&engine, &TenantId::default()).len(), 1);
}

#[test]
fn a_flush_that_fails_at_any_call_is_done_the_next_time() {
    let calls = [
        Call::Create,
        Call::Write,
        Call::Sync,
        Call::CreateDir,
        Call::Rename,
        Call::SyncDir,
        Call::Open,
        Call::Read,
    ];
    for (call, nth) in calls.into_iter().flat_map(|call| (1..5).map(move |nth| (call, nth))) {
        let bench = Bench::new();
        let engine = bench.open(Bench::options());
        append(&engine, &[("a", NOW_S * 1000, 1.0), ("b", NOW_S * 1000, 2.0)]);
        let before = all_samples(&engine, &TenantId::default());
        bench.fs.fail(Fault::new(call, nth, FaultError::EIO));
        let failed = engine.flush().is_err();
        bench.fs.heal();
        let story = format!("{call:?} {nth}, failed: {failed}");
        assert_eq!(all_samples(&engine, &TenantId::default()), before, "{story}");
        engine.flush().unwrap();
        assert_eq!(all_samples(&engine, &TenantId::default()), before, "{story}");
        engine.close().unwrap();
        drop(engine);
        let engine = bench.open(Bench::options());
        assert_eq!(
            all_samples(&engine, &TenantId::default()),
            before,
            "{story}, opened again"
        );
        assert_eq!(
            engine.snapshot(&TenantId::default(), Signal::Metrics).rows(),
            2,
            "{story}"
        );
    }
}
