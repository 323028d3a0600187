//! Admission: decides row by row, before the log, what of a batch is stored; replay never decides again.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::claim::{Admitting, Claimed, Table};
use super::{Counting, Tenant};
use crate::batch::{MetricsBatch, MetricsParts, add_note};
use crate::budget::Reservation;
use crate::ids::Signal;
use crate::ledger::Entry;
use crate::limiter::{Claim, StartTimes, hour_of};
use crate::metadata::{Exemplar, MetricMetadata};
use crate::outcome::{AppendError, Outcome};
use crate::reason::{Reason, Rejections};
use crate::record::{MetricColumns, MetricRows};
use crate::schema::Temporality;
use crate::time::Window;

/// The rows of a batch that lie in one window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WindowRows {
    /// The window.
    pub window: Window,
    /// Ascending ranges of row numbers; almost always one range of all rows.
    pub rows: Vec<Range<u32>>,
}

/// A batch of samples that may be stored: the record, and what heads need to link it.
#[derive(Debug)]
pub struct AdmittedMetrics {
    /// The record's body. Empty rows make no record: confirm at once.
    pub body: Vec<Bytes>,
    /// The distinct series of the rows.
    pub refs: Vec<u32>,
    /// The rows, sharing memory with `body`.
    pub rows: MetricRows,
    /// Which rows go to which partition, in order of the windows.
    pub windows: Vec<WindowRows>,
    /// Metadata that is new or changed.
    pub metadata: Vec<MetricMetadata>,
    /// Exemplars of stored series.
    pub exemplars: Vec<Exemplar>,
    /// The memory that rows and body hold, still of class `Decode`: `reclassify` it as it moves on.
    pub memory: Reservation,
    /// To be confirmed once durable; dropping it gives the admission back.
    pub admission: Admission,
}

/// The promise that admitted rows will be durable. Dropped without `confirm`, the admission is undone.
#[derive(Debug)]
pub struct Admission {
    pub(super) tenant: Arc<Tenant>,
    pub(super) signal: Signal,
    pub(super) claim: Option<Claim>,
    pub(super) stored: u64,
    pub(super) rejections: Rejections,
    pub(super) notes: Vec<String>,
    pub(super) interleaved_starts: u64,
    pub(super) exemplars_dropped: u64,
}

impl Admission {
    /// Items that will be stored.
    pub fn items(&self) -> u64 {
        self.stored
    }

    /// The batch is durable and visible: enters it into the ledger, and says what became of it.
    pub fn confirm(mut self) -> Outcome {
        if let Some(claim) = self.claim.take() {
            self.tenant.counting.lock().limiter.confirm(claim);
        }
        let entry = Entry {
            stored: self.stored,
            rejections: Some(&self.rejections),
            interleaved_starts: self.interleaved_starts,
            exemplars_dropped: self.exemplars_dropped,
        };
        self.tenant.ledger.enter(self.signal, &entry);
        Outcome::new(self.stored, &self.rejections, &self.notes)
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        if let Some(claim) = self.claim.take() {
            self.tenant.counting.lock().limiter.undo(claim);
        }
    }
}

impl Tenant {
    /// Decides what of a batch is stored, and makes its record. Nothing is counted in the ledger before `confirm`.
    pub fn admit_metrics(batch: MetricsBatch) -> Result<AdmittedMetrics, AppendError> {
        let (tenant, mut parts) = batch.into_parts()?;
        tenant.restore_hours(&parts.columns.timestamps);
        let items = items_of(&parts);
        let claimed = tenant.claim_rows(&mut parts)?;
        let mut admission = Admission {
            tenant: Arc::clone(&tenant),
            signal: Signal::Metrics,
            claim: Some(claimed.claim),
            stored: items - claimed.refused_items,
            rejections: parts.rejections,
            notes: parts.notes,
            interleaved_starts: claimed.interleaved_starts,
            exemplars_dropped: parts.exemplars_dropped + claimed.exemplars_dropped,
        };
        if let Some(words) = claimed.refusal {
            admission
                .rejections
                .add(Reason::SeriesCap, claimed.refused_items, || words);
        }
        if claimed.interleaved_starts > 0 {
            let note = format!(
                "{} samples have start times that take turns within one series: several senders share it; give each a service.instance.id",
                claimed.interleaved_starts
            );
            add_note(&mut admission.notes, note);
        }
        let rows = parts.columns.finish();
        let windows = split_windows(&rows.timestamps, 1000, tenant.limits.window_length_s.metrics);
        parts.memory.settle(rows.memory_bytes() as u64);
        let body = crate::record::encode_metrics(&tenant, &rows, &parts.metadata, &claimed.exemplars);
        Ok(AdmittedMetrics {
            body,
            refs: claimed.refs,
            rows,
            windows,
            metadata: parts.metadata,
            exemplars: claimed.exemplars,
            memory: parts.memory,
            admission,
        })
    }

    /// Learns from parts who is active in the hours around these samples, when that is not known yet.
    fn restore_hours(&self, timestamps: &[i64]) {
        let (Some(active_ids), Some(first), Some(last)) =
            (self.active_ids.get(), timestamps.iter().min(), timestamps.iter().max())
        else {
            return;
        };
        let (first, last) = (hour_of(*first) - 1, hour_of(*last) + 1);
        let missing = self.counting.lock().limiter.hours_missing(first, last);
        if missing.is_empty() {
            return;
        }
        let mut found = Vec::new();
        active_ids(&missing, &mut |hour, id| found.push((hour, id)));
        let mut series = self.series.write();
        let limiter = &mut self.counting.lock().limiter;
        for (hour, id) in found {
            limiter.restore(series.intern_id(id).0, hour);
        }
        missing.into_iter().for_each(|hour| limiter.restored(hour));
    }

    /// Admits rows under the locks, drops the refused ones, and gives the others their refs.
    fn claim_rows(&self, parts: &mut MetricsParts) -> Result<Claimed, AppendError> {
        let table = if parts.locals.is_empty() {
            Table::Shared(self.series.read())
        } else {
            Table::Owned(self.series.write())
        };
        let mut counting = self.counting.lock();
        let Counting { limiter, starts } = &mut *counting;
        let claim = limiter.claim(table.get().refs_end());
        let mut admitting = Admitting::new(table, limiter, &mut parts.locals, claim);
        let (refs, columns) = (&mut parts.columns.refs, &parts.columns.timestamps);
        let gone = match admitting.admit(refs, columns, &parts.points, &parts.derived) {
            Ok(gone) => gone,
            Err(error) => {
                admitting.give_up();
                return Err(error);
            }
        };
        parts.columns.remove(&gone);
        let mut claimed = admitting.finish(self, &mut parts.exemplars);
        claimed.interleaved_starts = interleaved(starts, &parts.columns);
        Ok(claimed)
    }
}

fn items_of(parts: &MetricsParts) -> u64 {
    let in_points: usize = parts.points.iter().map(Range::len).sum();
    (parts.columns.len() - in_points - parts.derived.len() + parts.points.len()) as u64
}

/// How many cumulative samples went back to an earlier start time of their series.
fn interleaved(starts: &mut StartTimes, columns: &MetricColumns) -> u64 {
    let rows = columns
        .refs
        .iter()
        .zip(&columns.start_timestamps)
        .zip(&columns.temporalities);
    let mut count = 0;
    for ((series, start), temporality) in rows {
        if *temporality == Temporality::Cumulative as u8 && *start != 0 {
            count += u64::from(starts.interleaves(*series, *start));
        }
    }
    count
}

/// Which rows lie in which window; `units_per_s` is what timestamps count.
pub(super) fn split_windows(timestamps: &[i64], units_per_s: i64, length_s: i64) -> Vec<WindowRows> {
    let window_of = |at: i64| Window::of(at.div_euclid(units_per_s), length_s);
    let (Some(first), Some(last)) = (timestamps.iter().min(), timestamps.iter().max()) else {
        return Vec::new();
    };
    let everything = 0..timestamps.len() as u32;
    if window_of(*first) == window_of(*last) {
        return vec![WindowRows {
            window: window_of(*first),
            rows: vec![everything],
        }];
    }
    let mut windows: BTreeMap<Window, Vec<Range<u32>>> = BTreeMap::new();
    for (row, timestamp) in everything.zip(timestamps) {
        let rows = windows.entry(window_of(*timestamp)).or_default();
        match rows.last_mut() {
            Some(run) if run.end == row => run.end += 1,
            _ => rows.push(row..row + 1),
        }
    }
    windows
        .into_iter()
        .map(|(window, rows)| WindowRows { window, rows })
        .collect()
}
