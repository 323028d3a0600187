//! Hostile OTLP and remote-write bodies: every decoder ends in a batch or an error, whatever the bytes, and JSON that is
//! taken becomes protobuf that is taken. Batches belong to a tenant without a disk.

#![no_main]

use std::sync::Arc;

use icecore_engine::budget::MemoryBudget;
use icecore_engine::ids::{StoreId, TenantId};
use icecore_engine::options::PerSignal;
use icecore_engine::tenant::{Tenant, TenantLimits};
use icecore_engine::time::TimestampMs;
use icecore_server::translate::Translation;
use icecore_server::{otlp, remote_write};
use libfuzzer_sys::fuzz_target;

const NOW: TimestampMs = TimestampMs(1_800_000_000_000);

fn tenant() -> Arc<Tenant> {
    let limits = TenantLimits {
        series_max: 1_000,
        late_max_ms: PerSignal::all(i64::MAX / 4),
        future_max_ms: i64::MAX / 4,
    };
    Tenant::new(
        TenantId::default(),
        StoreId([1; 16]),
        0,
        limits,
        &MemoryBudget::new(256 << 20),
    )
}

fn metrics(tenant: &Arc<Tenant>, body: &[u8]) {
    let mut batch = tenant.metrics_batch(NOW).expect("memory for an empty batch");
    if otlp::metrics::decode(body, &mut batch, &Translation::default()).is_ok() {
        let _ = Tenant::admit_metrics(batch);
    }
}

fn logs(tenant: &Arc<Tenant>, body: &[u8]) {
    let mut batch = tenant.logs_batch(NOW).expect("memory for an empty batch");
    if otlp::logs::decode(body, &mut batch).is_ok() {
        let _ = Tenant::admit_logs(batch);
    }
}

fn traces(tenant: &Arc<Tenant>, body: &[u8]) {
    let mut batch = tenant.spans_batch(NOW).expect("memory for an empty batch");
    if otlp::traces::decode(body, &mut batch).is_ok() {
        let _ = Tenant::admit_spans(batch);
    }
}

fuzz_target!(|input: &[u8]| {
    let Some((which, body)) = input.split_first() else {
        return;
    };
    let tenant = tenant();
    match which % 7 {
        0 => metrics(&tenant, body),
        1 => logs(&tenant, body),
        2 => traces(&tenant, body),
        3 => {
            let mut batch = tenant.metrics_batch(NOW).expect("memory for an empty batch");
            if remote_write::decode(body, &mut batch).is_ok() {
                let _ = Tenant::admit_metrics(batch);
            }
        }
        4 => {
            if let Ok(protobuf) = otlp::json::metrics_to_protobuf(body) {
                metrics(&tenant, &protobuf);
            }
        }
        5 => {
            if let Ok(protobuf) = otlp::json::logs_to_protobuf(body) {
                logs(&tenant, &protobuf);
            }
        }
        _ => {
            if let Ok(protobuf) = otlp::json::traces_to_protobuf(body) {
                traces(&tenant, &protobuf);
            }
        }
    }
});
