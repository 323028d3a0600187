#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]
//! Writers, readers, the flusher and the merger at once, on a real disk: at every moment a reader finds each acknowledged
//! row exactly once, in a head or in a part.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use icecore_engine::clock::{Clock as _, SystemClock};
use icecore_engine::ids::{Signal, TenantId};
use icecore_engine::schema::Temporality;
use icecore_engine::time::TimeRange;
use icecore_engine::{Engine, EngineOptions};

const WRITERS: i64 = 3;
const REQUESTS: i64 = 150;
const ROWS: i64 = 400;

/// One request of rows whose times are all their own.
fn send(engine: &Engine, writer: i64, request: i64, start_ms: i64) {
    loop {
        let sent = engine.metrics_batch(&TenantId::default()).and_then(|mut batch| {
            for row in 0..ROWS {
                let series = row % 50;
                let key = (writer * 1000 + series) as u128 + 1;
                let slot = batch.series(key, |labels| {
                    labels.metric("m");
                    labels.label("writer", &writer.to_string());
                    labels.label("series", &series.to_string());
                    Ok(())
                });
                let at = start_ms + request * 10 + row / 50;
                batch.sample(slot, at, row as f64, 0, Temporality::Unspecified);
            }
            engine.append_metrics(batch)
        });
        match sent {
            Ok(outcome) => {
                assert_eq!(outcome.stored, ROWS as u64);
                return;
            }
            Err(error) => assert!(error.retry_after_ms().is_some(), "{error}"),
        }
        std::thread::yield_now();
    }
}

/// All rows of a snapshot; panics when one is there twice.
fn read(engine: &Engine) -> usize {
    let mut seen = BTreeSet::new();
    let mut add = |key: String, at: i64| assert!(seen.insert((key.clone(), at)), "{key} at {at} twice");
    for partition in engine.snapshot(&TenantId::default(), Signal::Metrics).partitions {
        for part in &partition.parts {
            let groups = part.select(&[], TimeRange::ALL).unwrap();
            part.read(&groups, TimeRange::ALL, &mut |group, chunk| {
                for at in chunk.timestamps {
                    add(format!("{:?}", groups[group].key), *at);
                }
            })
            .unwrap();
        }
        for head in &partition.heads {
            for series in head.refs_matching(&[]) {
                let key = format!("{:?}", head.key(series).unwrap());
                head.read(series, TimeRange::ALL, &mut |chunk| {
                    for at in chunk.timestamps {
                        add(key.clone(), *at);
                    }
                });
            }
        }
    }
    seen.len()
}

#[test]
fn readers_find_every_acknowledged_row_once_while_heads_become_parts() {
    let folder = tempfile::tempdir().unwrap();
    let options = EngineOptions {
        memory_bytes_max: 32 << 20,
        ..EngineOptions::default()
    };
    let engine = Arc::new(Engine::open(folder.path(), options.clone()).unwrap());
    let start_ms = SystemClock.now().to_ms().0 - 3_600_000;
    let acknowledged = Arc::new(AtomicI64::new(0));
    let done = Arc::new(AtomicBool::new(false));
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let (engine, acknowledged) = (Arc::clone(&engine), Arc::clone(&acknowledged));
                scope.spawn(move || {
                    for request in 0..REQUESTS {
                        send(&engine, writer, request, start_ms);
                        acknowledged.fetch_add(ROWS, Ordering::SeqCst);
                    }
                })
            })
            .collect();
        let upkeep = {
            let (engine, done) = (Arc::clone(&engine), Arc::clone(&done));
            scope.spawn(move || {
                let mut turn = 0;
                while !done.load(Ordering::SeqCst) {
                    turn += 1;
                    if turn % 4 == 0 {
                        engine.compact().unwrap();
                    } else {
                        engine.flush().unwrap();
                    }
                }
            })
        };
        let reader = {
            let (engine, done, acknowledged) = (Arc::clone(&engine), Arc::clone(&done), Arc::clone(&acknowledged));
            scope.spawn(move || {
                while !done.load(Ordering::SeqCst) {
                    let before = acknowledged.load(Ordering::SeqCst);
                    let found = read(&engine) as i64;
                    assert!(found >= before, "{found} rows found of {before} acknowledged");
                }
            })
        };
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        done.store(true, Ordering::SeqCst);
        upkeep.join().unwrap();
        reader.join().unwrap();
    });
    let rows = (WRITERS * REQUESTS * ROWS) as usize;
    assert_eq!(read(&engine), rows);
    let engine = Arc::into_inner(engine).unwrap();
    engine.close().unwrap();
    drop(engine);
    let engine = Engine::open(folder.path(), options).unwrap();
    assert_eq!(read(&engine), rows);
    assert_eq!(engine.stats().tenants[0].active_series, 150);
}
