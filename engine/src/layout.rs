//! Names on disk: where everything of a data folder lies, and how the names of parts and voids are written and read.
//!
//! ```text
//! FORMAT  LOCK  wal/  tmp/  quarantine/
//! data/tenant=<t>/class=default/signal=<s>/window=<start>/<first_lsn>-<last_lsn>.parquet | .void
//! data/tenant=<t>/class=default/signal=metrics/{metadata,exemplars}
//! ```

use std::io;
use std::path::{Path, PathBuf};

use icecore_wal::Lsn;
use icecore_wal::fs::Fs;

use crate::ids::{Signal, TenantId};
use crate::time::{Window, parse_window_start_s};

/// The class of every partition until classes exist.
pub const CLASS: &str = "default";
const PART_SUFFIX: &str = ".parquet";
const VOID_SUFFIX: &str = ".void";

/// The paths of one data folder.
#[derive(Debug, Clone)]
pub struct Layout {
    root: PathBuf,
}

/// The LSNs, both included, that a part or a void of one partition stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LsnRange {
    /// First LSN.
    pub first: Lsn,
    /// Last LSN.
    pub last: Lsn,
}

impl LsnRange {
    /// Whether the LSN lies in it.
    pub fn contains(self, lsn: Lsn) -> bool {
        self.first <= lsn && lsn <= self.last
    }

    /// Whether all of `other` lies in it.
    pub fn covers(self, other: Self) -> bool {
        self.first <= other.first && other.last <= self.last
    }
}

/// What a file in a partition's folder is, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartitionFile {
    /// Rows.
    Part(LsnRange),
    /// A range whose rows are gone.
    Void(LsnRange),
}

impl PartitionFile {
    /// The name.
    pub fn name(self) -> String {
        let (range, suffix) = match self {
            Self::Part(range) => (range, PART_SUFFIX),
            Self::Void(range) => (range, VOID_SUFFIX),
        };
        format!("{:016x}-{:016x}{suffix}", range.first.get(), range.last.get())
    }

    /// Reads a name back; `None` when it is no such name.
    pub fn parse(name: &str) -> Option<Self> {
        let (range, make): (&str, fn(LsnRange) -> Self) = if let Some(range) = name.strip_suffix(PART_SUFFIX) {
            (range, Self::Part)
        } else {
            (name.strip_suffix(VOID_SUFFIX)?, Self::Void)
        };
        let (first, last) = range.split_once('-')?;
        if first.len() != 16 || last.len() != 16 {
            return None;
        }
        let hex = |text| u64::from_str_radix(text, 16).ok().map(Lsn::new);
        let range = LsnRange {
            first: hex(first)?,
            last: hex(last)?,
        };
        (range.first <= range.last).then(|| make(range))
    }
}

impl Layout {
    /// The paths under a data folder.
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// The data folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Versions and store id.
    pub fn format(&self) -> PathBuf {
        self.root.join("FORMAT")
    }

    /// What one process at a time holds.
    pub fn lock(&self) -> PathBuf {
        self.root.join("LOCK")
    }

    /// The write-ahead log's folder.
    pub fn wal(&self) -> PathBuf {
        self.root.join("wal")
    }

    /// The folder of all partitions.
    pub fn data(&self) -> PathBuf {
        self.root.join("data")
    }

    /// Files that are not finished; emptied at open.
    pub fn tmp(&self) -> PathBuf {
        self.root.join("tmp")
    }

    /// Damaged files that were set aside.
    pub fn quarantine(&self) -> PathBuf {
        self.root.join("quarantine")
    }

    /// A tenant's folder.
    pub fn tenant(&self, tenant: &TenantId) -> PathBuf {
        self.data().join(format!("tenant={tenant}"))
    }

    /// The folder of a tenant's partitions of one signal.
    pub fn signal(&self, tenant: &TenantId, signal: Signal) -> PathBuf {
        self.tenant(tenant)
            .join(format!("class={CLASS}"))
            .join(format!("signal={signal}"))
    }

    /// A partition's folder.
    pub fn partition(&self, tenant: &TenantId, signal: Signal, window: Window) -> PathBuf {
        self.signal(tenant, signal).join(format!("window={window}"))
    }

    /// The tenant that a folder under `data` belongs to.
    pub fn parse_tenant(name: &str) -> Option<TenantId> {
        TenantId::new(name.strip_prefix("tenant=")?).ok()
    }

    /// First second of the window that a folder under a signal's folder stands for.
    pub fn parse_window_start_s(name: &str) -> Option<i64> {
        parse_window_start_s(name.strip_prefix("window=")?)
    }
}

/// Creates a folder under `root` with all those between, each name durable when this returns.
pub fn create_dir_durable(fs: &dyn Fs, root: &Path, dir: &Path) -> io::Result<()> {
    if fs.exists(dir)? {
        return Ok(());
    }
    fs.create_dir_all(dir)?;
    let mut child = dir;
    while let Some(parent) = child.parent() {
        if !child.starts_with(root) || child == root {
            break;
        }
        fs.sync_dir(parent)?;
        child = parent;
    }
    Ok(())
}

/// Puts a whole file in place: written under `tmp`, synced, renamed, the folder synced.
pub fn write_file_durable(fs: &dyn Fs, tmp: &Path, to: &Path, bytes: &[u8]) -> io::Result<()> {
    if fs.exists(tmp)? {
        fs.remove_file(tmp)?;
    }
    let mut file = fs.create(tmp)?;
    file.write_at(bytes, 0)?;
    file.sync_all()?;
    drop(file);
    fs.rename(tmp, to)?;
    to.parent().map_or(Ok(()), |parent| fs.sync_dir(parent))
}

#[cfg(test)]
mod tests;
