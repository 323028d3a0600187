//! Zeros ahead of use: a file that is written where it has been written before needs no new blocks and no new length, so
//! that its fdatasync writes the data and nothing else.
//!
//! The worker and the commit thread share a segment by its [`Frontier`]: the worker claims the stretch behind it before it
//! writes there, and the commit thread passes the frontier only while nothing is claimed.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender, bounded};
use parking_lot::{Condvar, Mutex};

use crate::fs::{Fs, WriteFile};
use crate::limits::{ZERO_PIECE_BYTES, ZERO_STEPS_AHEAD};
use crate::{WalError, ZeroFill};

/// The commit thread fills up to a multiple of this when it passes the frontier.
const OVERTAKE_BYTES: u64 = 64 << 10;
/// Ending of the names of files that are not segments yet.
pub(crate) const SPARE_SUFFIX: &str = ".tmp";

#[derive(Debug, Default)]
struct FrontierState {
    zeroed: u64,
    claimed: bool,
    closed: bool,
}

/// How far a segment file is filled with zeros.
#[derive(Debug, Default)]
pub(crate) struct Frontier {
    state: Mutex<FrontierState>,
    idle: Condvar,
}

impl Frontier {
    fn new(zeroed: u64) -> Frontier {
        let frontier = Frontier::default();
        frontier.state.lock().zeroed = zeroed;
        frontier
    }

    pub(crate) fn zeroed(&self) -> u64 {
        self.state.lock().zeroed
    }

    /// Makes the bytes up to `end` the commit thread's, and says how many zeros it must write behind them.
    pub(crate) fn reach(&self, end: u64, step: u64) -> u64 {
        let mut state = self.state.lock();
        while end > state.zeroed && state.claimed {
            self.idle.wait(&mut state);
        }
        if end <= state.zeroed {
            return 0;
        }
        state.zeroed = end.next_multiple_of(step.max(1));
        state.zeroed - end
    }

    /// Keeps the worker off from now on; returns when it is.
    pub(crate) fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        while state.claimed {
            self.idle.wait(&mut state);
        }
    }

    fn claim(&self, target: u64) -> Option<u64> {
        let mut state = self.state.lock();
        if state.closed || state.zeroed >= target {
            return None;
        }
        state.claimed = true;
        Some(state.zeroed)
    }

    fn unclaim(&self, zeroed: Option<u64>) {
        let mut state = self.state.lock();
        state.claimed = false;
        if let Some(zeroed) = zeroed {
            state.zeroed = zeroed;
        }
        drop(state);
        self.idle.notify_all();
    }
}

/// A file that can become a segment: zeros up to its frontier, synced, under a temporary name.
pub(crate) struct Spare {
    pub(crate) file: Box<dyn WriteFile>,
    pub(crate) path: PathBuf,
    pub(crate) frontier: Arc<Frontier>,
}

enum Job {
    Spare,
    Extend {
        path: PathBuf,
        frontier: Arc<Frontier>,
        target: u64,
    },
}

struct Common {
    fs: Arc<dyn Fs>,
    dir: PathBuf,
    step: u64,
    names: AtomicU64,
    errors: Arc<AtomicU64>,
    spare: Mutex<Option<Spare>>,
}

impl Common {
    fn make_spare(&self, zeros: u64) -> io::Result<Spare> {
        let name = format!("{:016x}{SPARE_SUFFIX}", self.names.fetch_add(1, Ordering::Relaxed));
        let path = self.dir.join(name);
        let mut file = self.fs.create(&path)?;
        let filled = self.fill(&mut *file, 0, zeros).and_then(|()| match zeros {
            0 => Ok(()),
            _ => file.sync_all(),
        });
        if let Err(error) = filled {
            drop(file);
            self.remove(&path);
            return Err(error);
        }
        Ok(Spare {
            file,
            path,
            frontier: Arc::new(Frontier::new(zeros)),
        })
    }

    fn fill(&self, file: &mut dyn WriteFile, from: u64, to: u64) -> io::Result<()> {
        let zeros = vec![0; usize::try_from(ZERO_PIECE_BYTES.min(to - from)).unwrap_or_default()];
        let mut at = from;
        while at < to {
            let len = usize::try_from(to - at).unwrap_or(usize::MAX).min(zeros.len());
            file.write_at(zeros.get(..len).unwrap_or_default(), at)?;
            at += len as u64;
        }
        Ok(())
    }

    fn extend(&self, path: &Path, frontier: &Frontier, target: u64) -> io::Result<()> {
        let mut file = self.fs.open_write(path)?;
        while let Some(from) = frontier.claim(target) {
            let to = from + self.step;
            let filled = self.fill(&mut *file, from, to).and_then(|()| file.sync_data());
            frontier.unclaim(filled.is_ok().then_some(to));
            filled?;
        }
        Ok(())
    }

    /// Removes a file that never became a segment. If that fails the next opening removes it.
    fn remove(&self, path: &Path) {
        if self.fs.remove_file(path).is_err() {
            self.errors.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn work(&self, jobs: &Receiver<Job>) {
        for job in jobs {
            let done = match job {
                Job::Spare => self.refill_spare(),
                Job::Extend { path, frontier, target } => self.extend(&path, &frontier, target),
            };
            if done.is_err() {
                self.errors.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    fn refill_spare(&self) -> io::Result<()> {
        if self.spare.lock().is_none() {
            let spare = self.make_spare(self.step)?;
            *self.spare.lock() = Some(spare);
        }
        Ok(())
    }
}

/// The source of new segment files, and their extension.
pub(crate) struct ZeroSupply {
    common: Arc<Common>,
    worker: Option<(Sender<Job>, JoinHandle<()>)>,
}

impl ZeroSupply {
    /// Starts the worker, if there is to be one; its failures are added to `errors`.
    pub(crate) fn start(
        fs: Arc<dyn Fs>,
        dir: &Path,
        step: u64,
        mode: ZeroFill,
        errors: Arc<AtomicU64>,
    ) -> Result<ZeroSupply, WalError> {
        let common = Arc::new(Common {
            fs,
            dir: dir.to_owned(),
            step,
            names: AtomicU64::new(0),
            errors,
            spare: Mutex::new(None),
        });
        let worker = match mode {
            ZeroFill::Inline => None,
            ZeroFill::Worker => {
                let (sender, receiver) = bounded(2);
                let for_worker = Arc::clone(&common);
                let thread = std::thread::Builder::new()
                    .name("icecore-wal-zero".to_owned())
                    .spawn(move || for_worker.work(&receiver))
                    .map_err(WalError::io("start the zero-fill thread of", dir))?;
                Some((sender, thread))
            }
        };
        Ok(ZeroSupply { common, worker })
    }

    /// A new file, from the worker when it has one ready.
    pub(crate) fn spare(&self) -> io::Result<Spare> {
        if let Some(spare) = self.common.spare.lock().take() {
            return Ok(spare);
        }
        self.common.make_spare(0)
    }

    /// Step in which the commit thread fills what it writes past the frontier.
    pub(crate) fn overtake_step(&self) -> u64 {
        match self.worker {
            Some(_) => OVERTAKE_BYTES.min(self.common.step),
            None => self.common.step,
        }
    }

    /// Asks for a spare; nothing happens when the worker is busy (it is asked again) or there is none.
    pub(crate) fn ask_for_spare(&self) {
        if self.common.spare.lock().is_none() {
            self.send(Job::Spare);
        }
    }

    /// Asks for zeros ahead of `position`, at most up to `limit`, when there are few left.
    pub(crate) fn ask_for_zeros(&self, path: &Path, frontier: &Arc<Frontier>, position: u64, limit: u64) {
        let (zeroed, step) = (frontier.zeroed(), self.common.step);
        let target = (position + ZERO_STEPS_AHEAD * step).min(limit);
        if position + ZERO_STEPS_AHEAD / 2 * step > zeroed && target > zeroed {
            self.send(Job::Extend {
                path: path.to_owned(),
                frontier: Arc::clone(frontier),
                target,
            });
        }
    }

    fn send(&self, job: Job) {
        if let Some((sender, _)) = &self.worker {
            // A full channel means that the worker is behind; the next commit asks again.
            let _ = sender.try_send(job);
        }
    }

    /// Drops a file that could not become a segment.
    pub(crate) fn discard(&self, spare: Spare) {
        drop(spare.file);
        self.common.remove(&spare.path);
    }
}

impl Drop for ZeroSupply {
    fn drop(&mut self) {
        if let Some((sender, thread)) = self.worker.take() {
            drop(sender);
            // The worker does not panic; if it did, there is nothing left to tidy.
            let _ = thread.join();
        }
        if let Some(spare) = self.common.spare.lock().take() {
            self.discard(spare);
        }
    }
}

#[cfg(test)]
mod tests;
