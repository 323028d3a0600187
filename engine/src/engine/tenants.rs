//! The tenants of an engine: found by name for requests, by number for the log's definitions.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use parking_lot::RwLock;

use super::active::active_ids;
use crate::budget::MemoryBudget;
use crate::exemplars::Exemplars;
use crate::ids::{Signal, StoreId, TenantId};
use crate::options::{EngineOptions, PerSignal};
use crate::partition::SignalState;
use crate::tenant::{Tenant, TenantLimits};

/// One tenant: its series and caps, its partitions, and what is kept beside samples.
#[derive(Debug)]
pub(crate) struct TenantState {
    pub(crate) tenant: Arc<Tenant>,
    pub(crate) signals: PerSignal<Arc<SignalState>>,
    pub(crate) exemplars: Exemplars,
    /// Whether its metadata differs from what the sidecar holds.
    pub(crate) metadata_changed: AtomicBool,
}

/// All tenants. None is ever removed while the engine is open.
#[derive(Debug, Default)]
pub(crate) struct Tenants {
    map: RwLock<Map>,
}

#[derive(Debug, Default)]
struct Map {
    by_name: BTreeMap<TenantId, Arc<TenantState>>,
    by_space: Vec<Arc<TenantState>>,
}

/// One tenant more than there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooManyTenants;

/// What a new tenant is made from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Founding<'a> {
    pub(crate) store: StoreId,
    pub(crate) options: &'a EngineOptions,
    pub(crate) budget: &'a Arc<MemoryBudget>,
}

impl Tenants {
    pub(crate) fn get(&self, id: &TenantId) -> Option<Arc<TenantState>> {
        self.map.read().by_name.get(id).cloned()
    }

    /// The tenant of a number given out before.
    pub(crate) fn of_space(&self, space: u32) -> Option<Arc<TenantState>> {
        self.map.read().by_space.get(space as usize).cloned()
    }

    /// The tenant, a new one when there are fewer than `tenants_max`.
    pub(crate) fn get_or_found(
        &self,
        id: &TenantId,
        tenants_max: usize,
        founding: Founding<'_>,
    ) -> Result<Arc<TenantState>, TooManyTenants> {
        if let Some(known) = self.get(id) {
            return Ok(known);
        }
        let mut map = self.map.write();
        if let Some(known) = map.by_name.get(id) {
            return Ok(Arc::clone(known));
        }
        if map.by_name.len() >= tenants_max {
            return Err(TooManyTenants);
        }
        let space = u32::try_from(map.by_space.len()).map_err(|_| TooManyTenants)?;
        let limits = limits_of(founding.options, id);
        let tenant = Tenant::new(id.clone(), founding.store, space, limits, founding.budget);
        let signals = PerSignal::from_fn(|signal| SignalState::new(Arc::clone(&tenant), signal));
        tenant.set_active_ids(active_ids(Arc::downgrade(&signals.metrics), founding.store));
        let state = Arc::new(TenantState {
            tenant,
            signals,
            exemplars: Exemplars::default(),
            metadata_changed: AtomicBool::new(false),
        });
        map.by_name.insert(id.clone(), Arc::clone(&state));
        map.by_space.push(Arc::clone(&state));
        Ok(state)
    }

    /// All tenants, by name.
    pub(crate) fn all(&self) -> Vec<Arc<TenantState>> {
        self.map.read().by_name.values().cloned().collect()
    }

    /// The signals of all tenants.
    pub(crate) fn states(&self) -> Vec<Arc<SignalState>> {
        let map = self.map.read();
        map.by_name
            .values()
            .flat_map(|tenant| Signal::ALL.map(|signal| Arc::clone(tenant.signals.get(signal))))
            .collect()
    }
}

fn limits_of(options: &EngineOptions, id: &TenantId) -> TenantLimits {
    let ms = |duration: std::time::Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
    TenantLimits {
        series_max: options.series_max(id),
        late_max_ms: PerSignal::from_fn(|signal| ms(options.late_max(id, signal))),
        future_max_ms: ms(options.future_max(id)),
    }
}
