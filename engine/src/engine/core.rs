//! What all threads of an engine share. The log's commit thread holds this too, so it holds the log weakly.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use crossbeam_channel::Sender;
use icecore_wal::fs::Fs;
use icecore_wal::{Lsn, SyncPolicy, Wal};
use parking_lot::{Mutex, RwLock};

use super::link::Linking;
use super::tenants::{Founding, TenantState, Tenants, TooManyTenants};
use crate::budget::MemoryBudget;
use crate::clock::Clock;
use crate::flush::UpkeepError;
use crate::ids::{Signal, TenantId};
use crate::layout::Layout;
use crate::limits::{HEAD_MEMORY_SHARE, HEAD_ROWS_MAX, INDEX_CACHE_SHARE};
use crate::options::{EngineOptions, PerSignal};
use crate::part::PartCache;
use crate::partition::Linked;
use crate::quarantine::Quarantined;
use crate::recovery::RecoveryReport;
use crate::retention::ClockGuard;
use crate::stats::Counters;
use crate::store::Store;

/// The log as the engine uses it.
pub(crate) type Log = Wal<Linking>;

/// Shared state of one engine.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) fs: Arc<dyn Fs>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) options: EngineOptions,
    pub(crate) layout: Layout,
    pub(crate) store: Store,
    pub(crate) budget: Arc<MemoryBudget>,
    pub(crate) cache: Arc<PartCache>,
    pub(crate) tenants: Tenants,
    pub(crate) disk: DiskState,
    pub(crate) counters: Counters,
    /// Held while heads are flushed, so that one is at a time.
    pub(crate) flushing: Mutex<()>,
    /// Held while parts are merged, so that one merge is at a time.
    pub(crate) merging: Mutex<()>,
    /// Folders of dropped partitions that are not empty yet.
    pub(crate) leaving: Mutex<BTreeSet<PathBuf>>,
    pub(crate) quarantined: Mutex<Vec<Quarantined>>,
    pub(crate) recovery: Mutex<RecoveryReport>,
    pub(crate) clock_guard: Mutex<ClockGuard>,
    log: RwLock<Weak<Log>>,
    frozen: AtomicUsize,
    linked_lsn: AtomicU64,
    closing: AtomicBool,
    /// Wakes the flusher; full when it is awake already.
    pub(crate) wake: Sender<()>,
}

/// What the last look at the disk found.
#[derive(Debug, Default)]
pub(crate) struct DiskState {
    used: PerSignal<AtomicU64>,
    over: PerSignal<AtomicBool>,
    free: AtomicI64,
    low: AtomicBool,
}

impl DiskState {
    pub(crate) fn note(&self, signal: Signal, used_bytes: u64, over: bool) {
        self.used.get(signal).store(used_bytes, Ordering::Relaxed);
        self.over.get(signal).store(over, Ordering::Relaxed);
    }

    pub(crate) fn note_free(&self, free_bytes: u64, low: bool) {
        self.free
            .store(i64::try_from(free_bytes).unwrap_or(i64::MAX), Ordering::Relaxed);
        self.low.store(low, Ordering::Relaxed);
    }

    pub(crate) fn used_bytes(&self, signal: Signal) -> u64 {
        self.used.get(signal).load(Ordering::Relaxed)
    }

    /// Whether the signal is over its budget with what cannot be dropped.
    pub(crate) fn is_over(&self, signal: Signal) -> bool {
        self.over.get(signal).load(Ordering::Relaxed)
    }

    /// Free bytes, when they are below the floor.
    pub(crate) fn low_free_bytes(&self) -> Option<i64> {
        self.low
            .load(Ordering::Relaxed)
            .then(|| self.free.load(Ordering::Relaxed))
    }
}

/// Everything a core is built from.
pub(crate) struct Parts {
    pub(crate) fs: Arc<dyn Fs>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) options: EngineOptions,
    pub(crate) layout: Layout,
    pub(crate) store: Store,
    pub(crate) wake: Sender<()>,
}

impl Core {
    pub(crate) fn new(parts: Parts) -> Arc<Self> {
        let budget = MemoryBudget::new(parts.options.memory_bytes_max);
        let cache_bytes = usize::try_from(budget.usable_bytes() / INDEX_CACHE_SHARE).unwrap_or(usize::MAX);
        Arc::new(Self {
            cache: PartCache::new(cache_bytes, Some(&budget)),
            budget,
            fs: parts.fs,
            clock: parts.clock,
            options: parts.options,
            layout: parts.layout,
            store: parts.store,
            wake: parts.wake,
            tenants: Tenants::default(),
            disk: DiskState::default(),
            counters: Counters::default(),
            flushing: Mutex::default(),
            merging: Mutex::default(),
            leaving: Mutex::default(),
            quarantined: Mutex::default(),
            recovery: Mutex::default(),
            clock_guard: Mutex::default(),
            log: RwLock::new(Weak::new()),
            frozen: AtomicUsize::new(0),
            linked_lsn: AtomicU64::new(0),
            closing: AtomicBool::new(false),
        })
    }

    /// Seconds since the Unix epoch, by the clock.
    pub(crate) fn now_s(&self) -> i64 {
        self.clock.now().0.div_euclid(1_000_000_000)
    }

    /// The tenant, a new one when there are fewer than `tenants_max`.
    pub(crate) fn tenant(&self, id: &TenantId, tenants_max: usize) -> Result<Arc<TenantState>, TooManyTenants> {
        let founding = Founding {
            store: self.store.id,
            options: &self.options,
            budget: &self.budget,
        };
        self.tenants.get_or_found(id, tenants_max, founding)
    }

    /// The tenant that a file or a record names: it was let in once, so it is let in again.
    pub(crate) fn tenant_found(&self, id: &TenantId) -> Option<Arc<TenantState>> {
        self.tenant(id, usize::MAX).ok()
    }

    /// Says which log is the engine's.
    pub(crate) fn set_log(&self, log: &Arc<Log>) {
        *self.log.write() = Arc::downgrade(log);
    }

    /// The log, unless the engine is closed or not yet open. Never asked for on the commit thread.
    pub(crate) fn log(&self) -> Option<Arc<Log>> {
        self.log.read().upgrade()
    }

    /// Makes durable what a part or a void is about to stand for, where the sync policy has not done so.
    pub(crate) fn sync_log(&self) -> Result<(), UpkeepError> {
        match self.log() {
            Some(log) if self.options.wal_sync != SyncPolicy::EveryCommit => Ok(log.sync()?),
            _ => Ok(()),
        }
    }

    /// Bytes at which a head is full.
    pub(crate) fn head_bytes_max(&self) -> u64 {
        self.options.memory_bytes_max / HEAD_MEMORY_SHARE
    }

    /// Whether a head of the size that linking tells is full.
    pub(crate) fn is_full(&self, linked: &Linked) -> bool {
        linked.head_bytes_max >= self.head_bytes_max() || linked.head_rows_max >= HEAD_ROWS_MAX
    }

    /// Frozen heads that wait for their flush.
    pub(crate) fn frozen(&self) -> usize {
        self.frozen.load(Ordering::Relaxed)
    }

    /// Notes heads just frozen.
    pub(crate) fn frozen_added(&self, heads: usize) {
        self.frozen.fetch_add(heads, Ordering::Relaxed);
    }

    /// Counts the frozen heads anew: some became parts or went.
    pub(crate) fn frozen_changed(&self) {
        let frozen = self
            .tenants
            .states()
            .iter()
            .map(|state| state.read(|partitions| partitions.values().map(|p| p.frozen.len()).sum::<usize>()))
            .sum();
        self.frozen.store(frozen, Ordering::Relaxed);
    }

    /// Lets the flusher look for work.
    pub(crate) fn wake_flusher(&self) {
        // A full channel means that it is awake already.
        let _awake = self.wake.try_send(());
    }

    /// Notes that the rows of every record up to `lsn` are in heads or parts.
    pub(crate) fn linked(&self, lsn: Lsn) {
        self.linked_lsn.store(lsn.get(), Ordering::Release);
    }

    /// The LSN below which the log holds nothing that is not in a part too. Sidecars aside.
    pub(crate) fn log_needed_from(&self) -> Lsn {
        // First the last record linked, then the heads: what is linked in between starts above it.
        let linked = Lsn::new(self.linked_lsn.load(Ordering::Acquire));
        self.tenants
            .states()
            .iter()
            .filter_map(|state| state.oldest_unflushed())
            .min()
            .unwrap_or(linked.next())
            .min(linked.next())
    }

    /// The last LSN that a part or a void of this store stands for: the log may have lost the records themselves.
    pub(crate) fn last_covered_lsn(&self) -> Lsn {
        self.tenants
            .states()
            .iter()
            .filter_map(|state| state.last_covered(self.store.id))
            .max()
            .unwrap_or(Lsn::ZERO)
    }

    /// Asks long work to end.
    pub(crate) fn close(&self) {
        self.closing.store(true, Ordering::Release);
    }

    /// Whether long work should end.
    pub(crate) fn closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }
}
