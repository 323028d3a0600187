//! Damaged files are set aside, never deleted at once: a person may want to look at them. The folder is bounded.

use std::path::{Path, PathBuf};

use icecore_wal::fs::Fs;

use crate::engine::core::Core;
use crate::flush::{UpkeepError, at};
use crate::ids::Signal;
use crate::layout::Layout;
use crate::limits::QUARANTINE_BYTES_MAX;
use crate::part::PartError;

/// What was set aside, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantined {
    /// Where it lay.
    pub path: PathBuf,
    /// Where it lies now.
    pub moved_to: PathBuf,
    /// What was wrong with it.
    pub reason: String,
}

/// How a file comes into the folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Move {
    /// Out of its own.
    Rename,
    /// And stays in its own: a segment of which only a range is damaged.
    Link,
}

/// Sets a file aside under a number and its path below the data folder, so that its name tells where it lay.
pub(crate) fn set_aside(
    fs: &dyn Fs,
    layout: &Layout,
    path: &Path,
    how: Move,
    reason: String,
) -> Result<Quarantined, UpkeepError> {
    let dir = layout.quarantine();
    let entries = fs.list(&dir).map_err(at(&dir))?;
    let number = entries
        .iter()
        .filter_map(|entry| entry.name.get(..8)?.parse::<u64>().ok())
        .max()
        .map_or(1, |number| number + 1);
    let origin = path.strip_prefix(layout.root()).unwrap_or(path);
    let flat = origin.to_string_lossy().replace(['/', '\\'], "~");
    let moved_to = dir.join(format!("{number:08}~{flat}"));
    match how {
        Move::Rename => fs.rename(path, &moved_to),
        Move::Link => fs.hard_link(path, &moved_to),
    }
    .map_err(at(path))?;
    fs.sync_dir(&dir).map_err(at(&dir))?;
    if let (Move::Rename, Some(parent)) = (how, path.parent()) {
        fs.sync_dir(parent).map_err(at(parent))?;
    }
    bound(fs, &dir)?;
    Ok(Quarantined {
        path: path.to_owned(),
        moved_to,
        reason,
    })
}

impl Core {
    /// Sets a part aside whose damage was found while it was read, so that the rest is served; anything else but damage
    /// is left alone. Tells whether it did.
    pub(crate) fn set_damaged_aside(&self, error: &PartError) -> Result<bool, UpkeepError> {
        let PartError::Damaged { path, .. } = error else {
            return Ok(false);
        };
        for state in self.tenants.states() {
            if state.remove_part(path) {
                let aside = set_aside(self.fs.as_ref(), &self.layout, path, Move::Rename, error.to_string())?;
                self.quarantined.lock().push(aside);
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Bytes of a signal's files set aside and of those being written; none where a folder cannot be listed.
pub(crate) fn bytes_of(fs: &dyn Fs, layout: &Layout, signal: Signal) -> u64 {
    let within = |dir: &Path, marker: String| -> u64 {
        let entries = fs.list(dir).unwrap_or_default();
        let own = entries.iter().filter(|entry| entry.name.contains(&marker));
        own.map(|entry| entry.len).sum()
    };
    within(&layout.quarantine(), format!("~signal={signal}~")) + within(&layout.tmp(), format!("-{signal}-"))
}

/// Removes the oldest files beyond the limit; the newest stays whatever its size.
fn bound(fs: &dyn Fs, dir: &Path) -> Result<(), UpkeepError> {
    let mut entries = fs.list(dir).map_err(at(dir))?;
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    let mut bytes: u64 = entries.iter().map(|entry| entry.len).sum();
    let oldest = entries.len().saturating_sub(1);
    for entry in entries.iter().take(oldest) {
        if bytes <= QUARANTINE_BYTES_MAX {
            break;
        }
        let path = dir.join(&entry.name);
        fs.remove_file(&path).map_err(at(&path))?;
        bytes -= entry.len;
    }
    Ok(())
}
