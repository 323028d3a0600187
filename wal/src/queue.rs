//! The bounded queue between callers and the commit thread: records in order of arrival, admitted by shares, and the
//! commands that run between them.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use parking_lot::{Condvar, Mutex};

use crate::limits::{GROUP_BYTES_MAX, GROUP_RECORDS_MAX, LANES, QUEUE_RECORD_OVERHEAD_BYTES};
use crate::ticket::{Resolver, Ticket, ticket};
use crate::{AppendError, Record};

/// Part of a lane's reserve that is never lent, as a divisor of the whole queue: an idle lane lends half of its quarter.
const KEPT_DIVISOR: u64 = 2 * LANES as u64;

/// A record in the queue.
pub(crate) struct Pending<T> {
    pub(crate) record: Record<T>,
    pub(crate) payload_bytes: u32,
    pub(crate) payload_checksum: u32,
    pub(crate) resolver: Resolver,
    lane: usize,
    cost_bytes: u64,
}

/// What callers ask of the commit thread beside appends.
pub(crate) enum Command {
    /// Make everything appended before durable.
    Sync(Resolver),
    /// Start a new segment; resolves with its first LSN.
    Rotate(Resolver),
}

/// What the commit thread is woken for.
pub(crate) enum Taken {
    Records,
    Command(Command),
    Timeout,
    Closed,
}

/// Amounts in use by lane, bounded together.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Shares {
    used: [u64; LANES],
}

impl Shares {
    /// Takes `amount` for a lane if every other lane's kept part stays free. So a lane can always use its kept part, and all
    /// together never pass `max`.
    pub(crate) fn take(&mut self, lane: usize, amount: u64, max: u64) -> bool {
        let mut after = self.used;
        if let Some(used) = after.get_mut(lane) {
            *used = used.saturating_add(amount);
        }
        let kept = max / KEPT_DIVISOR;
        let claimed = after
            .iter()
            .fold(0u64, |sum, used| sum.saturating_add((*used).max(kept)));
        let fits = claimed <= max;
        if fits {
            self.used = after;
        }
        fits
    }

    pub(crate) fn give_back(&mut self, lane: usize, amount: u64) {
        if let Some(used) = self.used.get_mut(lane) {
            *used = used.saturating_sub(amount);
        }
    }

    pub(crate) fn total(&self) -> u64 {
        self.used.iter().sum()
    }

    /// The most that one lane can ever hold.
    pub(crate) fn lane_max(max: u64) -> u64 {
        max - (LANES as u64 - 1) * (max / KEPT_DIVISOR)
    }
}

struct State<T> {
    records: VecDeque<Pending<T>>,
    /// Records ever taken in.
    taken_in: u64,
    /// Records ever given to the commit thread.
    given_out: u64,
    /// Commands, each with the number of records that go before it.
    commands: VecDeque<(u64, Command)>,
    bytes: Shares,
    counts: Shares,
    refused_full: u64,
    refused_poisoned: u64,
    poisoned: Option<Arc<str>>,
    closed: bool,
}

/// The queue.
pub(crate) struct Queue<T> {
    state: Mutex<State<T>>,
    wake: Condvar,
    bytes_max: u64,
    records_max: u64,
}

/// Figures of the queue for the statistics.
pub(crate) struct QueueStats {
    pub(crate) bytes: u64,
    pub(crate) records: u64,
    pub(crate) refused_full: u64,
    pub(crate) refused_poisoned: u64,
    pub(crate) poisoned: Option<Arc<str>>,
}

impl<T> Queue<T> {
    pub(crate) fn new(bytes_max: u64, records_max: u64) -> Queue<T> {
        Queue {
            state: Mutex::new(State {
                records: VecDeque::new(),
                taken_in: 0,
                given_out: 0,
                commands: VecDeque::new(),
                bytes: Shares::default(),
                counts: Shares::default(),
                refused_full: 0,
                refused_poisoned: 0,
                poisoned: None,
                closed: false,
            }),
            wake: Condvar::new(),
            bytes_max,
            records_max,
        }
    }

    /// Takes a record in, or refuses it at once.
    pub(crate) fn append(&self, record: Record<T>) -> Result<Ticket, AppendError<T>> {
        let record_bytes = record.body.iter().map(|piece| piece.len() as u64).sum::<u64>();
        let overhead = QUEUE_RECORD_OVERHEAD_BYTES + 4 * record.refs.len() as u64;
        let cost_bytes = record_bytes.saturating_add(overhead);
        let cost_max = Shares::lane_max(self.bytes_max).min(crate::limits::RECORD_BYTES_MAX);
        let payload_bytes = match u32::try_from(record_bytes) {
            Ok(bytes) if cost_bytes <= cost_max => bytes,
            _ => {
                return Err(AppendError::TooLarge {
                    record_bytes,
                    limit_bytes: cost_max.saturating_sub(overhead),
                    attachment: record.attachment,
                });
            }
        };
        // On the caller's thread, so that the commit thread only copies.
        let payload_checksum = crate::format::payload_checksum(record.body.iter().map(Bytes::as_ref));
        let lane = usize::from(record.lane).min(LANES - 1);
        let mut state = self.state.lock();
        if state.closed {
            let attachment = record.attachment;
            return Err(AppendError::Closed { attachment });
        }
        if let Some(reason) = state.poisoned.clone() {
            state.refused_poisoned += 1;
            let attachment = record.attachment;
            return Err(AppendError::Poisoned { reason, attachment });
        }
        if !state.admit(lane, cost_bytes, self.bytes_max, self.records_max) {
            state.refused_full += 1;
            return Err(AppendError::Full {
                queue_bytes: state.bytes.total(),
                attachment: record.attachment,
            });
        }
        let (ticket, resolver) = ticket();
        state.taken_in += 1;
        state.records.push_back(Pending {
            record,
            payload_bytes,
            payload_checksum,
            resolver,
            lane,
            cost_bytes,
        });
        drop(state);
        self.wake.notify_one();
        Ok(ticket)
    }

    /// Queues a command behind the records taken in so far. When the log is closed the resolver resolves by itself.
    pub(crate) fn command(&self, command: Command) {
        let mut state = self.state.lock();
        if !state.closed {
            let after = state.taken_in;
            state.commands.push_back((after, command));
            drop(state);
            self.wake.notify_one();
        }
    }

    /// Waits for work until `deadline`; records are added to `batch`.
    pub(crate) fn take(&self, batch: &mut VecDeque<Pending<T>>, deadline: Option<Instant>) -> Taken {
        let mut state = self.state.lock();
        loop {
            let before_command = match state.commands.front() {
                Some((after, _)) if *after <= state.given_out => {
                    if let Some((_, command)) = state.commands.pop_front() {
                        return Taken::Command(command);
                    }
                    0
                }
                Some((after, _)) => after - state.given_out,
                None => u64::MAX,
            };
            if !state.records.is_empty() {
                state.give_group(batch, before_command);
                return Taken::Records;
            }
            if state.closed {
                return Taken::Closed;
            }
            match deadline {
                Some(deadline) => {
                    if self.wake.wait_until(&mut state, deadline).timed_out() {
                        return Taken::Timeout;
                    }
                }
                None => self.wake.wait(&mut state),
            }
        }
    }

    /// Gives back what finished records held. Called before they are acknowledged, so that a caller who was acknowledged
    /// finds the room again.
    pub(crate) fn release(&self, finished: impl Iterator<Item = (usize, u64)>) {
        let mut state = self.state.lock();
        for (lane, cost_bytes) in finished {
            state.bytes.give_back(lane, cost_bytes);
            state.counts.give_back(lane, 1);
        }
    }

    /// Refuses every append from now on, and the records that wait, which it returns.
    pub(crate) fn poison(&self, reason: Arc<str>, failed: u64) -> VecDeque<Pending<T>> {
        let mut state = self.state.lock();
        let waiting = std::mem::take(&mut state.records);
        state.given_out = state.taken_in;
        state.refused_poisoned += failed + waiting.len() as u64;
        for pending in &waiting {
            state.bytes.give_back(pending.lane, pending.cost_bytes);
            state.counts.give_back(pending.lane, 1);
        }
        state.poisoned = Some(reason);
        waiting
    }

    /// Takes appends again.
    pub(crate) fn heal(&self) {
        self.state.lock().poisoned = None;
    }

    pub(crate) fn poisoned(&self) -> Option<Arc<str>> {
        self.state.lock().poisoned.clone()
    }

    /// Refuses everything from now on; what waits is still done.
    pub(crate) fn close(&self) {
        self.state.lock().closed = true;
        self.wake.notify_one();
    }

    /// The commit thread is gone: whoever waits learns it.
    pub(crate) fn abandon(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        let records = std::mem::take(&mut state.records);
        let commands = std::mem::take(&mut state.commands);
        drop(state);
        drop((records, commands));
    }

    pub(crate) fn stats(&self) -> QueueStats {
        let state = self.state.lock();
        QueueStats {
            bytes: state.bytes.total(),
            records: state.counts.total(),
            refused_full: state.refused_full,
            refused_poisoned: state.refused_poisoned,
            poisoned: state.poisoned.clone(),
        }
    }
}

impl<T> State<T> {
    fn admit(&mut self, lane: usize, cost_bytes: u64, bytes_max: u64, records_max: u64) -> bool {
        if !self.counts.take(lane, 1, records_max) {
            return false;
        }
        let fits = self.bytes.take(lane, cost_bytes, bytes_max);
        if !fits {
            self.counts.give_back(lane, 1);
        }
        fits
    }

    fn give_group(&mut self, batch: &mut VecDeque<Pending<T>>, at_most: u64) {
        let (mut count, mut bytes) = (0, 0);
        while count < at_most.min(GROUP_RECORDS_MAX as u64) && bytes < GROUP_BYTES_MAX {
            let Some(pending) = self.records.pop_front() else { break };
            count += 1;
            bytes += pending.cost_bytes;
            batch.push_back(pending);
        }
        self.given_out += count;
    }
}

impl<T> Pending<T> {
    /// What the record holds of its lane, for [`Queue::release`].
    pub(crate) fn held(&self) -> (usize, u64) {
        (self.lane, self.cost_bytes)
    }
}

#[cfg(test)]
mod tests;
