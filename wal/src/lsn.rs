//! The number of a record in the log.

use std::fmt;

/// Log sequence number: 0 is before everything, the first record is 1, each record has the next one. Numbers are given on
/// the commit thread and never used for two acknowledged records.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lsn(u64);

impl Lsn {
    /// Before every record.
    pub const ZERO: Lsn = Lsn(0);
    /// The first record's.
    pub const FIRST: Lsn = Lsn(1);
    /// After every record.
    pub const MAX: Lsn = Lsn(u64::MAX);

    /// The number itself as an LSN.
    pub const fn new(number: u64) -> Lsn {
        Lsn(number)
    }

    /// The bare number.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The following number (the last one follows itself).
    pub const fn next(self) -> Lsn {
        Lsn(self.0.saturating_add(1))
    }

    /// The number before (0 for 0).
    pub const fn previous(self) -> Lsn {
        Lsn(self.0.saturating_sub(1))
    }

    /// The number `count` further on.
    pub const fn plus(self, count: u64) -> Lsn {
        Lsn(self.0.saturating_add(count))
    }
}

/// 16 hexadecimal digits, as in file names, so that names sort as numbers do.
impl fmt::Display for Lsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}
