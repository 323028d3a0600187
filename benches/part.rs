//! Parts of metrics: writing one as a flush does, merging several, opening, selecting and reading. One series has 8 samples
//! in a flushed part (two minutes of 15 s), as a busy head has.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a bench that cannot go on stops"
)]

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use icecore_engine::ids::{Signal, StoreId, TenantId};
use icecore_engine::labels::{LabelsBuilder, SeriesKey};
use icecore_engine::matcher::Matcher;
use icecore_engine::part::merge::merge_parts;
use icecore_engine::part::{MetricsPartWriter, Part, PartCache, PartMeta, PartOptions, SeriesRun};
use icecore_engine::schema::Temporality;
use icecore_engine::time::{DAY_S, TimeRange, Window};
use icecore_wal::Lsn;
use icecore_wal::fs::{Fs, OsFs};

/// Series of the parts, on 100 hosts.
const SERIES: usize = 20_000;
const HOSTS: usize = 100;
/// Samples of a series in a flushed part, and milliseconds between them.
const SAMPLES: usize = 8;
const INTERVAL_MS: i64 = 15_000;
/// Parts that are merged.
const PARTS: usize = 8;
const CACHE_BYTES: usize = 32 * 1024 * 1024;

struct Bench {
    dir: tempfile::TempDir,
    fs: Arc<dyn Fs>,
    cache: Arc<PartCache>,
    keys: Vec<SeriesKey>,
}

impl Bench {
    fn new() -> Bench {
        let mut labels = LabelsBuilder::default();
        let mut keys: Vec<SeriesKey> = (0..SERIES)
            .map(|series| {
                labels.clear();
                labels.metric(&format!("node_metric_{:03}_total", series / HOSTS));
                labels.label("instance", &format!("host-{:04}:9100", series % HOSTS));
                labels.label("job", "node");
                labels.label("region", ["eu-west-1", "us-east-1", "ap-south-1"][series % 3]);
                labels.finish().expect("a valid key")
            })
            .collect();
        keys.sort();
        Bench {
            dir: tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder in the build folder"),
            fs: Arc::new(OsFs),
            cache: PartCache::new(CACHE_BYTES, None),
            keys,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes flush number `number`: counters that grow by small whole numbers, every fifth one a fraction.
    fn write(&self, path: &Path, number: usize) {
        let meta = PartMeta {
            store: StoreId([1; 16]),
            tenant: TenantId::default(),
            signal: Signal::Metrics,
            window: Window::of(0, DAY_S),
            first_lsn: Lsn::new(10 * number as u64 + 1),
            last_lsn: Lsn::new(10 * number as u64 + 10),
        };
        let mut writer = MetricsPartWriter::create(&self.fs, path, meta, &PartOptions::default()).expect("a new file");
        let mut timestamps = [0; SAMPLES];
        let mut values = [0.0; SAMPLES];
        for (series, key) in self.keys.iter().enumerate() {
            for (i, (timestamp, value)) in timestamps.iter_mut().zip(&mut values).enumerate() {
                let at = number * SAMPLES + i;
                *timestamp = at as i64 * INTERVAL_MS + (series % HOSTS) as i64 * 37;
                let count = (at * (1 + series % 7) + at * at * series % 11) as f64;
                *value = if series % 5 == 0 { count / 3.0 } else { count };
            }
            let run = SeriesRun {
                timestamps: &timestamps,
                values: &values,
                start_timestamps: None,
                temporality: Temporality::Unspecified,
                histograms: None,
            };
            writer.series(0, key, run).expect("series in order");
        }
        writer.finish().expect("a whole part");
    }

    fn open(&self, path: &Path) -> Arc<Part> {
        Part::open(&self.fs, path, &self.cache).expect("a good part")
    }

    fn remove(&self, path: &Path) {
        self.fs.remove_file(path).expect("the file that was written");
    }
}

fn write(c: &mut Criterion) {
    let bench = Bench::new();
    let path = bench.path("written");
    let mut group = c.benchmark_group("part_write");
    group
        .sample_size(10)
        .throughput(Throughput::Elements((SERIES * SAMPLES) as u64));
    group.bench_function(
        BenchmarkId::from_parameter(format!("series={SERIES}/samples={SAMPLES}")),
        |b| {
            b.iter_batched(
                || (),
                |()| {
                    bench.write(&path, 0);
                    bench.remove(&path);
                },
                BatchSize::PerIteration,
            );
        },
    );
    group.finish();
}

fn merge_and_read(c: &mut Criterion) {
    let bench = Bench::new();
    let parts: Vec<Arc<Part>> = (0..PARTS)
        .map(|number| {
            let path = bench.path(&number.to_string());
            bench.write(&path, number);
            bench.open(&path)
        })
        .collect();
    let path = bench.path("merged");
    let merge = || merge_parts(&bench.fs, &parts, &path, &PartOptions::default()).expect("a merge");
    let rows = merge().rows;
    bench.remove(&path);
    let mut group = c.benchmark_group("part_merge");
    group.sample_size(10).throughput(Throughput::Elements(rows));
    group.bench_function(BenchmarkId::from_parameter(format!("parts={PARTS}")), |b| {
        b.iter(|| {
            merge();
            bench.remove(&path);
        });
    });
    group.finish();
    merge();
    read(c, &bench, &bench.open(&path));
}

fn read(c: &mut Criterion, bench: &Bench, part: &Arc<Part>) {
    let host = [Matcher::equal("instance", "host-0042:9100")];
    let one = [Matcher::equal("__name__", "node_metric_007_total"), host[0].clone()];
    let mut group = c.benchmark_group("part_read");
    group.bench_function("open", |b| b.iter(|| black_box(bench.open(part.path()))));
    for (name, matchers) in [("one_series", &one[..]), ("one_host", &host[..]), ("all", &[])] {
        let groups = part.select(matchers, TimeRange::ALL).expect("a good index");
        let rows: u64 = groups.iter().map(|group| u64::from(group.rows)).sum();
        group.throughput(Throughput::Elements(rows));
        group.bench_function(BenchmarkId::new("select", name), |b| {
            b.iter(|| black_box(part.select(matchers, TimeRange::ALL).expect("a good index")));
        });
        group.bench_function(BenchmarkId::new("sum", name), |b| {
            b.iter(|| {
                let mut sum = 0.0;
                part.read(&groups, TimeRange::ALL, &mut |_, chunk| {
                    sum += chunk.values.iter().sum::<f64>()
                })
                .expect("good pages");
                black_box(sum)
            });
        });
    }
    group.finish();
}

criterion_group!(benches, write, merge_and_read);
criterion_main!(benches);
