//! Merges: neighbours of one partition become one part, so that few parts stay per partition and a closed one ends as one.
//!
//! The output takes its place by a rename before the inputs go, so a crash between leaves parts that lie within another;
//! recovery verifies the containing one and removes them. The inputs' files go when their last reader lets go.

mod plan;

use std::ops::Range;
use std::sync::Arc;

use icecore_wal::Lsn;

use crate::budget::MemoryClass;
use crate::engine::core::Core;
use crate::flush::{UpkeepError, remove_if_there};
use crate::layout::{LsnRange, PartitionFile};
use crate::limits::LATE_MERGE_DELAY_S;
use crate::part::merge::merge_parts;
use crate::part::{Part, PartOptions};
use crate::partition::{Partition, SignalState};
use crate::time::{TimestampNs, Window};

use plan::{Candidate, Urgency, next_merge};

/// One merge to do.
struct Job {
    window: Window,
    inputs: Vec<Arc<Part>>,
    settles: bool,
}

impl Core {
    /// Merges what is due in a tenant's signal, all that can be when `everything`; tells how many merges it did.
    pub(crate) fn merge_due(&self, state: &SignalState, everything: bool) -> Result<usize, UpkeepError> {
        let _one_at_a_time = self.merging.lock();
        let mut merges = 0;
        while !self.closing() {
            let now = self.clock.now();
            let job = state.read(|partitions| {
                partitions
                    .values()
                    .find_map(|partition| self.next_job(partition, now, everything))
            });
            let Some(job) = job else {
                break;
            };
            self.merge(state, &job)?;
            merges += 1;
        }
        Ok(merges)
    }

    fn next_job(&self, partition: &Partition, now: TimestampNs, everything: bool) -> Option<Job> {
        let candidates = self.candidates(partition);
        let now_s = now.0.div_euclid(1_000_000_000);
        let settle_at = partition.settled_at.0.div_euclid(1_000_000_000) + LATE_MERGE_DELAY_S;
        let urgency = if everything {
            Urgency::Everything
        } else if now_s < partition.window.end_s() {
            Urgency::Open
        } else if now_s < settle_at {
            Urgency::Closed
        } else {
            Urgency::Settled
        };
        let run: Range<usize> = next_merge(&candidates, urgency)?;
        let inputs: Vec<Arc<Part>> = partition.parts.get(run)?.to_vec();
        Some(Job {
            window: partition.window,
            settles: inputs.len() == partition.parts.len(),
            inputs,
        })
    }

    /// The parts as planning sees them. A part of another store covers no LSN, so it never joins another; nor do parts
    /// with an unflushed row between them.
    fn candidates(&self, partition: &Partition) -> Vec<Candidate> {
        let mut previous: Option<&Arc<Part>> = None;
        partition
            .parts
            .iter()
            .map(|part| {
                let ours = part.meta().store == self.store.id;
                let joins_previous = ours
                    && previous.is_some_and(|before| {
                        before.meta().store == self.store.id
                            && before.meta().last_lsn < part.meta().first_lsn
                            && !row_between(partition, before.meta().last_lsn, part.meta().first_lsn)
                    });
                previous = Some(part);
                Candidate {
                    rows: part.rows(),
                    bytes: part.bytes(),
                    joins_previous,
                }
            })
            .collect()
    }

    fn merge(&self, state: &SignalState, job: &Job) -> Result<(), UpkeepError> {
        let started = self.clock.now();
        let (Some(first), Some(last)) = (job.inputs.first(), job.inputs.last()) else {
            return Ok(());
        };
        let mut memory = self.budget.reserve_none(MemoryClass::Merge);
        memory.grow_unchecked(crate::limits::MERGE_BUFFER_BYTES);
        let range = LsnRange {
            first: first.meta().first_lsn,
            last: last.meta().last_lsn,
        };
        let tenant = state.tenant.id();
        let name = PartitionFile::Part(range).name();
        let tmp = self
            .layout
            .tmp()
            .join(format!("merge-{tenant}-{}-{}-{name}", state.signal, job.window));
        remove_if_there(self.fs.as_ref(), &tmp)?;
        let summary = match merge_parts(&self.fs, &job.inputs, &tmp, &PartOptions::default()) {
            Ok(summary) => summary,
            Err(error) => {
                // What is half written is of no use; what cannot be removed now is removed at the next open.
                let _left = self.fs.remove_file(&tmp);
                self.set_damaged_aside(&error)?;
                return Err(error.into());
            }
        };
        let dir = self.layout.partition(tenant, state.signal, job.window);
        let output = self.put_in_place(&tmp, &dir, &name)?;
        let rows = summary.rows;
        let bytes = output.bytes();
        if state.replace(
            job.window,
            &job.inputs,
            Some(Arc::clone(&output)),
            job.settles.then_some(started),
        ) {
            for input in &job.inputs {
                input.doom();
            }
        } else {
            output.doom();
        }
        self.counters.merges.succeed(self.clock.now(), started, rows, bytes);
        Ok(())
    }
}

/// Whether a head of the partition holds rows between two LSNs.
fn row_between(partition: &Partition, after: Lsn, before: Lsn) -> bool {
    partition.heads().any(|head| {
        let lsns = head.lsns();
        lsns.last > after && lsns.first < before
    })
}
