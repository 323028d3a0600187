//! Retention: whole partitions go, by age and by the disk budget of their signal. A drop costs its files, not its rows.
//!
//! Before a file goes, a void covers the partition's LSNs, so that a log that still holds the rows does not bring them
//! back; the void goes once the log begins above it.

use std::path::Path;
use std::sync::Arc;

use icecore_wal::Lsn;

use crate::engine::core::Core;
use crate::flush::{UpkeepError, at};
use crate::ids::Signal;
use crate::layout::{LsnRange, PartitionFile, create_dir_durable};
use crate::limits::{CLOCK_JUMP_S, CLOCK_JUMP_TICKS};
use crate::part::Part;
use crate::partition::{Partition, SignalState};
use crate::quarantine;
use crate::time::Window;

/// Doubts a clock that leapt ahead: rows dropped for their age do not come back.
#[derive(Debug, Default)]
pub(crate) struct ClockGuard {
    last_s: Option<i64>,
    doubts: u32,
}

impl ClockGuard {
    /// Notes the time of a tick; tells whether ages may be judged by it.
    pub(crate) fn trusts(&mut self, now_s: i64) -> bool {
        let leapt = self
            .last_s
            .is_some_and(|last| now_s.saturating_sub(last) > CLOCK_JUMP_S);
        self.last_s = Some(now_s);
        if leapt {
            self.doubts = CLOCK_JUMP_TICKS;
        } else {
            self.doubts = self.doubts.saturating_sub(1);
        }
        self.doubts == 0
    }
}

impl Core {
    /// Drops the partitions whose age passed their retention; tells how many.
    pub(crate) fn drop_expired(&self) -> Result<usize, UpkeepError> {
        let now_s = self.now_s();
        let mut dropped = 0;
        for state in self.tenants.states() {
            let retention = self.options.retention(state.tenant.id(), state.signal);
            let retention_s = i64::try_from(retention.as_secs()).unwrap_or(i64::MAX);
            let horizon_s = now_s.saturating_sub(retention_s);
            let expired: Vec<Window> = state.read(|partitions| {
                partitions
                    .values()
                    .filter(|partition| partition.window.end_s() <= horizon_s && partition.has_rows())
                    .map(|partition| partition.window)
                    .collect()
            });
            for window in expired {
                self.drop_partition(&state, window)?;
                dropped += 1;
            }
        }
        Ok(dropped)
    }

    /// Drops the oldest closed partitions of each signal that is over its disk budget, and refuses the signals that are
    /// over it with what is left; tells how many partitions went.
    pub(crate) fn enforce_disk_budget(&self, log_bytes: u64) -> Result<usize, UpkeepError> {
        let mut dropped = 0;
        for signal in Signal::ALL {
            let bytes_max = *self.options.disk_bytes_max.get(signal);
            let mut used = self.disk_bytes(signal, log_bytes);
            while used > bytes_max {
                let Some((state, window)) = self.oldest_closed(signal) else {
                    break;
                };
                self.drop_partition(&state, window)?;
                dropped += 1;
                used = self.disk_bytes(signal, log_bytes);
            }
            self.disk.note(signal, used, used > bytes_max);
        }
        let root = self.layout.root();
        let free = self.fs.free_bytes(root).map_err(at(root))?;
        self.disk.note_free(free, free < self.options.disk_free_bytes_min);
        Ok(dropped)
    }

    /// Bytes of a signal: its parts and damaged parts, and its heads' share of the log.
    pub(crate) fn disk_bytes(&self, signal: Signal, log_bytes: u64) -> u64 {
        let mut parts = quarantine::bytes_of(self.fs.as_ref(), &self.layout, signal);
        let mut own_rows = 0u64;
        let mut all_rows = 0u64;
        for state in self.tenants.states() {
            let (part_bytes, head_bytes) = state.read(|partitions| {
                partitions.values().fold((0, 0), |(parts, heads), partition| {
                    let head_bytes: u64 = partition.heads().map(|head| head.size().bytes).sum();
                    (parts + partition.part_bytes(), heads + head_bytes)
                })
            });
            all_rows += head_bytes;
            if state.signal == signal {
                parts += part_bytes;
                own_rows += head_bytes;
            }
        }
        let share = (u128::from(log_bytes) * u128::from(own_rows))
            .checked_div(u128::from(all_rows))
            .unwrap_or(0);
        parts + u64::try_from(share).unwrap_or(u64::MAX)
    }

    fn oldest_closed(&self, signal: Signal) -> Option<(Arc<SignalState>, Window)> {
        let now_s = self.now_s();
        self.tenants
            .states()
            .into_iter()
            .filter(|state| state.signal == signal)
            .filter_map(|state| {
                let window = state.read(|partitions| {
                    partitions
                        .values()
                        .find(|partition| partition.window.end_s() <= now_s && partition.has_rows())
                        .map(|partition| partition.window)
                })?;
                Some((state, window))
            })
            .min_by_key(|(_, window)| window.start_s)
    }

    /// Drops one partition with all its rows, those in heads too.
    pub(crate) fn drop_partition(&self, state: &SignalState, window: Window) -> Result<(), UpkeepError> {
        let started = self.clock.now();
        let range = state.change(|partitions| {
            let partition = partitions.get_mut(&window.start_s)?;
            if partition.freeze() {
                self.frozen_added(1);
            }
            self.lsns_of(partition)
        });
        let dir = self.layout.partition(state.tenant.id(), state.signal, window);
        if let Some(range) = range {
            self.sync_log()?;
            create_dir_durable(self.fs.as_ref(), self.layout.root(), &dir).map_err(at(&dir))?;
            let path = dir.join(PartitionFile::Void(range).name());
            if !self.fs.exists(&path).map_err(at(&path))? {
                self.fs
                    .create(&path)
                    .and_then(|mut file| file.sync_all())
                    .map_err(at(&path))?;
            }
            self.fs.sync_dir(&dir).map_err(at(&dir))?;
        }
        let gone = state.change(|partitions| {
            let partition = partitions.get_mut(&window.start_s)?;
            let covered = |part: &Arc<Part>| {
                let meta = part.meta();
                meta.store != self.store.id
                    || range.is_some_and(|range| range.contains(meta.first_lsn) && range.contains(meta.last_lsn))
            };
            partition
                .frozen
                .retain(|head| !range.is_some_and(|range| range.covers(head.lsns())));
            partition.voids.extend(range);
            let (gone, kept) = std::mem::take(&mut partition.parts).into_iter().partition(covered);
            partition.parts = kept;
            Some::<Vec<Arc<Part>>>(gone)
        });
        self.frozen_changed();
        let gone = gone.unwrap_or_default();
        let rows = gone.iter().map(|part| part.rows()).sum();
        let bytes = gone.iter().map(|part| part.bytes()).sum();
        for part in gone {
            part.doom();
        }
        self.leaving.lock().insert(dir);
        self.tidy_folders();
        self.counters.drops.succeed(self.clock.now(), started, rows, bytes);
        Ok(())
    }

    /// LSNs of all that a partition holds, those of other stores aside.
    fn lsns_of(&self, partition: &Partition) -> Option<LsnRange> {
        let parts = partition
            .parts
            .iter()
            .map(|part| part.meta())
            .filter(|meta| meta.store == self.store.id)
            .map(|meta| LsnRange {
                first: meta.first_lsn,
                last: meta.last_lsn,
            });
        let heads = partition.frozen.iter().map(|head| head.lsns());
        parts.chain(heads).reduce(|a, b| LsnRange {
            first: a.first.min(b.first),
            last: a.last.max(b.last),
        })
    }

    /// Removes the voids that the log starts above, and the folders that are empty by now.
    pub(crate) fn remove_voids(&self, log_starts_at: Lsn) -> Result<(), UpkeepError> {
        // A flush or a merge under way may yet put a part under a void; its turn comes again.
        let (Some(_no_merge), Some(_no_flush)) = (self.merging.try_lock(), self.flushing.try_lock()) else {
            return Ok(());
        };
        for state in self.tenants.states() {
            let over: Vec<(Window, LsnRange)> = state.read(|partitions| {
                partitions
                    .values()
                    .flat_map(|partition| partition.voids.iter().map(|void| (partition.window, *void)))
                    .filter(|(_, void)| void.last < log_starts_at)
                    .collect()
            });
            for (window, void) in over {
                let dir = self.layout.partition(state.tenant.id(), state.signal, window);
                let path = dir.join(PartitionFile::Void(void).name());
                if !self.rows_are_gone(&dir, void)? {
                    continue;
                }
                if self.fs.exists(&path).map_err(at(&path))? {
                    self.fs.remove_file(&path).map_err(at(&path))?;
                    self.fs.sync_dir(&dir).map_err(at(&dir))?;
                }
                state.change(|partitions| {
                    if let Some(partition) = partitions.get_mut(&window.start_s) {
                        partition.voids.retain(|other| *other != void);
                    }
                });
                self.leaving.lock().insert(dir);
            }
        }
        self.tidy_folders();
        Ok(())
    }

    /// Whether no part under a void is left, durably: without the void such a part would be served again.
    fn rows_are_gone(&self, dir: &Path, void: LsnRange) -> Result<bool, UpkeepError> {
        // A person may have removed the folder.
        if !self.fs.exists(dir).map_err(at(dir))? {
            return Ok(true);
        }
        let left = self.fs.list(dir).map_err(at(dir))?.iter().any(
            |entry| matches!(PartitionFile::parse(&entry.name), Some(PartitionFile::Part(part)) if void.covers(part)),
        );
        if !left {
            self.fs.sync_dir(dir).map_err(at(dir))?;
        }
        Ok(!left)
    }

    /// Removes dropped partitions' folders once they are empty: a reader may still hold a part, a void may still be needed.
    fn tidy_folders(&self) {
        self.leaving.lock().retain(|dir| {
            let empty = match self.fs.list(dir) {
                Ok(entries) => entries.is_empty(),
                // Gone already.
                Err(_) => return false,
            };
            !(empty && self.fs.remove_dir(dir).is_ok())
        });
    }
}

#[cfg(test)]
mod tests;
