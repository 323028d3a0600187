//! A tenant as ingest knows it: its series, cap, ledger and bounds of time, and the way of a batch into a record.

mod admit;
mod admit_rows;
mod claim;
mod definition;

use std::fmt;
use std::sync::{Arc, OnceLock};

use hashbrown::HashMap;
use parking_lot::{Mutex, RwLock};
use roaring::RoaringBitmap;

pub use admit::{Admission, AdmittedMetrics};
pub use admit_rows::AdmittedRows;
pub use definition::{Definition, InvalidDefinition};

use crate::batch::{LogsBatch, MetricsBatch, SpansBatch, TimeBounds};
use crate::budget::{BudgetExceeded, MemoryBudget, MemoryClass, Reservation};
use crate::ids::{SeriesId, SeriesRef, Signal, StoreId, TenantId};
use crate::labels::SeriesKey;
use crate::ledger::Ledger;
use crate::limiter::{HOUR_MS, Limiter, StartTimes, hour_of};
use crate::metadata::MetricMetadata;
use crate::options::PerSignal;
use crate::registry::SeriesTable;
use crate::time::{TimeRange, TimestampMs};

/// Times that a sample may have at all, in milliseconds: what an `i32` of hours can count (some 245,000 years).
const TIMESTAMP_MS_MAX: i64 = (i32::MAX as i64 - 4) * HOUR_MS;
/// Sets of hours before the present and before what heads hold that are kept: the cap looks at neighbours.
const HOURS_KEPT: i32 = 2;
/// Arrival keys are hashed with another seed than what is written to disk.
const ARRIVAL_SEED_TWIST: u64 = 0x9e37_79b9_7f4a_7c15;

/// What a tenant may send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantLimits {
    /// Active series at most.
    pub series_max: u64,
    /// How old a row may be when it arrives, in milliseconds.
    pub late_max_ms: PerSignal<i64>,
    /// How far ahead of the clock a row may be, in milliseconds.
    pub future_max_ms: i64,
}

/// Tells which series have a sample in some hours, by the parts on disk: called with those hours, calls back with an
/// hour and a series' id, in any order, repeats allowed.
pub type ActiveIds = Box<dyn Fn(&[i32], &mut dyn FnMut(i32, SeriesId)) + Send + Sync>;

/// What heads hold of a tenant's samples.
#[derive(Debug, Clone, Default)]
pub struct InHeads {
    /// Series with a row in a head, or in one that a reader still holds.
    pub series: RoaringBitmap,
    /// Time of the oldest sample in a head that is not a part yet, in milliseconds.
    pub oldest_ms: Option<i64>,
}

/// What is known of metrics, by name: shared, so that a batch looks there without a lock.
pub(crate) type MetadataMap = Arc<HashMap<String, MetricMetadata, foldhash::fast::RandomState>>;

/// The cap and the start times share a lock: both are asked for every admitted row.
#[derive(Debug)]
struct Counting {
    limiter: Limiter,
    starts: StartTimes,
    memory: Reservation,
}

impl Counting {
    /// Counts what the sets hold now in the budget; they are bounded by series and hours, and cannot be refused.
    fn settle_memory(&mut self) {
        self.memory
            .settle(self.limiter.memory_bytes() + self.starts.memory_bytes());
    }
}

/// One tenant.
pub struct Tenant {
    id: TenantId,
    store: StoreId,
    space: u32,
    limits: TenantLimits,
    budget: Arc<MemoryBudget>,
    /// Locked before `counting` where both are.
    series: RwLock<SeriesTable>,
    counting: Mutex<Counting>,
    ledger: Ledger,
    metadata: RwLock<MetadataMap>,
    active_ids: OnceLock<ActiveIds>,
}

impl Tenant {
    /// A tenant without series. `space` is its number in the log of this process.
    pub fn new(
        id: TenantId,
        store: StoreId,
        space: u32,
        limits: TenantLimits,
        budget: &Arc<MemoryBudget>,
    ) -> Arc<Self> {
        Arc::new(Self {
            id,
            store,
            space,
            series: RwLock::new(SeriesTable::new(store, budget.reserve_none(MemoryClass::Series))),
            counting: Mutex::new(Counting {
                limiter: Limiter::new(limits.series_max),
                starts: StartTimes::default(),
                memory: budget.reserve_none(MemoryClass::Series),
            }),
            limits,
            budget: Arc::clone(budget),
            ledger: Ledger::default(),
            metadata: RwLock::default(),
            active_ids: OnceLock::new(),
        })
    }

    /// Its name.
    pub fn id(&self) -> &TenantId {
        &self.id
    }

    /// Its number in the log of this process: a record's `space`.
    pub fn space(&self) -> u32 {
        self.space
    }

    /// What it may send.
    pub fn limits(&self) -> &TenantLimits {
        &self.limits
    }

    /// What became of its items.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Says how to learn which series of parts are active. Only the first call counts; without it, no part has any.
    pub fn set_active_ids(&self, active_ids: ActiveIds) {
        let _first_call_wins = self.active_ids.set(active_ids);
    }

    /// An empty batch of samples that arrive at `now`.
    pub fn metrics_batch(self: &Arc<Self>, now: TimestampMs) -> Result<MetricsBatch, BudgetExceeded> {
        let memory = self.budget.try_reserve(MemoryClass::Decode(Signal::Metrics), 0)?;
        let arrivals = {
            let series = self.series.read();
            (!series.arrivals_due()).then(|| series.arrival_map())
        };
        let arrivals = arrivals.unwrap_or_else(|| {
            let mut series = self.series.write();
            series.publish_arrivals();
            series.arrival_map()
        });
        let bounds = self.bounds_ms(Signal::Metrics, now);
        let metadata = Arc::clone(&self.metadata.read());
        Ok(MetricsBatch::new(Arc::clone(self), bounds, arrivals, metadata, memory))
    }

    /// An empty batch of log records that arrive at `now`.
    pub fn logs_batch(self: &Arc<Self>, now: TimestampMs) -> Result<LogsBatch, BudgetExceeded> {
        let memory = self.budget.try_reserve(MemoryClass::Decode(Signal::Logs), 0)?;
        Ok(LogsBatch::new(
            Arc::clone(self),
            self.bounds_ns(Signal::Logs, now),
            memory,
        ))
    }

    /// An empty batch of spans that arrive at `now`.
    pub fn spans_batch(self: &Arc<Self>, now: TimestampMs) -> Result<SpansBatch, BudgetExceeded> {
        let memory = self.budget.try_reserve(MemoryClass::Decode(Signal::Traces), 0)?;
        Ok(SpansBatch::new(
            Arc::clone(self),
            self.bounds_ns(Signal::Traces, now),
            memory,
        ))
    }

    fn bounds_ns(&self, signal: Signal, now: TimestampMs) -> TimeBounds {
        let bounds = self.bounds_ms(signal, now);
        let to_ns = |at: i64| TimestampMs(at).to_ns().0;
        TimeBounds {
            range: TimeRange::new(to_ns(bounds.range.start), to_ns(bounds.range.end)),
            ..bounds
        }
    }

    /// The times in milliseconds that rows arriving at `now` may have.
    fn bounds_ms(&self, signal: Signal, now: TimestampMs) -> TimeBounds {
        let late_max_ms = *self.limits.late_max_ms.get(signal);
        let future_max_ms = self.limits.future_max_ms;
        let within = |at: i64| at.clamp(-TIMESTAMP_MS_MAX, TIMESTAMP_MS_MAX);
        TimeBounds {
            range: TimeRange::new(
                within(now.0.saturating_sub(late_max_ms)),
                within(now.0.saturating_add(future_max_ms)),
            ),
            now_ms: now.0,
            late_max_ms,
            future_max_ms,
        }
    }

    pub(crate) fn arrival_seed(&self) -> u64 {
        self.store.hash_seed() ^ ARRIVAL_SEED_TWIST
    }

    pub(crate) fn by_arrival(&self, arrival_key: u128) -> Option<SeriesRef> {
        self.series.read().by_arrival(arrival_key)
    }

    /// Takes note of metadata that is durable, so that batches carry it only when it changes.
    pub fn learn_metadata(&self, learnt: &[MetricMetadata]) {
        if !learnt.is_empty() {
            let mut metadata = self.metadata.write();
            let metadata = Arc::make_mut(&mut metadata);
            for one in learnt {
                if metadata.len() < crate::limits::METADATA_PER_TENANT_MAX || metadata.contains_key(&one.metric) {
                    metadata.insert(one.metric.clone(), one.clone());
                }
            }
        }
    }

    /// All metadata, by metric name.
    pub fn all_metadata(&self) -> Vec<MetricMetadata> {
        let mut all: Vec<_> = self.metadata.read().values().cloned().collect();
        all.sort_by(|a, b| a.metric.cmp(&b.metric));
        all
    }

    /// Metrics with metadata.
    pub fn metadata_len(&self) -> usize {
        self.metadata.read().len()
    }

    /// Reads the table of series. Keep it short: new series wait meanwhile, and it must not be held over an append.
    pub fn with_series<T>(&self, read: impl FnOnce(&SeriesTable) -> T) -> T {
        read(&self.series.read())
    }

    /// The key of a series; `None` when it was forgotten.
    pub fn key(&self, series: SeriesRef) -> Option<SeriesKey> {
        self.series.read().key(series).cloned()
    }

    /// Series active in the hour of sample time that `at` lies in: what the cap counts.
    pub fn active_series(&self, at: TimestampMs) -> u64 {
        self.restore_hours(&[at.0]);
        self.counting.lock().limiter.active(hour_of(at.0))
    }

    /// A series found in the log at open; its ref in this process.
    pub fn replay_series(&self, key: &SeriesKey) -> SeriesRef {
        let mut series = self.series.write();
        let found = series.intern_replayed(key);
        let mut counting = self.counting.lock();
        counting.limiter.make_room(series.refs_end());
        counting.limiter.revive(found.0);
        found
    }

    /// Samples found in the log at open: they count, whatever the cap. `refs` are those of this process.
    pub fn replay_samples(&self, refs: &[u32], timestamps: &[i64]) {
        let mut counting = self.counting.lock();
        for (series, timestamp) in refs.iter().zip(timestamps) {
            counting.limiter.restore(*series, hour_of(*timestamp));
        }
    }

    /// Forgets what is no longer needed at `now`: labels of series that are not active and of which no head has a row,
    /// and the sets of past hours that parts can tell again. `in_heads` is asked for what heads hold once it is noted
    /// which batches are still on their way there. How many series were forgotten.
    pub fn forget_idle(&self, now: TimestampMs, in_heads: impl FnOnce() -> InHeads) -> u64 {
        let settled = self.counting.lock().limiter.settled();
        let in_heads = in_heads();
        let mut series = self.series.write();
        let mut counting = self.counting.lock();
        let hour = hour_of(now.0);
        let oldest_ms = match (self.active_ids.get(), in_heads.oldest_ms) {
            (Some(_), Some(oldest_ms)) => oldest_ms.min(now.0),
            (Some(_), None) => now.0,
            // Without parts nobody could tell again: only what is too old to arrive goes.
            (None, _) => self.bounds_ms(Signal::Metrics, now).range.start,
        };
        counting
            .limiter
            .drop_hours_before(hour_of(oldest_ms) - HOURS_KEPT, settled);
        let candidates = series.all() - in_heads.series;
        let idle = counting.limiter.take_idle(&candidates, hour, settled);
        series.forget(&idle, |at| counting.limiter.counts(at));
        counting.settle_memory();
        idle.len()
    }

    /// Bytes of the table, the cap's sets and what else grows with series.
    pub fn memory_bytes(&self) -> u64 {
        let series = self.series.read().memory_bytes();
        let counting = self.counting.lock();
        series + counting.limiter.memory_bytes() + counting.starts.memory_bytes()
    }
}

impl fmt::Debug for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tenant({})", self.id)
    }
}

#[cfg(test)]
mod tests;
