//! The handle of an open log: what callers do with it runs on their threads up to the queue, and on the commit thread
//! from there.

use std::any::Any;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

use parking_lot::Mutex;

use crate::commit::Committer;
use crate::fs::Fs;
use crate::queue::Command;
use crate::shared::Shared;
use crate::ticket::ticket;
use crate::{AppendError, Lsn, Record, Ticket, WalError, WalStats};

/// An open log. Dropping it writes and syncs what waits, as [`Wal::close`] does, without telling of a failure.
pub struct Wal<T> {
    shared: Arc<Shared<T>>,
    fs: Arc<dyn Fs>,
    dir: PathBuf,
    thread: Option<JoinHandle<Result<(), WalError>>>,
    /// One caller truncates at a time.
    truncating: Mutex<()>,
    /// Keeps other owners out until the thread has ended.
    _lock: Box<dyn Any + Send + Sync>,
}

impl<T> fmt::Debug for Wal<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wal").field("dir", &self.dir).finish_non_exhaustive()
    }
}

impl<T: Send + 'static> Wal<T> {
    pub(crate) fn spawn(committer: Committer<T>, lock: Box<dyn Any + Send + Sync>) -> Result<Wal<T>, WalError> {
        let (shared, fs, dir) = (
            Arc::clone(&committer.shared),
            Arc::clone(&committer.fs),
            committer.dir.clone(),
        );
        let thread = std::thread::Builder::new()
            .name("icecore-wal".to_owned())
            .spawn(move || committer.run())
            .map_err(WalError::io("start the commit thread of", &dir))?;
        Ok(Wal {
            shared,
            fs,
            dir,
            thread: Some(thread),
            truncating: Mutex::new(()),
            _lock: lock,
        })
    }
}

impl<T> Wal<T> {
    /// Queues a record. Never waits for the disk: what does not fit is refused at once.
    ///
    /// # Errors
    /// [`AppendError`] with the record's attachment.
    pub fn append(&self, record: Record<T>) -> Result<Ticket, AppendError<T>> {
        self.shared.queue.append(record)
    }

    /// Makes every record whose append returned before durable, whatever the policy. Must not be called from `on_commit`.
    ///
    /// Under [`crate::SyncPolicy::Every`] and [`crate::SyncPolicy::Os`] call it before anything durable refers to a record
    /// (a part that covers its LSN): otherwise a power loss may take the record, and its number is given to another one.
    ///
    /// # Errors
    /// [`WalError::Io`] when the sync failed; the records since the last one may be lost and are counted in the statistics.
    pub fn sync(&self) -> Result<(), WalError> {
        let (ticket, resolver) = ticket();
        self.shared.queue.command(Command::Sync(resolver));
        ticket.wait().map(|_| ())
    }

    /// Ends the active segment and starts a new one, so that the old one can be truncated. Gives the first LSN of the new
    /// one; a segment without records is kept as it is. Must not be called from `on_commit`.
    ///
    /// # Errors
    /// [`WalError::Io`] or [`WalError::Poisoned`] when no segment can be started; the log is poisoned then.
    pub fn rotate(&self) -> Result<Lsn, WalError> {
        let (ticket, resolver) = ticket();
        self.shared.queue.command(Command::Rotate(resolver));
        ticket.wait()
    }

    /// Removes segments whose every record is below `lsn`, oldest first, and gives their number. The newest segment always
    /// stays, because the next LSN follows from it.
    ///
    /// # Errors
    /// [`WalError::Io`] when a file cannot be removed; those before it are gone.
    pub fn truncate_below(&self, lsn: Lsn) -> Result<usize, WalError> {
        let _one_at_a_time = self.truncating.lock();
        let mut removed = 0;
        while let Some(info) = self.shared.take_oldest_below(lsn) {
            if let Err(error) = self.fs.remove_file(&info.path) {
                let path = info.path.clone();
                self.shared.put_back_oldest(info);
                return Err(WalError::io("remove", &path)(error));
            }
            removed += 1;
            // After each one: a crash must not keep an older segment and lose a newer one, which would look like a loss.
            self.fs.sync_dir(&self.dir).map_err(WalError::io("fsync", &self.dir))?;
        }
        Ok(removed)
    }

    /// State and counters.
    pub fn stats(&self) -> WalStats {
        self.shared.stats()
    }

    /// Writes and syncs what waits, and ends the threads.
    ///
    /// # Errors
    /// The error of the last sync, or [`WalError::Closed`] when a callback panicked.
    pub fn close(mut self) -> Result<(), WalError> {
        self.shut_down()
    }

    fn shut_down(&mut self) -> Result<(), WalError> {
        self.shared.queue.close();
        match self.thread.take() {
            Some(thread) => thread.join().unwrap_or(Err(WalError::Closed)),
            None => Ok(()),
        }
    }
}

impl<T> Drop for Wal<T> {
    fn drop(&mut self) {
        // Whoever wants to know calls close().
        let _ = self.shut_down();
    }
}
