//! Admission: decides row by row, before the log, what of a batch is stored; replay never decides again.

use std::ops::Range;
use std::sync::Arc;

use arrow::buffer::ScalarBuffer;
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

/// A batch of samples that may be stored: the record, and what heads need to link it.
#[derive(Debug)]
pub struct AdmittedMetrics {
    /// The record's body. Empty rows make no record: confirm at once.
    pub body: Vec<Bytes>,
    /// The distinct series of the rows.
    pub refs: Vec<u32>,
    /// The rows, sharing memory with `body`.
    pub rows: MetricRows,
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
    /// The series of the rows, to undo what was noted of their times.
    pub(super) refs: ScalarBuffer<u32>,
    pub(super) stored: u64,
    /// Those of `stored` that replace an earlier item.
    pub(super) replaced: u64,
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
            stored: self.stored - self.replaced,
            replaced: self.replaced,
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
            let limiter = &mut self.tenant.counting.lock().limiter;
            limiter.forget_times(&self.refs);
            limiter.undo(claim);
        }
    }
}

impl Tenant {
    /// Decides what of a batch is stored, and makes its record. Nothing is counted in the ledger before `confirm`.
    pub fn admit_metrics(batch: MetricsBatch) -> Result<AdmittedMetrics, AppendError> {
        let (tenant, mut parts) = batch.into_parts()?;
        let hours = tenant.restore_hours(&parts.columns.timestamps);
        let items = items_of(&parts);
        let claimed = tenant.claim_rows(&mut parts, &hours)?;
        let rows = parts.columns.finish();
        let mut admission = Admission {
            tenant: Arc::clone(&tenant),
            signal: Signal::Metrics,
            claim: Some(claimed.claim),
            refs: rows.refs.clone(),
            stored: items - claimed.refused_items,
            replaced: claimed.replaced_items,
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
                "{} samples have start times that take turns within one series: several senders share it; give each \
                 a service.instance.id",
                claimed.interleaved_starts
            );
            add_note(&mut admission.notes, note);
        }
        parts.memory.settle(rows.memory_bytes() as u64);
        let body = crate::record::encode_metrics(&tenant, &rows, &parts.metadata, &claimed.exemplars);
        Ok(AdmittedMetrics {
            body,
            refs: claimed.refs,
            rows,
            metadata: parts.metadata,
            exemplars: claimed.exemplars,
            memory: parts.memory,
            admission,
        })
    }

    /// Learns from parts who is active in the hours around these times, when that is not known yet. Those hours; none
    /// where there are no parts.
    pub(super) fn restore_hours(&self, timestamps_ms: &[i64]) -> Vec<i32> {
        let Some(active_ids) = self.active_ids.get() else {
            return Vec::new();
        };
        let hours = hours_around(timestamps_ms);
        let missing = self.counting.lock().limiter.hours_missing(&hours);
        if missing.is_empty() {
            return hours;
        }
        let mut found = Vec::new();
        active_ids(&missing, &mut |hour, id| found.push((hour, id)));
        let mut series = self.series.write();
        let mut counting = self.counting.lock();
        for (hour, id) in found {
            counting.limiter.restore(series.intern_id(id).0, hour);
        }
        missing.into_iter().for_each(|hour| counting.limiter.restored(hour));
        series.settle_memory();
        counting.settle_memory();
        hours
    }

    /// Admits rows under the locks, drops the refused ones, and gives the others their refs.
    fn claim_rows(&self, parts: &mut MetricsParts, hours: &[i32]) -> Result<Claimed, AppendError> {
        let table = if parts.locals.is_empty() {
            Table::Shared(self.series.read())
        } else {
            Table::Owned(self.series.write())
        };
        let mut counting = self.counting.lock();
        let Counting { limiter, starts, .. } = &mut *counting;
        if !limiter.hours_missing(hours).is_empty() {
            // Dropped again since they were restored: the count would not be exact.
            return Err(AppendError::Stale);
        }
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

/// The hours of these times, and their neighbours: those whose sets decide about samples of these times.
fn hours_around(timestamps_ms: &[i64]) -> Vec<i32> {
    let mut hours = Vec::new();
    let mut last = None;
    for timestamp in timestamps_ms {
        let hour = hour_of(*timestamp);
        if last != Some(hour) {
            last = Some(hour);
            hours.extend([hour - 1, hour, hour + 1]);
        }
    }
    hours.sort_unstable();
    hours.dedup();
    hours
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
