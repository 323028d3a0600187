//! What a simulated disk refuses, and when: faults by the n-th call of a kind, and the death of the process.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

/// The calls that are counted and can fail. Looks that change nothing and that no code depends on to be durable (`exists`,
/// `len`, `free_bytes`) are not among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Call {
    /// `Fs::create`.
    Create,
    /// `Fs::open_read` and `Fs::open_write`.
    Open,
    /// `Fs::map`.
    Map,
    /// `Fs::rename`.
    Rename,
    /// `Fs::hard_link`.
    Link,
    /// `Fs::remove_file` and `Fs::remove_dir`.
    Remove,
    /// `Fs::create_dir_all`.
    CreateDir,
    /// `Fs::sync_dir`.
    SyncDir,
    /// `Fs::list`.
    List,
    /// `Fs::lock`.
    Lock,
    /// `ReadFile::read_at`.
    Read,
    /// `WriteFile::write_at`.
    Write,
    /// `WriteFile::set_len`.
    SetLen,
    /// `WriteFile::sync_data` and `WriteFile::sync_all`.
    Sync,
}

/// The error a fault answers with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultError {
    /// An error without a number of the system.
    Kind(io::ErrorKind),
    /// A number of the system, such as [`FaultError::EIO`].
    Os(i32),
}

impl FaultError {
    /// The device failed.
    pub const EIO: FaultError = FaultError::Os(5);
    /// No space left on the device.
    pub const ENOSPC: FaultError = FaultError::Os(28);
    /// Too many open files.
    pub const EMFILE: FaultError = FaultError::Os(24);

    fn to_error(self) -> io::Error {
        match self {
            FaultError::Kind(kind) => kind.into(),
            FaultError::Os(number) => io::Error::from_raw_os_error(number),
        }
    }
}

/// One planned failure.
#[derive(Debug, Clone)]
pub struct Fault {
    call: Call,
    nth: u64,
    error: FaultError,
    sticky: bool,
    short: bool,
    path_part: Option<String>,
}

impl Fault {
    /// The `nth` call of this kind from now (1 is the next) fails once.
    pub fn new(call: Call, nth: u64, error: FaultError) -> Fault {
        Fault {
            call,
            nth: nth.max(1),
            error,
            sticky: false,
            short: false,
            path_part: None,
        }
    }

    /// Every call of the kind from the n-th on fails, until [`super::SimFs::heal`].
    pub fn sticky(mut self) -> Fault {
        self.sticky = true;
        self
    }

    /// A failing write leaves its first half in the file.
    pub fn short(mut self) -> Fault {
        self.short = true;
        self
    }

    /// Only calls whose path contains `part` count and fail.
    pub fn on(mut self, part: &str) -> Fault {
        self.path_part = Some(part.to_owned());
        self
    }
}

/// How a call fails.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: io::Error,
    pub(super) short: bool,
}

impl From<Failure> for io::Error {
    fn from(failure: Failure) -> io::Error {
        failure.error
    }
}

#[derive(Debug, Default)]
pub(super) struct Schedule {
    faults: Vec<Fault>,
    calls: u64,
    calls_by_kind: BTreeMap<Call, u64>,
    crash_after: Option<u64>,
}

impl Schedule {
    pub(super) fn add(&mut self, fault: Fault) {
        self.faults.push(fault);
    }

    pub(super) fn clear(&mut self) {
        self.faults.clear();
    }

    pub(super) fn calls(&self) -> u64 {
        self.calls
    }

    pub(super) fn calls_of(&self, call: Call) -> u64 {
        self.calls_by_kind.get(&call).copied().unwrap_or(0)
    }

    pub(super) fn crash_after(&mut self, calls: u64) {
        self.crash_after = Some(calls);
    }

    pub(super) fn revive(&mut self) {
        self.clear();
        self.crash_after = None;
    }

    /// Whether the process is dead: its last permitted call has been made.
    pub(super) fn dead(&self) -> bool {
        self.crash_after.is_some_and(|limit| self.calls >= limit)
    }

    pub(super) fn check_alive(&self) -> io::Result<()> {
        if self.dead() {
            return Err(io::Error::other("the simulated process is dead"));
        }
        Ok(())
    }

    /// Counts a call and says whether it may go on.
    pub(super) fn admit(&mut self, call: Call, path: &Path) -> Result<(), Failure> {
        self.check_alive().map_err(|error| Failure { error, short: false })?;
        self.calls += 1;
        *self.calls_by_kind.entry(call).or_default() += 1;
        let mut failure = None;
        self.faults.retain_mut(|fault| {
            let applies = fault.call == call
                && fault
                    .path_part
                    .as_ref()
                    .is_none_or(|part| path.to_string_lossy().contains(part.as_str()));
            if !applies {
                return true;
            }
            fault.nth -= 1;
            if fault.nth > 0 {
                return true;
            }
            failure = Some(Failure {
                error: fault.error.to_error(),
                short: fault.short,
            });
            fault.nth = 1;
            fault.sticky
        });
        failure.map_or(Ok(()), Err)
    }
}
