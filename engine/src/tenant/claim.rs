//! The pass over a batch's rows under the tenant's locks: refs for the series it brings, and the cap for all of them.

use std::ops::Range;

use parking_lot::{RwLockReadGuard, RwLockWriteGuard};

use super::Tenant;
use crate::batch::{LocalSeries, PendingExemplar, Slot};
use crate::ids::SeriesRef;
use crate::labels::SeriesKey;
use crate::limiter::{Claim, HOUR_MS, Limiter, Verdict, hour_of};
use crate::metadata::Exemplar;
use crate::outcome::AppendError;
use crate::registry::SeriesTable;

/// Characters of a series' name in a message at most.
const NAME_CHARS_MAX: usize = 256;

/// The table of series as a batch needs it: to change only when the batch brings series of its own.
pub(super) enum Table<'a> {
    Shared(RwLockReadGuard<'a, SeriesTable>),
    Owned(RwLockWriteGuard<'a, SeriesTable>),
}

impl Table<'_> {
    pub(super) fn get(&self) -> &SeriesTable {
        match self {
            Self::Shared(table) => table,
            Self::Owned(table) => table,
        }
    }
}

/// What the pass found.
pub(super) struct Claimed {
    pub(super) claim: Claim,
    /// Distinct series of the admitted rows.
    pub(super) refs: Vec<u32>,
    pub(super) refused_items: u64,
    /// Items all of whose samples have the series and the time of the sample before them.
    pub(super) replaced_items: u64,
    /// Words for the first refusal.
    pub(super) refusal: Option<String>,
    pub(super) exemplars: Vec<Exemplar>,
    pub(super) exemplars_dropped: u64,
    pub(super) interleaved_starts: u64,
}

/// Why a row is not admitted.
enum Refusal {
    /// Its series would be one too many.
    Full,
    /// The whole batch must come again.
    Retry(AppendError),
}

/// One pass.
pub(super) struct Admitting<'a> {
    table: Table<'a>,
    limiter: &'a mut Limiter,
    locals: &'a mut [LocalSeries],
    claim: Claim,
    refs: Vec<u32>,
    hour: i32,
    hour_start_ms: i64,
    refused_items: u64,
    replaced_items: u64,
    first_refused: Option<String>,
}

impl<'a> Admitting<'a> {
    pub(super) fn new(table: Table<'a>, limiter: &'a mut Limiter, locals: &'a mut [LocalSeries], claim: Claim) -> Self {
        Self {
            table,
            limiter,
            locals,
            claim,
            refs: Vec::new(),
            hour: 0,
            hour_start_ms: 0,
            refused_items: 0,
            replaced_items: 0,
            first_refused: None,
        }
    }

    /// Gives back everything taken.
    pub(super) fn give_up(self) {
        self.limiter.forget_times(&self.refs);
        self.limiter.undo(self.claim);
    }

    /// Puts refs in place of the batch's own numbers. The rows to drop: ascending, disjoint ranges.
    pub(super) fn admit(
        &mut self,
        numbers: &mut [u32],
        timestamps: &[i64],
        points: &[Range<usize>],
        derived: &[usize],
    ) -> Result<Vec<Range<usize>>, AppendError> {
        let mut gone = Vec::new();
        let mut row = 0;
        for point in points {
            self.singles(numbers, timestamps, row..point.start, derived, &mut gone)?;
            self.point(numbers, timestamps, point.clone(), &mut gone)?;
            row = point.end;
        }
        self.singles(numbers, timestamps, row..timestamps.len(), derived, &mut gone)?;
        Ok(gone)
    }

    fn singles(
        &mut self,
        numbers: &mut [u32],
        timestamps: &[i64],
        rows: Range<usize>,
        derived: &[usize],
        gone: &mut Vec<Range<usize>>,
    ) -> Result<(), AppendError> {
        let first = rows.start;
        let numbers = numbers.get_mut(rows.clone()).unwrap_or_default();
        let timestamps = timestamps.get(rows).unwrap_or_default();
        let is_item = |at: usize| derived.binary_search(&(first + at)).is_err();
        for (at, (number, timestamp)) in numbers.iter_mut().zip(timestamps).enumerate() {
            match self.row(*number, *timestamp) {
                Ok(series) => {
                    *number = series;
                    if self.limiter.replaces(series, *timestamp) && is_item(at) {
                        self.replaced_items += 1;
                    }
                }
                Err(Refusal::Full) => {
                    if is_item(at) {
                        self.refuse(*number);
                    }
                    drop_rows(gone, first + at..first + at + 1);
                }
                Err(Refusal::Retry(error)) => return Err(error),
            }
        }
        Ok(())
    }

    /// Rows that stand or fall together.
    fn point(
        &mut self,
        numbers: &mut [u32],
        timestamps: &[i64],
        rows: Range<usize>,
        gone: &mut Vec<Range<usize>>,
    ) -> Result<(), AppendError> {
        let (claim_mark, refs_mark, refs_end) = (self.claim.mark(), self.refs.len(), self.table.get().refs_end());
        let own = numbers.get_mut(rows.clone()).unwrap_or_default();
        let times = timestamps.get(rows.clone()).unwrap_or_default();
        for (number, timestamp) in own.iter_mut().zip(times) {
            match self.row(*number, *timestamp) {
                Ok(series) => *number = series,
                Err(Refusal::Full) => {
                    self.refuse(*number);
                    self.roll_back(claim_mark, refs_mark, refs_end);
                    drop_rows(gone, rows);
                    return Ok(());
                }
                Err(Refusal::Retry(error)) => return Err(error),
            }
        }
        let mut all_replaced = !own.is_empty();
        for (series, timestamp) in own.iter().zip(times) {
            all_replaced &= self.limiter.replaces(*series, *timestamp);
        }
        self.replaced_items += u64::from(all_replaced);
        Ok(())
    }

    fn roll_back(&mut self, claim_mark: usize, refs_mark: usize, refs_end: u32) {
        self.limiter.roll_back(&mut self.claim, claim_mark);
        for series in self.refs.drain(refs_mark..) {
            self.limiter.unuse(series);
        }
        if let Table::Owned(table) = &mut self.table
            && table.refs_end() > refs_end
        {
            table.truncate(refs_end);
            for local in self.locals.iter_mut() {
                local.series = local.series.filter(|series| *series < refs_end);
            }
        }
    }

    #[inline]
    fn row(&mut self, number: u32, timestamp_ms: i64) -> Result<u32, Refusal> {
        if timestamp_ms.wrapping_sub(self.hour_start_ms) as u64 >= HOUR_MS as u64 {
            self.hour = hour_of(timestamp_ms);
            self.hour_start_ms = i64::from(self.hour) * HOUR_MS;
        }
        let series = match Slot::local_index(number) {
            None => number,
            Some(local) => self.resolve(local)?,
        };
        match self.limiter.admit(&mut self.claim, series, self.hour) {
            Verdict::Admitted => {
                if self.limiter.first_use(&self.claim, series) {
                    self.refs.push(series);
                }
                Ok(series)
            }
            Verdict::Full => Err(Refusal::Full),
            Verdict::Forgotten => Err(Refusal::Retry(AppendError::Stale)),
        }
    }

    /// The ref of a series that the batch brings; made only when the cap has room for it, so that what is refused
    /// leaves nothing behind.
    #[cold]
    fn resolve(&mut self, local: usize) -> Result<u32, Refusal> {
        let stale = Refusal::Retry(AppendError::Stale);
        let (Some(local), Table::Owned(table)) = (self.locals.get_mut(local), &mut self.table) else {
            return Err(stale);
        };
        if let Some(series) = local.series {
            return Ok(series);
        }
        let known = table.by_key(&local.key);
        let has_room = match known {
            Some(series) if table.key(series).is_some() => true,
            Some(series) => self.limiter.has_room_for(series.0, self.hour),
            None => self.limiter.has_room(self.hour),
        };
        if !has_room {
            return Err(Refusal::Full);
        }
        let series = table.intern(&local.key).map_err(|error| Refusal::Retry(error.into()))?;
        self.limiter.make_room(table.refs_end());
        self.limiter.revive(series.0);
        local.series = Some(series.0);
        Ok(series.0)
    }

    #[cold]
    fn refuse(&mut self, number: u32) {
        self.refused_items += 1;
        if self.first_refused.is_none() {
            let key = match Slot::local_index(number) {
                Some(local) => self.locals.get(local).map(|local| &local.key),
                None => self.table.get().key(SeriesRef(number)),
            };
            self.first_refused = key.map(series_name);
        }
    }

    /// Ends the pass: arrival keys are remembered, exemplars of admitted series get their refs.
    pub(super) fn finish(mut self, tenant: &Tenant, exemplars: &mut Vec<PendingExemplar>) -> Claimed {
        if let Table::Owned(table) = &mut self.table {
            for local in self.locals.iter() {
                if let Some(series) = local.series {
                    table.remember_arrival(local.arrival_key, SeriesRef(series));
                }
            }
        }
        let offered = exemplars.len();
        let exemplars: Vec<Exemplar> = exemplars
            .drain(..)
            .filter_map(|exemplar| self.exemplar(exemplar))
            .collect();
        let refusal = self.first_refused.map(|name| {
            format!(
                "series cap of {} active series reached for tenant {}: first refused series {name}; raise \
                 --series-max or drop the label",
                tenant.limits.series_max, tenant.id
            )
        });
        Claimed {
            claim: self.claim,
            refs: self.refs,
            refused_items: self.refused_items,
            replaced_items: self.replaced_items,
            refusal,
            exemplars_dropped: (offered - exemplars.len()) as u64,
            exemplars,
            interleaved_starts: 0,
        }
    }

    fn exemplar(&self, pending: PendingExemplar) -> Option<Exemplar> {
        let series = match Slot::local_index(pending.slot) {
            None => pending.slot,
            Some(local) => self.locals.get(local)?.series?,
        };
        self.limiter.uses(&self.claim, series).then_some(Exemplar {
            series: SeriesRef(series),
            timestamp_ms: pending.timestamp_ms,
            value: pending.value,
            trace_id: pending.trace_id,
            span_id: pending.span_id,
            attributes: pending.attributes,
        })
    }
}

/// Adds rows behind those already listed.
fn drop_rows(gone: &mut Vec<Range<usize>>, rows: Range<usize>) {
    match gone.last_mut() {
        Some(last) if last.end == rows.start => last.end = rows.end,
        _ => gone.push(rows),
    }
}

/// A series as people write it, cut where it is long.
fn series_name(key: &SeriesKey) -> String {
    let labels: Vec<String> = key
        .labels()
        .iter()
        .map(|(name, value)| format!("{name}={value:?}"))
        .collect();
    let whole = format!("{}{{{}}}", key.metric(), labels.join(","));
    match whole.char_indices().nth(NAME_CHARS_MAX) {
        Some((end, _)) => format!("{}...", whole.get(..end).unwrap_or_default()),
        None => whole,
    }
}
