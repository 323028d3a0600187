//! Conditions on labels as Prometheus has them: equal, not equal, and regular expressions anchored at both ends.

use regex::{Regex, RegexBuilder};

/// Compiled size at most of one regular expression, in bytes: a bound on memory for hostile patterns.
pub const REGEX_BYTES_MAX: usize = 1024 * 1024;

/// How a matcher compares.
#[derive(Debug, Clone)]
pub enum MatchOp {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `=~`, anchored
    Regex(Regex),
    /// `!~`, anchored
    NotRegex(Regex),
}

/// One condition on one label; an absent label compares as the empty string. `__name__` is the metric name.
#[derive(Debug, Clone)]
pub struct Matcher {
    /// The label's name.
    pub name: String,
    /// The text compared with, as written in the query.
    pub value: String,
    /// How.
    pub op: MatchOp,
}

impl Matcher {
    /// `name = value`
    pub fn equal(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            value: value.into(),
            op: MatchOp::Equal,
        }
    }

    /// `name != value`
    pub fn not_equal(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            value: value.into(),
            op: MatchOp::NotEqual,
        }
    }

    /// `name =~ pattern`
    pub fn regex(name: impl Into<String>, pattern: &str) -> Result<Self, InvalidRegex> {
        Ok(Self {
            name: name.into(),
            value: pattern.to_owned(),
            op: MatchOp::Regex(anchored(pattern)?),
        })
    }

    /// `name !~ pattern`
    pub fn not_regex(name: impl Into<String>, pattern: &str) -> Result<Self, InvalidRegex> {
        Ok(Self {
            name: name.into(),
            value: pattern.to_owned(),
            op: MatchOp::NotRegex(anchored(pattern)?),
        })
    }

    /// Whether a series whose label has this value (empty when absent) passes.
    pub fn matches(&self, value: &str) -> bool {
        match &self.op {
            MatchOp::Equal => value == self.value,
            MatchOp::NotEqual => value != self.value,
            MatchOp::Regex(regex) => regex.is_match(value),
            MatchOp::NotRegex(regex) => !regex.is_match(value),
        }
    }

    /// Whether a series without the label passes.
    pub fn matches_absent(&self) -> bool {
        self.matches("")
    }
}

/// `^(?s:pattern)$`, as Prometheus anchors and reads dots.
fn anchored(pattern: &str) -> Result<Regex, InvalidRegex> {
    RegexBuilder::new(&format!("^(?s:{pattern})$"))
        .size_limit(REGEX_BYTES_MAX)
        .dfa_size_limit(REGEX_BYTES_MAX)
        .build()
        .map_err(|error| InvalidRegex {
            pattern: pattern.to_owned(),
            reason: error.to_string(),
        })
}

/// A pattern that is no regular expression, or one too large.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the regular expression {pattern:?} is not accepted: {reason}")]
pub struct InvalidRegex {
    /// As written.
    pub pattern: String,
    /// What is wrong with it.
    pub reason: String,
}
