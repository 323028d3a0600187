//! What one statement reads: the tenant, and one snapshot a signal, so that every mention of a table sees the same rows.

use std::fmt;
use std::sync::{Arc, OnceLock};

use icecore_engine::engine::Engine;
use icecore_engine::ids::{Signal, TenantId};
use icecore_engine::snapshot::Snapshot;

/// One statement's view of one tenant.
pub(crate) struct Reading {
    engine: Arc<Engine>,
    tenant: TenantId,
    snapshots: [OnceLock<Arc<Snapshot>>; Signal::ALL.len()],
}

impl Reading {
    pub(crate) fn new(engine: Arc<Engine>, tenant: TenantId) -> Self {
        Self {
            engine,
            tenant,
            snapshots: Default::default(),
        }
    }

    pub(crate) fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    pub(crate) fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// The signal's snapshot, taken when first asked for.
    pub(crate) fn snapshot(&self, signal: Signal) -> Arc<Snapshot> {
        let take = || Arc::new(self.engine.snapshot(&self.tenant, signal));
        match self.snapshots.get(signal as usize) {
            Some(slot) => Arc::clone(slot.get_or_init(take)),
            None => take(),
        }
    }
}

impl fmt::Debug for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reading")
            .field("tenant", &self.tenant)
            .finish_non_exhaustive()
    }
}
