//! Remote write from bytes to acknowledged: decoding, admission, the log with an fdatasync a group, the head. One thread;
//! throughput in samples.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a bench"
)]

#[path = "support/fleet.rs"]
mod fleet;

use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use icecore::ids::TenantId;
use icecore::{Engine, EngineOptions, remote_write};

const SERIES_PER_HOST: usize = 500;
const HOSTS: usize = 10;

fn now_ms() -> i64 {
    use icecore::clock::{Clock, SystemClock};
    SystemClock.now().to_ms().0
}

fn remote_write_to_ack(c: &mut Criterion) {
    let mut group = c.benchmark_group("ingest");
    group.sample_size(10);
    let samples = HOSTS * SERIES_PER_HOST;
    group.throughput(Throughput::Elements(samples as u64));
    let id = BenchmarkId::new("remote_write", format!("sync=every_commit/series={samples}"));
    group.bench_function(id, |b| {
        let folder = tempfile::tempdir().unwrap();
        let engine = Engine::open(folder.path(), EngineOptions::default()).unwrap();
        let tenant = TenantId::default();
        let first_ms = now_ms() - 3_600_000;
        let mut step = 0;
        b.iter_custom(|iterations| {
            let mut spent = Duration::ZERO;
            for _ in 0..iterations {
                step = (step + 1) % 240;
                let bodies: Vec<_> = (0..HOSTS)
                    .map(|host| fleet::scrape(host, SERIES_PER_HOST, step, first_ms))
                    .collect();
                let started = Instant::now();
                for body in &bodies {
                    // A full head is flushed beside us: wait as a sender would, and count the wait.
                    loop {
                        let mut batch = engine.metrics_batch(&tenant).unwrap();
                        remote_write::decode(body, &mut batch).unwrap();
                        match engine.append_metrics(batch) {
                            Ok(_) => break,
                            Err(error) => {
                                let wait_ms = error.retry_after_ms().expect("only backpressure");
                                std::thread::sleep(Duration::from_millis(wait_ms.min(20)));
                            }
                        }
                    }
                }
                spent += started.elapsed();
            }
            spent
        });
        engine.close().unwrap();
    });
    group.finish();
}

criterion_group!(benches, remote_write_to_ack);
criterion_main!(benches);
