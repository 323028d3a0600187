//! The engine: one data folder, open. Many threads append and read; the log's commit thread links rows into heads; a
//! flusher turns full heads into parts, a merger parts into larger parts, a ticker drops what is too old or too much.

mod active;
mod append;
mod background;
pub(crate) mod core;
pub(crate) mod link;
mod open;
mod report;
pub(crate) mod tenants;
mod upkeep;

use std::sync::Arc;

use parking_lot::Mutex;

use self::background::Threads;
use self::core::Core;
use crate::budget::MemoryBudget;
use crate::exemplars::StoredExemplar;
use crate::flush::UpkeepError;
use crate::ids::{Signal, StoreId, TenantId};
use crate::matcher::Matcher;
use crate::metadata::MetricMetadata;
use crate::options::EngineOptions;
use crate::part::PartError;
use crate::snapshot::Snapshot;
use crate::time::TimeRange;

pub use upkeep::TickReport;

/// An open data folder. Share it as an `Arc`. Dropping it closes it.
#[derive(Debug)]
pub struct Engine {
    core: Arc<Core>,
    /// Held for its drop: the log ends with the engine.
    log: Mutex<Option<Arc<core::Log>>>,
    threads: Mutex<Option<Threads>>,
}

impl Engine {
    /// Everything a tenant's signal holds at this moment: rows acknowledged before the call are in it. It pins what it
    /// names; an unknown tenant has nothing.
    pub fn snapshot(&self, tenant: &TenantId, signal: Signal) -> Snapshot {
        match self.core.tenants.get(tenant) {
            Some(state) => state.signals.get(signal).snapshot(),
            None => Snapshot::empty(tenant.clone(), signal),
        }
    }

    /// The tenants that ever sent something, by name.
    pub fn tenants(&self) -> Vec<TenantId> {
        let all = self.core.tenants.all();
        all.iter().map(|state| state.tenant.id().clone()).collect()
    }

    /// What is known of a tenant's metrics, by metric name.
    pub fn metadata(&self, tenant: &TenantId) -> Vec<MetricMetadata> {
        self.core
            .tenants
            .get(tenant)
            .map(|state| state.tenant.all_metadata())
            .unwrap_or_default()
    }

    /// A tenant's exemplars of matching series within `range` (milliseconds), oldest first.
    pub fn exemplars(&self, tenant: &TenantId, matchers: &[Matcher], range: TimeRange) -> Vec<StoredExemplar> {
        self.core
            .tenants
            .get(tenant)
            .map(|state| state.exemplars.matching(matchers, range))
            .unwrap_or_default()
    }

    /// The budget that everything in this engine draws on; queries reserve from it too.
    pub fn budget(&self) -> &Arc<MemoryBudget> {
        &self.core.budget
    }

    /// What it was opened with.
    pub fn options(&self) -> &EngineOptions {
        &self.core.options
    }

    /// The clock it was opened with.
    pub fn clock(&self) -> &Arc<dyn crate::clock::Clock> {
        &self.core.clock
    }

    /// The data folder's identity.
    pub fn store_id(&self) -> StoreId {
        self.core.store.id
    }

    /// Takes note of damage that a query met: the part is set aside, counted and named in `stats`, and the next snapshot
    /// serves the rest. Tells whether it was damage; other errors may pass by themselves.
    pub fn report_damage(&self, error: &PartError) -> bool {
        match self.core.set_damaged_aside(error) {
            Ok(aside) => aside,
            // Out of the snapshots it is; the file stays where it lies and is judged again at the next open.
            Err(failed) => {
                self.core.counters.retention.fail(&failed);
                true
            }
        }
    }

    /// Turns every head into a part, now.
    ///
    /// # Errors
    /// What the disk said; the rows stay in heads and in the log, and are tried again.
    pub fn flush(&self) -> Result<(), UpkeepError> {
        self.core.flush_all()
    }

    /// Flushes, then merges until nothing is left to merge.
    ///
    /// # Errors
    /// What the disk said; what was merged stays merged.
    pub fn compact(&self) -> Result<(), UpkeepError> {
        self.core.flush_all()?;
        self.core.merge_all(true)?;
        self.core.empty_log()
    }

    /// Does what is due by the clock: old heads are flushed, partitions that are too old or too much are dropped, small
    /// parts are merged, idle series are forgotten. The engine's own threads call it; with `background` off the caller
    /// does. After the clock leapt ahead by more than a day, nothing is dropped for its age before the fourth tick.
    ///
    /// # Errors
    /// The first failure; the other duties were done, and all are tried again.
    pub fn tick(&self) -> Result<TickReport, UpkeepError> {
        let mut report = self.core.tick()?;
        report.merges = self.core.merge_all(false)?;
        Ok(report)
    }

    /// Ends the engine: no append is taken any more, what the log holds is made durable, and heads are flushed while time
    /// remains (a later open reads from the log what was not). Further calls do nothing.
    ///
    /// # Errors
    /// What the disk said. Rows acknowledged as durable are so whatever it says.
    pub fn close(&self) -> Result<(), UpkeepError> {
        self.core.close();
        if let Some(threads) = self.threads.lock().take() {
            threads.stop();
        }
        let Some(log) = self.log.lock().take() else {
            return Ok(());
        };
        let synced = log.sync();
        let flushed = self.core.flush_before_close();
        drop(log);
        synced?;
        flushed
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // Who wants to know calls close().
        let _unknown = self.close();
    }
}

#[cfg(test)]
mod tests;
