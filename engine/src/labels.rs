//! A series' identity: its metric name and its labels in one canonical text, built once when the series is first seen.

use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::sync::Arc;

use serde::Deserializer as _;
use serde::de::{MapAccess, Visitor};
use xxhash_rust::xxh3::xxh3_128_with_seed;

use crate::ids::{SeriesId, StoreId};
use crate::limits::{LABELS_PER_SERIES_MAX, SERIES_KEY_BYTES_MAX};

/// The label that holds the metric name in Prometheus's data model.
pub const METRIC_NAME_LABEL: &str = "__name__";

/// `metric`, NUL, canonical JSON object of the other labels (keys sorted by bytes, no spaces).
///
/// Keys compare as (metric, labels) do, and a key is what the columns `metric` and `labels` of a part hold.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeriesKey(Arc<str>);

impl SeriesKey {
    /// Joins the two columns of a part's row back into a key. Trusts that `labels` is canonical, as parts hold it.
    pub fn from_columns(metric: &str, labels_json: &str) -> Self {
        let mut key = String::with_capacity(metric.len() + 1 + labels_json.len());
        key.push_str(metric);
        key.push('\0');
        key.push_str(labels_json);
        Self(Arc::from(key))
    }

    /// A key from its whole text, as `as_str` gave it; `None` when it has no NUL.
    pub fn from_text(text: &str) -> Option<Self> {
        text.contains('\0').then(|| Self(Arc::from(text)))
    }

    /// The whole text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The metric name; empty when the series has none.
    pub fn metric(&self) -> &str {
        self.0.split_once('\0').map_or("", |(metric, _)| metric)
    }

    /// The other labels as a canonical JSON object.
    pub fn labels_json(&self) -> &str {
        self.0.split_once('\0').map_or("{}", |(_, labels)| labels)
    }

    /// The identity that files carry.
    pub fn id(&self, store: StoreId) -> SeriesId {
        SeriesId(xxh3_128_with_seed(self.0.as_bytes(), store.hash_seed()))
    }

    /// The labels without the metric name, sorted by key, borrowed where no escape stands in the way.
    pub fn labels(&self) -> Vec<(Cow<'_, str>, Cow<'_, str>)> {
        parse_labels_json(self.labels_json())
    }
}

impl fmt::Debug for SeriesKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.metric(), self.labels_json())
    }
}

/// Reads a canonical JSON object of labels; what is no such object reads as no labels.
pub fn parse_labels_json(json: &str) -> Vec<(Cow<'_, str>, Cow<'_, str>)> {
    struct Pairs;
    impl<'de> Visitor<'de> for Pairs {
        type Value = Vec<(Cow<'de, str>, Cow<'de, str>)>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a JSON object of strings")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut pairs = Vec::with_capacity(8);
            while let Some((Text(key), Text(value))) = map.next_entry()? {
                pairs.push((key, value));
            }
            Ok(pairs)
        }
    }
    serde_json::Deserializer::from_str(json)
        .deserialize_map(Pairs)
        .unwrap_or_default()
}

/// A string that borrows from the input unless it holds an escape.
struct Text<'a>(Cow<'a, str>);

impl<'de> serde::Deserialize<'de> for Text<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Borrowed;
        impl<'de> Visitor<'de> for Borrowed {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Borrowed)
    }
}

/// Collects the labels of one series and makes its key. Reusable: `clear` keeps the memory.
#[derive(Debug, Default)]
pub struct LabelsBuilder {
    metric: String,
    text: String,
    spans: Vec<LabelSpan>,
}

/// Where one label lies in the builder's text.
#[derive(Debug, Clone, Copy)]
struct LabelSpan {
    start: usize,
    middle: usize,
    end: usize,
}

impl LabelsBuilder {
    /// Forgets everything but the memory.
    pub fn clear(&mut self) {
        self.metric.clear();
        self.text.clear();
        self.spans.clear();
    }

    /// Sets the metric name.
    pub fn metric(&mut self, name: &str) {
        self.metric.clear();
        self.metric.push_str(name);
    }

    /// Adds a label; `__name__` sets the metric, an empty value is no label at all (Prometheus's rule).
    pub fn label(&mut self, name: &str, value: &str) {
        if name == METRIC_NAME_LABEL {
            self.metric(value);
        } else if !value.is_empty() {
            let start = self.text.len();
            self.text.push_str(name);
            let middle = self.text.len();
            self.text.push_str(value);
            let end = self.text.len();
            self.spans.push(LabelSpan { start, middle, end });
        }
    }

    fn name(&self, span: LabelSpan) -> &str {
        self.text.get(span.start..span.middle).unwrap_or_default()
    }

    /// The canonical key of what was added.
    pub fn finish(&mut self) -> Result<SeriesKey, InvalidLabels> {
        let mut spans = std::mem::take(&mut self.spans);
        spans.sort_by(|a, b| self.name(*a).cmp(self.name(*b)));
        let key = self.join(&spans);
        self.spans = spans;
        key
    }

    fn join(&self, spans: &[LabelSpan]) -> Result<SeriesKey, InvalidLabels> {
        if spans.len() > LABELS_PER_SERIES_MAX {
            return Err(InvalidLabels::TooMany(spans.len()));
        }
        if self.metric.contains('\0') {
            return Err(InvalidLabels::NulInMetric);
        }
        let mut key = String::with_capacity(self.metric.len() + self.text.len() + 3 + 6 * spans.len());
        key.push_str(&self.metric);
        key.push_str("\0{");
        let mut previous = None;
        for span in spans {
            let name = self.name(*span);
            if name.is_empty() {
                return Err(InvalidLabels::EmptyName);
            }
            if previous == Some(name) {
                return Err(InvalidLabels::Duplicate(name.to_owned()));
            }
            if previous.is_some() {
                key.push(',');
            }
            previous = Some(name);
            push_json_string(&mut key, name);
            key.push(':');
            push_json_string(&mut key, self.text.get(span.middle..span.end).unwrap_or_default());
        }
        key.push('}');
        if key.len() > SERIES_KEY_BYTES_MAX {
            return Err(InvalidLabels::TooLong(key.len()));
        }
        Ok(SeriesKey(Arc::from(key)))
    }
}

/// Appends `text` as a JSON string in the one form that Icecore writes: only `"`, `\` and controls are escaped.
#[inline]
pub fn push_json_string(out: &mut String, text: &str) {
    out.push('"');
    push_json_escaped(out, text);
    out.push('"');
}

/// Appends the inside of a JSON string.
#[inline]
pub fn push_json_escaped(out: &mut String, text: &str) {
    // Almost all texts need none, and one pass without a branch tells it many bytes at a time.
    if !text.bytes().fold(false, |any, byte| any | needs_escape(byte)) {
        out.push_str(text);
        return;
    }
    let mut rest = text;
    while let Some(at) = rest.bytes().position(needs_escape) {
        let (plain, tail) = rest.split_at(at);
        out.push_str(plain);
        let mut chars = tail.chars();
        if let Some(c) = chars.next() {
            push_escape(out, c);
        }
        rest = chars.as_str();
    }
    out.push_str(rest);
}

#[inline]
fn needs_escape(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

fn push_escape(out: &mut String, c: char) {
    match c {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        c => {
            // Writing to a string does not fail.
            let _ = write!(out, "\\u{:04x}", c as u32);
        }
    }
}

/// Why a set of labels names no series.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLabels {
    /// More labels than `LABELS_PER_SERIES_MAX`.
    #[error("a series has {0} labels; at most {LABELS_PER_SERIES_MAX} are kept: drop some at the sender")]
    TooMany(usize),
    /// A longer key than `SERIES_KEY_BYTES_MAX`.
    #[error(
        "a series key of {0} bytes; at most {SERIES_KEY_BYTES_MAX} are kept: shorten its label values at the sender"
    )]
    TooLong(usize),
    /// A label without a name.
    #[error("a label without a name")]
    EmptyName,
    /// The same label name twice.
    #[error("the label {0:?} occurs twice in one series")]
    Duplicate(String),
    /// NUL separates the metric name from the labels in keys.
    #[error("a metric name with a NUL character")]
    NulInMetric,
}

#[cfg(test)]
mod tests;
