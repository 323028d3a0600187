//! What can go wrong with a statement, as a code for programs and a sentence for people.

use std::fmt;

/// The kinds of failure, in the form that answers carry (`snake_case`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SqlErrorCode {
    /// Too long, too deep or too large to plan: refused before planning.
    StatementTooLarge,
    /// More than reading was asked for, or more than one statement.
    NotAllowed,
    /// No valid SQL, or names and types that do not exist.
    InvalidStatement,
    /// Valid SQL that is not available here.
    NotSupported,
    /// The deadline passed.
    TimeExceeded,
    /// More rows than the limit.
    RowsExceeded,
    /// More memory or spill than the limit.
    MemoryExceeded,
    /// The data failed its checksum, or the disk did not answer.
    DataUnavailable,
    /// A division by zero, an overflow, a cast that fails: wrong at run time.
    ExecutionFailed,
}

impl SqlErrorCode {
    /// The code as answers carry it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::StatementTooLarge => "statement_too_large",
            Self::NotAllowed => "not_allowed",
            Self::InvalidStatement => "invalid_statement",
            Self::NotSupported => "not_supported",
            Self::TimeExceeded => "time_exceeded",
            Self::RowsExceeded => "rows_exceeded",
            Self::MemoryExceeded => "memory_exceeded",
            Self::DataUnavailable => "data_unavailable",
            Self::ExecutionFailed => "execution_failed",
        }
    }
}

impl fmt::Display for SqlErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A statement that was refused or failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct SqlError {
    /// For programs.
    pub code: SqlErrorCode,
    /// For people: what happened and what to change.
    pub message: String,
}

impl SqlError {
    /// An error from its parts.
    pub fn new(code: SqlErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }
}
