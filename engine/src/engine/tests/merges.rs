//! Merges: few parts stay, answers stay, and damage is set aside instead of being merged.

use super::*;
use crate::part::PartError;

fn parts(engine: &Engine) -> usize {
    let snapshot = engine.snapshot(&TenantId::default(), Signal::Metrics);
    snapshot.partitions.iter().map(|partition| partition.parts.len()).sum()
}

#[test]
fn compact_leaves_one_part_a_window_with_the_same_rows_and_the_last_write() {
    let bench = Bench::new();
    let engine = bench.open(Bench::options());
    for step in 0..7 {
        let at = NOW_S * 1000;
        append(
            &engine,
            &[
                ("a", at + step, 1.0),
                ("b", at, step as f64),
                ("c", at - step * 86_400_000, 2.0),
            ],
        );
        engine.flush().unwrap();
    }
    append(&engine, &[("d", NOW_S * 1000, 1.0)]);
    let before = all_samples(&engine, &TenantId::default());
    engine.compact().unwrap();
    assert_eq!(all_samples(&engine, &TenantId::default()), before);
    assert_eq!(before["up{\"job\":\"b\"}"][&(NOW_S * 1000)], 6f64.to_bits());
    assert_eq!(parts(&engine), 7);
    let files = bench.fs.files();
    assert_eq!(
        files
            .iter()
            .filter(|file| file.extension().is_some_and(|e| e == "parquet"))
            .count(),
        7
    );
    drop(engine);
    let engine = bench.open(Bench::options());
    assert_eq!(all_samples(&engine, &TenantId::default()), before);
}

#[test]
fn a_merge_that_was_cut_before_its_inputs_went_is_finished_at_open() {
    let bench = Bench::new();
    let engine = bench.open(Bench::options());
    for step in 0..3 {
        append(&engine, &[("a", NOW_S * 1000 + step, 1.0)]);
        engine.flush().unwrap();
    }
    let pinned = engine.snapshot(&TenantId::default(), Signal::Metrics);
    engine.compact().unwrap();
    // The readers hold the inputs: their files are there when the process dies.
    let killed = Bench {
        fs: Arc::new(bench.fs.survivor(5)),
        clock: bench.clock.clone(),
    };
    drop(pinned);
    let again = killed.open(Bench::options());
    assert_eq!(parts(&again), 1);
    assert_eq!(again.stats().recovery.parts_removed, 3);
    assert_eq!(all_samples(&again, &TenantId::default())["up{\"job\":\"a\"}"].len(), 3);
}

/// The containing part is damaged: it is set aside, and those within it serve on.
#[test]
fn a_damaged_merge_result_gives_way_to_its_inputs() {
    let bench = Bench::new();
    let engine = bench.open(Bench::options());
    for step in 0..3 {
        append(&engine, &[("a", NOW_S * 1000 + step, 1.0)]);
        engine.flush().unwrap();
    }
    let pinned = engine.snapshot(&TenantId::default(), Signal::Metrics);
    engine.compact().unwrap();
    let merged = engine.snapshot(&TenantId::default(), Signal::Metrics).partitions[0].parts[0]
        .path()
        .to_owned();
    let killed = Bench {
        fs: Arc::new(bench.fs.survivor(5)),
        clock: bench.clock.clone(),
    };
    drop(pinned);
    assert!(killed.fs.flip(&merged, 100, 4));
    let again = killed.open(Bench::options());
    assert_eq!(parts(&again), 3);
    let recovery = again.stats().recovery;
    assert_eq!((recovery.files_quarantined, recovery.damage.len()), (1, 1));
    assert_eq!(all_samples(&again, &TenantId::default())["up{\"job\":\"a\"}"].len(), 3);
}

#[test]
fn damage_met_by_a_query_is_set_aside_and_the_rest_served() {
    let bench = Bench::new();
    let engine = bench.open(Bench::options());
    let tenant = TenantId::default();
    for day in 0..2 {
        append(&engine, &[("a", (NOW_S - day * 86_400) * 1000, 1.0)]);
        engine.flush().unwrap();
    }
    let snapshot = engine.snapshot(&tenant, Signal::Metrics);
    let part = &snapshot.partitions[0].parts[0];
    assert!(bench.fs.flip(part.path(), 100, 4));
    let error = part.read_verified(0..200).unwrap_err();
    assert!(matches!(error, PartError::Damaged { .. }));
    assert!(engine.report_damage(&error));
    assert!(!engine.report_damage(&error), "it is aside already");
    assert_eq!(all_samples(&engine, &tenant)["up{\"job\":\"a\"}"].len(), 1);
    let stats = engine.stats();
    assert_eq!(stats.quarantined.len(), 1);
    assert!(bench.fs.files().contains(&stats.quarantined[0].moved_to));
}
