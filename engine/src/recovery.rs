//! Recovery: parts and log together give each row once. The folders are the manifest, a part's name says which records it
//! covers, and replay skips what a part or a void covers.

mod parts;
mod replay;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use icecore_wal::fs::Fs;
use icecore_wal::{ReplayReport, WalError, WalOptions};

use crate::engine::core::Core;
use crate::flush::UpkeepError;
use crate::layout::Layout;
use crate::options::InvalidOptions;
use crate::store::StoreError;

/// What opening a data folder found and did.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RecoveryReport {
    /// How long it took.
    pub duration: Duration,
    /// Parts opened.
    pub parts: u64,
    /// Parts removed because a verified part holds their rows, or a void says that they are gone.
    pub parts_removed: u64,
    /// Damaged parts and sidecars set aside.
    pub files_quarantined: u64,
    /// Names under `data/` that are nothing of ours; they are left alone.
    pub files_unknown: u64,
    /// Leftovers removed from `tmp/`.
    pub leftovers_removed: u64,
    /// Rows taken from the log into heads.
    pub rows_replayed: u64,
    /// Rows of the log that parts or voids cover.
    pub rows_covered: u64,
    /// Records that a whole log could not give sense to; they are counted as damage.
    pub records_unreadable: u64,
    /// What the log itself tells.
    pub log: ReplayReport,
    /// Every damage in words, for the operator.
    pub damage: Vec<String>,
}

/// Why an engine did not open. Nothing was changed that a later try would miss.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The options cannot work.
    #[error(transparent)]
    Options(#[from] InvalidOptions),
    /// The folder is not ours to open.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log cannot be opened.
    #[error(transparent)]
    Wal(#[from] WalError),
    /// A part or a folder cannot be read, or a head cannot be flushed.
    #[error(transparent)]
    Upkeep(#[from] UpkeepError),
    /// Damage was found, and the options say to refuse it.
    #[error("{path} is damaged ({reason}): open without strict recovery to set it aside and serve the rest")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A thread could not be started.
    #[error("no thread for {name}: {source}")]
    Thread {
        /// Its name.
        name: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
}

/// Reads what the folder holds into the core; the log it gives is ready to start.
pub(crate) fn recover(core: &Core, log_options: WalOptions) -> Result<icecore_wal::Recovery, OpenError> {
    let started = core.clock.now();
    let mut report = RecoveryReport {
        leftovers_removed: empty_tmp(core.fs.as_ref(), &core.layout)?,
        ..RecoveryReport::default()
    };
    parts::load(core, &mut report)?;
    let mut log = icecore_wal::Recovery::open(Arc::clone(&core.fs), &core.layout.wal(), log_options)?;
    replay::replay(core, &mut log, &mut report)?;
    replay::settle(core)?;
    replay::set_segments_aside(core, &report)?;
    log.raise_next_lsn(core.last_covered_lsn().next());
    let took = core.clock.now().0.saturating_sub(started.0);
    report.duration = Duration::from_nanos(u64::try_from(took).unwrap_or(0));
    *core.recovery.lock() = report;
    Ok(log)
}

/// Removes what an earlier process left unfinished; tells how many files.
pub(crate) fn empty_tmp(fs: &dyn Fs, layout: &Layout) -> Result<u64, UpkeepError> {
    let dir = layout.tmp();
    let mut removed = 0;
    for entry in fs.list(&dir).map_err(crate::flush::at(&dir))? {
        if !entry.is_dir {
            let path = dir.join(&entry.name);
            fs.remove_file(&path).map_err(crate::flush::at(&path))?;
            removed += 1;
        }
    }
    Ok(removed)
}
