//! What can go wrong with a PromQL query, sorted as Prometheus's API sorts it.

use icecore_engine::budget::BudgetExceeded;

/// Why a query has no answer. [`PromqlError::kind`] gives the API's error type.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PromqlError {
    /// The text is no PromQL, or its types do not fit.
    #[error("{0}")]
    BadQuery(String),
    /// A parameter beside the query is wrong (times, step, matchers).
    #[error("{0}")]
    BadParameter(String),
    /// PromQL that Icecore does not answer yet, by its name.
    #[error("not supported: {0}")]
    NotSupported(String),
    /// The query ran into a rule of the language (many-to-many matching, duplicate label sets, ...).
    #[error("{0}")]
    Execution(String),
    /// The deadline passed.
    #[error("query timed out in query execution")]
    Timeout,
    /// The caller gave up.
    #[error("query was canceled in query execution")]
    Canceled,
    /// More samples than the limit.
    #[error(
        "query processing would load too many samples into memory in query execution: more than {samples_max}; \
         ask a shorter range or fewer series, or raise the limit on samples"
    )]
    TooManySamples {
        /// The limit.
        samples_max: u64,
    },
    /// More memory than the query may have.
    #[error("the query needs more than {bytes_max} bytes: ask fewer series or steps, or raise its memory limit")]
    TooMuchMemory {
        /// The limit.
        bytes_max: u64,
    },
    /// The process has no memory to lend at the moment.
    #[error("no memory for this query now: {0}")]
    Budget(BudgetExceeded),
    /// Reading the data failed.
    #[error("reading failed: {0}")]
    Storage(String),
}

/// Prometheus's `errorType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// `bad_data`, HTTP 400
    BadData,
    /// `execution`, HTTP 422
    Execution,
    /// `timeout`, HTTP 503
    Timeout,
    /// `canceled`, HTTP 503 (Prometheus: 499)
    Canceled,
    /// `unavailable`, HTTP 503: ask again later
    Unavailable,
    /// `internal`, HTTP 500
    Internal,
}

impl ErrorKind {
    /// The word in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BadData => "bad_data",
            Self::Execution => "execution",
            Self::Timeout => "timeout",
            Self::Canceled => "canceled",
            Self::Unavailable => "unavailable",
            Self::Internal => "internal",
        }
    }

    /// The HTTP status that goes with it.
    pub const fn http_status(self) -> u16 {
        match self {
            Self::BadData => 400,
            Self::Execution => 422,
            Self::Timeout | Self::Canceled | Self::Unavailable => 503,
            Self::Internal => 500,
        }
    }
}

impl PromqlError {
    /// How Prometheus's API would class it.
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::BadQuery(_) | Self::BadParameter(_) | Self::NotSupported(_) => ErrorKind::BadData,
            Self::Execution(_) | Self::TooManySamples { .. } | Self::TooMuchMemory { .. } => ErrorKind::Execution,
            Self::Timeout => ErrorKind::Timeout,
            Self::Canceled => ErrorKind::Canceled,
            Self::Budget(_) => ErrorKind::Unavailable,
            Self::Storage(_) => ErrorKind::Internal,
        }
    }
}

impl From<BudgetExceeded> for PromqlError {
    fn from(error: BudgetExceeded) -> Self {
        Self::Budget(error)
    }
}
