//! The partitions of one tenant's signal: which parts and heads hold its rows, changed only under one lock, so that a
//! reader finds each row in a head or in a part, never in both and never in neither.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Weak};

use icecore_wal::Lsn;
use parking_lot::{Mutex, RwLock};
use roaring::RoaringBitmap;

use crate::head::{Head, HeadView, Piece};
use crate::ids::{Signal, StoreId};
use crate::layout::LsnRange;
use crate::part::Part;
use crate::snapshot::{PartitionView, Snapshot};
use crate::tenant::{InHeads, Tenant};
use crate::time::{TimeRange, TimestampNs, Window};

/// One tenant's partitions of one signal.
#[derive(Debug)]
pub(crate) struct SignalState {
    pub(crate) tenant: Arc<Tenant>,
    pub(crate) signal: Signal,
    /// By first second of the window.
    partitions: RwLock<BTreeMap<i64, Partition>>,
    /// Heads that became parts and may still be read: their series must not be forgotten.
    flushed: Mutex<Vec<Weak<Head>>>,
}

/// One window's rows.
#[derive(Debug)]
pub(crate) struct Partition {
    pub(crate) window: Window,
    /// In LSN order.
    pub(crate) parts: Vec<Arc<Part>>,
    /// Ranges whose rows are gone while the log may still hold them.
    pub(crate) voids: Vec<LsnRange>,
    /// Full heads that wait for their flush, oldest first.
    pub(crate) frozen: Vec<Arc<Head>>,
    /// The head that takes new rows.
    pub(crate) open: Option<Arc<Head>>,
    /// When its late rows were last merged into its large part.
    pub(crate) settled_at: TimestampNs,
}

impl Partition {
    pub(crate) fn new(window: Window, now: TimestampNs) -> Self {
        Self {
            window,
            parts: Vec::new(),
            voids: Vec::new(),
            frozen: Vec::new(),
            open: None,
            settled_at: now,
        }
    }

    /// Its heads, oldest first.
    pub(crate) fn heads(&self) -> impl Iterator<Item = &Arc<Head>> {
        self.frozen.iter().chain(&self.open)
    }

    /// Whether a part lies between two LSNs.
    pub(crate) fn has_part_between(&self, after: Lsn, before: Lsn) -> bool {
        self.parts.iter().any(|part| {
            let meta = part.meta();
            meta.first_lsn > after && meta.last_lsn < before
        })
    }

    /// Whether any row is in it.
    pub(crate) fn has_rows(&self) -> bool {
        !self.parts.is_empty() || self.heads().next().is_some()
    }

    /// Bytes of its parts.
    pub(crate) fn part_bytes(&self) -> u64 {
        self.parts.iter().map(|part| part.bytes()).sum()
    }

    /// Whether nothing of it is left but a folder.
    pub(crate) fn is_empty(&self) -> bool {
        self.parts.is_empty() && self.voids.is_empty() && self.frozen.is_empty() && self.open.is_none()
    }

    /// Takes the open head, full or old, out of the writers' way. Tells whether there was one.
    pub(crate) fn freeze(&mut self) -> bool {
        let open = self.open.take();
        let frozen = open.is_some();
        self.frozen.extend(open);
        frozen
    }
}

/// What linking one record did.
#[derive(Debug, Default)]
pub(crate) struct Linked {
    /// Bytes of the largest head that took rows.
    pub(crate) head_bytes_max: u64,
    /// Rows of the longest head that took rows.
    pub(crate) head_rows_max: u32,
}

impl SignalState {
    pub(crate) fn new(tenant: Arc<Tenant>, signal: Signal) -> Arc<Self> {
        Arc::new(Self {
            tenant,
            signal,
            partitions: RwLock::default(),
            flushed: Mutex::default(),
        })
    }

    /// Appends a record's pieces to the open heads of their windows, all or none as any reader sees it.
    pub(crate) fn link(&self, lsn: Lsn, pieces: Vec<Piece>, now: TimestampNs) -> Linked {
        let mut linked = Linked::default();
        let mut partitions = self.partitions.write();
        for piece in pieces {
            let window = piece.window;
            let partition = partitions
                .entry(window.start_s)
                .or_insert_with(|| Partition::new(window, now));
            let head = partition
                .open
                .get_or_insert_with(|| Arc::new(Head::new(window, self.signal, now)));
            let size = head.link(lsn, piece);
            linked.head_bytes_max = linked.head_bytes_max.max(size.bytes);
            linked.head_rows_max = linked.head_rows_max.max(size.rows);
        }
        linked
    }

    /// Everything there is at one moment, pinned.
    pub(crate) fn snapshot(&self) -> Snapshot {
        let partitions = self.partitions.read();
        let views = partitions
            .values()
            .map(|partition| PartitionView {
                window: partition.window,
                parts: partition.parts.clone(),
                heads: partition
                    .heads()
                    .filter_map(|head| HeadView::of(head, &self.tenant))
                    .collect(),
            })
            .filter(|view| !view.parts.is_empty() || !view.heads.is_empty())
            .collect();
        Snapshot {
            tenant: self.tenant.id().clone(),
            signal: self.signal,
            partitions: views,
        }
    }

    /// Freezes the open heads of the partitions that `chosen` picks, at most `at_most` of them; tells how many.
    pub(crate) fn freeze(&self, at_most: usize, mut chosen: impl FnMut(&Partition, &Head) -> bool) -> usize {
        let mut frozen = 0;
        for partition in self.partitions.write().values_mut() {
            let due = partition
                .open
                .clone()
                .is_some_and(|head| frozen < at_most && chosen(partition, &head));
            frozen += usize::from(due && partition.freeze());
        }
        frozen
    }

    /// Looks at the partitions, under the lock.
    pub(crate) fn read<R>(&self, look: impl FnOnce(&BTreeMap<i64, Partition>) -> R) -> R {
        look(&self.partitions.read())
    }

    /// Changes the partitions, under the lock; those left empty are forgotten.
    pub(crate) fn change<R>(&self, change: impl FnOnce(&mut BTreeMap<i64, Partition>) -> R) -> R {
        let mut partitions = self.partitions.write();
        let result = change(&mut partitions);
        partitions.retain(|_, partition| !partition.is_empty());
        result
    }

    /// The oldest frozen head of any partition.
    pub(crate) fn next_frozen(&self) -> Option<Arc<Head>> {
        self.partitions
            .read()
            .values()
            .find_map(|partition| partition.frozen.first().cloned())
    }

    /// Publishes a flush: the head goes and the part, if any row was left, comes, as one change to every reader.
    /// `false` when the head was dropped meanwhile (its partition is gone): the part must not be kept either.
    pub(crate) fn publish(&self, head: &Arc<Head>, part: Option<Arc<Part>>) -> bool {
        self.change(|partitions| {
            let Some(partition) = partitions.get_mut(&head.window().start_s) else {
                return false;
            };
            let Some(index) = partition.frozen.iter().position(|frozen| Arc::ptr_eq(frozen, head)) else {
                return false;
            };
            partition.frozen.remove(index);
            if let Some(part) = part {
                let at = partition
                    .parts
                    .partition_point(|other| other.meta().first_lsn < part.meta().first_lsn);
                partition.parts.insert(at, part);
            }
            true
        })
    }

    /// Publishes a merge: the output stands where the inputs stood. `false` when an input is gone meanwhile.
    /// `settled` notes when all of the partition's parts became one.
    pub(crate) fn replace(
        &self,
        window: Window,
        inputs: &[Arc<Part>],
        output: Option<Arc<Part>>,
        settled: Option<TimestampNs>,
    ) -> bool {
        self.change(|partitions| {
            let Some(partition) = partitions.get_mut(&window.start_s) else {
                return false;
            };
            let Some(first) = inputs.first() else {
                return false;
            };
            let Some(at) = partition.parts.iter().position(|part| Arc::ptr_eq(part, first)) else {
                return false;
            };
            let there = partition
                .parts
                .get(at..at + inputs.len())
                .is_some_and(|found| found.iter().zip(inputs).all(|(found, input)| Arc::ptr_eq(found, input)));
            if there {
                partition.parts.splice(at..at + inputs.len(), output);
                partition.settled_at = settled.unwrap_or(partition.settled_at);
            }
            there
        })
    }

    /// The last LSN that a part of this store or a void stands for.
    pub(crate) fn last_covered(&self, store: StoreId) -> Option<Lsn> {
        let partitions = self.partitions.read();
        let parts = partitions.values().flat_map(|partition| &partition.parts);
        let parts = parts.map(|part| part.meta()).filter(|meta| meta.store == store);
        let voids = partitions.values().flat_map(|partition| &partition.voids);
        parts.map(|meta| meta.last_lsn).chain(voids.map(|void| void.last)).max()
    }

    /// Whether a part of this store or a void stands for what the record `lsn` has for a window.
    pub(crate) fn covers(&self, window: Window, lsn: Lsn, store: StoreId) -> bool {
        self.partitions.read().get(&window.start_s).is_some_and(|partition| {
            let in_part = partition
                .parts
                .iter()
                .map(|part| part.meta())
                .any(|meta| meta.store == store && meta.first_lsn <= lsn && lsn <= meta.last_lsn);
            in_part || partition.voids.iter().any(|void| void.contains(lsn))
        })
    }

    /// The parts that may hold rows of `range`, in the signal's unit.
    pub(crate) fn parts_within(&self, range: TimeRange) -> Vec<Arc<Part>> {
        let partitions = self.partitions.read();
        let parts = partitions.values().flat_map(|partition| &partition.parts);
        parts
            .filter(|part| part.time_range().overlaps(range))
            .cloned()
            .collect()
    }

    /// Takes the part of a file out of its partition; `false` when no partition has it.
    pub(crate) fn remove_part(&self, path: &Path) -> bool {
        self.change(|partitions| {
            partitions.values_mut().any(|partition| {
                let before = partition.parts.len();
                partition.parts.retain(|part| part.path() != path);
                partition.parts.len() < before
            })
        })
    }

    /// First LSN of the oldest row that is in no part.
    pub(crate) fn oldest_unflushed(&self) -> Option<Lsn> {
        self.partitions
            .read()
            .values()
            .flat_map(Partition::heads)
            .map(|head| head.lsns().first)
            .min()
    }

    /// Notes that a head is about to become a part, while readers may hold it.
    pub(crate) fn flushed(&self, head: &Arc<Head>) {
        let mut flushed = self.flushed.lock();
        flushed.retain(|head| head.strong_count() > 0);
        flushed.push(Arc::downgrade(head));
    }

    /// What heads hold of the samples.
    pub(crate) fn in_heads(&self) -> InHeads {
        let mut series = RoaringBitmap::new();
        // In this order: a head is noted as flushed before it leaves its partition.
        let heads: Vec<Arc<Head>> =
            self.read(|partitions| partitions.values().flat_map(Partition::heads).cloned().collect());
        let held: Vec<Arc<Head>> = self.flushed.lock().iter().filter_map(Weak::upgrade).collect();
        for head in held.iter().chain(&heads) {
            series.extend(head.series());
        }
        InHeads {
            series,
            oldest_ms: heads.iter().map(|head| head.time().start).min(),
        }
    }
}
