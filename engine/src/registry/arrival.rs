//! The cache from the hash of a series' bytes as they arrive to its ref: a scrape sends the same bytes every time.
//!
//! Batches decode in parallel and ask once per series, so the answer must not cost a lock: most of the cache is a map
//! that never changes, shared by `Arc`. What came since lies in a small map under the table's lock, and joins the
//! shared one when enough has gathered there or it was asked often enough.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{HashKey, HashedMap};

/// Arrival keys kept per series at most: a sender that shuffles its labels must not fill the memory.
pub(super) const ARRIVALS_PER_SERIES_MAX: usize = 4;
/// Arrival keys always kept.
const ARRIVALS_MIN: usize = 4096;

/// A published state of the cache.
#[derive(Debug, Clone, Default)]
pub struct ArrivalMap(Arc<HashedMap<HashKey>>);

impl ArrivalMap {
    /// The ref (a plain number) known for the bytes with this hash.
    #[inline]
    pub fn get(&self, arrival_key: u128) -> Option<u32> {
        self.0.get(&HashKey::from(arrival_key)).copied()
    }
}

#[derive(Debug, Default)]
pub(super) struct Arrivals {
    published: ArrivalMap,
    recent: HashedMap<HashKey>,
    asked: AtomicU64,
}

impl Arrivals {
    pub(super) fn published(&self) -> ArrivalMap {
        self.published.clone()
    }

    pub(super) fn recent(&self, arrival_key: u128) -> Option<u32> {
        let found = self.recent.get(&HashKey::from(arrival_key)).copied();
        if found.is_some() {
            self.asked.fetch_add(1, Ordering::Relaxed);
        }
        // A batch older than the last publication finds here what its own map lacks.
        found.or_else(|| self.published.get(arrival_key))
    }

    pub(super) fn due(&self) -> bool {
        let published = self.published.0.len();
        !self.recent.is_empty()
            && (self.recent.len() * 4 > published || self.asked.load(Ordering::Relaxed) > published as u64 / 2)
    }

    pub(super) fn publish(&mut self) {
        let map = Arc::make_mut(&mut self.published.0);
        map.reserve(self.recent.len());
        map.extend(self.recent.drain());
        self.asked.store(0, Ordering::Relaxed);
    }

    pub(super) fn insert(&mut self, arrival_key: u128, at: u32, most: usize) {
        if self.recent.len() + self.published.0.len() >= most.max(ARRIVALS_MIN) {
            self.published = ArrivalMap::default();
            self.recent.clear();
        }
        self.recent.insert(HashKey::from(arrival_key), at);
    }

    pub(super) fn retain(&mut self, keep: impl Fn(u32) -> bool) {
        self.recent.retain(|_, at| keep(*at));
        if self.published.0.values().any(|at| !keep(*at)) {
            Arc::make_mut(&mut self.published.0).retain(|_, at| keep(*at));
        }
    }
}
