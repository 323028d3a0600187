//! The engine's statistics, gathered from where they are counted.

use super::Engine;
use super::core::Core;
use super::tenants::TenantState;
use crate::ids::Signal;
use crate::options::PerSignal;
use crate::partition::SignalState;
use crate::stats::{EngineStats, SignalStats, TenantStats};

impl Engine {
    /// Everything there is to tell, at one moment.
    pub fn stats(&self) -> EngineStats {
        let core = &self.core;
        let wal = core.log().map(|log| log.stats()).unwrap_or_default();
        EngineStats {
            tenants: core
                .tenants
                .all()
                .iter()
                .map(|tenant| tenant_stats(core, tenant))
                .collect(),
            tenants_refused: core.counters.tenants_refused(),
            memory: core.budget.usage(),
            disk_bytes: PerSignal::from_fn(|signal| core.disk_bytes(signal, wal.bytes)),
            disk_bytes_max: core.options.disk_bytes_max,
            disk_over: Signal::ALL
                .into_iter()
                .filter(|signal| core.disk.is_over(*signal))
                .collect(),
            flushes: core.counters.flushes.stats(),
            merges: core.counters.merges.stats(),
            drops: core.counters.drops.stats(),
            retention: core.counters.retention.stats(),
            frozen_heads: core.frozen() as u64,
            quarantined: core.quarantined.lock().clone(),
            recovery: core.recovery.lock().clone(),
            wal,
        }
    }
}

fn tenant_stats(core: &Core, state: &TenantState) -> TenantStats {
    let tenant = &state.tenant;
    TenantStats {
        tenant: tenant.id().clone(),
        active_series: tenant.active_series(core.clock.now().to_ms()),
        series_max: tenant.limits().series_max,
        series_in_memory: tenant.with_series(|series| series.len()),
        exemplars: state.exemplars.len() as u64,
        metadata: tenant.metadata_len() as u64,
        signals: PerSignal::from_fn(|signal| SignalStats {
            ledger: tenant.ledger().counts(signal),
            ..signal_stats(state.signals.get(signal))
        }),
    }
}

fn signal_stats(state: &SignalState) -> SignalStats {
    let mut stats = SignalStats::default();
    state.read(|partitions| {
        for partition in partitions.values() {
            stats.partitions += 1;
            stats.parts += partition.parts.len() as u64;
            stats.part_rows += partition.parts.iter().map(|part| part.rows()).sum::<u64>();
            stats.part_bytes += partition.part_bytes();
            for head in partition.heads() {
                let size = head.size();
                stats.heads += 1;
                stats.head_rows += u64::from(size.rows);
                stats.head_bytes += size.bytes;
            }
        }
    });
    stats
}
