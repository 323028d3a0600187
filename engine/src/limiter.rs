//! The exact cap on a tenant's active series, and what is remembered of each series to check it in a few nanoseconds.
//!
//! A series is active in hour `h` when it has a sample in hour `h` or `h - 1` of sample time. The limiter keeps the set
//! of series of each hour and the size of the union of each two neighbours. A sample that would add its series to hour
//! `h` counts in `h` and in `h + 1`, so both must have room. A series that is counted already needs none.
//!
//! An admission holds only once its batch is durable: until then it is pending, several batches may share it, and it is
//! undone when all of them fail. The fast path (the series' last confirmed hour is the sample's hour) never sees it.

mod starts;

use std::collections::BTreeMap;

use hashbrown::HashMap;
use roaring::RoaringBitmap;

pub(crate) use starts::StartTimes;

/// Milliseconds in the hour that the cap counts by.
pub const HOUR_MS: i64 = 3_600_000;

/// `last_hour` of a series never admitted in this process.
const NEVER: i32 = i32::MIN;
/// `last_hour` of a series whose labels were forgotten.
const FORGOTTEN: i32 = i32::MIN + 1;

/// The hour of sample time that `timestamp_ms` lies in. Times beyond what an `i32` of hours holds share its ends; the
/// time bounds of every tenant exclude them.
pub const fn hour_of(timestamp_ms: i64) -> i32 {
    let hour = timestamp_ms.div_euclid(HOUR_MS);
    if hour > (i32::MAX - 1) as i64 {
        i32::MAX - 1
    } else if hour < (i32::MIN + 3) as i64 {
        i32::MIN + 3
    } else {
        hour as i32
    }
}

/// What the fast path needs of one series, by ref: one cache line touched a sample.
#[derive(Debug, Clone, Copy)]
struct Seen {
    /// Hour of its last confirmed sample.
    last_hour: i32,
    /// The admission that last used it.
    generation: u32,
    /// Time of its last admitted sample.
    last_timestamp_ms: i64,
}

impl Seen {
    const NOTHING: Self = Self {
        last_hour: NEVER,
        generation: 0,
        last_timestamp_ms: i64::MIN,
    };
}

/// The series with a sample in one hour, and the size of its union with the hour before.
#[derive(Debug, Default)]
struct Hour {
    refs: RoaringBitmap,
    active: u64,
    /// Whether the series of parts are in it, and not only those admitted since the start.
    restored: bool,
    /// The admission that last added a series.
    generation: u32,
}

/// Whether a sample may be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It may.
    Admitted,
    /// Its series would be one too many.
    Full,
    /// Its series was forgotten while the batch was being filled.
    Forgotten,
}

/// One batch's admissions, to be confirmed or undone.
#[derive(Debug)]
pub(crate) struct Claim {
    generation: u32,
    pending: Vec<(u32, i32)>,
}

impl Claim {
    /// A point to roll back to.
    pub(crate) fn mark(&self) -> usize {
        self.pending.len()
    }
}

/// How many batches in flight share an admission that none has confirmed yet.
#[derive(Debug, Clone, Copy)]
struct Pending {
    claims: u32,
    last_generation: u32,
}

/// The cap of one tenant.
#[derive(Debug)]
pub(crate) struct Limiter {
    series_max: u64,
    seen: Vec<Seen>,
    hours: BTreeMap<i32, Hour>,
    pending: HashMap<(u32, i32), Pending, foldhash::fast::RandomState>,
    generation: u32,
    in_flight: Vec<u32>,
}

impl Limiter {
    pub(crate) fn new(series_max: u64) -> Self {
        Self {
            series_max,
            seen: Vec::new(),
            hours: BTreeMap::new(),
            pending: HashMap::default(),
            generation: 0,
            in_flight: Vec::new(),
        }
    }

    /// Series active in `hour`.
    pub(crate) fn active(&self, hour: i32) -> u64 {
        match self.hours.get(&hour) {
            Some(at) => at.active,
            None => self.hours.get(&(hour - 1)).map_or(0, |before| before.refs.len()),
        }
    }

    /// Starts the admissions of one batch whose refs all lie below `refs_end`.
    pub(crate) fn claim(&mut self, refs_end: u32) -> Claim {
        self.make_room(refs_end);
        self.generation = self.generation.wrapping_add(1);
        self.in_flight.push(self.generation);
        Claim {
            generation: self.generation,
            pending: Vec::new(),
        }
    }

    /// Makes the arrays long enough for refs below `refs_end`.
    pub(crate) fn make_room(&mut self, refs_end: u32) {
        if self.seen.len() < refs_end as usize {
            self.seen.resize(refs_end as usize, Seen::NOTHING);
        }
    }

    /// Whether the claim's batch meets this series for the first time; from then on it is no more.
    #[inline]
    pub(crate) fn first_use(&mut self, claim: &Claim, series: u32) -> bool {
        match self.seen.get_mut(series as usize) {
            Some(seen) if seen.generation != claim.generation => {
                seen.generation = claim.generation;
                true
            }
            _ => false,
        }
    }

    /// Admits a sample of a known series.
    #[inline]
    pub(crate) fn admit(&mut self, claim: &mut Claim, series: u32, hour: i32) -> Verdict {
        match self.seen.get(series as usize) {
            Some(seen) if seen.last_hour == hour => Verdict::Admitted,
            Some(seen) if seen.last_hour == FORGOTTEN => Verdict::Forgotten,
            Some(_) => self.admit_slowly(claim, series, hour),
            None => Verdict::Forgotten,
        }
    }

    #[cold]
    fn admit_slowly(&mut self, claim: &mut Claim, series: u32, hour: i32) -> Verdict {
        if self.hours.get(&hour).is_some_and(|at| at.refs.contains(series)) {
            match self.pending.get_mut(&(series, hour)) {
                None => self.remember(series, hour),
                Some(pending) if pending.last_generation == claim.generation => {}
                Some(pending) => {
                    pending.claims += 1;
                    pending.last_generation = claim.generation;
                    claim.pending.push((series, hour));
                }
            }
            return Verdict::Admitted;
        }
        if !self.has_room_for(series, hour) {
            return Verdict::Full;
        }
        self.insert(series, hour);
        let pending = Pending {
            claims: 1,
            last_generation: claim.generation,
        };
        self.pending.insert((series, hour), pending);
        claim.pending.push((series, hour));
        Verdict::Admitted
    }

    /// Notes the time of an admitted sample; true when the sample before it had the same time and is replaced.
    #[inline]
    pub(crate) fn replaces(&mut self, series: u32, timestamp_ms: i64) -> bool {
        let Some(seen) = self.seen.get_mut(series as usize) else {
            return false;
        };
        std::mem::replace(&mut seen.last_timestamp_ms, timestamp_ms) == timestamp_ms
    }

    /// Forgets the times of series whose last samples were not stored after all.
    pub(crate) fn forget_times(&mut self, series: &[u32]) {
        for series in series {
            if let Some(seen) = self.seen.get_mut(*series as usize) {
                seen.last_timestamp_ms = i64::MIN;
            }
        }
    }

    /// Whether a series never counted before would find room in `hour`.
    pub(crate) fn has_room(&self, hour: i32) -> bool {
        self.active(hour) < self.series_max && self.active(hour + 1) < self.series_max
    }

    /// Whether a series would find room in `hour`, or is counted there already.
    pub(crate) fn has_room_for(&self, series: u32, hour: i32) -> bool {
        if self.hours.get(&hour).is_some_and(|at| at.refs.contains(series)) {
            return true;
        }
        let (counts_now, counts_next) = self.would_count(series, hour);
        (!counts_now || self.active(hour) < self.series_max)
            && (!counts_next || self.active(hour + 1) < self.series_max)
    }

    /// A series whose labels are known again.
    pub(crate) fn revive(&mut self, series: u32) {
        if let Some(seen) = self.seen.get_mut(series as usize)
            && seen.last_hour == FORGOTTEN
        {
            seen.last_hour = NEVER;
        }
    }

    fn remember(&mut self, series: u32, hour: i32) {
        if let Some(seen) = self.seen.get_mut(series as usize)
            && seen.last_hour != FORGOTTEN
        {
            seen.last_hour = hour;
        }
    }

    /// Whether a series not in `hour` would raise the count of `hour`, and of the hour after.
    fn would_count(&self, series: u32, hour: i32) -> (bool, bool) {
        let holds = |hour: i32| self.hours.get(&hour).is_some_and(|at| at.refs.contains(series));
        (!holds(hour - 1), !holds(hour + 1))
    }

    fn hour_mut(&mut self, hour: i32) -> &mut Hour {
        let active = self.active(hour);
        self.hours.entry(hour).or_insert_with(|| Hour {
            active,
            ..Hour::default()
        })
    }

    fn insert(&mut self, series: u32, hour: i32) {
        let (counts_now, counts_next) = self.would_count(series, hour);
        let next = self.hour_mut(hour + 1);
        next.active += u64::from(counts_next);
        let generation = self.generation;
        let at = self.hour_mut(hour);
        if at.refs.insert(series) {
            at.active += u64::from(counts_now);
            at.generation = generation;
        }
    }

    fn remove(&mut self, series: u32, hour: i32) {
        let (counts_now, counts_next) = self.would_count(series, hour);
        let at = self.hour_mut(hour);
        if at.refs.remove(series) {
            at.active -= u64::from(counts_now);
            let next = self.hour_mut(hour + 1);
            next.active -= u64::from(counts_next);
        }
    }

    /// Whether the claim's batch has used the series.
    pub(crate) fn uses(&self, claim: &Claim, series: u32) -> bool {
        let seen = self.seen.get(series as usize);
        seen.is_some_and(|seen| seen.generation == claim.generation)
    }

    /// Takes back a `first_use`.
    pub(crate) fn unuse(&mut self, series: u32) {
        if let Some(seen) = self.seen.get_mut(series as usize) {
            seen.generation = 0;
        }
    }

    /// Gives back what the claim took since `mark`.
    pub(crate) fn roll_back(&mut self, claim: &mut Claim, mark: usize) {
        while claim.pending.len() > mark {
            if let Some(taken) = claim.pending.pop() {
                self.release(taken);
            }
        }
    }

    fn release(&mut self, taken: (u32, i32)) {
        // Confirmed by another batch in the meantime: it stays.
        let Some(pending) = self.pending.get_mut(&taken) else {
            return;
        };
        pending.claims -= 1;
        pending.last_generation = 0;
        if pending.claims == 0 {
            self.pending.remove(&taken);
            self.remove(taken.0, taken.1);
        }
    }

    /// The batch is durable: what it took stays.
    pub(crate) fn confirm(&mut self, claim: Claim) {
        for &(series, hour) in &claim.pending {
            self.pending.remove(&(series, hour));
            self.remember(series, hour);
        }
        self.finish(&claim);
    }

    /// The batch failed: what no other batch shares is given back.
    pub(crate) fn undo(&mut self, mut claim: Claim) {
        self.roll_back(&mut claim, 0);
        self.finish(&claim);
    }

    fn finish(&mut self, claim: &Claim) {
        self.in_flight.retain(|generation| *generation != claim.generation);
    }

    /// Those of `hours` whose series in parts are not known here yet.
    pub(crate) fn hours_missing(&self, hours: &[i32]) -> Vec<i32> {
        let missing = |hour: &i32| !self.hours.get(hour).is_some_and(|at| at.restored);
        hours.iter().copied().filter(missing).collect()
    }

    /// A series that has a sample in `hour`, by the log or by a part: counted whatever the cap.
    pub(crate) fn restore(&mut self, series: u32, hour: i32) {
        self.make_room(series + 1);
        if !self.hours.get(&hour).is_some_and(|at| at.refs.contains(series)) {
            self.insert(series, hour);
        }
    }

    /// All series of `hour` that parts hold have been given to `restore`.
    pub(crate) fn restored(&mut self, hour: i32) {
        self.hour_mut(hour).restored = true;
    }

    /// Drops the sets of hours before `hour`, as far as no admission after `settled` added to them: who asks for them
    /// again restores them from parts first.
    pub(crate) fn drop_hours_before(&mut self, hour: i32, settled: u32) {
        let in_use = |at: &Hour| at.generation != 0 && settled.wrapping_sub(at.generation) >= u32::MAX / 2;
        let first_in_use = self.hours.range(..hour).find(|(_, at)| in_use(at));
        let keep_from = first_in_use.map_or(hour, |(first, _)| *first);
        self.hours = self.hours.split_off(&keep_from);
        // The first hour kept no longer counts those of the hour before it; they come back with it.
        if let Some(first) = self.hours.get_mut(&keep_from) {
            first.active = first.refs.len();
        }
    }

    /// Whether some hour's set holds the series.
    pub(crate) fn counts(&self, series: u32) -> bool {
        self.hours.values().any(|hour| hour.refs.contains(series))
    }

    /// The last admission before which no batch is on its way to the heads any more: what only it and earlier ones used
    /// can be seen in the heads from now on.
    pub(crate) fn settled(&self) -> u32 {
        let oldest = self
            .in_flight
            .iter()
            .min_by_key(|flying| flying.wrapping_sub(self.generation));
        oldest.map_or(self.generation, |flying| flying.wrapping_sub(1))
    }

    /// Of `refs`, those that no admission after `settled` used, that `now` and its neighbours do not count, and whose
    /// last sample lies before: from now on a batch that names them is told to start again.
    pub(crate) fn take_idle(&mut self, refs: &RoaringBitmap, now: i32, settled: u32) -> RoaringBitmap {
        let mut idle = RoaringBitmap::new();
        for series in refs {
            let Some(seen) = self.seen.get(series as usize) else {
                continue;
            };
            let active = [now - 1, now, now + 1]
                .iter()
                .any(|hour| self.hours.get(hour).is_some_and(|at| at.refs.contains(series)));
            let used_before = seen.generation == 0 || settled.wrapping_sub(seen.generation) < u32::MAX / 2;
            if seen.last_hour != FORGOTTEN && seen.last_hour < now - 1 && !active && used_before {
                idle.insert(series);
            }
        }
        for series in &idle {
            if let Some(seen) = self.seen.get_mut(series as usize) {
                seen.last_hour = FORGOTTEN;
            }
        }
        idle
    }

    /// Bytes of the arrays and sets.
    pub(crate) fn memory_bytes(&self) -> u64 {
        let sets: usize = self.hours.values().map(|hour| hour.refs.serialized_size()).sum();
        (self.seen.len() * size_of::<Seen>() + sets + self.pending.len() * 32) as u64
    }
}

#[cfg(test)]
mod tests;
