//! The data folder's own files: `LOCK`, held by one engine at a time, and `FORMAT`, which says who may read the rest.
//!
//! ```text
//! FORMAT (48 bytes, little endian)
//!  0  8  magic "ICECORE\0"
//!  8  4  oldest reader version that understands the folder
//! 12  4  version of the writer that made it
//! 16 16  store id
//! 32 12  window lengths in seconds: metrics, logs, traces (3 x u32)
//! 44  4  CRC32C of bytes 0..44
//! ```

use std::any::Any;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::path::{Path, PathBuf};

use icecore_wal::fs::Fs;

use crate::ids::{Signal, StoreId};
use crate::layout::{Layout, create_dir_durable, write_file_durable};
use crate::options::PerSignal;

const MAGIC: &[u8; 8] = b"ICECORE\0";
/// Version of the formats this build writes.
pub const FORMAT_VERSION: u32 = 0;
const FORMAT_BYTES: usize = 48;

/// A locked data folder whose `FORMAT` this build understands.
#[derive(Debug)]
pub(crate) struct Store {
    /// The folder's identity.
    pub(crate) id: StoreId,
    /// Dropped last, so that nobody else opens a folder that still has work in it.
    _lock: Box<dyn Any + Send + Sync>,
}

/// Why a data folder cannot be opened as such.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another engine has it open.
    #[error("{0} is in use by another engine: close that one, or choose another data folder")]
    Locked(PathBuf),
    /// Made by a newer build.
    #[error(
        "the data folder needs a reader of version {needed} and this build reads up to {FORMAT_VERSION}: use a newer build"
    )]
    TooNew {
        /// Oldest reader version that understands it.
        needed: u32,
    },
    /// `FORMAT` is missing beside data, or is damaged.
    #[error("{path} {what}: restore it from a backup of this folder; nothing was touched")]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: &'static str,
    },
    /// The windows of the folder differ from the options.
    #[error(
        "the data folder's windows of {signal} are {stored_s} s long and the options say {asked_s} s: set window_length_s back"
    )]
    Window {
        /// The signal.
        signal: Signal,
        /// As the folder was made, in seconds.
        stored_s: u32,
        /// As asked for, in seconds.
        asked_s: i64,
    },
    /// The file system refused.
    #[error("{path}: {source}")]
    Io {
        /// Where.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
}

/// Names the path of an error.
pub(crate) fn at(path: &Path) -> impl FnOnce(io::Error) -> StoreError + '_ {
    |source| StoreError::Io {
        path: path.to_owned(),
        source,
    }
}

impl Store {
    /// Locks the folder, makes it when it is not there, and reads or writes its `FORMAT`.
    pub(crate) fn open(fs: &dyn Fs, layout: &Layout, windows_s: &PerSignal<i64>) -> Result<Self, StoreError> {
        let root = layout.root();
        fs.create_dir_all(root).map_err(at(root))?;
        if let Some(parent) = root.parent() {
            // The parent may be a folder we may not open (or "" for a relative path): its names are then as durable as they get.
            let _unsynced = fs.sync_dir(parent);
        }
        let lock_path = layout.lock();
        let lock = fs.lock(&lock_path).map_err(|error| {
            if error.kind() == io::ErrorKind::WouldBlock {
                StoreError::Locked(root.to_owned())
            } else {
                at(&lock_path)(error)
            }
        })?;
        let format = layout.format();
        let fresh = !fs.exists(&format).map_err(at(&format))?;
        let id = if fresh {
            Self::create(fs, layout, windows_s)?
        } else {
            read_format(fs, &format, windows_s)?
        };
        for dir in [layout.tmp(), layout.wal(), layout.data(), layout.quarantine()] {
            create_dir_durable(fs, root, &dir).map_err(at(&dir))?;
        }
        Ok(Self { id, _lock: lock })
    }

    fn create(fs: &dyn Fs, layout: &Layout, windows_s: &PerSignal<i64>) -> Result<StoreId, StoreError> {
        for dir in [layout.data(), layout.wal()] {
            if fs.exists(&dir).map_err(at(&dir))? && !fs.list(&dir).map_err(at(&dir))?.is_empty() {
                return Err(StoreError::Format {
                    path: layout.format(),
                    what: "is missing although the folder holds data",
                });
            }
        }
        let tmp = layout.tmp();
        create_dir_durable(fs, layout.root(), &tmp).map_err(at(&tmp))?;
        let id = draw_store_id();
        let mut bytes = Vec::with_capacity(FORMAT_BYTES);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
        bytes.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
        bytes.extend_from_slice(&id.0);
        for signal in Signal::ALL {
            let length_s = u32::try_from(*windows_s.get(signal)).unwrap_or(u32::MAX);
            bytes.extend_from_slice(&length_s.to_le_bytes());
        }
        bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_le_bytes());
        let format = layout.format();
        write_file_durable(fs, &tmp.join("FORMAT"), &format, &bytes).map_err(at(&format))?;
        Ok(id)
    }
}

/// 128 bits that no other folder has: `RandomState` is seeded by the operating system, once a thread.
fn draw_store_id() -> StoreId {
    let seed = RandomState::new();
    let mut id = [0; 16];
    for (half, number) in id.chunks_exact_mut(8).zip(0u64..) {
        half.copy_from_slice(&seed.hash_one(number).to_le_bytes());
    }
    StoreId(id)
}

fn read_format(fs: &dyn Fs, path: &Path, windows_s: &PerSignal<i64>) -> Result<StoreId, StoreError> {
    let damaged = |what| StoreError::Format {
        path: path.to_owned(),
        what,
    };
    let file = fs.open_read(path).map_err(at(path))?;
    let len = file.len().map_err(at(path))?;
    if len != FORMAT_BYTES as u64 {
        return Err(damaged("has not the length of one"));
    }
    let bytes = file.read_at(0, FORMAT_BYTES).map_err(at(path))?;
    let word = |offset: usize| -> Option<u32> {
        let word = bytes.get(offset..offset + 4)?;
        Some(u32::from_le_bytes(word.try_into().ok()?))
    };
    let crc = bytes.get(..44).map(crc32c::crc32c);
    if bytes.get(..8) != Some(MAGIC.as_slice()) || word(44) != crc {
        return Err(damaged("is damaged"));
    }
    let needed = word(8).unwrap_or(u32::MAX);
    if needed > FORMAT_VERSION {
        return Err(StoreError::TooNew { needed });
    }
    for (signal, offset) in Signal::ALL.into_iter().zip([32, 36, 40]) {
        let stored_s = word(offset).unwrap_or(0);
        let asked_s = *windows_s.get(signal);
        if i64::from(stored_s) != asked_s {
            return Err(StoreError::Window {
                signal,
                stored_s,
                asked_s,
            });
        }
    }
    bytes
        .get(16..32)
        .and_then(|id| id.try_into().ok())
        .map(StoreId)
        .ok_or_else(|| damaged("is damaged"))
}

#[cfg(test)]
mod tests;
