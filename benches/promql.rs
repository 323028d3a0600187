//! Range and instant queries over parts: 10,000 series for an hour. Throughput in samples read.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a bench"
)]

#[path = "support/fleet.rs"]
mod fleet;

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use icecore::ids::TenantId;
use icecore::promql::{PromqlEngine, PromqlOptions, QueryLimits};
use icecore::{Engine, EngineOptions, remote_write};

const HOSTS: usize = 20;
const SERIES_PER_HOST: usize = 500;
const STEPS: i64 = 240;

fn promql(c: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let engine = Arc::new(Engine::open(folder.path(), EngineOptions::default()).unwrap());
    let tenant = TenantId::default();
    let first_ms = {
        use icecore::clock::{Clock, SystemClock};
        SystemClock.now().to_ms().0 - 2 * 3_600_000
    };
    for step in 0..STEPS {
        for host in 0..HOSTS {
            let body = fleet::scrape(host, SERIES_PER_HOST, step, first_ms);
            while {
                let mut batch = engine.metrics_batch(&tenant).unwrap();
                remote_write::decode(&body, &mut batch).unwrap();
                engine.append_metrics(batch).is_err()
            } {
                engine.flush().unwrap();
            }
        }
    }
    engine.flush().unwrap();
    engine.compact().unwrap();
    let promql = PromqlEngine::new(Arc::clone(&engine), PromqlOptions::default());
    let limits = QueryLimits::default();
    let end_ms = first_ms + STEPS * fleet::INTERVAL_S * 1_000;

    let mut group = c.benchmark_group("promql");
    group.sample_size(10);
    let one_metric = (HOSTS * fleet::SERIES_PER_METRIC) as u64 * STEPS as u64;
    for (name, query, samples) in [
        (
            "range/one_series",
            r#"rate(node_metric_001_total{instance="host-0003:9100",cpu="2"}[5m])"#,
            STEPS as u64,
        ),
        (
            "range/sum_rate_by_instance",
            "sum by (instance) (rate(node_metric_001_total[5m]))",
            one_metric,
        ),
        (
            "range/one_host",
            r#"{instance="host-0003:9100"}"#,
            SERIES_PER_HOST as u64 * STEPS as u64,
        ),
    ] {
        group.throughput(Throughput::Elements(samples));
        group.bench_function(BenchmarkId::new(name, format!("samples={samples}/steps=60")), |b| {
            b.iter(|| black_box(promql.range(&tenant, query, first_ms, end_ms, 60_000, &limits).unwrap()));
        });
    }
    group.throughput(Throughput::Elements((HOSTS * SERIES_PER_HOST) as u64));
    group.bench_function(BenchmarkId::new("instant/count_all", HOSTS * SERIES_PER_HOST), |b| {
        b.iter(|| {
            black_box(
                promql
                    .instant(&tenant, r#"count({__name__=~".+"})"#, end_ms, &limits)
                    .unwrap(),
            )
        });
    });
    group.finish();
}

criterion_group!(benches, promql);
criterion_main!(benches);
