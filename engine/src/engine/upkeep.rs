//! Upkeep: what keeps memory, disk and log within their limits, called by the engine's threads or by hand.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use icecore_wal::Lsn;

use super::core::Core;
use super::tenants::TenantState;
use crate::budget::MemoryClass;
use crate::flush::{UpkeepError, at};
use crate::ids::Signal;
use crate::layout::create_dir_durable;
use crate::limits::{CLOSE_FLUSH_S_MAX, FROZEN_HEADS_MAX, HEADS_PRESSURE_PERCENT};
use crate::partition::SignalState;
use crate::{exemplars, sidecar};

/// What one tick did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TickReport {
    /// Heads that became parts.
    pub flushes: usize,
    /// Partitions dropped for their age.
    pub expired: usize,
    /// Partitions dropped because their signal was over its disk budget.
    pub over_budget: usize,
    /// Merges.
    pub merges: usize,
    /// Series whose labels were forgotten.
    pub series_forgotten: u64,
}

impl Core {
    /// Flushes all frozen heads, those due by memory or by the log's size too. What the flusher does when it wakes.
    pub(crate) fn flush_due(&self) -> Result<usize, UpkeepError> {
        self.freeze_under_pressure();
        self.freeze_for_log();
        let flushed = self.flush_every_frozen()?;
        if flushed > 0 {
            self.trim_log()?;
        }
        Ok(flushed)
    }

    fn flush_every_frozen(&self) -> Result<usize, UpkeepError> {
        let mut flushed = 0;
        for state in self.tenants.states() {
            flushed += self
                .flush_frozen(&state)
                .inspect_err(|error| self.counters.flushes.fail(error))?;
        }
        Ok(flushed)
    }

    /// Freezes and flushes everything.
    pub(crate) fn flush_all(&self) -> Result<(), UpkeepError> {
        for state in self.tenants.states() {
            self.frozen_added(state.freeze(usize::MAX, |_, _| true));
            self.flush_frozen(&state)
                .inspect_err(|error| self.counters.flushes.fail(error))?;
        }
        self.trim_log()
    }

    /// As `flush_all`, for as long as a closing process may take.
    pub(crate) fn flush_before_close(&self) -> Result<(), UpkeepError> {
        let deadline_s = self.now_s().saturating_add(CLOSE_FLUSH_S_MAX);
        for state in self.tenants.states() {
            if self.now_s() > deadline_s {
                return Ok(());
            }
            self.frozen_added(state.freeze(usize::MAX, |_, _| true));
            self.flush_frozen(&state)?;
        }
        self.empty_log()
    }

    /// What is due by the clock, merges aside.
    pub(crate) fn tick(&self) -> Result<TickReport, UpkeepError> {
        let now = self.clock.now();
        let age_max_ns = i64::try_from(self.options.head_age_max.as_nanos()).unwrap_or(i64::MAX);
        for state in self.tenants.states() {
            let frozen = state.freeze(usize::MAX, |_, head| {
                now.0.saturating_sub(head.opened_at().0) >= age_max_ns
            });
            self.frozen_added(frozen);
        }
        let flushed = self.flush_due();
        let retained = self.retain();
        if let Err(error) = &retained {
            self.counters.retention.fail(error);
        }
        let (expired, over_budget) = retained?;
        Ok(TickReport {
            flushes: flushed?,
            expired,
            over_budget,
            merges: 0,
            series_forgotten: self.forget_idle(),
        })
    }

    fn retain(&self) -> Result<(usize, usize), UpkeepError> {
        let started = self.clock.now();
        let (log_bytes, log_starts_at) = self.log_size();
        let trusted = self.clock_guard.lock().trusts(self.now_s());
        let expired = if trusted { self.drop_expired()? } else { 0 };
        let over_budget = self.enforce_disk_budget(log_bytes)?;
        let log_starts_at = if expired + over_budget > 0 {
            // A drop is rare, and its voids and folders stay as long as the log holds what they cover.
            self.flush_all()?;
            self.empty_log()?;
            self.log_size().1
        } else {
            log_starts_at
        };
        self.remove_voids(log_starts_at)?;
        self.counters.retention.succeed(self.clock.now(), started, 0, 0);
        Ok((expired, over_budget))
    }

    /// Bytes of the log, and the first LSN it still holds.
    fn log_size(&self) -> (u64, Lsn) {
        self.log().map_or((0, Lsn::ZERO), |log| {
            let stats = log.stats();
            (stats.bytes, stats.oldest_lsn)
        })
    }

    /// Merges what is due in all tenants.
    pub(crate) fn merge_all(&self, everything: bool) -> Result<usize, UpkeepError> {
        let mut merges = 0;
        for state in self.tenants.states() {
            merges += self
                .merge_due(&state, everything)
                .inspect_err(|error| self.counters.merges.fail(error))?;
        }
        Ok(merges)
    }

    /// Lets the log forget what parts and sidecars hold.
    pub(crate) fn trim_log(&self) -> Result<(), UpkeepError> {
        let Some(log) = self.log() else {
            return Ok(());
        };
        // First how far everything is linked, then the sidecars: what they lack was linked later.
        let needed_from = self.log_needed_from();
        let stats = log.stats();
        if needed_from <= stats.oldest_lsn {
            return Ok(());
        }
        // When no row is left that only the log has, its last segment is of no use either but for the next LSN.
        let all_in_parts = needed_from == stats.next_lsn && self.heads_are_empty();
        if stats.segments <= 1 && !all_in_parts {
            return Ok(());
        }
        for tenant in self.tenants.all() {
            self.write_sidecars(&tenant, needed_from)?;
        }
        log.truncate_below(needed_from)?;
        Ok(())
    }

    /// As `trim_log`; when parts hold every row, the segment in use goes too, and the next open has nothing to replay.
    pub(crate) fn empty_log(&self) -> Result<(), UpkeepError> {
        if let Some(log) = self.log() {
            let stats = log.stats();
            if self.heads_are_empty() && stats.oldest_lsn < stats.next_lsn {
                log.rotate()?;
            }
        }
        self.trim_log()
    }

    fn heads_are_empty(&self) -> bool {
        self.tenants
            .states()
            .iter()
            .all(|state| state.oldest_unflushed().is_none())
    }

    fn write_sidecars(&self, tenant: &TenantState, lsn: Lsn) -> Result<(), UpkeepError> {
        let id = tenant.tenant.id();
        let dir = self.layout.signal(id, Signal::Metrics);
        let write = |name: &str, payload: &[u8]| {
            create_dir_durable(self.fs.as_ref(), self.layout.root(), &dir).map_err(at(&dir))?;
            let tmp = self.layout.tmp().join(format!("{name}-{id}"));
            sidecar::write(self.fs.as_ref(), &tmp, &dir.join(name), self.store.id, lsn, payload)
        };
        if let Some(payload) = tenant.exemplars.take_changed() {
            write(exemplars::FILE_NAME, &payload).inspect_err(|_| tenant.exemplars.failed())?;
        }
        if tenant.metadata_changed.swap(false, Ordering::AcqRel) {
            let payload = sidecar::encode_metadata(&tenant.tenant.all_metadata());
            write(sidecar::METADATA_FILE_NAME, &payload)
                .inspect_err(|_| tenant.metadata_changed.store(true, Ordering::Release))?;
        }
        Ok(())
    }

    /// Freezes the largest head of each signal whose heads hold more than they should.
    fn freeze_under_pressure(&self) {
        for signal in Signal::ALL {
            self.freeze_if_pressed(signal);
        }
    }

    /// Freezes a signal's largest head when its heads hold more than they should; tells whose it is.
    pub(crate) fn freeze_if_pressed(&self, signal: Signal) -> Option<Arc<SignalState>> {
        let class = MemoryClass::Heads(signal);
        let share = self.budget.share_bytes(class.group());
        let pressed = self.budget.used_bytes(class) > share / 100 * HEADS_PRESSURE_PERCENT;
        if pressed { self.freeze_largest(signal) } else { None }
    }

    /// Makes room for a signal whose reservation was refused.
    pub(crate) fn relieve(&self, signal: Signal) {
        self.freeze_largest(signal);
        self.wake_flusher();
    }

    fn freeze_largest(&self, signal: Signal) -> Option<Arc<SignalState>> {
        if self.frozen() >= FROZEN_HEADS_MAX {
            return None;
        }
        let states = self.tenants.states().into_iter();
        let own = states.filter(|state| state.signal == signal);
        let largest_of = |state: Arc<SignalState>| {
            let head = state.read(|partitions| {
                let open = partitions.values().filter_map(|partition| partition.open.clone());
                open.max_by_key(|head| head.size().bytes)
            })?;
            Some((head.size().bytes, state, head))
        };
        let (_, state, largest) = own.filter_map(largest_of).max_by_key(|(bytes, ..)| *bytes)?;
        self.frozen_added(state.freeze(1, |_, head| std::ptr::eq(head, largest.as_ref())));
        Some(state)
    }

    /// Freezes the heads of closed windows of a signal, the oldest first, as far as frozen ones may wait.
    pub(crate) fn freeze_late(&self, state: &SignalState) {
        let now_s = self.now_s();
        let room = FROZEN_HEADS_MAX.saturating_sub(self.frozen());
        self.frozen_added(state.freeze(room, |partition, _| partition.window.end_s() <= now_s));
        self.wake_flusher();
    }

    /// When the log is at its limit, freezes the heads that hold its oldest segment.
    fn freeze_for_log(&self) {
        let Some(log) = self.log() else {
            return;
        };
        let stats = log.stats();
        if stats.bytes < self.options.wal_bytes_max {
            return;
        }
        // All rows of the oldest quarter, so that the log is not at its limit again at once.
        let span = stats.next_lsn.get().saturating_sub(stats.oldest_lsn.get());
        let bound = Lsn::new(stats.oldest_lsn.get().saturating_add(span / 4));
        for state in self.tenants.states() {
            self.frozen_added(state.freeze(usize::MAX, |_, head| head.lsns().first <= bound));
        }
    }

    /// Forgets the labels of series that are in no head and not active, and exemplars older than samples are kept.
    fn forget_idle(&self) -> u64 {
        let now = self.clock.now().to_ms();
        for tenant in self.tenants.all() {
            let retention = self.options.retention(tenant.tenant.id(), Signal::Metrics);
            let retention_ms = i64::try_from(retention.as_millis()).unwrap_or(i64::MAX);
            tenant.exemplars.drop_before(now.0.saturating_sub(retention_ms));
        }
        self.tenants
            .all()
            .iter()
            .map(|tenant| {
                let in_heads = || tenant.signals.metrics.in_heads();
                tenant.tenant.forget_idle(now, in_heads)
            })
            .sum()
    }
}
