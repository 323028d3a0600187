//! A file system in memory that keeps two images, live and durable, and can be told to fail, to run full and to lose its
//! power. Everything it does follows from its seed and from the order of the calls.

mod disk;
mod faults;

use std::any::Any;
use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;

pub use disk::{CrashPolicy, SECTOR_BYTES};
pub use faults::{Call, Fault, FaultError};

use super::aligned::aligned_copy;
use super::{Entry, Fs, ReadFile, WriteFile};
use disk::{Dice, Disk, Inode, Node};
use faults::Schedule;

/// What `free_bytes` answers when no capacity is set.
const FREE_BYTES_UNLIMITED: u64 = 1 << 40;
/// What a handle reports when a sync through another handle of the same file failed.
const EIO: i32 = 5;

#[derive(Debug)]
struct State {
    disk: Disk,
    schedule: Schedule,
    locks: HashSet<PathBuf>,
    capacity_bytes: Option<u64>,
    dice: Dice,
}

impl State {
    /// Refuses growth past the capacity, as a full disk does.
    fn reserve_bytes(&self, growth: u64) -> io::Result<()> {
        match self.capacity_bytes {
            Some(capacity) if growth > 0 => {
                if self.disk.used_bytes().saturating_add(growth) > capacity {
                    return Err(io::ErrorKind::StorageFull.into());
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// A simulated disk. Clones share it. Renaming folders is not supported.
///
/// ```
/// use icecore_wal::fs::{Fs, SimFs, sim::CrashPolicy};
/// use std::path::Path;
///
/// let fs = SimFs::new();
/// let mut file = fs.create(Path::new("a")).unwrap();
/// file.write_at(b"kept", 0).unwrap();
/// file.sync_data().unwrap();
/// fs.sync_dir(Path::new("")).unwrap();
/// file.write_at(b"lost", 4).unwrap();
///
/// let survivor = fs.survivor_with(&CrashPolicy::LOSE_ALL);
/// assert_eq!(survivor.content(Path::new("a")).unwrap(), b"kept");
/// ```
#[derive(Debug, Clone)]
pub struct SimFs(Arc<Mutex<State>>);

impl Default for SimFs {
    fn default() -> SimFs {
        SimFs::new()
    }
}

impl SimFs {
    /// An empty disk.
    pub fn new() -> SimFs {
        SimFs::with_seed(0)
    }

    /// An empty disk whose own choices (what a failed sync left behind) follow from `seed`.
    pub fn with_seed(seed: u64) -> SimFs {
        SimFs::from_disk(Disk::default(), seed, None)
    }

    fn from_disk(disk: Disk, seed: u64, capacity_bytes: Option<u64>) -> SimFs {
        SimFs(Arc::new(Mutex::new(State {
            disk,
            schedule: Schedule::default(),
            locks: HashSet::new(),
            capacity_bytes,
            dice: Dice(seed),
        })))
    }

    /// Plans a failure.
    pub fn fail(&self, fault: Fault) {
        self.0.lock().schedule.add(fault);
    }

    /// Takes back every planned failure; a dead process stays dead.
    pub fn heal(&self) {
        self.0.lock().schedule.clear();
    }

    /// Lets all files together hold at most so many bytes (`None`: no limit); growth beyond is refused with `StorageFull`.
    pub fn set_capacity_bytes(&self, capacity: Option<u64>) {
        self.0.lock().capacity_bytes = capacity;
    }

    /// Calls made so far, of every kind in [`Call`].
    pub fn calls(&self) -> u64 {
        self.0.lock().schedule.calls()
    }

    /// Calls of one kind made so far.
    pub fn calls_of(&self, call: Call) -> u64 {
        self.0.lock().schedule.calls_of(call)
    }

    /// Lets the process die right after the `calls`-th call counted from the start of this disk: every further call fails
    /// and changes nothing. With `fs.calls()` it dies now.
    pub fn crash_after(&self, calls: u64) {
        self.0.lock().schedule.crash_after(calls);
    }

    /// Whether the process is dead.
    pub fn is_crashed(&self) -> bool {
        self.0.lock().schedule.dead()
    }

    /// Lets a new process use this disk after the old one died and the power stayed on: nothing is lost, and nothing is more
    /// durable than before. Planned failures and locks are gone. Handles of the old process must be dropped before.
    pub fn revive(&self) {
        let mut state = self.0.lock();
        state.schedule.revive();
        state.locks.clear();
    }

    /// The disk as the next process finds it when the power fails now, by a policy drawn from the seed. This disk is left
    /// as it is, so that one history can end in many ways. No lock survives.
    pub fn survivor(&self, seed: u64) -> SimFs {
        self.survivor_with(&CrashPolicy::from_seed(seed))
    }

    /// As [`SimFs::survivor`], by a policy of the caller's.
    pub fn survivor_with(&self, policy: &CrashPolicy) -> SimFs {
        let state = self.0.lock();
        SimFs::from_disk(state.disk.survivor(policy), policy.seed, state.capacity_bytes)
    }

    /// The live content of a file; not counted as a call.
    pub fn content(&self, path: &Path) -> io::Result<Vec<u8>> {
        let inode = self.0.lock().disk.file(path)?;
        let content = inode.lock().live.to_vec();
        Ok(content)
    }

    /// The paths of all files, sorted; not counted as a call.
    pub fn files(&self) -> Vec<PathBuf> {
        self.0.lock().disk.files()
    }

    /// Flips bits of one byte on the medium, as rot does; `false` when there is no such byte. Not counted as a call.
    pub fn flip(&self, path: &Path, offset: u64, mask: u8) -> bool {
        let inode = self.0.lock().disk.file(path);
        inode.is_ok_and(|inode| inode.lock().flip(offset, mask))
    }

    fn handle(&self, path: &Path, inode: Arc<Mutex<Inode>>) -> SimFile {
        let failures_seen = inode.lock().failed_syncs;
        SimFile {
            fs: self.clone(),
            path: path.to_owned(),
            inode,
            failures_seen,
        }
    }
}

impl Fs for SimFs {
    fn create(&self, path: &Path) -> io::Result<Box<dyn WriteFile>> {
        let mut state = self.0.lock();
        state.schedule.admit(Call::Create, path)?;
        let inode = Arc::new(Mutex::new(Inode::default()));
        state.disk.add(path, Node::File(Arc::clone(&inode)))?;
        Ok(Box::new(self.handle(path, inode)))
    }

    fn open_write(&self, path: &Path) -> io::Result<Box<dyn WriteFile>> {
        let mut state = self.0.lock();
        state.schedule.admit(Call::Open, path)?;
        Ok(Box::new(self.handle(path, state.disk.file(path)?)))
    }

    fn open_read(&self, path: &Path) -> io::Result<Arc<dyn ReadFile>> {
        let mut state = self.0.lock();
        state.schedule.admit(Call::Open, path)?;
        Ok(Arc::new(self.handle(path, state.disk.file(path)?)))
    }

    fn map(&self, path: &Path) -> io::Result<Bytes> {
        let mut state = self.0.lock();
        state.schedule.admit(Call::Map, path)?;
        let inode = state.disk.file(path)?;
        let bytes = aligned_copy(&inode.lock().live);
        Ok(bytes)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.0.lock();
        state.schedule.admit(Call::Rename, from)?;
        state.disk.rename(from, to)
    }

    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.0.lock();
        state.schedule.admit(Call::Link, from)?;
        let inode = state.disk.file(from)?;
        state.disk.add(to, Node::File(inode))
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        let mut state = self.0.lock();
        state.schedule.admit(Call::Remove, path)?;
        state.disk.remove_file(path)
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.0.lock();
        state.schedule.admit(Call::Remove, path)?;
        state.disk.remove_dir(path)
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        let mut state = self.0.lock();
        state.schedule.admit(Call::CreateDir, path)?;
        state.disk.create_dir_all(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let mut guard = self.0.lock();
        let state = &mut *guard;
        if let Err(failure) = state.schedule.admit(Call::SyncDir, path) {
            if state.schedule.check_alive().is_ok() {
                state.disk.fail_sync_dir(path, &mut state.dice);
            }
            return Err(failure.into());
        }
        state.disk.sync_dir(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<Entry>> {
        let mut state = self.0.lock();
        state.schedule.admit(Call::List, path)?;
        state.disk.list(path)
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        let state = self.0.lock();
        state.schedule.check_alive()?;
        Ok(state.disk.get(path).is_some() || state.disk.is_dir(path))
    }

    fn free_bytes(&self, _path: &Path) -> io::Result<u64> {
        let state = self.0.lock();
        state.schedule.check_alive()?;
        Ok(state.capacity_bytes.map_or(FREE_BYTES_UNLIMITED, |capacity| {
            capacity.saturating_sub(state.disk.used_bytes())
        }))
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Any + Send + Sync>> {
        let mut state = self.0.lock();
        state.schedule.admit(Call::Lock, path)?;
        if state.locks.contains(path) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        if state.disk.get(path).is_none() {
            state
                .disk
                .add(path, Node::File(Arc::new(Mutex::new(Inode::default()))))?;
        }
        state.locks.insert(path.to_owned());
        Ok(Box::new(SimLock {
            fs: self.clone(),
            path: path.to_owned(),
        }))
    }
}

struct SimLock {
    fs: SimFs,
    path: PathBuf,
}

impl Drop for SimLock {
    fn drop(&mut self) {
        self.fs.0.lock().locks.remove(&self.path);
    }
}

/// An open file of a [`SimFs`].
#[derive(Debug)]
struct SimFile {
    fs: SimFs,
    path: PathBuf,
    inode: Arc<Mutex<Inode>>,
    /// Failed syncs of the file that this handle has reported.
    failures_seen: u64,
}

impl SimFile {
    fn sync(&mut self) -> io::Result<()> {
        let mut guard = self.fs.0.lock();
        let state = &mut *guard;
        let admitted = state.schedule.admit(Call::Sync, &self.path);
        let mut inode = self.inode.lock();
        if let Err(failure) = admitted {
            if state.schedule.check_alive().is_ok() {
                inode.fail_sync(&mut state.dice);
                self.failures_seen = inode.failed_syncs;
            }
            return Err(failure.into());
        }
        if self.failures_seen < inode.failed_syncs {
            self.failures_seen = inode.failed_syncs;
            return Err(io::Error::from_raw_os_error(EIO));
        }
        inode.sync();
        Ok(())
    }

    fn live_len(&self) -> io::Result<u64> {
        self.fs.0.lock().schedule.check_alive()?;
        Ok(self.inode.lock().live.len() as u64)
    }
}

impl WriteFile for SimFile {
    fn write_at(&mut self, buf: &[u8], offset: u64) -> io::Result<()> {
        let mut state = self.fs.0.lock();
        let admitted = state.schedule.admit(Call::Write, &self.path);
        let end = offset.saturating_add(buf.len() as u64);
        if let Err(failure) = admitted {
            if let (true, Some(half)) = (failure.short, buf.get(..buf.len() / 2)) {
                self.inode.lock().write(offset, half);
            }
            return Err(failure.into());
        }
        if state.capacity_bytes.is_some() {
            let growth = end.saturating_sub(self.inode.lock().live.len() as u64);
            state.reserve_bytes(growth)?;
        }
        self.inode.lock().write(offset, buf);
        Ok(())
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        let mut state = self.fs.0.lock();
        state.schedule.admit(Call::SetLen, &self.path)?;
        self.inode.lock().set_len(len);
        Ok(())
    }

    fn sync_data(&mut self) -> io::Result<()> {
        self.sync()
    }

    fn sync_all(&mut self) -> io::Result<()> {
        self.sync()
    }

    fn len(&self) -> io::Result<u64> {
        self.live_len()
    }
}

impl ReadFile for SimFile {
    fn read_at(&self, offset: u64, len: usize) -> io::Result<Bytes> {
        self.fs.0.lock().schedule.admit(Call::Read, &self.path)?;
        let inode = self.inode.lock();
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        inode
            .live
            .get(start..start.saturating_add(len))
            .map(Bytes::copy_from_slice)
            .ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    fn len(&self) -> io::Result<u64> {
        self.live_len()
    }
}
