//! Label sets of results: sorted name-value pairs, shared, compared and printed as Prometheus does.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use icecore_engine::labels::{METRIC_NAME_LABEL, SeriesKey};

/// The label of a classic histogram's bucket bound.
pub(crate) const BUCKET_LABEL: &str = "le";

/// One name and its value.
pub(crate) type Pair = (Box<str>, Box<str>);

/// A series' labels with `__name__` among them, sorted by name, without empty values. Clones share.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Labels(Arc<[Pair]>);

impl Labels {
    /// No labels.
    pub fn empty() -> Self {
        Self::default()
    }

    /// From pairs in any order; later ones win, empty values are no labels.
    pub fn from_pairs<N: Into<Box<str>>, V: Into<Box<str>>>(pairs: impl IntoIterator<Item = (N, V)>) -> Self {
        let mut pairs: Vec<Pair> = pairs
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        pairs.reverse();
        pairs.sort_by(|a, b| a.0.cmp(&b.0));
        pairs.dedup_by(|later, first| later.0 == first.0);
        pairs.retain(|(_, value)| !value.is_empty());
        Self(pairs.into())
    }

    /// Of a stored series.
    pub fn of_key(key: &SeriesKey) -> Self {
        let name = Some((METRIC_NAME_LABEL.into(), key.metric().into())).filter(|_| !key.metric().is_empty());
        let others = key.labels();
        let mut pairs: Vec<Pair> = Vec::with_capacity(others.len() + 1);
        pairs.extend(name);
        pairs.extend(others.into_iter().map(|(name, value)| (name.into(), value.into())));
        pairs.sort_by(|a, b| a.0.cmp(&b.0));
        Self(pairs.into())
    }

    /// The pairs, sorted by name.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A label's value; empty when absent.
    pub fn get(&self, name: &str) -> &str {
        self.0
            .iter()
            .find(|(found, _)| **found == *name)
            .map_or("", |(_, value)| value)
    }

    /// The metric name; empty when absent.
    pub fn metric(&self) -> &str {
        self.get(METRIC_NAME_LABEL)
    }

    /// Only those whose name passes.
    pub fn retain(&self, mut keep: impl FnMut(&str) -> bool) -> Self {
        let kept: Vec<bool> = self.0.iter().map(|(name, _)| keep(name)).collect();
        if kept.iter().all(|kept| *kept) {
            return self.clone();
        }
        Self(
            self.0
                .iter()
                .zip(kept)
                .filter(|(_, kept)| *kept)
                .map(|(pair, _)| pair.clone())
                .collect(),
        )
    }

    /// Without the metric name.
    pub fn without_name(&self) -> Self {
        self.retain(|name| name != METRIC_NAME_LABEL)
    }

    /// With one label set, or removed when the value is empty.
    pub fn with(&self, name: &str, value: &str) -> Self {
        if self.get(name) == value {
            return self.clone();
        }
        Self::from_pairs(self.iter().chain([(name, value)]))
    }

    /// The labels that two series must share under `on` or `ignoring`.
    pub fn signature(&self, on: bool, names: &[String]) -> Self {
        if on {
            self.retain(|name| names.iter().any(|listed| listed == name))
        } else {
            self.retain(|name| name != METRIC_NAME_LABEL && !names.iter().any(|listed| listed == name))
        }
    }
}

/// Prometheus's order: pair by pair, then the shorter first.
impl Ord for Labels {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.cmp(&other.0)
    }
}

impl PartialOrd for Labels {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// `{__name__="up", job="a"}`, as in Prometheus's messages.
impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (index, (name, value)) in self.iter().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{name}={value:?}")?;
        }
        f.write_str("}")
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
