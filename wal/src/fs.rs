//! The one seam to the outside world: everything Icecore does to a disk goes through [`Fs`], so that the same code runs on
//! the operating system ([`OsFs`]) and on a simulated disk that crashes, tears and refuses on demand ([`SimFs`]).
//!
//! What a caller may rely on, on both:
//! * bytes written are durable only after `sync_data` or `sync_all` of that file returned `Ok`;
//! * a name (created, renamed, linked, removed) is durable only after `sync_dir` of its folder returned `Ok`;
//! * a rename replaces its target at once: after a crash the name leads to the old file or to the new one;
//! * after a failed sync nothing is known about the bytes it was for, and syncing again proves nothing.

pub(crate) mod aligned;
mod map;
mod os;
pub mod sim;

use std::any::Any;
use std::fmt::Debug;
use std::io;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;

pub use os::OsFs;
pub use sim::SimFs;

/// One name in a folder, as [`Fs::list`] gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The file name without its folder; bytes that are not UTF-8 are replaced, so that such a file is seen and not opened.
    pub name: String,
    /// Whether the name is a folder.
    pub is_dir: bool,
    /// Length in bytes; 0 for a folder.
    pub len: u64,
}

/// A file system: names, folders, locks. Implementations may be called from any thread.
pub trait Fs: Send + Sync + Debug {
    /// Creates a new empty file; `AlreadyExists` when the name is taken.
    fn create(&self, path: &Path) -> io::Result<Box<dyn WriteFile>>;
    /// Opens an existing file for writing, its content untouched.
    fn open_write(&self, path: &Path) -> io::Result<Box<dyn WriteFile>>;
    /// Opens an existing file for positioned reads. The handle stays good after the name is removed.
    fn open_read(&self, path: &Path) -> io::Result<Arc<dyn ReadFile>>;
    /// The whole file as bytes that start on an 8-byte boundary; only replay of the log uses it. The file must not shrink
    /// while the bytes live.
    fn map(&self, path: &Path) -> io::Result<Bytes>;
    /// Renames, replacing what `to` names.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Gives a file a second name; `AlreadyExists` when `to` is taken.
    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file's name.
    fn remove_file(&self, path: &Path) -> io::Result<()>;
    /// Removes an empty folder.
    fn remove_dir(&self, path: &Path) -> io::Result<()>;
    /// Creates a folder and those above it; no error when it is there. Each new name is durable after its parent's `sync_dir`.
    fn create_dir_all(&self, path: &Path) -> io::Result<()>;
    /// Makes the names in a folder durable.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;
    /// The names in a folder, sorted.
    fn list(&self, path: &Path) -> io::Result<Vec<Entry>>;
    /// Whether the name exists (file or folder).
    fn exists(&self, path: &Path) -> io::Result<bool>;
    /// Bytes an unprivileged process may still write to the file system that holds `path`.
    fn free_bytes(&self, path: &Path) -> io::Result<u64>;
    /// Takes the exclusive advisory lock on a file (created when missing); `WouldBlock` when another owner, in this process or
    /// another, holds it. Released when the guard is dropped or the process ends.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn Any + Send + Sync>>;
}

/// Creates a folder and those above it so that they survive a power loss: syncs every folder above it, since each may be
/// one that a process created and died before it synced it. Folders that this process may not open are left out: it did
/// not create them.
///
/// # Errors
/// That of the call that failed.
pub fn create_dir_durable(fs: &dyn Fs, path: &Path) -> io::Result<()> {
    fs.create_dir_all(path)?;
    for parent in path.ancestors().skip(1) {
        match fs.sync_dir(parent) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => break,
            outcome => outcome?,
        }
    }
    Ok(())
}

/// A file open for writing.
pub trait WriteFile: Send {
    /// Writes the whole buffer at an offset; the file grows when needed. After an error any part of it may be there.
    fn write_at(&mut self, buf: &[u8], offset: u64) -> io::Result<()>;
    /// Cuts or grows (with zeros) the file.
    fn set_len(&mut self, len: u64) -> io::Result<()>;
    /// Makes the content durable, and the length when the content needs it.
    fn sync_data(&mut self) -> io::Result<()>;
    /// Makes content and metadata durable.
    fn sync_all(&mut self) -> io::Result<()>;
    /// Length in bytes.
    fn len(&self) -> io::Result<u64>;
    /// Whether the file has no bytes.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
}

/// A file open for positioned reads, shared by any number of threads.
pub trait ReadFile: Send + Sync + Debug {
    /// Exactly `len` bytes from `offset`; `UnexpectedEof` when the file ends before.
    fn read_at(&self, offset: u64, len: usize) -> io::Result<Bytes>;
    /// Length in bytes.
    fn len(&self) -> io::Result<u64>;
    /// Whether the file has no bytes.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
}

#[cfg(test)]
mod tests;
