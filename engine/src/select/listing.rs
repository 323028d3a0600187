//! The names and values of labels over a snapshot, for completion and dashboards' variables.

use std::collections::BTreeSet;

use super::SeriesSet;
use crate::labels::METRIC_NAME_LABEL;
use crate::matcher::Matcher;
use crate::part::PartError;
use crate::snapshot::Snapshot;
use crate::time::TimeRange;

/// The names of all labels of the series that match and may have samples in `range` (milliseconds), `__name__` among them.
///
/// # Errors
/// When a part's index cannot be read.
pub fn label_names(snapshot: &Snapshot, matchers: &[Matcher], range: TimeRange) -> Result<BTreeSet<String>, PartError> {
    let mut names = BTreeSet::new();
    for partition in &snapshot.partitions {
        for part in partition.parts.iter().filter(|part| part.time_range().overlaps(range)) {
            names.extend(part.label_names(matchers, range)?);
        }
    }
    for_each_head_key(snapshot, matchers, range, |key| {
        if !key.metric().is_empty() {
            insert(&mut names, METRIC_NAME_LABEL);
        }
        for (name, _) in key.labels() {
            insert(&mut names, &name);
        }
    });
    Ok(names)
}

/// The values of one label over the series that match and may have samples in `range` (milliseconds).
///
/// # Errors
/// When a part's index cannot be read.
pub fn label_values(
    snapshot: &Snapshot,
    name: &str,
    matchers: &[Matcher],
    range: TimeRange,
) -> Result<BTreeSet<String>, PartError> {
    let mut values = BTreeSet::new();
    for partition in &snapshot.partitions {
        for part in partition.parts.iter().filter(|part| part.time_range().overlaps(range)) {
            values.extend(part.label_values(name, matchers, range)?);
        }
    }
    for_each_head_key(snapshot, matchers, range, |key| {
        if name == METRIC_NAME_LABEL {
            if !key.metric().is_empty() {
                insert(&mut values, key.metric());
            }
        } else if let Some((_, value)) = key.labels().into_iter().find(|(found, _)| found == name) {
            insert(&mut values, &value);
        }
    });
    Ok(values)
}

fn insert(texts: &mut BTreeSet<String>, text: &str) {
    if !texts.contains(text) {
        texts.insert(text.to_owned());
    }
}

fn for_each_head_key(
    snapshot: &Snapshot,
    matchers: &[Matcher],
    range: TimeRange,
    mut visit: impl FnMut(&crate::labels::SeriesKey),
) {
    for head in snapshot.partitions.iter().flat_map(|partition| &partition.heads) {
        if head.time_range().overlaps(range) {
            for (_, key) in head.keys(head.refs_matching(matchers)) {
                visit(&key);
            }
        }
    }
}

impl SeriesSet {
    /// Joins the series of several selectors, each once, sorted by key: what `/api/v1/series` lists.
    ///
    /// # Errors
    /// When a part's index cannot be read.
    pub fn keys_of_any(
        snapshot: &Snapshot,
        selectors: &[Vec<Matcher>],
        range: TimeRange,
    ) -> Result<BTreeSet<crate::labels::SeriesKey>, PartError> {
        let mut keys = BTreeSet::new();
        for matchers in selectors {
            keys.extend(Self::of(snapshot, matchers, range)?.keys);
        }
        Ok(keys)
    }
}
