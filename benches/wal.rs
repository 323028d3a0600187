//! The log: appends by policy, size and number of callers, and replay. The files lie in the build folder, on whatever disk
//! that is; the figures of `every_commit` are its fsyncs.

#![allow(clippy::expect_used, reason = "a bench that cannot go on stops")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use icecore_wal::fs::OsFs;
use icecore_wal::{Record, Recovery, SyncPolicy, Wal, WalError, WalOptions};

/// A folder that goes away with the measurement.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Folder {
        Folder(tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder in the build folder"))
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("wal")
    }
}

fn open(path: &Path, sync: SyncPolicy) -> Result<Wal<()>, WalError> {
    let options = WalOptions {
        sync,
        ..WalOptions::new(*b"bench of the log")
    };
    let mut recovery = Recovery::open(Arc::new(OsFs), path, options)?;
    recovery.replay(&mut |_| Ok(()))?;
    recovery.start(|_, _, bytes| bytes.extend_from_slice(&[b'd'; 100]), |_, ()| {})
}

fn record(body: &Bytes, refs: u32) -> Record<()> {
    Record {
        body: vec![body.clone()],
        lane: 0,
        space: 0,
        refs: (0..refs).collect(),
        attachment: (),
    }
}

/// Appends `count` records from `callers` threads, each of which waits for its acknowledgement before the next.
fn append_all(wal: &Wal<()>, body: &Bytes, callers: u64, count: u64) {
    std::thread::scope(|scope| {
        for caller in 0..callers {
            let own = count / callers + u64::from(caller < count % callers);
            scope.spawn(move || {
                for _ in 0..own {
                    let ticket = wal
                        .append(record(body, 0))
                        .expect("the queue has room for every caller");
                    ticket.wait().expect("an acknowledgement");
                }
            });
        }
    });
}

fn append(criterion: &mut Criterion) {
    let policies = [
        ("every_commit", SyncPolicy::EveryCommit),
        ("every_100ms", SyncPolicy::Every(Duration::from_millis(100))),
        ("os", SyncPolicy::Os),
    ];
    let mut group = criterion.benchmark_group("append");
    group.sample_size(10).measurement_time(Duration::from_secs(3));
    for (name, sync) in policies {
        for callers in [1, 16] {
            for body_bytes in [1 << 10, 64 << 10] {
                let folder = Folder::new();
                let wal = open(&folder.path(), sync).expect("a fresh log");
                let body = Bytes::from(vec![7; body_bytes]);
                group.throughput(Throughput::Bytes(body_bytes as u64));
                let id = BenchmarkId::from_parameter(format!("sync={name}/callers={callers}/body_bytes={body_bytes}"));
                group.bench_function(id, |bencher| {
                    bencher.iter_custom(|count| {
                        let start = std::time::Instant::now();
                        append_all(&wal, &body, callers, count);
                        let elapsed = start.elapsed();
                        // Old segments go, so that a long run does not fill the disk.
                        wal.truncate_below(wal.stats().next_lsn).expect("room");
                        elapsed
                    });
                });
                wal.close().expect("a clean end");
            }
        }
    }
    group.finish();
}

/// What a new segment costs a record that uses many series: all their definitions again.
fn definitions(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("first_record_of_segment");
    group.sample_size(10);
    for refs in [1_000, 100_000] {
        let folder = Folder::new();
        let wal = open(&folder.path(), SyncPolicy::Os).expect("a fresh log");
        let body = Bytes::from(vec![7; 1 << 10]);
        group.throughput(Throughput::Elements(u64::from(refs)));
        group.bench_function(BenchmarkId::from_parameter(format!("refs={refs}")), |bencher| {
            bencher.iter_custom(|count| {
                let mut elapsed = Duration::ZERO;
                for _ in 0..count {
                    let first = wal.rotate().expect("a new segment");
                    wal.truncate_below(first).expect("room");
                    let start = std::time::Instant::now();
                    let ticket = wal.append(record(&body, refs)).expect("the queue has room");
                    ticket.wait().expect("an acknowledgement");
                    elapsed += start.elapsed();
                }
                elapsed
            });
        });
        wal.close().expect("a clean end");
    }
    group.finish();
}

fn replay(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("replay");
    group.sample_size(10);
    for body_bytes in [256, 16 << 10] {
        let folder = Folder::new();
        let wal = open(&folder.path(), SyncPolicy::Os).expect("a fresh log");
        let body = Bytes::from(vec![7; body_bytes]);
        // 32 MiB, or what fits the queue at once when run as a test.
        for _ in 0..(32 << 20) / (body_bytes * 1024) {
            let tickets: Vec<_> = (0..1024).filter_map(|_| wal.append(record(&body, 0)).ok()).collect();
            for ticket in tickets {
                ticket.wait().expect("an acknowledgement");
            }
        }
        let written = wal.stats().written_bytes;
        wal.close().expect("a clean end");
        group.throughput(Throughput::Bytes(written));
        group.bench_function(
            BenchmarkId::from_parameter(format!("body_bytes={body_bytes}")),
            |bencher| {
                bencher.iter(|| {
                    let options = WalOptions::new(*b"bench of the log");
                    let mut recovery = Recovery::open(Arc::new(OsFs), &folder.path(), options).expect("the log");
                    recovery.replay(&mut |_| Ok(())).expect("a whole log").records
                });
            },
        );
    }
    group.finish();
}

criterion_group!(benches, append, definitions, replay);
criterion_main!(benches);
