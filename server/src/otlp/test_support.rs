//! What tests of the decoders share: a tenant to decode for, and what was stored as lines to read.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

pub(crate) mod expected;
pub(crate) mod random;
pub(crate) mod rows;

use std::sync::Arc;

use icecore_engine::batch::{LogsBatch, MetricsBatch, SpansBatch};
use icecore_engine::budget::MemoryBudget;
use icecore_engine::ids::{SeriesRef, StoreId, TenantId};
use icecore_engine::options::PerSignal;
use icecore_engine::outcome::Outcome;
use icecore_engine::tenant::{AdmittedMetrics, Tenant, TenantLimits};
use icecore_engine::time::TimestampMs;
use serde_json::Value;

/// The time at which test requests arrive.
pub(crate) const NOW_MS: i64 = 1_800_000_000_000;
/// The same in nanoseconds.
pub(crate) const NOW_NS: u64 = 1_800_000_000_000_000_000;

/// A tenant that takes anything from three years ago to an hour ahead.
pub(crate) fn tenant(series_max: u64) -> Arc<Tenant> {
    let limits = TenantLimits {
        series_max,
        late_max_ms: PerSignal::all(3 * 366 * 86_400_000),
        future_max_ms: 3_600_000,
    };
    Tenant::new(
        TenantId::default(),
        StoreId([9; 16]),
        3,
        limits,
        &MemoryBudget::new(1 << 30),
    )
}

/// An empty batch of the tenant's.
pub(crate) fn batch(tenant: &Arc<Tenant>) -> MetricsBatch {
    tenant.metrics_batch(TimestampMs(NOW_MS)).unwrap()
}

/// What a batch left behind.
pub(crate) struct Stored {
    /// `metric{"label":"value"} value @ms`, with `from start` and the temporality where there are any, sorted.
    pub(crate) rows: Vec<String>,
    /// `metric kind unit help`.
    pub(crate) metadata: Vec<String>,
    /// `metric{..} value @ms trace span attributes`.
    pub(crate) exemplars: Vec<String>,
    /// The answer.
    pub(crate) outcome: Outcome,
}

/// Admits a batch and reads back what is stored of it.
pub(crate) fn admit(tenant: &Arc<Tenant>, batch: MetricsBatch) -> Stored {
    let admitted = Tenant::admit_metrics(batch).unwrap();
    tenant.learn_metadata(&admitted.metadata);
    let rows = sample_lines(tenant, &admitted);
    let metadata = admitted
        .metadata
        .iter()
        .map(|m| format!("{} {} {} {}", m.metric, m.kind.as_str(), m.unit, m.help))
        .collect();
    let exemplars = admitted
        .exemplars
        .iter()
        .map(|e| {
            format!(
                "{} {:?} @{} {} {} {}",
                series(tenant, e.series.0),
                e.value,
                e.timestamp_ms - NOW_MS,
                e.trace_id.map_or("-".to_owned(), |id| hex(&id)),
                e.span_id.map_or("-".to_owned(), |id| hex(&id)),
                e.attributes
            )
        })
        .collect();
    Stored {
        rows,
        metadata,
        exemplars,
        outcome: admitted.admission.confirm(),
    }
}

fn sample_lines(tenant: &Arc<Tenant>, admitted: &AdmittedMetrics) -> Vec<String> {
    let rows = &admitted.rows;
    let mut lines: Vec<String> = (0..rows.len())
        .map(|row| {
            let value = match rows.histogram(row) {
                Some(histogram) => format!("{histogram:?}"),
                None if rows.values[row].is_nan() => format!("NaN:{:x}", rows.values[row].to_bits()),
                None => format!("{:?}", rows.values[row]),
            };
            let mut line = format!(
                "{} {value} @{}",
                series(tenant, rows.refs[row]),
                rows.timestamps[row] - NOW_MS
            );
            if rows.start_timestamp(row) != 0 {
                line += &format!(" from {}", rows.start_timestamp(row) - NOW_MS);
            }
            if let Some(temporality) = rows.temporality(row).as_str() {
                line += &format!(" {temporality}");
            }
            line
        })
        .collect();
    lines.sort();
    lines
}

fn series(tenant: &Arc<Tenant>, number: u32) -> String {
    let key = tenant.key(SeriesRef(number)).unwrap();
    format!("{}{}", key.metric(), key.labels_json())
}

/// Admits log records; the rows as JSON and the answer.
pub(crate) fn admit_logs(batch: LogsBatch) -> (Vec<Value>, Outcome) {
    let admitted = Tenant::admit_logs(batch).unwrap();
    (rows::rows(&admitted.rows), admitted.admission.confirm())
}

/// Admits spans; the rows as JSON and the answer.
pub(crate) fn admit_spans(batch: SpansBatch) -> (Vec<Value>, Outcome) {
    let admitted = Tenant::admit_spans(batch).unwrap();
    (rows::rows(&admitted.rows), admitted.admission.confirm())
}

/// Lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
