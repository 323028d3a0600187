//! Why an item is refused: one list for all signals, because counters, answers and documents must use the same words.

use std::fmt;

use crate::labels::InvalidLabels;

/// Why an item was refused for good. (What may succeed when sent again is an `AppendError` instead.)
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Reason {
    /// The tenant has as many active series as it may have, and the item needs one more.
    SeriesCap,
    /// Older than rows may be when they arrive.
    TooOld,
    /// Further ahead of the clock than rows may be.
    TooFarInFuture,
    /// A time that the columns cannot hold.
    InvalidTimestamp,
    /// A label without a name, too many labels, or too long ones.
    InvalidLabels,
    /// Two attributes claim the same label.
    LabelConflict,
    /// A span without a valid trace id.
    InvalidTraceId,
    /// A span without a valid span id.
    InvalidSpanId,
    /// A data point without a value.
    NoValue,
    /// A kind of data that is not kept.
    UnsupportedType,
    /// A sum or histogram that does not say what it counts from.
    UnspecifiedTemporality,
    /// Buckets and bounds that do not belong together, or too many.
    InvalidHistogram,
    /// Text that is not UTF-8, or a message that cannot be decoded by itself.
    Malformed,
    /// One item larger than `ITEM_BYTES_MAX`.
    ItemTooLarge,
    /// The request's tenant would be one more than there may be.
    TenantsMax,
}

impl Reason {
    /// Every reason, in the order of their numbers.
    pub const ALL: [Self; 15] = [
        Self::SeriesCap,
        Self::TooOld,
        Self::TooFarInFuture,
        Self::InvalidTimestamp,
        Self::InvalidLabels,
        Self::LabelConflict,
        Self::InvalidTraceId,
        Self::InvalidSpanId,
        Self::NoValue,
        Self::UnsupportedType,
        Self::UnspecifiedTemporality,
        Self::InvalidHistogram,
        Self::Malformed,
        Self::ItemTooLarge,
        Self::TenantsMax,
    ];

    /// The reason as a label value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SeriesCap => "series_cap",
            Self::TooOld => "too_old",
            Self::TooFarInFuture => "too_far_in_future",
            Self::InvalidTimestamp => "invalid_timestamp",
            Self::InvalidLabels => "invalid_labels",
            Self::LabelConflict => "label_conflict",
            Self::InvalidTraceId => "invalid_trace_id",
            Self::InvalidSpanId => "invalid_span_id",
            Self::NoValue => "no_value",
            Self::UnsupportedType => "unsupported_type",
            Self::UnspecifiedTemporality => "unspecified_temporality",
            Self::InvalidHistogram => "invalid_histogram",
            Self::Malformed => "malformed",
            Self::ItemTooLarge => "item_too_large",
            Self::TenantsMax => "tenants_max",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A refusal with its words, as a decoder's closure returns it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Reject {
    /// What it is counted under.
    pub reason: Reason,
    /// What happened and what the sender can do, for people.
    pub message: String,
}

impl From<InvalidLabels> for Reject {
    fn from(error: InvalidLabels) -> Self {
        let reason = match error {
            InvalidLabels::Duplicate(_) => Reason::LabelConflict,
            _ => Reason::InvalidLabels,
        };
        Self {
            reason,
            message: error.to_string(),
        }
    }
}

/// How many items were refused for each reason, with the words of the first refusal of each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rejections {
    items: [u64; Reason::ALL.len()],
    examples: Vec<(Reason, String)>,
}

impl Rejections {
    /// Counts `items` refused for `reason`; `example` is asked for its words only the first time.
    pub fn add(&mut self, reason: Reason, items: u64, example: impl FnOnce() -> String) {
        if let Some(count) = self.items.get_mut(reason as usize) {
            if *count == 0 && items > 0 {
                self.examples.push((reason, example()));
            }
            *count += items;
        }
    }

    /// Items refused for `reason`.
    pub fn of(&self, reason: Reason) -> u64 {
        self.items.get(reason as usize).copied().unwrap_or(0)
    }

    /// Items refused in all.
    pub fn total(&self) -> u64 {
        self.items.iter().sum()
    }

    /// The reasons that occurred, with their items.
    pub fn iter(&self) -> impl Iterator<Item = (Reason, u64)> + '_ {
        Reason::ALL.into_iter().zip(self.items).filter(|(_, items)| *items > 0)
    }

    /// The words of the first refusal of each reason that occurred, in the order they occurred.
    pub fn examples(&self) -> impl Iterator<Item = (Reason, &str)> {
        self.examples.iter().map(|(reason, words)| (*reason, words.as_str()))
    }
}

#[cfg(test)]
mod tests;
