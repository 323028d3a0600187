//! Flush: a frozen head becomes a part. The order is what keeps every row exactly once over a crash at any point:
//! write and sync the part under `tmp/`, rename it into its partition, sync the folder, then let the part take the
//! head's place for readers in one step. Only after that may the log forget the rows.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::error::ArrowError;
use icecore_wal::fs::Fs;

use crate::budget::MemoryClass;
use crate::engine::core::Core;
use crate::head::{Head, HeadView};
use crate::ids::Signal;
use crate::layout::{PartitionFile, create_dir_durable};
use crate::part::{MetricsPartWriter, Part, PartError, PartMeta, PartOptions, RowsPartWriter, SeriesRun, sort_rows};
use crate::partition::SignalState;
use crate::time::TimeRange;

/// Why a flush, a merge or a drop did not happen. All of them are tried again.
#[derive(Debug, thiserror::Error)]
pub enum UpkeepError {
    /// The part could not be written or read back.
    #[error(transparent)]
    Part(#[from] PartError),
    /// The file system refused.
    #[error("{path}: {source}")]
    Io {
        /// Where.
        path: PathBuf,
        /// What it said.
        source: std::io::Error,
    },
    /// Arrow refused.
    #[error("rows of a head: {0}")]
    Arrow(#[from] ArrowError),
    /// The log refused.
    #[error(transparent)]
    Wal(#[from] icecore_wal::WalError),
}

/// Names the path of an error.
pub(crate) fn at(path: &Path) -> impl FnOnce(std::io::Error) -> UpkeepError + '_ {
    |source| UpkeepError::Io {
        path: path.to_owned(),
        source,
    }
}

impl Core {
    /// Flushes the frozen heads of a tenant's signal, oldest first; tells how many became parts.
    pub(crate) fn flush_frozen(&self, state: &SignalState) -> Result<usize, UpkeepError> {
        // One flush at a time: the heads of a partition become parts in LSN order, and memory is bounded.
        let _one_at_a_time = self.flushing.lock();
        let mut flushed = 0;
        while let Some(head) = state.next_frozen() {
            self.flush_head(state, &head)?;
            flushed += 1;
        }
        Ok(flushed)
    }

    fn flush_head(&self, state: &SignalState, head: &Arc<Head>) -> Result<(), UpkeepError> {
        let started = self.clock.now();
        let Some(view) = HeadView::of(head, &state.tenant) else {
            state.publish(head, None);
            return Ok(());
        };
        let mut memory = self.budget.reserve_none(MemoryClass::Flush);
        memory.grow_unchecked(head.size().bytes);
        let lsns = head.lsns();
        let tenant = state.tenant.id();
        let meta = PartMeta {
            store: self.store.id,
            tenant: tenant.clone(),
            signal: state.signal,
            window: head.window(),
            first_lsn: lsns.first,
            last_lsn: lsns.last,
        };
        let name = PartitionFile::Part(lsns).name();
        let tmp = self
            .layout
            .tmp()
            .join(format!("flush-{tenant}-{}-{}-{name}", state.signal, head.window()));
        remove_if_there(self.fs.as_ref(), &tmp)?;
        let written = match state.signal {
            Signal::Metrics => write_samples(&self.fs, &tmp, meta, &view),
            Signal::Logs | Signal::Traces => write_rows(&self.fs, &tmp, meta, &view),
        };
        let rows = match written {
            Ok(rows) => rows,
            Err(error) => {
                // What is half written is of no use; what cannot be removed now is removed at the next open.
                let _left = self.fs.remove_file(&tmp);
                return Err(error);
            }
        };
        self.sync_log()?;
        let dir = self.layout.partition(tenant, state.signal, head.window());
        let part = self.put_in_place(&tmp, &dir, &name)?;
        state.flushed(head);
        if !state.publish(head, Some(Arc::clone(&part))) {
            part.doom();
        }
        self.frozen_changed();
        self.counters
            .flushes
            .succeed(self.clock.now(), started, rows, part.bytes());
        Ok(())
    }

    /// Renames a finished part into its partition's folder, durably, and opens it.
    pub(crate) fn put_in_place(&self, tmp: &Path, dir: &Path, name: &str) -> Result<Arc<Part>, UpkeepError> {
        create_dir_durable(self.fs.as_ref(), self.layout.root(), dir).map_err(at(dir))?;
        let path = dir.join(name);
        self.fs.rename(tmp, &path).map_err(at(&path))?;
        self.fs.sync_dir(dir).map_err(at(dir))?;
        Ok(Part::open(&self.fs, &path, &self.cache)?)
    }
}

pub(crate) fn remove_if_there(fs: &dyn Fs, path: &Path) -> Result<(), UpkeepError> {
    if fs.exists(path).map_err(at(path))? {
        fs.remove_file(path).map_err(at(path))?;
    }
    Ok(())
}

/// Writes samples slice by slice, in each the series by key. Tells the rows.
fn write_samples(fs: &Arc<dyn Fs>, tmp: &Path, meta: PartMeta, view: &HeadView) -> Result<u64, UpkeepError> {
    let options = PartOptions {
        histograms: view.has_histograms(),
        ..PartOptions::default()
    };
    let slice_ms = options.slice_length_s.saturating_mul(1000);
    let time = view.time_range();
    let series = view.series();
    let expected = series.len();
    let mut keys = view.keys(series);
    if keys.len() != expected {
        // Better a head that stays than rows without their labels.
        let unnamed = expected - keys.len();
        return Err(PartError::InvalidRows(format!("{unnamed} series of a head have no labels")).into());
    }
    keys.sort_unstable_by(|a, b| a.1.cmp(&b.1));
    let mut writer = MetricsPartWriter::create(fs, tmp, meta, &options)?;
    let mut reader = view.reader();
    let mut slice = time.start.div_euclid(slice_ms);
    while slice <= time.end.div_euclid(slice_ms) {
        let start = slice.saturating_mul(slice_ms);
        let range = TimeRange::new(start, start.saturating_add(slice_ms - 1));
        for (series, key) in &keys {
            let samples = reader.fill(*series, range);
            if samples.is_empty() {
                continue;
            }
            let chunk = samples.chunk();
            let run = SeriesRun {
                timestamps: chunk.timestamps,
                values: chunk.values,
                start_timestamps: chunk.start_timestamps,
                temporality: chunk.temporality,
                histograms: chunk.histograms,
            };
            writer.series(start / 1000, key, run)?;
        }
        slice += 1;
    }
    Ok(writer.finish()?.rows)
}

/// Writes log records or spans in the part's order. Tells the rows.
fn write_rows(fs: &Arc<dyn Fs>, tmp: &Path, meta: PartMeta, view: &HeadView) -> Result<u64, UpkeepError> {
    let options = PartOptions::default();
    let signal = meta.signal;
    let batches = view.batches(TimeRange::ALL)?;
    let sorted = sort_rows(signal, options.slice_length_s, &batches)?;
    drop(batches);
    let mut writer = RowsPartWriter::create(fs, tmp, meta, &options)?;
    for batch in &sorted {
        writer.batch(batch)?;
    }
    Ok(writer.finish()?.rows)
}
