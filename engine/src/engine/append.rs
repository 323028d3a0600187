//! Appending: admit, encode, log, link, acknowledge. When an append returns, its rows are durable by the sync policy and
//! in the next snapshot; when it fails, nothing of it is and its admission was given back.

use std::sync::Arc;

use bytes::Bytes;
use icecore_wal::{AppendError as LogError, Record, WalError};

use super::Engine;
use super::link::Linking;
use super::tenants::{TenantState, TooManyTenants};
use crate::batch::{LogsBatch, MetricsBatch, SpansBatch};
use crate::budget::{MemoryClass, Reservation};
use crate::exemplars::StoredExemplar;
use crate::head::{Cut, Piece, cut_metrics, cut_rows};
use crate::ids::{Signal, TenantId};
use crate::limits::{FROZEN_HEADS_MAX, LATE_HEADS_MAX};
use crate::outcome::{AppendError, Outcome};
use crate::partition::{Linked, SignalState};
use crate::tenant::{AdmittedRows, Tenant};

/// What every signal's record comes down to.
struct Prepared {
    tenant: Arc<TenantState>,
    signal: Signal,
    body: Vec<Bytes>,
    refs: Vec<u32>,
    cuts: Vec<Cut>,
    memory: Reservation,
}

impl Engine {
    /// An empty batch of samples for a tenant, which is made when it is new.
    pub fn metrics_batch(&self, tenant: &TenantId) -> Result<MetricsBatch, AppendError> {
        let tenant = self.tenant(tenant)?;
        Ok(tenant.tenant.metrics_batch(self.core.clock.now().to_ms())?)
    }

    /// Stores samples. Returns when they are durable by the sync policy and in the next snapshot.
    ///
    /// # Errors
    /// Nothing of the batch was taken; `retry_after_ms` tells whether and when the same batch may succeed.
    pub fn append_metrics(&self, batch: MetricsBatch) -> Result<Outcome, AppendError> {
        let tenant = self.state_of(batch.tenant())?;
        self.room_for(tenant.signals.get(Signal::Metrics))?;
        let admitted = Tenant::admit_metrics(batch).inspect_err(|error| self.relieve(Signal::Metrics, error))?;
        let beside = !admitted.metadata.is_empty() || !admitted.exemplars.is_empty();
        if admitted.rows.is_empty() && !beside {
            return Ok(admitted.admission.confirm());
        }
        let window_length_s = *self.core.options.window_length_s.get(Signal::Metrics);
        let exemplars = admitted.exemplars.into_iter();
        let exemplars = exemplars.filter_map(|exemplar| StoredExemplar::of(exemplar, &tenant.tenant));
        let exemplars = exemplars.collect();
        let prepared = Prepared {
            cuts: cut_metrics(admitted.rows, window_length_s),
            tenant,
            signal: Signal::Metrics,
            body: admitted.body,
            refs: admitted.refs,
            memory: admitted.memory,
        };
        self.log(prepared, admitted.metadata, exemplars)?;
        Ok(admitted.admission.confirm())
    }

    /// An empty batch of log records for a tenant, which is made when it is new.
    pub fn logs_batch(&self, tenant: &TenantId) -> Result<LogsBatch, AppendError> {
        let tenant = self.tenant(tenant)?;
        Ok(tenant.tenant.logs_batch(self.core.clock.now().to_ms())?)
    }

    /// Stores log records. Returns when they are durable by the sync policy and in the next snapshot.
    ///
    /// # Errors
    /// Nothing of the batch was taken; `retry_after_ms` tells whether and when the same batch may succeed.
    pub fn append_logs(&self, batch: LogsBatch) -> Result<Outcome, AppendError> {
        let tenant = self.state_of(batch.tenant())?;
        self.room_for(tenant.signals.get(Signal::Logs))?;
        self.append_rows(
            tenant,
            Signal::Logs,
            Tenant::admit_logs(batch).inspect_err(|error| self.relieve(Signal::Logs, error))?,
        )
    }

    /// An empty batch of spans for a tenant, which is made when it is new.
    pub fn spans_batch(&self, tenant: &TenantId) -> Result<SpansBatch, AppendError> {
        let tenant = self.tenant(tenant)?;
        Ok(tenant.tenant.spans_batch(self.core.clock.now().to_ms())?)
    }

    /// Stores spans. Returns when they are durable by the sync policy and in the next snapshot.
    ///
    /// # Errors
    /// Nothing of the batch was taken; `retry_after_ms` tells whether and when the same batch may succeed.
    pub fn append_spans(&self, batch: SpansBatch) -> Result<Outcome, AppendError> {
        let tenant = self.state_of(batch.tenant())?;
        self.room_for(tenant.signals.get(Signal::Traces))?;
        self.append_rows(
            tenant,
            Signal::Traces,
            Tenant::admit_spans(batch).inspect_err(|error| self.relieve(Signal::Traces, error))?,
        )
    }

    fn append_rows(
        &self,
        tenant: Arc<TenantState>,
        signal: Signal,
        admitted: AdmittedRows,
    ) -> Result<Outcome, AppendError> {
        if admitted.rows.num_rows() == 0 {
            return Ok(admitted.admission.confirm());
        }
        let window_length_s = *self.core.options.window_length_s.get(signal);
        let cuts = cut_rows(admitted.rows, window_length_s).map_err(|error| AppendError::Invalid {
            reason: error.to_string(),
        })?;
        let prepared = Prepared {
            cuts,
            tenant,
            signal,
            body: admitted.body,
            refs: Vec::new(),
            memory: admitted.memory,
        };
        self.log(prepared, Vec::new(), Vec::new())?;
        Ok(admitted.admission.confirm())
    }

    /// Writes one record and waits until it is durable and linked.
    fn log(
        &self,
        prepared: Prepared,
        metadata: Vec<crate::metadata::MetricMetadata>,
        exemplars: Vec<StoredExemplar>,
    ) -> Result<(), AppendError> {
        let signal = prepared.signal;
        let state = prepared.tenant.signals.get(signal);
        self.room_for_windows(state, &prepared.cuts)?;
        let pieces = self.pieces(signal, prepared.cuts, prepared.memory)?;
        let record = Record {
            body: prepared.body,
            lane: signal as u8,
            space: prepared.tenant.tenant.space(),
            refs: prepared.refs,
            attachment: Linking {
                tenant: prepared.tenant,
                signal,
                pieces,
                metadata,
                exemplars,
            },
        };
        let log = self.core.log().ok_or(AppendError::Closed)?;
        let ticket = log.append(record).map_err(|refused| match refused {
            LogError::Full { queue_bytes, .. } => AppendError::LogFull { queue_bytes },
            LogError::Closed { .. } => AppendError::Closed,
            LogError::TooLarge {
                record_bytes,
                limit_bytes,
                ..
            } => AppendError::TooLarge {
                bytes: record_bytes,
                bytes_max: limit_bytes,
            },
            other => AppendError::LogFailed {
                reason: other.to_string(),
            },
        })?;
        ticket.wait().map(drop).map_err(|error| match error {
            WalError::Closed => AppendError::Closed,
            other => AppendError::LogFailed {
                reason: other.to_string(),
            },
        })
    }

    /// Files the memory of a batch under heads and shares it out to its pieces.
    fn pieces(&self, signal: Signal, cuts: Vec<Cut>, mut memory: Reservation) -> Result<Vec<Piece>, AppendError> {
        let bytes = cuts.iter().map(|cut| cut.bytes).sum();
        memory.try_resize(bytes).inspect_err(|_| self.core.relieve(signal))?;
        memory.reclassify(MemoryClass::Heads(signal));
        Ok(cuts
            .into_iter()
            .map(|cut| Piece {
                window: cut.window,
                time: cut.time,
                rows: cut.rows,
                memory: memory.split(cut.bytes),
                content: cut.content,
            })
            .collect())
    }

    /// Makes room after a batch was refused for want of memory: its sender will come again.
    fn relieve(&self, signal: Signal, error: &AppendError) {
        if matches!(error, AppendError::Memory(_)) {
            self.core.relieve(signal);
        }
    }

    /// Refuses, as retryable, what a signal has no room for: its disk budget, the file system, a full head whose flush
    /// cannot begin because others wait.
    fn room_for(&self, state: &SignalState) -> Result<(), AppendError> {
        let signal = state.signal;
        if self.core.disk.is_over(signal) {
            return Err(AppendError::DiskFull {
                signal,
                used_bytes: self.core.disk.used_bytes(signal),
                bytes_max: *self.core.options.disk_bytes_max.get(signal),
            });
        }
        if let Some(free_bytes) = self.core.disk.low_free_bytes() {
            return Err(AppendError::HeadsFull {
                what: format!(
                    "the file system has {free_bytes} free bytes, below the floor of {}",
                    self.core.options.disk_free_bytes_min
                ),
            });
        }
        if self.core.frozen() >= FROZEN_HEADS_MAX && self.core.has_full_head(state) {
            self.core.wake_flusher();
            return Err(AppendError::HeadsFull {
                what: format!("{FROZEN_HEADS_MAX} full heads wait for their flush and the next is full"),
            });
        }
        Ok(())
    }

    /// Refuses, as retryable, a record that would open one more head of a closed window than there may be.
    fn room_for_windows(&self, state: &SignalState, cuts: &[Cut]) -> Result<(), AppendError> {
        let now_s = self.core.now_s();
        let closed = |cut: &&Cut| cut.window.end_s() <= now_s;
        if !cuts.iter().any(|cut| closed(&cut)) {
            return Ok(());
        }
        let (new, open) = state.read(|partitions| {
            let has_head = |start_s: &i64| partitions.get(start_s).is_some_and(|known| known.open.is_some());
            let new = cuts
                .iter()
                .filter(closed)
                .filter(|cut| !has_head(&cut.window.start_s))
                .count();
            let open = partitions
                .values()
                .filter(|partition| partition.open.is_some() && partition.window.end_s() <= now_s)
                .count();
            (new, open)
        });
        // A record that spans more windows than may have a head is taken when none has one: it could never be otherwise.
        if new == 0 || open == 0 || new + open <= LATE_HEADS_MAX {
            return Ok(());
        }
        self.core.freeze_late(state);
        Err(AppendError::HeadsFull {
            what: format!("{open} closed windows have a head; at most {LATE_HEADS_MAX} may"),
        })
    }

    fn tenant(&self, id: &TenantId) -> Result<Arc<TenantState>, AppendError> {
        let tenants_max = self.core.options.tenants_max;
        self.core.tenant(id, tenants_max).map_err(|TooManyTenants| {
            self.core.counters.tenant_refused();
            AppendError::TenantsMax {
                tenant: id.to_string(),
                tenants_max,
            }
        })
    }

    /// The state of a tenant that a batch was made for; a batch of another engine is none of ours.
    fn state_of(&self, tenant: &Arc<Tenant>) -> Result<Arc<TenantState>, AppendError> {
        self.core
            .tenants
            .of_space(tenant.space())
            .filter(|state| Arc::ptr_eq(&state.tenant, tenant))
            .ok_or(AppendError::Stale)
    }
}

impl super::core::Core {
    /// Whether an open head of the signal is full.
    pub(crate) fn has_full_head(&self, state: &SignalState) -> bool {
        state.read(|partitions| {
            partitions
                .values()
                .filter_map(|partition| partition.open.as_ref())
                .any(|head| {
                    let size = head.size();
                    self.is_full(&Linked {
                        head_bytes_max: size.bytes,
                        head_rows_max: size.rows,
                    })
                })
        })
    }
}
