//! Caps, budgets and retention: what is refused, what goes, and that both stay exact over a restart.

use super::*;
use crate::options::PerSignal;
use crate::outcome::AppendError;
use crate::reason::Reason;

const DAY_NS: i64 = 86_400 * 1_000_000_000;

fn send_series(engine: &Engine, numbers: std::ops::Range<u32>, at_ms: i64) -> Outcome {
    let mut batch = engine.metrics_batch(&TenantId::default()).unwrap();
    for number in numbers {
        let slot = batch.series(u128::from(number) + 1, |labels| {
            labels.metric("m");
            labels.label("n", &number.to_string());
            Ok(())
        });
        batch.sample(slot, at_ms, 1.0, 0, Temporality::Unspecified);
    }
    engine.append_metrics(batch).unwrap()
}

/// The cap of 10 leaves exactly 10, whatever became of the process and of its heads in between.
#[test]
fn the_cap_is_exact_after_the_process_was_killed() {
    for flush in [false, true] {
        let bench = Bench::new();
        let at = NOW_S * 1000;
        let options = || EngineOptions {
            series_max: 10,
            ..Bench::options()
        };
        let engine = bench.open(options());
        let outcome = send_series(&engine, 0..15, at);
        assert_eq!((outcome.stored, outcome.rejected), (10, vec![(Reason::SeriesCap, 5)]));
        if flush {
            engine.flush().unwrap();
        }
        std::mem::forget(engine);
        let bench = Bench {
            fs: Arc::new(bench.fs.survivor(1)),
            clock: bench.clock,
        };
        let engine = bench.open(options());
        let outcome = send_series(&engine, 0..15, at + 1);
        assert_eq!(outcome.stored, 10, "flushed: {flush}");
        assert_eq!(engine.stats().tenants[0].active_series, 10, "flushed: {flush}");
        // An hour later all ten still count; two hours later none does.
        bench.clock.set(TimestampNs((NOW_S + 3_600) * 1_000_000_000));
        assert_eq!(send_series(&engine, 20..25, at + 3_600_000).stored, 0);
        bench.clock.set(TimestampNs((NOW_S + 7_200) * 1_000_000_000));
        assert_eq!(send_series(&engine, 20..25, at + 7_200_000).stored, 5);
    }
}

#[test]
fn whole_windows_go_by_age_and_stay_gone() {
    let bench = Bench::new();
    let tenant = TenantId::default();
    let options = || EngineOptions {
        retention: PerSignal::all(std::time::Duration::from_secs(2 * 86_400)),
        ..Bench::options()
    };
    let engine = bench.open(options());
    for day in 0..2 {
        append(&engine, &[("a", (NOW_S - day * 86_400) * 1000, day as f64)]);
    }
    engine.flush().unwrap();
    append(&engine, &[("b", (NOW_S - 86_400) * 1000, 7.0)]);
    let old = engine.snapshot(&tenant, Signal::Metrics);
    let folders = || {
        let files = bench.fs.files();
        files
            .iter()
            .filter(|file| file.extension().is_some_and(|e| e == "parquet"))
            .count()
    };
    assert_eq!(folders(), 2);
    bench.clock.set(TimestampNs(NOW_S * 1_000_000_000 + DAY_NS));
    assert_eq!(engine.tick().unwrap().expired, 0, "its end is not two days old");
    bench.clock.set(TimestampNs(NOW_S * 1_000_000_000 + 2 * DAY_NS));
    assert_eq!(engine.tick().unwrap().expired, 1);
    assert_eq!(
        all_samples(&engine, &tenant).len(),
        1,
        "the head of the old window went too"
    );
    assert_eq!(folders(), 2, "a reader still holds the part");
    assert_eq!(old.rows(), 3);
    drop(old);
    assert_eq!(folders(), 1);
    std::mem::forget(engine);
    let bench = Bench {
        fs: Arc::new(bench.fs.survivor(3)),
        clock: bench.clock,
    };
    let engine = bench.open(options());
    assert_eq!(all_samples(&engine, &tenant).len(), 1, "the log does not bring it back");
    // A reader held the part during the tick: the void goes at the next one that finds the log above it.
    engine.compact().unwrap();
    engine.tick().unwrap();
    let names: Vec<_> = bench.fs.files();
    assert!(
        names.iter().all(|file| file.extension().is_none_or(|e| e != "void")),
        "{names:?}"
    );
    let folder = Path::new("/data/data/tenant=default/class=default/signal=metrics");
    assert_eq!(bench.fs.list(folder).unwrap().len(), 1, "whole folders go");
}

#[test]
fn a_signal_over_its_disk_budget_loses_its_oldest_windows_and_is_then_refused() {
    let bench = Bench::new();
    let engine = bench.open(EngineOptions {
        disk_bytes_max: PerSignal {
            metrics: 3_000,
            ..PerSignal::all(1 << 30)
        },
        ..Bench::options()
    });
    for day in 0..4 {
        append(&engine, &[("a", (NOW_S - day * 86_400) * 1000, 1.0)]);
        engine.flush().unwrap();
    }
    let report = engine.tick().unwrap();
    assert_eq!(report.over_budget, 3, "all closed windows");
    let tenant = TenantId::default();
    assert_eq!(all_samples(&engine, &tenant)["up{\"job\":\"a\"}"].len(), 1);
    let over = engine.stats().disk_over == [Signal::Metrics];
    let batch = engine.metrics_batch(&tenant).unwrap();
    match engine.append_metrics(batch) {
        Err(AppendError::DiskFull { signal, .. }) if over => assert_eq!(signal, Signal::Metrics),
        Ok(_) => assert!(!over),
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn one_tenant_too_many_is_refused_by_name_and_counted() {
    let bench = Bench::new();
    let engine = bench.open(EngineOptions {
        tenants_max: 1,
        ..Bench::options()
    });
    append(&engine, &[("a", NOW_S * 1000, 1.0)]);
    let error = engine.metrics_batch(&TenantId::new("second").unwrap()).unwrap_err();
    assert!(error.to_string().contains("second"), "{error}");
    assert_eq!(error.retry_after_ms(), None);
    assert_eq!(engine.stats().tenants_refused, 1);
}

#[test]
fn closed_windows_beyond_the_limit_wait_for_the_flush_of_others() {
    let bench = Bench::new();
    let engine = bench.open(Bench::options());
    let day = |day: i64| (NOW_S - day * 86_400) * 1000;
    for closed in 1..=8 {
        append(&engine, &[("a", day(closed), 1.0)]);
    }
    let mut batch = engine.metrics_batch(&TenantId::default()).unwrap();
    let slot = batch.series(77, |labels| {
        labels.metric("late");
        Ok(())
    });
    batch.sample(slot, day(9), 1.0, 0, Temporality::Unspecified);
    let error = engine.append_metrics(batch).unwrap_err();
    assert!(error.retry_after_ms().is_some(), "{error}");
    assert_eq!(engine.stats().frozen_heads, 2);
    append(&engine, &[("a", day(0), 1.0)]);
    engine.tick().unwrap();
    append(&engine, &[("a", day(9), 1.0)]);
    assert_eq!(
        all_samples(&engine, &TenantId::default())["up{\"job\":\"a\"}"].len(),
        10
    );
}
