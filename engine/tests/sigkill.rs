#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]
//! A process that ingests is killed ten times in a row; each time every row it had acknowledged is there exactly once,
//! and none that was never sent.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use icecore_engine::clock::{Clock as _, SystemClock};
use icecore_engine::ids::{Signal, TenantId};
use icecore_engine::schema::Temporality;
use icecore_engine::time::TimeRange;
use icecore_engine::{Engine, EngineOptions};

const KILLS: u64 = 10;
/// Names the folder to a process that is to ingest until it is killed.
const CHILD: &str = "ICECORE_TEST_SIGKILL_CHILD";
/// Its number, from 0 on.
const NUMBER: &str = "ICECORE_TEST_SIGKILL_NUMBER";
const ROWS: i64 = 20;

fn options() -> EngineOptions {
    EngineOptions {
        memory_bytes_max: 32 << 20,
        series_max: 20,
        ..EngineOptions::default()
    }
}

/// Ingests for ever, and says each request's number once it is acknowledged. Started by the test below.
#[test]
fn ingest_until_killed() {
    let Some(folder) = std::env::var_os(CHILD) else {
        return;
    };
    let engine = Engine::open(Path::new(&folder), options()).unwrap();
    // Each process has a stretch of time of its own, a little before now.
    let number: i64 = std::env::var(NUMBER).unwrap().parse().unwrap();
    let start = SystemClock.now().to_ms().0 - (KILLS as i64 - number) * 60_000;
    let mut out = std::io::stdout().lock();
    for request in 0.. {
        let mut batch = engine.metrics_batch(&TenantId::default()).unwrap();
        // Twice as many series as may be active: the first twenty go on, the others are refused, after each restart too.
        for series in 0..2 * ROWS {
            let slot = batch.series(series as u128 + 1, |labels| {
                labels.metric("m");
                labels.label("series", &series.to_string());
                Ok(())
            });
            batch.sample(slot, start + request, request as f64, 0, Temporality::Unspecified);
        }
        match engine.append_metrics(batch) {
            Ok(outcome) => {
                assert_eq!(outcome.stored, ROWS as u64);
                writeln!(out, "acknowledged {}", start + request).unwrap();
                out.flush().unwrap();
            }
            Err(error) => assert!(error.retry_after_ms().is_some(), "{error}"),
        }
        if request % 50 == 49 {
            engine.flush().unwrap();
        }
        if request % 200 == 199 {
            engine.compact().unwrap();
        }
    }
}

/// How many rows each time has, and in how many sources each row lies.
fn read(engine: &Engine) -> BTreeMap<i64, i64> {
    let mut rows: BTreeMap<i64, i64> = BTreeMap::new();
    for partition in engine.snapshot(&TenantId::default(), Signal::Metrics).partitions {
        for part in &partition.parts {
            let groups = part.select(&[], TimeRange::ALL).unwrap();
            part.read(&groups, TimeRange::ALL, &mut |_, chunk| {
                chunk
                    .timestamps
                    .iter()
                    .for_each(|at| *rows.entry(*at).or_default() += 1);
            })
            .unwrap();
        }
        for head in &partition.heads {
            for series in head.refs_matching(&[]) {
                head.read(series, TimeRange::ALL, &mut |chunk| {
                    chunk
                        .timestamps
                        .iter()
                        .for_each(|at| *rows.entry(*at).or_default() += 1);
                });
            }
        }
    }
    rows
}

#[test]
fn nothing_acknowledged_is_lost_or_doubled_by_ten_kills() {
    if std::env::var_os(CHILD).is_some() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged = Vec::new();
    for kill in 0..KILLS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["ingest_until_killed", "--exact", "--nocapture"])
            .env(CHILD, folder.path())
            .env(NUMBER, kill.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut heard = 0;
        for line in lines {
            let Some(at) = line
                .unwrap()
                .strip_prefix("acknowledged ")
                .map(|at| at.parse::<i64>().unwrap())
            else {
                continue;
            };
            acknowledged.push(at);
            heard += 1;
            if heard == 30 + kill * 37 {
                // What is in the pipe already is acknowledged too: it is read before the loop ends.
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        let engine = Engine::open(folder.path(), options()).unwrap();
        let rows = read(&engine);
        for at in &acknowledged {
            assert_eq!(rows.get(at), Some(&ROWS), "after kill {kill}, at {at}");
        }
        assert!(
            rows.values().all(|rows| *rows == ROWS),
            "a request is there in part, or twice"
        );
        // The last request may have been durable when its acknowledgement was cut off: one for each kill at most.
        assert!(
            rows.len() as u64 <= acknowledged.len() as u64 + kill + 1,
            "rows that nobody sent"
        );
        assert_eq!(engine.stats().tenants[0].active_series, ROWS as u64);
    }
}
