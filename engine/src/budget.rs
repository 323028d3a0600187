//! One accounted memory budget for the whole process part that an engine is: every buffer, queue and cache reserves
//! from it by class, so that the limit holds by arithmetic and signals cannot starve each other or the queries.
//!
//! Of the limit, 20 % is never handed out (allocator slack, stacks, what is too small to count). The rest is divided
//! into groups. Half of a group's share is held back for it whatever the others do; the other half is lent to whoever
//! asks while it is idle, and returns as the borrower's reservations end (`borrowed_bytes` tells who should end some).

use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::ids::Signal;

/// Hundredths of the limit that are never handed out.
pub const HELD_BACK_PERCENT: u64 = 20;

/// What memory is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MemoryClass {
    /// Batches that a request's decoder is filling.
    Decode(Signal),
    /// Records that wait for the log's commit thread.
    WalQueue(Signal),
    /// Rows not yet in a part, and what finds them.
    Heads(Signal),
    /// The tables of series, their arrival cache and their live index.
    Series,
    /// Buffers of heads being written into parts.
    Flush,
    /// Buffers of parts being merged.
    Merge,
    /// Index blocks, dictionaries and Parquet metadata of parts.
    IndexCache,
    /// Memory pools of SQL queries.
    Sql,
    /// Working sets of PromQL queries.
    Promql,
}

impl MemoryClass {
    /// Every class, in the order of their numbers.
    pub const ALL: [Self; 15] = [
        Self::Decode(Signal::Metrics),
        Self::Decode(Signal::Logs),
        Self::Decode(Signal::Traces),
        Self::WalQueue(Signal::Metrics),
        Self::WalQueue(Signal::Logs),
        Self::WalQueue(Signal::Traces),
        Self::Heads(Signal::Metrics),
        Self::Heads(Signal::Logs),
        Self::Heads(Signal::Traces),
        Self::Series,
        Self::Flush,
        Self::Merge,
        Self::IndexCache,
        Self::Sql,
        Self::Promql,
    ];

    /// The class's name as a label value, such as `heads_logs`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Decode(Signal::Metrics) => "decode_metrics",
            Self::Decode(Signal::Logs) => "decode_logs",
            Self::Decode(Signal::Traces) => "decode_traces",
            Self::WalQueue(Signal::Metrics) => "wal_queue_metrics",
            Self::WalQueue(Signal::Logs) => "wal_queue_logs",
            Self::WalQueue(Signal::Traces) => "wal_queue_traces",
            Self::Heads(Signal::Metrics) => "heads_metrics",
            Self::Heads(Signal::Logs) => "heads_logs",
            Self::Heads(Signal::Traces) => "heads_traces",
            Self::Series => "series",
            Self::Flush => "flush",
            Self::Merge => "merge",
            Self::IndexCache => "index_cache",
            Self::Sql => "sql",
            Self::Promql => "promql",
        }
    }

    const fn index(self) -> usize {
        match self {
            Self::Decode(signal) => signal as usize,
            Self::WalQueue(signal) => 3 + signal as usize,
            Self::Heads(signal) => 6 + signal as usize,
            Self::Series => 9,
            Self::Flush => 10,
            Self::Merge => 11,
            Self::IndexCache => 12,
            Self::Sql => 13,
            Self::Promql => 14,
        }
    }

    /// The group whose share the class draws on.
    pub const fn group(self) -> MemoryGroup {
        match self {
            Self::Decode(signal) | Self::WalQueue(signal) | Self::Heads(signal) => match signal {
                Signal::Metrics => MemoryGroup::Metrics,
                Signal::Logs => MemoryGroup::Logs,
                Signal::Traces => MemoryGroup::Traces,
            },
            Self::Series => MemoryGroup::Metrics,
            Self::Flush | Self::Merge => MemoryGroup::Upkeep,
            Self::IndexCache | Self::Sql | Self::Promql => MemoryGroup::Queries,
        }
    }
}

impl fmt::Display for MemoryClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Classes that stand or fall together: each group owns a share of the budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MemoryGroup {
    /// Ingest of metrics and the series tables.
    Metrics,
    /// Ingest of logs.
    Logs,
    /// Ingest of traces.
    Traces,
    /// Flushes and merges.
    Upkeep,
    /// Reading: caches and queries.
    Queries,
}

impl MemoryGroup {
    /// Every group.
    pub const ALL: [Self; 5] = [Self::Metrics, Self::Logs, Self::Traces, Self::Upkeep, Self::Queries];

    /// Hundredths of the usable bytes that are the group's own.
    pub const fn share_percent(self) -> u64 {
        match self {
            Self::Metrics => 25,
            Self::Logs | Self::Traces => 18,
            Self::Upkeep => 12,
            Self::Queries => 27,
        }
    }
}

/// The budget. Shared as an `Arc`; every reservation keeps it alive.
#[derive(Debug)]
pub struct MemoryBudget {
    limit_bytes: u64,
    books: Mutex<Books>,
}

/// What is reserved and refused, by class. One lock, held for a handful of additions: reservations are made a request
/// or a buffer at a time, never a row at a time.
#[derive(Debug, Default)]
struct Books {
    used: [u64; MemoryClass::ALL.len()],
    refused: [u64; MemoryClass::ALL.len()],
    peak: u64,
}

impl Books {
    fn total(&self) -> u64 {
        self.used.iter().sum()
    }

    fn used_by(&self, group: MemoryGroup) -> u64 {
        MemoryClass::ALL
            .iter()
            .zip(&self.used)
            .filter(|(class, _)| class.group() == group)
            .map(|(_, used)| used)
            .sum()
    }

    fn add(&mut self, class: MemoryClass, bytes: u64) {
        if let Some(used) = self.used.get_mut(class.index()) {
            *used += bytes;
        }
        self.peak = self.peak.max(self.total());
    }

    fn remove(&mut self, class: MemoryClass, bytes: u64) {
        if let Some(used) = self.used.get_mut(class.index()) {
            *used = used.saturating_sub(bytes);
        }
    }
}

impl MemoryBudget {
    /// A budget that hands out at most 80 % of `limit_bytes`.
    pub fn new(limit_bytes: u64) -> Arc<Self> {
        Arc::new(Self {
            limit_bytes,
            books: Mutex::default(),
        })
    }

    /// The limit it was made with, in bytes.
    pub fn limit_bytes(&self) -> u64 {
        self.limit_bytes
    }

    /// The bytes it may hand out in all.
    pub fn usable_bytes(&self) -> u64 {
        self.limit_bytes / 100 * (100 - HELD_BACK_PERCENT)
    }

    /// A group's own share in bytes.
    pub fn share_bytes(&self, group: MemoryGroup) -> u64 {
        self.usable_bytes() / 100 * group.share_percent()
    }

    /// Reserves `bytes`; they are given back when the reservation is dropped. Never waits.
    pub fn try_reserve(self: &Arc<Self>, class: MemoryClass, bytes: u64) -> Result<Reservation, BudgetExceeded> {
        self.take(class, bytes)?;
        Ok(Reservation {
            budget: Arc::clone(self),
            class,
            bytes,
        })
    }

    /// An empty reservation to grow later.
    pub fn reserve_none(self: &Arc<Self>, class: MemoryClass) -> Reservation {
        Reservation {
            budget: Arc::clone(self),
            class,
            bytes: 0,
        }
    }

    /// Bytes the group holds beyond its own share while another group was short of its share: what it should give
    /// back soon (by an early flush, by evicting cache blocks).
    pub fn borrowed_bytes(&self, group: MemoryGroup) -> u64 {
        self.books.lock().used_by(group).saturating_sub(self.share_bytes(group))
    }

    /// Bytes that a class holds now.
    pub fn used_bytes(&self, class: MemoryClass) -> u64 {
        self.books.lock().used.get(class.index()).copied().unwrap_or(0)
    }

    /// What is reserved now.
    pub fn usage(&self) -> MemoryUsage {
        let books = self.books.lock();
        MemoryUsage {
            limit_bytes: self.limit_bytes,
            usable_bytes: self.usable_bytes(),
            used_bytes: books.total(),
            peak_bytes: books.peak,
            classes: MemoryClass::ALL
                .iter()
                .zip(books.used.iter().zip(&books.refused))
                .map(|(&class, (&used_bytes, &refusals))| ClassUsage {
                    class,
                    used_bytes,
                    refusals,
                })
                .collect(),
        }
    }

    fn take(&self, class: MemoryClass, bytes: u64) -> Result<(), BudgetExceeded> {
        let mut books = self.books.lock();
        let held_for_others: u64 = MemoryGroup::ALL
            .into_iter()
            .filter(|group| *group != class.group())
            .map(|group| (self.share_bytes(group) / 2).saturating_sub(books.used_by(group)))
            .sum();
        let free_bytes = self
            .usable_bytes()
            .saturating_sub(books.total())
            .saturating_sub(held_for_others);
        if bytes > free_bytes {
            if let Some(refused) = books.refused.get_mut(class.index()) {
                *refused += 1;
            }
            return Err(BudgetExceeded {
                class,
                wanted_bytes: bytes,
                free_bytes,
                limit_bytes: self.limit_bytes,
            });
        }
        books.add(class, bytes);
        Ok(())
    }
}

/// A piece of the budget. Given back on drop.
pub struct Reservation {
    budget: Arc<MemoryBudget>,
    class: MemoryClass,
    bytes: u64,
}

impl Reservation {
    /// Bytes held.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Its class.
    pub fn class(&self) -> MemoryClass {
        self.class
    }

    /// Takes `bytes` more, or nothing.
    pub fn try_grow(&mut self, bytes: u64) -> Result<(), BudgetExceeded> {
        self.budget.take(self.class, bytes)?;
        self.bytes += bytes;
        Ok(())
    }

    /// Takes `bytes` more whether or not they are free: for what exists already and must be counted, such as rows that
    /// recovery found in the log.
    pub fn grow_unchecked(&mut self, bytes: u64) {
        self.budget.books.lock().add(self.class, bytes);
        self.bytes += bytes;
    }

    /// Gives `bytes` back (at most what it holds).
    pub fn shrink(&mut self, bytes: u64) {
        let bytes = bytes.min(self.bytes);
        self.budget.books.lock().remove(self.class, bytes);
        self.bytes -= bytes;
    }

    /// Holds exactly `bytes` afterwards, or is left as it was.
    pub fn try_resize(&mut self, bytes: u64) -> Result<(), BudgetExceeded> {
        if bytes > self.bytes {
            self.try_grow(bytes - self.bytes)
        } else {
            self.shrink(self.bytes - bytes);
            Ok(())
        }
    }

    /// Holds exactly `bytes` afterwards, whether or not they are free: for what has got its final size.
    pub fn settle(&mut self, bytes: u64) {
        if bytes > self.bytes {
            self.grow_unchecked(bytes - self.bytes);
        } else {
            self.shrink(self.bytes - bytes);
        }
    }

    /// Cuts off `bytes` (at most what it holds) as a reservation of their own, of the same class.
    pub fn split(&mut self, bytes: u64) -> Self {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        Self {
            budget: Arc::clone(&self.budget),
            class: self.class,
            bytes,
        }
    }

    /// Joins another reservation to this one; its bytes are filed under this one's class.
    pub fn absorb(&mut self, mut other: Self) {
        if !Arc::ptr_eq(&self.budget, &other.budget) {
            return;
        }
        if other.class != self.class {
            other.reclassify(self.class);
        }
        self.bytes += std::mem::take(&mut other.bytes);
    }

    /// Files the bytes under another class, whether or not that class has room: they exist already.
    pub fn reclassify(&mut self, class: MemoryClass) {
        let mut books = self.budget.books.lock();
        books.remove(self.class, self.bytes);
        books.add(class, self.bytes);
        self.class = class;
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if self.bytes > 0 {
            self.budget.books.lock().remove(self.class, self.bytes);
        }
    }
}

impl fmt::Debug for Reservation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reservation({} bytes of {})", self.bytes, self.class)
    }
}

/// The budget as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemoryUsage {
    /// The limit, in bytes.
    pub limit_bytes: u64,
    /// The part of it that may be handed out, in bytes.
    pub usable_bytes: u64,
    /// Bytes handed out.
    pub used_bytes: u64,
    /// The most bytes ever handed out at one time.
    pub peak_bytes: u64,
    /// By class, in the order of `MemoryClass::ALL`.
    pub classes: Vec<ClassUsage>,
}

/// One class's part of the budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClassUsage {
    /// The class.
    pub class: MemoryClass,
    /// Bytes it holds.
    pub used_bytes: u64,
    /// How often it was refused.
    pub refusals: u64,
}

/// There is no room now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "no memory for {wanted_bytes} bytes of {class}: {free_bytes} bytes are free for it under the limit of \
     {limit_bytes}; retry, or raise --memory-limit"
)]
pub struct BudgetExceeded {
    /// Who asked.
    pub class: MemoryClass,
    /// Bytes asked for.
    pub wanted_bytes: u64,
    /// Bytes that were free for this class.
    pub free_bytes: u64,
    /// The limit, in bytes.
    pub limit_bytes: u64,
}

#[cfg(test)]
mod tests;
