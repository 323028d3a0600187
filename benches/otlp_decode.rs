//! OTLP and remote-write bodies into batches, beside what prost takes to decode the same bytes into its own messages. The
//! series are known, as they are to a server that has seen one scrape. One thread; throughput in items.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    missing_docs,
    unreachable_pub,
    reason = "a bench"
)]

#[path = "support/fleet.rs"]
mod fleet;
#[path = "support/otlp.rs"]
mod otlp_bodies;

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use icecore::clock::{Clock, SystemClock};
use icecore::ids::TenantId;
use icecore::translate::Translation;
use icecore::{Engine, EngineOptions, otlp, remote_write};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;

const ITEMS: usize = 5_000;

fn engine() -> (tempfile::TempDir, Engine) {
    let folder = tempfile::tempdir().unwrap();
    let engine = Engine::open(folder.path(), EngineOptions::default()).unwrap();
    (folder, engine)
}

fn now_ns() -> u64 {
    SystemClock.now().0.unsigned_abs()
}

fn prost_decode<M: Message + Default>(c: &mut Criterion, what: &str, body: &[u8]) {
    let mut group = c.benchmark_group("otlp_decode");
    group.throughput(Throughput::Elements(ITEMS as u64));
    group.bench_function(BenchmarkId::new(what, "decoder=prost"), |b| {
        b.iter(|| black_box(M::decode(black_box(body)).unwrap()));
    });
    group.finish();
}

fn metrics(c: &mut Criterion) {
    let (_folder, engine) = engine();
    let tenant = TenantId::default();
    let translation = Translation::default();
    for (what, body) in [
        ("gauges_and_sums", otlp_bodies::numbers(ITEMS, now_ns())),
        ("histograms", otlp_bodies::histograms(ITEMS, now_ns())),
    ] {
        let mut batch = engine.metrics_batch(&tenant).unwrap();
        otlp::metrics::decode(&body, &mut batch, &translation).unwrap();
        engine.append_metrics(batch).unwrap();
        let mut group = c.benchmark_group("otlp_decode");
        group.throughput(Throughput::Elements(ITEMS as u64));
        group.bench_function(BenchmarkId::new(what, "decoder=icecore"), |b| {
            b.iter(|| {
                let mut batch = engine.metrics_batch(&tenant).unwrap();
                otlp::metrics::decode(black_box(&body), &mut batch, &translation).unwrap();
                batch
            });
        });
        group.finish();
        prost_decode::<ExportMetricsServiceRequest>(c, what, &body);
    }
}

fn samples(c: &mut Criterion) {
    let (_folder, engine) = engine();
    let tenant = TenantId::default();
    let body = fleet::scrape(0, ITEMS, 1, i64::try_from(now_ns() / 1_000_000).unwrap() - 60_000);
    let mut batch = engine.metrics_batch(&tenant).unwrap();
    remote_write::decode(&body, &mut batch).unwrap();
    engine.append_metrics(batch).unwrap();
    let mut group = c.benchmark_group("otlp_decode");
    group.throughput(Throughput::Elements(ITEMS as u64));
    group.bench_function(BenchmarkId::new("remote_write", "decoder=icecore"), |b| {
        b.iter(|| {
            let mut batch = engine.metrics_batch(&tenant).unwrap();
            remote_write::decode(black_box(&body), &mut batch).unwrap();
            batch
        });
    });
    group.finish();
    prost_decode::<fleet::WriteRequest>(c, "remote_write", &body);
}

fn rows(c: &mut Criterion) {
    let (_folder, engine) = engine();
    let tenant = TenantId::default();
    let logs = otlp_bodies::logs(ITEMS, now_ns());
    let spans = otlp_bodies::spans(ITEMS, now_ns());
    let mut group = c.benchmark_group("otlp_decode");
    group.throughput(Throughput::Elements(ITEMS as u64));
    group.bench_function(BenchmarkId::new("logs", "decoder=icecore"), |b| {
        b.iter(|| {
            let mut batch = engine.logs_batch(&tenant).unwrap();
            otlp::logs::decode(black_box(&logs), &mut batch).unwrap();
            batch
        });
    });
    group.bench_function(BenchmarkId::new("spans", "decoder=icecore"), |b| {
        b.iter(|| {
            let mut batch = engine.spans_batch(&tenant).unwrap();
            otlp::traces::decode(black_box(&spans), &mut batch).unwrap();
            batch
        });
    });
    group.finish();
    prost_decode::<ExportLogsServiceRequest>(c, "logs", &logs);
    prost_decode::<ExportTraceServiceRequest>(c, "spans", &spans);
}

criterion_group!(benches, metrics, samples, rows);
criterion_main!(benches);
