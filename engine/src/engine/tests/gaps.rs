//! Parts and log that do not fit each other as they do in a healthy store: a part set aside while the log still has its
//! rows, a log that is gone.

use std::path::PathBuf;

use super::*;

fn reborn(bench: Bench, engine: Engine, seed: u64) -> Bench {
    std::mem::forget(engine);
    Bench {
        fs: Arc::new(bench.fs.survivor(seed)),
        clock: bench.clock,
    }
}

/// Story: the rows of a damaged part came back from the log into a head, and the head went on with new rows. Its own
/// part's name then covered the parts in between, which the next open removed as contained.
#[test]
fn a_head_that_replaces_a_damaged_part_does_not_swallow_its_neighbours() {
    let mut bench = Bench::new();
    let at = NOW_S * 1000;
    let mut engine = bench.open(Bench::options());
    for step in 0..4 {
        append(&engine, &[("a", at + step, 1.0)]);
        engine.flush().unwrap();
    }
    let parts = |bench: &Bench| -> Vec<PathBuf> {
        let files = bench.fs.files().into_iter();
        files
            .filter(|file| file.starts_with("/data/data") && file.extension().is_some_and(|e| e == "parquet"))
            .collect()
    };
    let found = parts(&bench);
    assert_eq!(found.len(), 4);
    bench = reborn(bench, engine, 1);
    // The tails of the first and the third part: they do not open.
    for damaged in [0, 2] {
        let len = bench.fs.content(&found[damaged]).unwrap().len() as u64;
        assert!(bench.fs.flip(&found[damaged], len - 20, 1));
    }
    for seed in 2..5 {
        engine = bench.open(Bench::options());
        let samples = all_samples(&engine, &TenantId::default());
        assert_eq!(
            samples["up{\"job\":\"a\"}"].len(),
            4 + (seed as usize - 2),
            "seed {seed}"
        );
        append(&engine, &[("a", at + 100 + seed as i64, 1.0)]);
        engine.flush().unwrap();
        bench = reborn(bench, engine, seed);
    }
    engine = bench.open(Bench::options());
    engine.compact().unwrap();
    let snapshot = engine.snapshot(&TenantId::default(), Signal::Metrics);
    assert_eq!(snapshot.rows(), 7, "each once");
}

/// Story: with the log's folder gone, numbers began at 1 again, below those of the parts, and replay took new rows for
/// rows that the parts cover.
#[test]
fn without_its_log_a_store_goes_on_above_its_parts() {
    let mut bench = Bench::new();
    let at = NOW_S * 1000;
    let engine = bench.open(Bench::options());
    for step in 0..3 {
        append(&engine, &[("a", at + step, 1.0)]);
    }
    engine.flush().unwrap();
    bench = reborn(bench, engine, 1);
    for file in bench.fs.files() {
        if file.starts_with("/data/wal") {
            bench.fs.remove_file(&file).unwrap();
        }
    }
    bench.fs.sync_dir(Path::new("/data/wal")).unwrap();
    let engine = bench.open(Bench::options());
    append(&engine, &[("a", at + 10, 1.0)]);
    bench = reborn(bench, engine, 2);
    let engine = bench.open(Bench::options());
    assert_eq!(all_samples(&engine, &TenantId::default())["up{\"job\":\"a\"}"].len(), 4);
}

#[test]
fn metadata_and_exemplars_survive_flush_and_restart() {
    let mut bench = Bench::new();
    let tenant = TenantId::default();
    let mut engine = bench.open(Bench::options());
    let send = |engine: &Engine, at: i64| {
        let mut batch = engine.metrics_batch(&tenant).unwrap();
        let slot = batch.series(1, |labels| {
            labels.metric("latency");
            Ok(())
        });
        batch.sample(slot, at, 1.0, 0, Temporality::Unspecified);
        batch.metadata("latency", crate::metadata::MetricKind::Gauge, "s", "How long it took.");
        let exemplar = crate::batch::ExemplarRow {
            timestamp_ms: at,
            value: 0.5,
            trace_id: Some([7; 16]),
            span_id: None,
            attributes: "{}",
        };
        batch.exemplar(slot, &exemplar);
        engine.append_metrics(batch).unwrap();
    };
    for (round, flush) in [true, false, true].into_iter().enumerate() {
        send(&engine, NOW_S * 1000 + round as i64);
        if flush {
            engine.flush().unwrap();
        }
        bench = reborn(bench, engine, round as u64);
        engine = bench.open(Bench::options());
        assert_eq!(engine.exemplars(&tenant, &[], TimeRange::ALL).len(), round + 1);
        let metadata = engine.metadata(&tenant);
        assert_eq!((metadata.len(), metadata[0].unit.as_str()), (1, "s"));
    }
}
