//! The series of one tenant: who they are, which number each has in this process, and how heads find them by label.
//!
//! A series gets its dense `SeriesRef` when a sample of it is first admitted (or replayed), or when a part's index
//! tells that it was active: then only its id is known until a sample brings the key. Refs are never given to another
//! series in a process, so that a segment of the log, a head and a batch can hold them without a lock.

mod arrival;
mod index;

use std::collections::BTreeSet;
use std::hash::{BuildHasherDefault, Hasher};

use hashbrown::HashMap;
use roaring::RoaringBitmap;

pub use arrival::ArrivalMap;
use arrival::Arrivals;
use index::LiveIndex;

use crate::budget::{BudgetExceeded, Reservation};
use crate::ids::{SeriesId, SeriesRef, StoreId};
use crate::labels::SeriesKey;
use crate::matcher::Matcher;

/// Bytes that one series costs beside its key, its entry and its label values: arrival keys and bitmaps.
const SERIES_OVERHEAD_BYTES: u64 = 128;
/// Bytes that one ref costs, also once its labels are forgotten: its entry and its id.
const ENTRY_BYTES: u64 = 72;
/// Bytes reserved at a time, so that the budget is asked rarely.
const RESERVE_STEP_BYTES: u64 = 64 * 1024;

/// A map whose keys are hashes already.
type HashedMap<K> = HashMap<K, u32, BuildHasherDefault<FirstWord>>;

/// Takes the first word of a key that is a hash.
#[derive(Debug, Default, Clone, Copy)]
pub struct FirstWord(u64);

impl Hasher for FirstWord {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, word: u64) {
        if self.0 == 0 {
            self.0 = word;
        }
    }
}

/// A 128-bit hash as a key: two words, so that an entry takes 24 bytes and not 32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct HashKey(u64, u64);

impl From<u128> for HashKey {
    fn from(hash: u128) -> Self {
        Self(hash as u64, (hash >> 64) as u64)
    }
}

/// One series by its ref.
#[derive(Debug)]
struct Entry {
    id: SeriesId,
    /// None while only the id is known, and again once forgotten.
    key: Option<SeriesKey>,
}

/// The series of one tenant.
#[derive(Debug)]
pub struct SeriesTable {
    store: StoreId,
    entries: Vec<Entry>,
    by_id: HashedMap<HashKey>,
    arrivals: Arrivals,
    index: LiveIndex,
    keyed: u64,
    key_bytes: u64,
    memory: Reservation,
}

impl SeriesTable {
    /// An empty table whose memory is drawn on `memory` (class `Series`).
    pub fn new(store: StoreId, memory: Reservation) -> Self {
        Self {
            store,
            entries: Vec::new(),
            by_id: HashedMap::default(),
            arrivals: Arrivals::default(),
            index: LiveIndex::default(),
            keyed: 0,
            key_bytes: 0,
            memory,
        }
    }

    /// Series whose labels are known.
    pub fn len(&self) -> u64 {
        self.keyed
    }

    /// Whether no series' labels are known.
    pub fn is_empty(&self) -> bool {
        self.keyed == 0
    }

    /// One more than the greatest ref given out: the length of arrays that are dense by ref.
    pub fn refs_end(&self) -> u32 {
        self.entries.len() as u32
    }

    /// The series' key; `None` when it was forgotten or is known by its id only.
    pub fn key(&self, series: SeriesRef) -> Option<&SeriesKey> {
        self.entries.get(series.0 as usize)?.key.as_ref()
    }

    /// The series' id.
    pub fn id(&self, series: SeriesRef) -> Option<SeriesId> {
        self.entries.get(series.0 as usize).map(|entry| entry.id)
    }

    /// The ref of a series, whether or not its labels are known.
    pub fn by_id(&self, id: SeriesId) -> Option<SeriesRef> {
        self.by_id.get(&HashKey::from(id.0)).map(|at| SeriesRef(*at))
    }

    /// The ref of a key, when the series has one.
    pub fn by_key(&self, key: &SeriesKey) -> Option<SeriesRef> {
        self.by_id(key.id(self.store))
    }

    /// The ref that the bytes with this hash arrived for before.
    pub fn by_arrival(&self, arrival_key: u128) -> Option<SeriesRef> {
        self.arrivals.recent(arrival_key).map(SeriesRef)
    }

    /// What `by_arrival` knew a while ago, to be asked without a lock.
    pub fn arrival_map(&self) -> ArrivalMap {
        self.arrivals.published()
    }

    /// Whether `publish_arrivals` would spare batches many locks.
    pub fn arrivals_due(&self) -> bool {
        self.arrivals.due()
    }

    /// Makes all arrivals part of the next `arrival_map`.
    pub fn publish_arrivals(&mut self) {
        self.arrivals.publish();
    }

    /// Remembers that bytes with this hash mean this series.
    pub fn remember_arrival(&mut self, arrival_key: u128, series: SeriesRef) {
        let most = self.entries.len().saturating_mul(arrival::ARRIVALS_PER_SERIES_MAX);
        self.arrivals.insert(arrival_key, series.0, most);
    }

    /// The ref of a key, new when the series is. Refused when the memory budget has no room for one more.
    pub fn intern(&mut self, key: &SeriesKey) -> Result<SeriesRef, BudgetExceeded> {
        if let Some(known) = self.by_key(key)
            && self.key(known).is_some()
        {
            return Ok(known);
        }
        let needed = self.needed_bytes(key);
        if needed > self.memory.bytes() {
            self.memory
                .try_grow(needed - self.memory.bytes() + RESERVE_STEP_BYTES)?;
        }
        Ok(self.add(key))
    }

    /// The ref of a series found in the log at open: what is there must be kept, room or not.
    pub fn intern_replayed(&mut self, key: &SeriesKey) -> SeriesRef {
        if let Some(known) = self.by_key(key)
            && self.key(known).is_some()
        {
            return known;
        }
        let needed = self.needed_bytes(key);
        self.memory.grow_unchecked(needed.saturating_sub(self.memory.bytes()));
        self.add(key)
    }

    /// The ref of a series of which a part's index tells the id only.
    pub fn intern_id(&mut self, id: SeriesId) -> SeriesRef {
        if let Some(known) = self.by_id(id) {
            return known;
        }
        let at = self.entries.len() as u32;
        self.entries.push(Entry { id, key: None });
        self.by_id.insert(HashKey::from(id.0), at);
        SeriesRef(at)
    }

    fn add(&mut self, key: &SeriesKey) -> SeriesRef {
        let series = self.intern_id(key.id(self.store));
        if let Some(entry) = self.entries.get_mut(series.0 as usize) {
            entry.key = Some(key.clone());
            self.index.insert(series.0, key);
            self.keyed += 1;
            self.key_bytes += key.as_str().len() as u64;
        }
        series
    }

    /// Takes back the refs from `refs_end` on: they were given out under the lock still held, and nobody has seen them
    /// (nor has any arrival key been remembered for them).
    pub(crate) fn truncate(&mut self, refs_end: u32) {
        while self.entries.len() > refs_end as usize {
            let Some(entry) = self.entries.pop() else {
                return;
            };
            let at = self.entries.len() as u32;
            self.by_id.remove(&HashKey::from(entry.id.0));
            if let Some(key) = entry.key {
                self.unlist(at, &key);
            }
        }
    }

    fn unlist(&mut self, at: u32, key: &SeriesKey) {
        self.index.remove(at, key);
        self.keyed -= 1;
        self.key_bytes -= key.as_str().len() as u64;
    }

    /// Forgets the labels of series that are in no head and not active; `known` tells of which the id must stay because
    /// the limiter counts them in some hour.
    pub(crate) fn forget(&mut self, refs: &RoaringBitmap, known: impl Fn(u32) -> bool) {
        for at in refs {
            let Some(entry) = self.entries.get_mut(at as usize) else {
                continue;
            };
            let id = entry.id;
            if let Some(key) = entry.key.take() {
                self.unlist(at, &key);
            }
            if !known(at) && self.by_id.get(&HashKey::from(id.0)) == Some(&at) {
                self.by_id.remove(&HashKey::from(id.0));
            }
        }
        self.arrivals.retain(|at| !refs.contains(at));
        self.settle_memory();
    }

    /// Counts what the table holds now in the budget, room or not.
    pub(crate) fn settle_memory(&mut self) {
        self.memory.settle(self.memory_bytes());
    }

    /// Refs of series whose labels are known and match all of `matchers`.
    pub fn matching(&self, matchers: &[Matcher]) -> RoaringBitmap {
        self.index.matching(matchers)
    }

    /// Refs of all series whose labels are known.
    pub fn all(&self) -> &RoaringBitmap {
        self.index.all()
    }

    /// Names of the labels (with `__name__`) that series among `refs` have, sorted.
    pub fn label_names(&self, refs: &RoaringBitmap) -> BTreeSet<String> {
        self.index.label_names(refs)
    }

    /// Values of the label `name` that series among `refs` have, sorted.
    pub fn label_values(&self, name: &str, refs: &RoaringBitmap) -> BTreeSet<String> {
        self.index.label_values(name, refs)
    }

    /// Estimated bytes of the table and of what grows with it.
    pub fn memory_bytes(&self) -> u64 {
        // A forgotten series still costs its entry and the limiter's.
        self.key_bytes + self.keyed * SERIES_OVERHEAD_BYTES + self.entries.len() as u64 * 64 + self.index.text_bytes()
    }

    fn needed_bytes(&self, key: &SeriesKey) -> u64 {
        self.memory_bytes() + key.as_str().len() as u64 + SERIES_OVERHEAD_BYTES + ENTRY_BYTES
    }
}

#[cfg(test)]
mod tests;
