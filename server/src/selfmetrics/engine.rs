//! The engine's books as metric families: what became of every item, what lies where, what the log and the budget do.

use icecore_engine::Engine;
use icecore_engine::ids::Signal;
use icecore_engine::ledger::LedgerCounts;
use icecore_engine::reason::Reason;
use icecore_engine::stats::{EngineStats, FSYNC_SECONDS_BOUNDS, SignalStats, UpkeepStats, WalStats};

use super::exposition::{Exposition, FamilyKind};

pub(super) fn render(engine: &Engine, out: &mut Exposition) {
    let stats = engine.stats();
    items(&stats, out);
    rejected(&stats, out);
    tenants(&stats, out);
    rows(&stats, out);
    disk(&stats, out);
    log(&stats, out);
    memory(&stats, out);
    upkeep(&stats, out);
    recovery(&stats, out);
}

/// Calls `visit` with the label values and the numbers of every tenant and signal.
fn each_signal<'a>(stats: &'a EngineStats, mut visit: impl FnMut(&'a str, &'static str, &'a SignalStats)) {
    for tenant in &stats.tenants {
        for signal in Signal::ALL {
            visit(tenant.tenant.as_str(), signal.as_str(), tenant.signals.get(signal));
        }
    }
}

/// A family with one sample for each tenant and signal.
fn by_signal(
    stats: &EngineStats,
    out: &mut Exposition,
    (name, kind, help): (&str, FamilyKind, &str),
    value: impl Fn(&SignalStats) -> u64,
) {
    out.family(name, kind, help);
    each_signal(stats, |tenant, signal, numbers| {
        out.sample(&[("tenant", tenant), ("signal", signal)], value(numbers) as f64);
    });
}

/// One column of the ledger: its family's name, its help, and where it stands.
type LedgerColumn = (&'static str, &'static str, fn(&LedgerCounts) -> u64);

const LEDGER: [LedgerColumn; 8] = [
    (
        "icecore_items_received_total",
        "Data points, log records and spans of requests that were taken",
        |counts| counts.received,
    ),
    ("icecore_items_stored_total", "Items stored as new rows", |counts| {
        counts.stored
    }),
    (
        "icecore_items_replaced_total",
        "Items stored over an earlier one of the same identity",
        |counts| counts.replaced,
    ),
    (
        "icecore_items_duplicate_total",
        "Items not stored because the same request was stored before",
        |counts| counts.duplicate,
    ),
    (
        "icecore_items_folded_total",
        "Items folded into an overflow series",
        |counts| counts.folded,
    ),
    (
        "icecore_items_dropped_total",
        "Items dropped by a rule of the operator",
        |counts| counts.dropped,
    ),
    (
        "icecore_interleaved_starts_total",
        "Samples whose series has two start times in turn: several senders share one series; give them service.instance.id",
        |counts| counts.interleaved_starts,
    ),
    (
        "icecore_exemplars_dropped_total",
        "Exemplars that were not kept",
        |counts| counts.exemplars_dropped,
    ),
];

fn items(stats: &EngineStats, out: &mut Exposition) {
    for (name, help, value) in LEDGER {
        by_signal(stats, out, (name, FamilyKind::Counter, help), |numbers| {
            value(&numbers.ledger)
        });
    }
}

fn rejected(stats: &EngineStats, out: &mut Exposition) {
    out.family(
        "icecore_items_rejected_total",
        FamilyKind::Counter,
        "Items refused for good, by reason",
    );
    each_signal(stats, |tenant, signal, numbers| {
        for (reason, count) in Reason::ALL.into_iter().zip(numbers.ledger.rejected) {
            if count > 0 {
                let labels = [("tenant", tenant), ("signal", signal), ("reason", reason.as_str())];
                out.sample(&labels, count as f64);
            }
        }
    });
    out.single(
        "icecore_tenants_refused_total",
        FamilyKind::Counter,
        "Requests refused because their tenant would be one too many",
        stats.tenants_refused as f64,
    );
}

fn tenants(stats: &EngineStats, out: &mut Exposition) {
    out.single(
        "icecore_tenants",
        FamilyKind::Gauge,
        "Tenants",
        stats.tenants.len() as f64,
    );
    let mut family = |name, help, value: fn(&icecore_engine::stats::TenantStats) -> u64| {
        out.family(name, FamilyKind::Gauge, help);
        for tenant in &stats.tenants {
            out.sample(&[("tenant", tenant.tenant.as_str())], value(tenant) as f64);
        }
    };
    family(
        "icecore_active_series",
        "Series with a sample in the current or the previous hour",
        |tenant| tenant.active_series,
    );
    family("icecore_series_max", "The cap on active series", |tenant| {
        tenant.series_max
    });
    family(
        "icecore_series_in_memory",
        "Series whose labels are in memory",
        |tenant| tenant.series_in_memory,
    );
    family("icecore_exemplars", "Exemplars kept", |tenant| tenant.exemplars);
}

fn rows(stats: &EngineStats, out: &mut Exposition) {
    use FamilyKind::Gauge;
    by_signal(
        stats,
        out,
        ("icecore_partitions", Gauge, "Partitions on disk or in memory"),
        |numbers| numbers.partitions,
    );
    by_signal(stats, out, ("icecore_parts", Gauge, "Parquet files"), |numbers| {
        numbers.parts
    });
    by_signal(
        stats,
        out,
        ("icecore_part_rows", Gauge, "Rows in Parquet files"),
        |numbers| numbers.part_rows,
    );
    by_signal(
        stats,
        out,
        ("icecore_part_bytes", Gauge, "Bytes of Parquet files"),
        |numbers| numbers.part_bytes,
    );
    by_signal(
        stats,
        out,
        ("icecore_heads", Gauge, "Heads in memory, those being flushed included"),
        |numbers| numbers.heads,
    );
    by_signal(
        stats,
        out,
        (
            "icecore_head_rows",
            Gauge,
            "Rows in the log and not yet in a Parquet file",
        ),
        |numbers| numbers.head_rows,
    );
    by_signal(stats, out, ("icecore_head_bytes", Gauge, "Bytes of heads"), |numbers| {
        numbers.head_bytes
    });
}

fn disk(stats: &EngineStats, out: &mut Exposition) {
    out.family(
        "icecore_disk_bytes",
        FamilyKind::Gauge,
        "Bytes on disk, with the signal's share of the log",
    );
    for signal in Signal::ALL {
        out.sample(&[("signal", signal.as_str())], *stats.disk_bytes.get(signal) as f64);
    }
    out.family(
        "icecore_disk_limit_bytes",
        FamilyKind::Gauge,
        "Bytes on disk that the signal may take",
    );
    for signal in Signal::ALL {
        out.sample(&[("signal", signal.as_str())], *stats.disk_bytes_max.get(signal) as f64);
    }
    out.family(
        "icecore_disk_full",
        FamilyKind::Gauge,
        "1 while the signal is refused because its open partition alone is over the limit",
    );
    for signal in Signal::ALL {
        let full = u8::from(stats.disk_over.contains(&signal));
        out.sample(&[("signal", signal.as_str())], f64::from(full));
    }
}

/// One number of the log: its family's name, kind and help, and where it stands.
type LogColumn = (&'static str, FamilyKind, &'static str, fn(&WalStats) -> u64);

const LOG: [LogColumn; 12] = {
    use FamilyKind::{Counter, Gauge};
    [
        ("icecore_wal_bytes", Gauge, "Bytes of the write-ahead log", |wal| {
            wal.bytes
        }),
        ("icecore_wal_segments", Gauge, "Files of the write-ahead log", |wal| {
            wal.segments
        }),
        (
            "icecore_wal_queue_bytes",
            Gauge,
            "Bytes that wait to be written",
            |wal| wal.queue_bytes,
        ),
        (
            "icecore_wal_queue_records",
            Gauge,
            "Requests that wait to be written",
            |wal| wal.queue_records,
        ),
        (
            "icecore_wal_refused_full_total",
            Counter,
            "Appends refused because the queue was full",
            |wal| wal.refused_full,
        ),
        (
            "icecore_wal_refused_failed_total",
            Counter,
            "Appends refused because the log cannot be written",
            |wal| wal.refused_poisoned,
        ),
        ("icecore_wal_groups_total", Counter, "Group commits", |wal| wal.groups),
        ("icecore_wal_records_total", Counter, "Records written", |wal| {
            wal.records
        }),
        ("icecore_wal_written_bytes_total", Counter, "Bytes written", |wal| {
            wal.written_bytes
        }),
        (
            "icecore_wal_sealed_by_error_total",
            Counter,
            "Segments given up after a write or sync error",
            |wal| wal.sealed_by_error,
        ),
        (
            "icecore_wal_unsynced_at_error_total",
            Counter,
            "Records acknowledged before a sync that then failed",
            |wal| wal.unsynced_at_error,
        ),
        (
            "icecore_wal_failed",
            Gauge,
            "1 while the log cannot be written and ingest is refused",
            |wal| u64::from(wal.poisoned.is_some()),
        ),
    ]
};

fn log(stats: &EngineStats, out: &mut Exposition) {
    let wal = &stats.wal;
    for (name, kind, help, value) in LOG {
        out.single(name, kind, help, value(wal) as f64);
    }
    out.family(
        "icecore_wal_fsync_seconds",
        FamilyKind::Histogram,
        "Time of one sync of the log",
    );
    let buckets = FSYNC_SECONDS_BOUNDS.into_iter().zip(wal.fsync.counts);
    out.histogram(&[], buckets, wal.fsync.sum_seconds, wal.fsync.count());
}

fn memory(stats: &EngineStats, out: &mut Exposition) {
    let memory = &stats.memory;
    out.single(
        "icecore_memory_limit_bytes",
        FamilyKind::Gauge,
        "The memory limit",
        memory.limit_bytes as f64,
    );
    out.family(
        "icecore_memory_used_bytes",
        FamilyKind::Gauge,
        "Memory reserved, by what it is for",
    );
    for class in &memory.classes {
        out.sample(&[("class", class.class.as_str())], class.used_bytes as f64);
    }
    out.family(
        "icecore_memory_refusals_total",
        FamilyKind::Counter,
        "Reservations refused, by what they were for",
    );
    for class in &memory.classes {
        out.sample(&[("class", class.class.as_str())], class.refusals as f64);
    }
}

fn upkeep(stats: &EngineStats, out: &mut Exposition) {
    let kinds = [
        ("flush", &stats.flushes),
        ("merge", &stats.merges),
        ("drop", &stats.drops),
        ("retention", &stats.retention),
    ];
    let mut family = |name, kind, help, value: fn(&UpkeepStats) -> f64| {
        out.family(name, kind, help);
        for (work, numbers) in kinds {
            out.sample(&[("work", work)], value(numbers));
        }
    };
    use FamilyKind::{Counter, Gauge};
    family(
        "icecore_upkeep_successes_total",
        Counter,
        "Upkeep that succeeded",
        |numbers| numbers.successes as f64,
    );
    family(
        "icecore_upkeep_failures_total",
        Counter,
        "Upkeep that failed",
        |numbers| numbers.failures as f64,
    );
    family(
        "icecore_upkeep_consecutive_failures",
        Gauge,
        "Failures since the last success",
        |numbers| numbers.consecutive_failures as f64,
    );
    family(
        "icecore_upkeep_rows_total",
        Counter,
        "Rows written or dropped",
        |numbers| numbers.rows as f64,
    );
    family(
        "icecore_upkeep_bytes_total",
        Counter,
        "Bytes written or dropped",
        |numbers| numbers.bytes as f64,
    );
    family("icecore_upkeep_seconds_total", Counter, "Time spent", |numbers| {
        numbers.duration.as_secs_f64()
    });
    family(
        "icecore_upkeep_last_success_timestamp_seconds",
        Gauge,
        "When it last succeeded; 0 for never",
        |numbers| numbers.last_success.map_or(0.0, |time| time.0 as f64 / 1e9),
    );
    out.single(
        "icecore_frozen_heads",
        Gauge,
        "Heads that wait for their flush",
        stats.frozen_heads as f64,
    );
}

fn recovery(stats: &EngineStats, out: &mut Exposition) {
    use FamilyKind::Gauge;
    let recovery = &stats.recovery;
    let families: [(&str, &str, f64); 5] = [
        (
            "icecore_recovery_seconds",
            "Time that the last opening took",
            recovery.duration.as_secs_f64(),
        ),
        (
            "icecore_recovery_rows_replayed",
            "Rows taken from the log into memory at the last opening",
            recovery.rows_replayed as f64,
        ),
        (
            "icecore_recovery_rows_covered",
            "Rows of the log that Parquet files held already",
            recovery.rows_covered as f64,
        ),
        (
            "icecore_recovery_damages",
            "Damages that the last opening found",
            recovery.damage.len() as f64,
        ),
        (
            "icecore_quarantined_files",
            "Files set aside since the start",
            stats.quarantined.len() as f64,
        ),
    ];
    for (name, help, value) in families {
        out.single(name, Gauge, help, value);
    }
}
