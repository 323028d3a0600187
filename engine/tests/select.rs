//! What the select layer gives of a snapshot equals a map of last writes, wherever the rows lie and in however many runs
//! they are read.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use std::collections::BTreeMap;
use std::sync::Arc;

use icecore_engine::clock::ManualClock;
use icecore_engine::engine::Engine;
use icecore_engine::fs::OsFs;
use icecore_engine::ids::{Signal, TenantId};
use icecore_engine::matcher::Matcher;
use icecore_engine::options::EngineOptions;
use icecore_engine::schema::Temporality;
use icecore_engine::select::SeriesSet;
use icecore_engine::time::{TimeRange, TimestampMs};
use proptest::prelude::*;

const HOUR_MS: i64 = 3_600_000;
const START_MS: i64 = 1_800_000_000_000;

/// (series, time in minutes from the start, value); samples over three days, so in several windows and slices.
type Row = (u8, i64, f64);

fn engine(folder: &std::path::Path) -> Engine {
    let clock = Arc::new(ManualClock::new(TimestampMs(START_MS + 73 * HOUR_MS).to_ns()));
    let options = EngineOptions {
        background: false,
        ..EngineOptions::default()
    };
    Engine::open_with(Arc::new(OsFs), clock, folder, options).unwrap()
}

fn append(engine: &Engine, tenant: &TenantId, rows: &[Row]) {
    let mut batch = engine.metrics_batch(tenant).unwrap();
    for (series, minute, value) in rows {
        let slot = batch.series(u128::from(*series) + 1, |labels| {
            labels.metric(if series % 2 == 0 { "even" } else { "odd" });
            labels.label("i", &format!("{series}"));
            Ok(())
        });
        batch.sample(slot, START_MS + minute * 60_000, *value, 0, Temporality::Unspecified);
    }
    assert!(engine.append_metrics(batch).unwrap().rejected.is_empty());
}

fn read(set: &SeriesSet, range: TimeRange, run: usize) -> BTreeMap<(String, i64), f64> {
    let mut found = BTreeMap::new();
    let mut first = 0;
    while first < set.len() {
        let last = (first + run).min(set.len());
        let mut latest: BTreeMap<usize, i64> = BTreeMap::new();
        set.read(first..last, range, &mut |series, chunk| {
            for (time, value) in chunk.timestamps.iter().zip(chunk.values) {
                assert!((first..last).contains(&series) && range.contains(*time));
                let before = latest.insert(series, *time);
                assert!(
                    before.is_none_or(|before| before < *time),
                    "samples come in time order, each once"
                );
                found.insert((format!("{:?}", set.key(series)), *time), *value);
            }
        })
        .unwrap();
        first = last;
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_last_write_of_every_sample_is_read_once(
        appends in prop::collection::vec(
            (prop::collection::vec((0u8..9, 0i64..4_300, 0.0..9.0f64), 1..60), prop::sample::select(vec!["", "flush", "compact"])),
            1..7,
        ),
        window in (0i64..4_300, 0i64..4_300),
        run in 1usize..10,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let engine = engine(folder.path());
        let tenant: TenantId = "default".parse().unwrap();
        let mut model: BTreeMap<(u8, i64), f64> = BTreeMap::new();
        for (rows, then) in &appends {
            append(&engine, &tenant, rows);
            model.extend(rows.iter().map(|(series, minute, value)| ((*series, START_MS + minute * 60_000), *value)));
            match *then {
                "flush" => engine.flush().unwrap(),
                "compact" => engine.compact().unwrap(),
                _ => {}
            }
        }
        let snapshot = engine.snapshot(&tenant, Signal::Metrics);
        let (start, end) = (window.0.min(window.1), window.0.max(window.1));
        let range = TimeRange::new(START_MS + start * 60_000, START_MS + end * 60_000);
        let matchers = [Matcher::equal("__name__", "even")];
        let set = SeriesSet::of(&snapshot, &matchers, range).unwrap();
        prop_assert!(set.keys().is_sorted());
        let expected: BTreeMap<(String, i64), f64> = model
            .into_iter()
            .filter(|((series, time), _)| series % 2 == 0 && range.contains(*time))
            .map(|((series, time), value)| ((format!("even{{\"i\":\"{series}\"}}"), time), value))
            .collect();
        prop_assert_eq!(read(&set, range, run), expected);
    }
}
