//! The commit thread: the one owner of the active segment and of the sequence. It takes what waits, writes it with one
//! write and one sync, publishes it in order, and acknowledges it.
//!
//! After an error of a write or a sync nothing more is acknowledged from that segment: what was not acknowledged goes into a
//! new one, once; when that fails too the log is poisoned and tries a new segment from time to time.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use crate::format::{HEADER_GAPS_MAX, SegmentHeader};
use crate::fs::Fs;
use crate::limits::GROUP_BUFFER_KEPT_BYTES;
use crate::queue::{Command, Pending, Taken};
use crate::segment::{Define, Encoded, Segment, SegmentInfo, segment_name};
use crate::shared::Shared;
use crate::zero::ZeroSupply;
use crate::{Lsn, SyncPolicy, WalError, WalOptions};

/// Which call failed on which file.
#[derive(Debug)]
pub(crate) struct Failed {
    action: Action,
    path: PathBuf,
    source: io::Error,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    Create,
    Write,
    Sync,
    Rename,
}

impl Action {
    fn name(self) -> &'static str {
        match self {
            Action::Create => "create a file in",
            Action::Write => "write",
            Action::Sync => "fsync",
            Action::Rename => "rename",
        }
    }
}

impl Failed {
    fn new(action: Action, path: &Path, source: io::Error) -> Failed {
        Failed {
            action,
            path: path.to_owned(),
            source,
        }
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.action.name(), self.path.display(), self.source)
    }
}

impl From<Failed> for WalError {
    fn from(failed: Failed) -> WalError {
        WalError::Io {
            action: failed.action.name(),
            path: failed.path,
            source: failed.source,
        }
    }
}

/// Where the log goes on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Resume {
    /// Last record of the log.
    pub(crate) last_lsn: Lsn,
    /// Number of the next one; more than one further after damage at the end, where a number may have been used.
    pub(crate) next_lsn: Lsn,
}

pub(crate) struct Committer<T> {
    pub(crate) shared: Arc<Shared<T>>,
    pub(crate) fs: Arc<dyn Fs>,
    pub(crate) dir: PathBuf,
    pub(crate) options: WalOptions,
    pub(crate) define: Define,
    pub(crate) on_commit: Box<dyn FnMut(Lsn, T) + Send>,
    pub(crate) zero: ZeroSupply,
    pub(crate) resume: Resume,
    /// Gaps that an unfinished write left, by the first LSN of their segment; the segment after it names them.
    pub(crate) known_gaps: BTreeMap<Lsn, Vec<Range<u64>>>,
    /// The loss of records that were acknowledged before their sync, until someone is told who asks for a sync.
    pub(crate) owed_error: Option<Failed>,
    pub(crate) active: Option<Segment>,
    pub(crate) durable_lsn: Lsn,
    pub(crate) buffer: Vec<u8>,
    /// When the oldest record that is written and not synced was written.
    pub(crate) unsynced_since: Option<Instant>,
    /// When a poisoned log tries again.
    pub(crate) retry_at: Option<Instant>,
}

/// Tells everyone who waits when the thread ends, also by a panic of a callback.
struct Farewell<T>(Arc<Shared<T>>);

impl<T> Drop for Farewell<T> {
    fn drop(&mut self) {
        self.0.queue.abandon();
    }
}

impl<T> Committer<T> {
    /// Runs until the log is closed.
    pub(crate) fn run(mut self) -> Result<(), WalError> {
        let _farewell = Farewell(Arc::clone(&self.shared));
        let mut batch = VecDeque::new();
        self.zero.ask_for_spare();
        loop {
            match self.shared.queue.take(&mut batch, self.deadline()) {
                Taken::Records => self.commit_batch(&mut batch),
                Taken::Command(command) => self.execute(command),
                Taken::Timeout => {}
                Taken::Closed => {
                    let synced = self.sync_all();
                    self.retire();
                    return synced;
                }
            }
            self.do_what_is_due();
        }
    }

    fn deadline(&self) -> Option<Instant> {
        let sync_at = match self.options.sync {
            SyncPolicy::Every(delay) => self.unsynced_since.and_then(|since| since.checked_add(delay)),
            SyncPolicy::EveryCommit | SyncPolicy::Os => None,
        };
        sync_at.into_iter().chain(self.retry_at).min()
    }

    fn do_what_is_due(&mut self) {
        let now = Instant::now();
        if let SyncPolicy::Every(delay) = self.options.sync
            && self
                .unsynced_since
                .is_some_and(|since| now.duration_since(since) >= delay)
        {
            // A failure has sealed the segment and is in the statistics; nobody waits for this sync.
            let _ = self.sync_unsynced();
        }
        if self.retry_at.is_some_and(|at| now >= at) {
            match self.write_group(&VecDeque::new()) {
                Ok(_) => {
                    self.retry_at = None;
                    self.shared.queue.heal();
                }
                Err(failed) => {
                    self.seal(&failed);
                    self.poison(&failed, VecDeque::new());
                }
            }
        }
    }

    fn commit_batch(&mut self, batch: &mut VecDeque<Pending<T>>) {
        while !batch.is_empty() {
            match self.write_or_rewrite(batch) {
                Ok(Encoded { records: 0, .. }) => self.finish_segment(),
                Ok(written) => self.publish(batch, written),
                Err(failed) => self.poison(&failed, std::mem::take(batch)),
            }
        }
    }

    /// Writes the front of the batch; after an error once more, into a new segment.
    fn write_or_rewrite(&mut self, batch: &VecDeque<Pending<T>>) -> Result<Encoded, Failed> {
        self.write_group(batch).or_else(|failed| {
            self.seal(&failed);
            self.write_group(batch).inspect_err(|failed| self.seal(failed))
        })
    }

    /// One group: one write, one sync by the policy. Gives the number of records written, 0 when the active segment is full.
    fn write_group(&mut self, batch: &VecDeque<Pending<T>>) -> Result<Encoded, Failed> {
        let mut segment = match self.active.take() {
            Some(segment) => segment,
            None => self.new_segment()?,
        };
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        let encoded = segment.encode(
            batch.iter(),
            self.resume.next_lsn,
            self.durable_lsn,
            self.options.segment_bytes,
            &self.define,
            &mut buffer,
        );
        let outcome = match buffer.is_empty() {
            true => Ok(()),
            false => self.write_out(&mut segment, &mut buffer, encoded.records),
        };
        let needed = buffer.len().max(GROUP_BUFFER_KEPT_BYTES);
        buffer.clear();
        if buffer.capacity() / 4 > needed {
            buffer.shrink_to(needed);
        }
        self.buffer = buffer;
        self.active = Some(segment);
        outcome.map(|()| encoded)
    }

    fn write_out(&mut self, segment: &mut Segment, buffer: &mut Vec<u8>, records: usize) -> Result<(), Failed> {
        let end = segment.position + buffer.len() as u64;
        let zeros = segment.spare.frontier.reach(end, self.zero.overtake_step());
        let frame_bytes = buffer.len() as u64;
        buffer.resize(buffer.len() + usize::try_from(zeros).unwrap_or_default(), 0);
        let written = segment.spare.file.write_at(buffer, segment.position);
        written.map_err(|source| Failed::new(Action::Write, segment.current_path(), source))?;
        let sync = self.options.sync == SyncPolicy::EveryCommit || !segment.named;
        if sync {
            self.sync_file(segment)?;
        }
        segment.position = end;
        if !segment.named {
            self.name(segment)?;
        }
        let last_lsn = self.resume.next_lsn.plus(records as u64).previous();
        if sync {
            self.durable_lsn = last_lsn;
            self.unsynced_since = None;
        } else if self.unsynced_since.is_none() {
            self.unsynced_since = Some(Instant::now());
        }
        let size = segment.spare.frontier.zeroed().max(end);
        self.shared.grew(last_lsn, self.durable_lsn, size, frame_bytes);
        let limit = segment.capacity(self.options.segment_bytes);
        self.zero
            .ask_for_zeros(&segment.path, &segment.spare.frontier, end, limit);
        if end > limit / 2 {
            self.zero.ask_for_spare();
        }
        Ok(())
    }

    fn sync_file(&self, segment: &mut Segment) -> Result<(), Failed> {
        let start = Instant::now();
        let outcome = segment.spare.file.sync_data();
        self.shared.synced(start.elapsed());
        outcome.map_err(|source| Failed::new(Action::Sync, segment.current_path(), source))
    }

    /// Gives a new segment its name, after its first bytes are durable, so that a crash leaves it whole or not at all. It
    /// replaces one that began with the same record and never acknowledged it.
    fn name(&self, segment: &mut Segment) -> Result<(), Failed> {
        self.fs
            .rename(&segment.spare.path, &segment.path)
            .map_err(|source| Failed::new(Action::Rename, &segment.spare.path, source))?;
        segment.named = true;
        self.shared.began(SegmentInfo {
            path: segment.path.clone(),
            first_lsn: segment.header.first_lsn,
            last_lsn: segment.header.first_lsn.previous(),
            bytes: 0,
        });
        self.fs
            .sync_dir(&self.dir)
            .map_err(|source| Failed::new(Action::Sync, &self.dir, source))
    }

    fn new_segment(&mut self) -> Result<Segment, Failed> {
        let spare = self.zero.spare();
        let spare = spare.map_err(|source| Failed::new(Action::Create, &self.dir, source))?;
        let first_lsn = self.resume.next_lsn;
        let previous_first_lsn = self.shared.first_lsn_before(first_lsn);
        let gaps = self.known_gaps.get(&previous_first_lsn);
        let header = SegmentHeader {
            store_id: self.options.store_id,
            first_lsn,
            previous_first_lsn,
            previous_last_lsn: self.resume.last_lsn,
            previous_gaps: gaps.map(|gaps| at_most(gaps, HEADER_GAPS_MAX)).unwrap_or_default(),
        };
        let path = self.dir.join(segment_name(first_lsn));
        Ok(Segment::new(spare, path, header))
    }

    /// Publishes and acknowledges the records just written, in order.
    fn publish(&mut self, batch: &mut VecDeque<Pending<T>>, written: Encoded) {
        let first = self.resume.next_lsn;
        self.resume.next_lsn = first.plus(written.records as u64);
        self.resume.last_lsn = self.resume.next_lsn.previous();
        self.shared.committed(self.resume.next_lsn, written);
        let mut acks = Vec::with_capacity(written.records);
        let mut held = Vec::with_capacity(written.records);
        let mut lsn = first;
        for pending in batch.drain(..written.records) {
            held.push(pending.held());
            (self.on_commit)(lsn, pending.record.attachment);
            acks.push((lsn, pending.resolver));
            lsn = lsn.next();
        }
        self.shared.queue.release(held.into_iter());
        for (lsn, resolver) in acks {
            resolver.resolve(Ok(lsn));
        }
    }

    /// Gives up the active segment after an error. Records that were acknowledged before their sync get their one sync, if
    /// that is not what failed.
    fn seal(&mut self, failed: &Failed) {
        let Some(mut segment) = self.active.take() else { return };
        let mut at_risk = 0;
        if self.unsynced_since.take().is_some() {
            if failed.action != Action::Sync && self.sync_file(&mut segment).is_ok() {
                self.durable_lsn = self.resume.last_lsn;
                self.shared.durable(self.durable_lsn);
            }
            at_risk = self.resume.last_lsn.get().saturating_sub(self.durable_lsn.get());
        }
        if at_risk > 0 {
            let source = io::Error::new(failed.source.kind(), failed.source.to_string());
            self.owed_error = Some(Failed::new(failed.action, &failed.path, source));
        }
        self.shared.sealed(at_risk);
        segment.spare.frontier.close();
        if !segment.named {
            self.zero.discard(segment.spare);
        }
    }

    /// Refuses everything that is here and everything that comes, until a new segment can be written.
    fn poison(&mut self, failed: &Failed, batch: VecDeque<Pending<T>>) {
        let reason: Arc<str> = failed.to_string().into();
        self.retry_at = Instant::now().checked_add(self.options.reopen_delay);
        let waiting = self.shared.queue.poison(Arc::clone(&reason), batch.len() as u64);
        self.shared.queue.release(batch.iter().map(Pending::held));
        for pending in batch.into_iter().chain(waiting) {
            let reason = Arc::clone(&reason);
            // The attachment goes first: who is refused finds its admission given back.
            drop(pending.record);
            pending.resolver.resolve(Err(WalError::Poisoned { reason }));
        }
    }

    fn sync_unsynced(&mut self) -> Result<(), Failed> {
        if self.unsynced_since.is_none() {
            return Ok(());
        }
        let Some(mut segment) = self.active.take() else {
            return Ok(());
        };
        let outcome = self.sync_file(&mut segment);
        self.active = Some(segment);
        match &outcome {
            Ok(()) => {
                self.unsynced_since = None;
                self.durable_lsn = self.resume.last_lsn;
                self.shared.durable(self.durable_lsn);
            }
            Err(failed) => self.seal(failed),
        }
        outcome
    }

    /// Syncs, and tells of records acknowledged before their sync that were lost since the last time.
    fn sync_all(&mut self) -> Result<(), WalError> {
        let synced = self.sync_unsynced();
        match self.owed_error.take() {
            Some(owed) => Err(owed.into()),
            None => synced.map_err(WalError::from),
        }
    }

    /// Ends the active segment in good order; the next group starts a new one.
    fn finish_segment(&mut self) {
        // A failure seals the segment, which ends it as well; the statistics count it.
        let _ = self.sync_unsynced();
        self.retire();
    }

    fn retire(&mut self) {
        if let Some(segment) = self.active.take() {
            segment.spare.frontier.close();
        }
    }

    fn execute(&mut self, command: Command) {
        match command {
            Command::Sync(resolver) => {
                let outcome = self.sync_all();
                resolver.resolve(outcome.map(|()| self.resume.last_lsn));
            }
            Command::Rotate(resolver) => {
                let outcome = self.rotate();
                resolver.resolve(outcome);
            }
        }
    }

    fn rotate(&mut self) -> Result<Lsn, WalError> {
        if let Some(reason) = self.shared.queue.poisoned() {
            return Err(WalError::Poisoned { reason });
        }
        if let Some(segment) = &self.active
            && segment.header.first_lsn == self.resume.next_lsn
        {
            return Ok(segment.header.first_lsn);
        }
        self.sync_all()?;
        self.retire();
        match self.write_or_rewrite(&VecDeque::new()) {
            Ok(_) => Ok(self.resume.next_lsn),
            Err(failed) => {
                self.poison(&failed, VecDeque::new());
                Err(failed.into())
            }
        }
    }
}

/// The ranges, the last ones joined where there are more than `max`.
fn at_most(ranges: &[Range<u64>], max: usize) -> Vec<Range<u64>> {
    let mut kept: Vec<_> = ranges.iter().take(max).cloned().collect();
    if let (Some(last), Some(end)) = (kept.last_mut(), ranges.last()) {
        last.end = end.end;
    }
    kept
}

#[cfg(test)]
mod tests;
