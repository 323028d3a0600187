//! What was read of the indexes of parts and may be asked again: bounded, accounted, least recently used goes first.

use std::any::Any;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use crate::budget::{MemoryBudget, MemoryClass, Reservation};

/// Bytes of book-keeping per entry, nearly.
const ENTRY_BYTES: usize = 128;

/// What an entry is: whose, and which of its things (an offset in the file, or a number above all offsets).
type CacheKey = (u64, u64);

struct CacheEntry {
    value: Arc<dyn Any + Send + Sync>,
    bytes: usize,
    used: u64,
}

struct CacheState {
    entries: HashMap<CacheKey, CacheEntry>,
    order: BTreeMap<u64, CacheKey>,
    bytes: usize,
    clock: u64,
    reservation: Option<Reservation>,
}

/// A cache of index blocks and metadata, shared by all parts of an engine.
pub struct PartCache {
    state: Mutex<CacheState>,
    bytes_max: usize,
    next_part: AtomicU64,
    hits: AtomicU64,
    misses: AtomicU64,
}

/// How a cache does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PartCacheStats {
    /// Bytes held.
    pub bytes: u64,
    /// Most bytes held.
    pub bytes_max: u64,
    /// Things held.
    pub entries: u64,
    /// Askings that found their answer.
    pub hits: u64,
    /// Askings that did not.
    pub misses: u64,
}

impl PartCache {
    /// A cache of at most `bytes_max` bytes, which it takes from `budget` (class index cache) as it grows, if one is given.
    /// Where the budget gives none, old entries go, or the new one is not kept: no reading fails for want of cache.
    pub fn new(bytes_max: usize, budget: Option<&Arc<MemoryBudget>>) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(CacheState {
                entries: HashMap::new(),
                order: BTreeMap::new(),
                bytes: 0,
                clock: 0,
                reservation: budget.map(|budget| budget.reserve_none(MemoryClass::IndexCache)),
            }),
            bytes_max,
            next_part: AtomicU64::new(0),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
        })
    }

    /// A number for a part that was opened: never used again, so that a part of the same name cannot see its blocks.
    pub(crate) fn part_number(&self) -> u64 {
        self.next_part.fetch_add(1, Ordering::Relaxed)
    }

    /// What is kept under `slot` of a part, or what `load` gives with its bytes.
    pub(crate) fn get<T: Any + Send + Sync, E>(
        &self,
        part: u64,
        slot: u64,
        load: impl FnOnce() -> Result<(T, usize), E>,
    ) -> Result<Arc<T>, E> {
        let key = (part, slot);
        if let Some(value) = self
            .state
            .lock()
            .touch(key)
            .and_then(|value| value.downcast::<T>().ok())
        {
            self.hits.fetch_add(1, Ordering::Relaxed);
            return Ok(value);
        }
        self.misses.fetch_add(1, Ordering::Relaxed);
        let (value, bytes) = load()?;
        let value = Arc::new(value);
        self.state
            .lock()
            .insert(key, value.clone(), bytes + ENTRY_BYTES, self.bytes_max);
        Ok(value)
    }

    /// Forgets a part that was closed.
    pub(crate) fn forget(&self, part: u64) {
        let mut state = self.state.lock();
        let keys: Vec<CacheKey> = state.entries.keys().filter(|key| key.0 == part).copied().collect();
        keys.into_iter().for_each(|key| state.remove(key));
    }

    /// Gives back memory: least recently used entries go until at most `bytes` are held.
    pub fn shrink_to(&self, bytes: usize) {
        self.state.lock().evict_to(bytes);
    }

    /// How it does.
    pub fn stats(&self) -> PartCacheStats {
        let state = self.state.lock();
        PartCacheStats {
            bytes: state.bytes as u64,
            bytes_max: self.bytes_max as u64,
            entries: state.entries.len() as u64,
            hits: self.hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
        }
    }
}

impl std::fmt::Debug for PartCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.stats().fmt(f)
    }
}

impl CacheState {
    fn touch(&mut self, key: CacheKey) -> Option<Arc<dyn Any + Send + Sync>> {
        let entry = self.entries.get_mut(&key)?;
        self.clock += 1;
        self.order.remove(&entry.used);
        entry.used = self.clock;
        self.order.insert(entry.used, key);
        Some(entry.value.clone())
    }

    fn insert(&mut self, key: CacheKey, value: Arc<dyn Any + Send + Sync>, bytes: usize, bytes_max: usize) {
        if bytes > bytes_max {
            return;
        }
        self.remove(key);
        self.evict_to(bytes_max - bytes);
        while let Some(reservation) = &mut self.reservation {
            if reservation.try_grow(bytes as u64).is_ok() {
                break;
            }
            if self.entries.is_empty() {
                return;
            }
            self.evict_to(self.bytes.saturating_sub(bytes));
        }
        self.clock += 1;
        self.order.insert(self.clock, key);
        self.bytes += bytes;
        self.entries.insert(
            key,
            CacheEntry {
                value,
                bytes,
                used: self.clock,
            },
        );
    }

    fn remove(&mut self, key: CacheKey) {
        if let Some(entry) = self.entries.remove(&key) {
            self.order.remove(&entry.used);
            self.bytes -= entry.bytes;
            if let Some(reservation) = &mut self.reservation {
                reservation.shrink(entry.bytes as u64);
            }
        }
    }

    fn evict_to(&mut self, bytes: usize) {
        while self.bytes > bytes {
            let Some((_, key)) = self.order.first_key_value() else {
                break;
            };
            let key = *key;
            self.remove(key);
        }
    }
}

#[cfg(test)]
mod tests;
