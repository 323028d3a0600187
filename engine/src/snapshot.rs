//! What a query reads: the parts and heads of one tenant's signal at one moment. It pins them: flushes, merges and drops
//! go on meanwhile, and files go when the last snapshot that names them does.

use std::sync::Arc;

use crate::head::HeadView;
use crate::ids::{Signal, TenantId};
use crate::part::Part;
use crate::time::{TimeRange, Window};

/// One tenant's rows of one signal at one moment.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// Whose.
    pub tenant: TenantId,
    /// Of which signal.
    pub signal: Signal,
    /// In the order of time.
    pub partitions: Vec<PartitionView>,
}

/// One window's rows.
#[derive(Debug, Clone)]
pub struct PartitionView {
    /// The window.
    pub window: Window,
    /// Its parts, in LSN order.
    pub parts: Vec<Arc<Part>>,
    /// Rows that are in no part yet, in LSN order; they are newer than the rows of all parts.
    pub heads: Vec<HeadView>,
}

impl Snapshot {
    /// A snapshot of nothing.
    pub fn empty(tenant: TenantId, signal: Signal) -> Self {
        Self {
            tenant,
            signal,
            partitions: Vec::new(),
        }
    }

    /// Leaves only what may hold rows of `range` (in the signal's unit of time).
    pub fn narrowed(mut self, range: TimeRange) -> Self {
        for partition in &mut self.partitions {
            partition.parts.retain(|part| part.time_range().overlaps(range));
            partition.heads.retain(|head| head.time_range().overlaps(range));
        }
        self.partitions
            .retain(|partition| !partition.parts.is_empty() || !partition.heads.is_empty());
        self
    }

    /// Rows in parts and heads, before duplicates of one identity across them are resolved.
    pub fn rows(&self) -> u64 {
        self.partitions
            .iter()
            .map(|partition| {
                let parts: u64 = partition.parts.iter().map(|part| part.rows()).sum();
                let heads: u64 = partition.heads.iter().map(|head| u64::from(head.rows())).sum();
                parts + heads
            })
            .sum()
    }
}
