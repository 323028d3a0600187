//! What a caller may ask a part's index: conditions on terms, joined by and/or. There is no "not": it would under-report.

use regex::Regex;

use crate::matcher::Matcher;

/// A condition on rows. The index may keep more than what matches, never less; the caller checks every row again.
#[derive(Debug, Clone)]
pub enum IndexFilter {
    /// Every row.
    All,
    /// All of them.
    And(Vec<IndexFilter>),
    /// Any of them.
    Or(Vec<IndexFilter>),
    /// The value of `key` is `value`. Keys: label names and `__name__` (metrics); `service_name`, `name`, `kind`,
    /// `status_code`, `severity_number`, `resource.<k>`, `attributes.<k>` (logs and traces).
    Term {
        /// The key.
        key: String,
        /// The value, as text.
        value: String,
    },
    /// A condition on a label (metrics) or on a key as in `Term`; absent is the empty string.
    Matcher(Matcher),
    /// The value of `key` starts with `prefix`.
    Prefix {
        /// The key.
        key: String,
        /// How the value starts.
        prefix: String,
    },
    /// The value of `key` matches `regex` somewhere.
    Regex {
        /// The key.
        key: String,
        /// Not anchored unless written so.
        regex: Regex,
    },
    /// The body has this token, lower-cased (logs).
    Token(String),
    /// The row belongs to this trace (logs, traces).
    TraceId([u8; 16]),
}
