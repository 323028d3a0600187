//! Parts as their callers see them: what was written comes back, whatever is asked, and damage is never an answer.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "tests"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use icecore_wal::Lsn;
use icecore_wal::fs::{Fs, OsFs};

use super::*;
use crate::histogram::NativeHistogram;
use crate::ids::{Signal, StoreId, TenantId};
use crate::labels::{LabelsBuilder, SeriesKey};
use crate::schema::Temporality;
use crate::time::{DAY_S, Window};

mod damage;
mod merge;
mod metrics;
mod page;
mod rows;

/// A folder for parts, removed at the end.
pub(super) struct Folder {
    _dir: tempfile::TempDir,
    pub(super) path: PathBuf,
    pub(super) fs: Arc<dyn Fs>,
    pub(super) cache: Arc<PartCache>,
}

impl Folder {
    pub(super) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self {
            path: dir.path().to_owned(),
            _dir: dir,
            fs: Arc::new(OsFs),
            cache: PartCache::new(8 * 1024 * 1024, None),
        }
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    pub(super) fn open(&self, path: &Path) -> Arc<Part> {
        Part::open(&self.fs, path, &self.cache).unwrap()
    }
}

pub(super) fn meta(signal: Signal) -> PartMeta {
    PartMeta {
        store: StoreId([7; 16]),
        tenant: TenantId::default(),
        signal,
        window: Window::of(0, DAY_S),
        first_lsn: Lsn::new(3),
        last_lsn: Lsn::new(9),
    }
}

pub(super) fn series_key(metric: &str, labels: &[(&str, &str)]) -> SeriesKey {
    let mut builder = LabelsBuilder::default();
    builder.metric(metric);
    for (name, value) in labels {
        builder.label(name, value);
    }
    builder.finish().unwrap()
}

/// One sample as a test sees it; a value's bits, so that NaN equals itself.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sample {
    pub(super) timestamp: i64,
    pub(super) bits: u64,
    pub(super) start: i64,
    pub(super) histogram: Option<NativeHistogram>,
}

/// All samples of one series in one slice.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Run {
    pub(super) temporality: Temporality,
    pub(super) samples: Vec<Sample>,
}

/// (slice, key) to its run: what a part of metrics holds.
pub(super) type Model = BTreeMap<(i64, SeriesKey), Run>;

pub(super) fn write_metrics(
    folder: &Folder,
    name: &str,
    meta: PartMeta,
    model: &Model,
    options: &PartOptions,
) -> PathBuf {
    let path = folder.file(name);
    let mut writer = MetricsPartWriter::create(&folder.fs, &path, meta, options).unwrap();
    for ((slice, key), run) in model {
        let timestamps: Vec<i64> = run.samples.iter().map(|sample| sample.timestamp).collect();
        let values: Vec<f64> = run.samples.iter().map(|sample| f64::from_bits(sample.bits)).collect();
        let starts: Vec<i64> = run.samples.iter().map(|sample| sample.start).collect();
        let histograms: Vec<_> = run.samples.iter().map(|sample| sample.histogram.clone()).collect();
        let run = SeriesRun {
            timestamps: &timestamps,
            values: &values,
            start_timestamps: starts.iter().any(|start| *start != 0).then_some(&starts),
            temporality: run.temporality,
            histograms: histograms.iter().any(Option::is_some).then_some(&histograms),
        };
        writer.series(*slice, key, run).unwrap();
    }
    let summary = writer.finish().unwrap();
    assert_eq!(
        summary.rows,
        model.values().map(|run| run.samples.len() as u64).sum::<u64>()
    );
    assert_eq!(summary.bytes, std::fs::metadata(&path).unwrap().len());
    path
}

/// Everything that a part of metrics says it holds, read with all columns.
pub(super) fn read_model(part: &Arc<Part>) -> Result<Model, PartError> {
    let groups = part.select(&[], crate::time::TimeRange::ALL)?;
    let slice_ms = part.slice_length_s() * 1_000;
    let mut model = Model::new();
    part.read_columns(
        &groups,
        crate::time::TimeRange::ALL,
        ReadColumns::ALL,
        &mut |place, chunk| {
            let group = &groups[place];
            let slice = group.min.div_euclid(slice_ms) * part.slice_length_s();
            let run = model.entry((slice, group.key.clone())).or_default();
            run.temporality = chunk.temporality;
            for i in 0..chunk.timestamps.len() {
                let histogram = chunk.histograms.and_then(|all| all[i].clone());
                let is_histogram = histogram.is_some();
                run.samples.push(Sample {
                    timestamp: chunk.timestamps[i],
                    bits: if is_histogram { 0 } else { chunk.values[i].to_bits() },
                    start: chunk.start_timestamps.map_or(0, |starts| starts[i]),
                    histogram,
                });
            }
        },
    )?;
    Ok(model)
}
