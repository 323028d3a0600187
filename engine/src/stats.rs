//! What an engine tells about itself: everything `/metrics` and `/ready` need, as plain data taken at one moment.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

pub use icecore_wal::limits::FSYNC_SECONDS_BOUNDS;
pub use icecore_wal::{FsyncHistogram, WalStats};
use parking_lot::Mutex;

use crate::budget::MemoryUsage;
use crate::ids::{Signal, TenantId};
use crate::ledger::LedgerCounts;
use crate::options::PerSignal;
use crate::quarantine::Quarantined;
use crate::recovery::RecoveryReport;
use crate::time::TimestampNs;

/// One kind of upkeep: how often it succeeded and what it moved, and whether it fails now.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct UpkeepStats {
    /// Times it succeeded.
    pub successes: u64,
    /// Times it failed.
    pub failures: u64,
    /// Times it failed since it last succeeded.
    pub consecutive_failures: u64,
    /// When it last succeeded; `None` when it never did in this process.
    pub last_success: Option<TimestampNs>,
    /// Rows written or dropped.
    pub rows: u64,
    /// Bytes written or dropped.
    pub bytes: u64,
    /// Time spent in those that succeeded.
    pub duration: Duration,
    /// What the last failure said; `None` since the next success.
    pub last_error: Option<String>,
}

/// One kind of upkeep, counted by whoever does it.
#[derive(Debug, Default)]
pub(crate) struct Upkeep(Mutex<UpkeepStats>);

impl Upkeep {
    pub(crate) fn succeed(&self, now: TimestampNs, started: TimestampNs, rows: u64, bytes: u64) {
        let mut stats = self.0.lock();
        stats.successes += 1;
        stats.consecutive_failures = 0;
        stats.last_error = None;
        stats.last_success = Some(now);
        stats.rows += rows;
        stats.bytes += bytes;
        stats.duration += Duration::from_nanos(u64::try_from(now.0.saturating_sub(started.0)).unwrap_or(0));
    }

    pub(crate) fn fail(&self, error: &dyn std::error::Error) {
        let mut stats = self.0.lock();
        stats.failures += 1;
        stats.consecutive_failures += 1;
        stats.last_error = Some(error.to_string());
    }

    pub(crate) fn stats(&self) -> UpkeepStats {
        self.0.lock().clone()
    }
}

/// The counters of an engine's upkeep.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) flushes: Upkeep,
    pub(crate) merges: Upkeep,
    pub(crate) drops: Upkeep,
    pub(crate) retention: Upkeep,
    tenants_refused: AtomicU64,
}

impl Counters {
    pub(crate) fn tenant_refused(&self) {
        self.tenants_refused.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn tenants_refused(&self) -> u64 {
        self.tenants_refused.load(Ordering::Relaxed)
    }
}

/// One tenant's signal.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SignalStats {
    /// What became of every item received.
    pub ledger: LedgerCounts,
    /// Partitions.
    pub partitions: u64,
    /// Parts.
    pub parts: u64,
    /// Rows in parts.
    pub part_rows: u64,
    /// Bytes of parts.
    pub part_bytes: u64,
    /// Heads, frozen ones included.
    pub heads: u64,
    /// Rows in heads.
    pub head_rows: u64,
    /// Bytes of heads.
    pub head_bytes: u64,
}

/// One tenant.
#[derive(Debug, Clone, PartialEq)]
pub struct TenantStats {
    /// Whose.
    pub tenant: TenantId,
    /// Series active now (with a sample in the current or the previous hour).
    pub active_series: u64,
    /// The cap on them.
    pub series_max: u64,
    /// Series whose labels are in memory.
    pub series_in_memory: u64,
    /// Exemplars kept.
    pub exemplars: u64,
    /// Metrics with metadata.
    pub metadata: u64,
    /// By signal.
    pub signals: PerSignal<SignalStats>,
}

/// An engine at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct EngineStats {
    /// By tenant, in the order of names.
    pub tenants: Vec<TenantStats>,
    /// Requests refused because their tenant would have been one too many.
    pub tenants_refused: u64,
    /// The log.
    pub wal: WalStats,
    /// The memory budget.
    pub memory: MemoryUsage,
    /// Bytes on disk of each signal, with its share of the log.
    pub disk_bytes: PerSignal<u64>,
    /// The budget of each.
    pub disk_bytes_max: PerSignal<u64>,
    /// Signals that are refused because they are over their budget with what cannot be dropped.
    pub disk_over: Vec<Signal>,
    /// Heads becoming parts.
    pub flushes: UpkeepStats,
    /// Parts becoming larger parts.
    pub merges: UpkeepStats,
    /// Partitions dropped, by age or budget.
    pub drops: UpkeepStats,
    /// Looks for partitions to drop.
    pub retention: UpkeepStats,
    /// Frozen heads that wait for their flush.
    pub frozen_heads: u64,
    /// Files set aside since the engine was opened.
    pub quarantined: Vec<Quarantined>,
    /// What opening found.
    pub recovery: RecoveryReport,
}
