//! Opening a log: what is there is replayed first, then the commit thread starts, in a new segment.

use std::any::Any;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::commit::Committer;
use crate::format::{HEADER_BYTES, HeaderError, SegmentHeader};
use crate::fs::{Fs, create_dir_durable};
use crate::limits::VERIFY_READ_BYTES;
use crate::queue::Queue;
use crate::replay::{Outcome, Replay};
use crate::segment::parse_segment_name;
use crate::shared::Shared;
use crate::wal::Wal;
use crate::zero::{SPARE_SUFFIX, ZeroSupply};
use crate::{Lsn, ReplayReport, Replayed, WalError, WalOptions};

/// Name of the lock file in the log's folder.
const LOCK_NAME: &str = "LOCK";

/// A segment file found at opening.
#[derive(Debug, Clone)]
pub(crate) struct SegmentFile {
    pub(crate) path: PathBuf,
    pub(crate) first_lsn: Lsn,
    pub(crate) bytes: u64,
    pub(crate) header: HeaderState,
}

/// What its header block says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum HeaderState {
    Good(SegmentHeader),
    Damaged,
    Foreign,
}

/// A log that is open for replay. [`Recovery::start`] makes it one that takes records.
#[derive(Debug)]
pub struct Recovery {
    fs: Arc<dyn Fs>,
    dir: PathBuf,
    options: WalOptions,
    files: Vec<SegmentFile>,
    replayed: Option<Outcome>,
    next_lsn_floor: Lsn,
    lock: Box<dyn Any + Send + Sync>,
}

impl Recovery {
    /// Opens the log in a folder, which is created when missing. Reads the header of each segment and changes nothing but
    /// left-over temporary files.
    ///
    /// # Errors
    /// [`WalError::Locked`] when another owner has it, [`WalError::FormatTooNew`] when a newer version wrote it,
    /// [`WalError::InvalidOptions`], [`WalError::Io`].
    pub fn open(fs: Arc<dyn Fs>, dir: &Path, options: WalOptions) -> Result<Recovery, WalError> {
        if options.queue_bytes_max == 0 || options.queue_records_max < 2 * crate::limits::LANES as u64 {
            return Err(WalError::InvalidOptions(
                "queue_bytes_max must not be 0 and queue_records_max at least 8, two for each lane",
            ));
        }
        let failed = WalError::io;
        create_dir_durable(&*fs, dir).map_err(failed("create", dir))?;
        let lock_path = dir.join(LOCK_NAME);
        let lock = fs.lock(&lock_path).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => WalError::Locked {
                path: lock_path.clone(),
            },
            _ => failed("lock", &lock_path)(error),
        })?;
        let mut files = Vec::new();
        for entry in fs.list(dir).map_err(failed("list", dir))? {
            let path = dir.join(&entry.name);
            if entry.name.ends_with(SPARE_SUFFIX) && !entry.is_dir {
                fs.remove_file(&path).map_err(failed("remove", &path))?;
            } else if let Some(first_lsn) = parse_segment_name(&entry.name) {
                let header = read_header(&*fs, &path, entry.len, first_lsn, &options)?;
                files.push(SegmentFile {
                    path,
                    first_lsn,
                    bytes: entry.len,
                    header,
                });
            }
        }
        files.sort_by_key(|file| file.first_lsn);
        Ok(Recovery {
            fs,
            dir: dir.to_owned(),
            options,
            files,
            replayed: None,
            next_lsn_floor: Lsn::FIRST,
            lock,
        })
    }

    /// Gives everything in the log to `visit`, in order. Damage is skipped and reported; with `strict` it is an error.
    ///
    /// # Errors
    /// [`WalError::Io`] when a file cannot be read at all, [`WalError::Damaged`] with `strict`, and whatever `visit` returns.
    pub fn replay(
        &mut self,
        visit: &mut dyn FnMut(Replayed<'_>) -> Result<(), WalError>,
    ) -> Result<ReplayReport, WalError> {
        let replay = Replay::new(&*self.fs, &self.options, &self.files, visit);
        let (report, outcome) = replay.run()?;
        self.replayed = Some(outcome);
        Ok(report)
    }

    /// Gives no number below `lsn` to a new record. For what the log cannot know: numbers that a part covers and whose
    /// records the log has lost.
    pub fn raise_next_lsn(&mut self, lsn: Lsn) {
        self.next_lsn_floor = self.next_lsn_floor.max(lsn);
    }

    /// Starts the commit thread. What was not replayed is skipped. The first record (or [`Wal::rotate`]) starts a new
    /// segment; until then the disk is not written, so that a log on a full disk can be opened.
    ///
    /// `define` writes what a reference of a space means; it runs on the commit thread for each reference that the active
    /// segment does not define yet. `on_commit` runs there too, for each record in order, when it is written and synced by
    /// the policy and before its ticket resolves. Neither may wait for this log.
    ///
    /// # Errors
    /// [`WalError::Io`] when what was replayed cannot be synced or a thread cannot be started, and those of
    /// [`Recovery::replay`] if it has not run yet.
    pub fn start<T: Send + 'static>(
        mut self,
        define: impl Fn(u32, u32, &mut Vec<u8>) + Send + 'static,
        on_commit: impl FnMut(Lsn, T) + Send + 'static,
    ) -> Result<Wal<T>, WalError> {
        let outcome = match self.replayed.take() {
            Some(outcome) => outcome,
            None => {
                Replay::new(&*self.fs, &self.options, &self.files, &mut |_| Ok(()))
                    .run()?
                    .1
            }
        };
        let Outcome {
            segments,
            mut resume,
            gaps,
            unproven,
        } = outcome;
        resume.next_lsn = resume.next_lsn.max(self.next_lsn_floor);
        self.make_durable(unproven)?;
        let options = self.options;
        let shared = Arc::new(Shared::new(
            Queue::new(options.queue_bytes_max, options.queue_records_max),
            segments,
            resume.next_lsn,
            resume.last_lsn,
        ));
        let zero = ZeroSupply::start(
            Arc::clone(&self.fs),
            &self.dir,
            options.zero_step_bytes(),
            options.zero_fill,
            Arc::clone(&shared.zero_fill_errors),
        )?;
        let committer = Committer {
            shared,
            fs: self.fs,
            dir: self.dir,
            options,
            define: Box::new(define),
            on_commit: Box::new(on_commit),
            zero,
            resume,
            known_gaps: gaps,
            owed_error: None,
            active: None,
            durable_lsn: resume.last_lsn,
            buffer: Vec::new(),
            unsynced_since: None,
            retry_at: None,
        };
        Wal::spawn(committer, self.lock)
    }
}

impl Recovery {
    /// Makes durable what the last process wrote and was never seen durable: from now on it counts as such. It is written
    /// again, the same bytes in the same place, because it may be in memory only: after a failed fsync the system takes such
    /// pages for clean, and another fsync writes nothing.
    fn make_durable(&self, unproven: Range<u64>) -> Result<(), WalError> {
        let newest = self.files.iter().rfind(|file| file.header != HeaderState::Foreign);
        if let Some(newest) = newest {
            let rewritten = rewrite(&*self.fs, &newest.path, unproven);
            rewritten.map_err(WalError::io("rewrite", &newest.path))?;
        }
        self.fs.sync_dir(&self.dir).map_err(WalError::io("fsync", &self.dir))
    }
}

fn rewrite(fs: &dyn Fs, path: &Path, range: Range<u64>) -> io::Result<()> {
    let reader = fs.open_read(path)?;
    let mut writer = fs.open_write(path)?;
    let mut at = range.start;
    while at < range.end {
        let len = VERIFY_READ_BYTES.min(usize::try_from(range.end - at).unwrap_or(usize::MAX));
        writer.write_at(&reader.read_at(at, len)?, at)?;
        at += len as u64;
    }
    writer.sync_data()
}

fn read_header(
    fs: &dyn Fs,
    path: &Path,
    bytes: u64,
    first_lsn: Lsn,
    options: &WalOptions,
) -> Result<HeaderState, WalError> {
    let file = fs.open_read(path).map_err(WalError::io("open", path))?;
    if bytes < HEADER_BYTES as u64 {
        return Ok(HeaderState::Damaged);
    }
    let Ok(block) = file.read_at(0, HEADER_BYTES) else {
        // An unreadable sector; if nothing of the file can be read, replay says so.
        return Ok(HeaderState::Damaged);
    };
    match SegmentHeader::decode(&block) {
        Ok(header) if header.store_id != options.store_id => Ok(HeaderState::Foreign),
        Ok(header) if header.first_lsn == first_lsn => Ok(HeaderState::Good(header)),
        Ok(_) | Err(HeaderError::Damaged) => Ok(HeaderState::Damaged),
        Err(HeaderError::TooNew(found)) => Err(WalError::FormatTooNew {
            path: path.to_owned(),
            found,
            supported: crate::format::FORMAT_VERSION,
        }),
    }
}
