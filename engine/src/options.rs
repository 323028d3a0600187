//! What an engine is told when it is opened: plain data, whose defaults are those of `icecore serve`.

use std::collections::BTreeMap;
use std::time::Duration;

pub use icecore_wal::SyncPolicy;

use crate::ids::{Signal, TenantId};
use crate::limits::{MEMORY_BYTES_MIN, WAL_SEGMENT_BYTES_MAX, WAL_SEGMENT_BYTES_MIN, WAL_SEGMENT_MEMORY_SHARE};
use crate::time::DAY_S;

/// One value for each signal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PerSignal<T> {
    /// For samples.
    pub metrics: T,
    /// For log records.
    pub logs: T,
    /// For spans.
    pub traces: T,
}

impl<T> PerSignal<T> {
    /// The signal's value.
    pub const fn get(&self, signal: Signal) -> &T {
        match signal {
            Signal::Metrics => &self.metrics,
            Signal::Logs => &self.logs,
            Signal::Traces => &self.traces,
        }
    }

    /// The signal's value, to change it.
    pub const fn get_mut(&mut self, signal: Signal) -> &mut T {
        match signal {
            Signal::Metrics => &mut self.metrics,
            Signal::Logs => &mut self.logs,
            Signal::Traces => &mut self.traces,
        }
    }

    /// Makes each signal's value.
    pub fn from_fn(mut make: impl FnMut(Signal) -> T) -> Self {
        Self {
            metrics: make(Signal::Metrics),
            logs: make(Signal::Logs),
            traces: make(Signal::Traces),
        }
    }
}

impl<T: Clone> PerSignal<T> {
    /// The same value for all.
    pub fn all(value: T) -> Self {
        Self::from_fn(|_| value.clone())
    }
}

/// How an engine behaves. Fields may be added: build it from `Default`.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// Bytes that all buffers, heads, caches and queries may hold together; 20 % of it is never handed out.
    pub memory_bytes_max: u64,
    /// When an append counts as durable.
    pub wal_sync: SyncPolicy,
    /// Size of the write-ahead log at which the heads that hold its oldest segment are flushed.
    pub wal_bytes_max: u64,
    /// Size of one segment; `None` takes a share of the memory limit.
    pub wal_segment_bytes: Option<u64>,
    /// Age at which a partition goes.
    pub retention: PerSignal<Duration>,
    /// Bytes on disk of a signal, all tenants together, above which its oldest partition goes.
    pub disk_bytes_max: PerSignal<u64>,
    /// Free bytes of the file system below which nothing is taken in any more.
    pub disk_free_bytes_min: u64,
    /// Active series of one tenant at most.
    pub series_max: u64,
    /// Tenants at most.
    pub tenants_max: usize,
    /// How old a row may be when it arrives; `None` means as old as retention allows.
    pub late_max: Option<Duration>,
    /// How far ahead of the clock a row may be.
    pub future_max: Duration,
    /// Length of a partition's window in seconds: whole hours that divide a day.
    pub window_length_s: PerSignal<i64>,
    /// Age at which a head is flushed although it is small.
    pub head_age_max: Duration,
    /// Refuse to open over damage, where the default sets it aside, counts and announces it.
    pub strict_recovery: bool,
    /// Run the flusher and the ticker on threads of the engine's own; without it `tick` and `flush` are the caller's.
    pub background: bool,
    /// What differs for single tenants.
    pub tenants: BTreeMap<TenantId, TenantOptions>,
}

/// What may differ for one tenant; `None` means as for all.
#[derive(Debug, Clone, Default)]
pub struct TenantOptions {
    /// Age at which a partition goes.
    pub retention: PerSignal<Option<Duration>>,
    /// Active series at most.
    pub series_max: Option<u64>,
    /// How old a row may be when it arrives.
    pub late_max: Option<Duration>,
    /// How far ahead of the clock a row may be.
    pub future_max: Option<Duration>,
}

const GIB: u64 = 1 << 30;

impl Default for EngineOptions {
    fn default() -> Self {
        let days = |days: u64| Duration::from_secs(days * 86_400);
        Self {
            memory_bytes_max: 256 << 20,
            wal_sync: SyncPolicy::EveryCommit,
            wal_bytes_max: GIB / 2,
            wal_segment_bytes: None,
            retention: PerSignal {
                metrics: days(30),
                logs: days(14),
                traces: days(7),
            },
            disk_bytes_max: PerSignal::all(10_000_000_000),
            disk_free_bytes_min: 64 << 20,
            series_max: 100_000,
            tenants_max: 64,
            late_max: None,
            future_max: Duration::from_secs(3_600),
            window_length_s: PerSignal::all(DAY_S),
            head_age_max: Duration::from_secs(600),
            strict_recovery: false,
            background: true,
            tenants: BTreeMap::new(),
        }
    }
}

impl EngineOptions {
    /// The tenant's retention of a signal.
    pub fn retention(&self, tenant: &TenantId, signal: Signal) -> Duration {
        self.tenants
            .get(tenant)
            .and_then(|own| *own.retention.get(signal))
            .unwrap_or(*self.retention.get(signal))
    }

    /// How old a row of the tenant may be when it arrives: never older than it would be kept.
    pub fn late_max(&self, tenant: &TenantId, signal: Signal) -> Duration {
        let retention = self.retention(tenant, signal);
        self.tenants
            .get(tenant)
            .and_then(|own| own.late_max)
            .or(self.late_max)
            .map_or(retention, |late| late.min(retention))
    }

    /// How far ahead of the clock a row of the tenant may be.
    pub fn future_max(&self, tenant: &TenantId) -> Duration {
        self.tenants
            .get(tenant)
            .and_then(|own| own.future_max)
            .unwrap_or(self.future_max)
    }

    /// The tenant's cap on active series.
    pub fn series_max(&self, tenant: &TenantId) -> u64 {
        self.tenants
            .get(tenant)
            .and_then(|own| own.series_max)
            .unwrap_or(self.series_max)
    }

    /// The size of one segment of the write-ahead log.
    pub fn segment_bytes(&self) -> u64 {
        self.wal_segment_bytes.unwrap_or_else(|| {
            (self.memory_bytes_max / WAL_SEGMENT_MEMORY_SHARE).clamp(WAL_SEGMENT_BYTES_MIN, WAL_SEGMENT_BYTES_MAX)
        })
    }

    /// Refuses what cannot work; the text says what to change.
    pub fn validate(&self) -> Result<(), InvalidOptions> {
        if self.memory_bytes_max < MEMORY_BYTES_MIN {
            return Err(InvalidOptions::Memory(self.memory_bytes_max));
        }
        for signal in Signal::ALL {
            let length_s = *self.window_length_s.get(signal);
            if length_s < 3600 || length_s % 3600 != 0 || DAY_S % length_s != 0 {
                return Err(InvalidOptions::Window { signal, length_s });
            }
        }
        if self.wal_bytes_max < 2 * self.segment_bytes() {
            return Err(InvalidOptions::Wal {
                wal_bytes_max: self.wal_bytes_max,
                segment_bytes: self.segment_bytes(),
            });
        }
        Ok(())
    }
}

/// Options that cannot work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidOptions {
    /// Less memory than an engine needs.
    #[error("memory_bytes_max is {0}: an engine needs at least {MEMORY_BYTES_MIN} bytes")]
    Memory(u64),
    /// A window that does not divide a day into whole hours.
    #[error("window_length_s of {signal} is {length_s}: a window is a whole number of hours that divides a day")]
    Window {
        /// The signal.
        signal: Signal,
        /// What was asked for, in seconds.
        length_s: i64,
    },
    /// A log that cannot hold two segments.
    #[error("wal_bytes_max is {wal_bytes_max}: it must hold at least two segments of {segment_bytes} bytes")]
    Wal {
        /// What was asked for.
        wal_bytes_max: u64,
        /// The segment's size.
        segment_bytes: u64,
    },
}
