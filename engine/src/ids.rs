//! The names that everything is filed under: tenants, signals, series, the store itself.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::limits::TENANT_NAME_BYTES_MAX;

/// A tenant's validated name: 1 to 64 of `[A-Za-z0-9._-]`, neither `.` nor `..`, so that it can be a folder's name.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TenantId(Arc<str>);

impl TenantId {
    /// The tenant of requests that name none.
    pub const DEFAULT: &str = "default";

    /// Checks a name; the error says which rule it breaks.
    pub fn new(name: &str) -> Result<Self, InvalidTenant> {
        let valid = !name.is_empty()
            && name.len() <= TENANT_NAME_BYTES_MAX
            && name != "."
            && name != ".."
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
        if valid {
            Ok(Self(Arc::from(name)))
        } else {
            Err(InvalidTenant)
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for TenantId {
    fn default() -> Self {
        Self(Arc::from(Self::DEFAULT))
    }
}

impl FromStr for TenantId {
    type Err = InvalidTenant;

    fn from_str(name: &str) -> Result<Self, InvalidTenant> {
        Self::new(name)
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TenantId({})", self.0)
    }
}

/// A tenant's name broke a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a tenant's name has 1 to {TENANT_NAME_BYTES_MAX} characters of A-Z a-z 0-9 . _ - and is neither . nor ..")]
pub struct InvalidTenant;

/// The three kinds of telemetry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Signal {
    /// Samples of series.
    Metrics = 0,
    /// Log records.
    Logs = 1,
    /// Spans.
    Traces = 2,
}

impl Signal {
    /// Every signal, in the order of their numbers.
    pub const ALL: [Self; 3] = [Self::Metrics, Self::Logs, Self::Traces];

    /// The lower-case name, as in folder names and metric labels.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Metrics => "metrics",
            Self::Logs => "logs",
            Self::Traces => "traces",
        }
    }

    /// The signal of a number written by `signal as u8`.
    pub const fn from_u8(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Metrics),
            1 => Some(Self::Logs),
            2 => Some(Self::Traces),
            _ => None,
        }
    }
}

impl FromStr for Signal {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|signal| signal.as_str() == name).ok_or(())
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// xxh3-128 of a series key, seeded from the store's id: equal across restarts of one store, and across its files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeriesId(pub u128);

/// A series' dense number within its tenant, for the life of the process (never reused in it).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeriesRef(pub u32);

/// The identity of a data directory, drawn at its creation, repeated in every file it owns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StoreId(pub [u8; 16]);

impl StoreId {
    /// The seed of every hash that this store writes down.
    pub fn hash_seed(self) -> u64 {
        let (low, _) = self.0.split_at(8);
        low.iter().rev().fold(0, |seed, byte| seed << 8 | u64::from(*byte))
    }
}

impl fmt::Display for StoreId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
