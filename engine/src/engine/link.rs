//! Linking: what the log's commit thread does with a durable record before it is acknowledged. Nothing per row is
//! decoded, hashed or allocated here; the appending thread has made everything ready.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use icecore_wal::Lsn;

use super::core::Core;
use super::tenants::TenantState;
use crate::exemplars::StoredExemplar;
use crate::head::Piece;
use crate::ids::Signal;
use crate::limits::FROZEN_HEADS_MAX;
use crate::metadata::MetricMetadata;
use crate::partition::{Linked, SignalState};

/// A record on its way through the log: all that linking needs.
#[derive(Debug)]
pub(crate) struct Linking {
    pub(crate) tenant: Arc<TenantState>,
    pub(crate) signal: Signal,
    pub(crate) pieces: Vec<Piece>,
    pub(crate) metadata: Vec<MetricMetadata>,
    pub(crate) exemplars: Vec<StoredExemplar>,
}

impl Core {
    /// Puts a record's rows into heads and freezes those that are full, as far as frozen ones may wait.
    pub(crate) fn link(&self, lsn: Lsn, linking: Linking) {
        let tenant = linking.tenant;
        let state = tenant.signals.get(linking.signal);
        let linked = state.link(lsn, linking.pieces, self.clock.now());
        tenant.keep_beside(&linking.metadata, linking.exemplars);
        self.linked(lsn);
        if self.is_full(&linked) {
            self.freeze_full(state, FROZEN_HEADS_MAX.saturating_sub(self.frozen()));
        }
    }

    /// Freezes at most `at_most` full heads and wakes the flusher for them.
    pub(crate) fn freeze_full(&self, state: &SignalState, at_most: usize) {
        let frozen = state.freeze(at_most, |_, head| {
            let size = head.size();
            self.is_full(&Linked {
                head_bytes_max: size.bytes,
                head_rows_max: size.rows,
            })
        });
        if frozen > 0 {
            self.frozen_added(frozen);
            self.wake_flusher();
        }
    }
}

impl TenantState {
    /// Keeps what a record brings beside its samples.
    pub(crate) fn keep_beside(&self, metadata: &[MetricMetadata], exemplars: Vec<StoredExemplar>) {
        if !metadata.is_empty() {
            self.tenant.learn_metadata(metadata);
            self.metadata_changed.store(true, Ordering::Release);
        }
        for exemplar in exemplars {
            self.exemplars.add(exemplar);
        }
    }
}
