//! Exemplars of one tenant: the newest, bounded, in memory and in a sidecar file that the flush rewrites.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use parking_lot::Mutex;

use crate::labels::SeriesKey;
use crate::limits::EXEMPLARS_PER_TENANT_MAX;
use crate::matcher::Matcher;
use crate::metadata::Exemplar;
use crate::sidecar::{Input, put_text};
use crate::tenant::Tenant;
use crate::time::TimeRange;

/// Name of the sidecar.
pub(crate) const FILE_NAME: &str = "exemplars";

/// A measurement with the trace it was made in.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredExemplar {
    /// Its series.
    pub series: SeriesKey,
    /// When it was measured, in milliseconds.
    pub timestamp_ms: i64,
    /// What was measured.
    pub value: f64,
    /// The trace.
    pub trace_id: Option<[u8; 16]>,
    /// The span.
    pub span_id: Option<[u8; 8]>,
    /// Its attributes as a JSON object.
    pub attributes: String,
}

impl StoredExemplar {
    /// An exemplar of a record with its series' key in place of the ref; `None` when the series is not known.
    pub(crate) fn of(exemplar: Exemplar, tenant: &Tenant) -> Option<Self> {
        Some(Self {
            series: tenant.key(exemplar.series)?,
            timestamp_ms: exemplar.timestamp_ms,
            value: exemplar.value,
            trace_id: exemplar.trace_id,
            span_id: exemplar.span_id,
            attributes: exemplar.attributes,
        })
    }
}

/// Orders by time, so that the oldest goes first; equal ones are one exemplar, sent twice or replayed.
#[derive(Debug, Clone)]
struct ByTime(StoredExemplar);

impl Ord for ByTime {
    fn cmp(&self, other: &Self) -> Ordering {
        let (a, b) = (&self.0, &other.0);
        a.timestamp_ms
            .cmp(&b.timestamp_ms)
            .then_with(|| a.series.cmp(&b.series))
            .then_with(|| a.trace_id.cmp(&b.trace_id))
            .then_with(|| a.span_id.cmp(&b.span_id))
            .then_with(|| a.value.to_bits().cmp(&b.value.to_bits()))
            .then_with(|| a.attributes.cmp(&b.attributes))
    }
}

impl PartialOrd for ByTime {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for ByTime {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for ByTime {}

/// The exemplars of one tenant.
#[derive(Debug, Default)]
pub(crate) struct Exemplars(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    by_time: BTreeSet<ByTime>,
    changed: bool,
}

impl Exemplars {
    /// Keeps one; the oldest goes when there are too many.
    pub(crate) fn add(&self, exemplar: StoredExemplar) {
        let mut inner = self.0.lock();
        inner.changed |= inner.by_time.insert(ByTime(exemplar));
        while inner.by_time.len() > EXEMPLARS_PER_TENANT_MAX {
            inner.by_time.pop_first();
        }
    }

    /// Drops those older than `oldest_ms`.
    pub(crate) fn drop_before(&self, oldest_ms: i64) {
        let mut inner = self.0.lock();
        while inner
            .by_time
            .first()
            .is_some_and(|first| first.0.timestamp_ms < oldest_ms)
        {
            inner.by_time.pop_first();
            inner.changed = true;
        }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.lock().by_time.len()
    }

    /// Those of matching series within `range` (milliseconds), oldest first.
    pub(crate) fn matching(&self, matchers: &[Matcher], range: TimeRange) -> Vec<StoredExemplar> {
        let inner = self.0.lock();
        inner
            .by_time
            .iter()
            .map(|exemplar| &exemplar.0)
            .filter(|exemplar| range.contains(exemplar.timestamp_ms))
            .filter(|exemplar| key_matches(&exemplar.series, matchers))
            .cloned()
            .collect()
    }

    /// What a sidecar should hold, when it differs from what the last one held. `failed` makes it differ again.
    pub(crate) fn take_changed(&self) -> Option<Vec<u8>> {
        let mut inner = self.0.lock();
        std::mem::take(&mut inner.changed).then(|| encode(inner.by_time.iter().map(|exemplar| &exemplar.0)))
    }

    /// Notes that the sidecar could not be written.
    pub(crate) fn failed(&self) {
        self.0.lock().changed = true;
    }

    /// Takes a sidecar's payload in; `false` when it cannot be read.
    pub(crate) fn restore(&self, payload: &[u8]) -> bool {
        let Some(exemplars) = decode(payload) else {
            return false;
        };
        let mut inner = self.0.lock();
        inner.by_time.extend(exemplars.into_iter().map(ByTime));
        true
    }
}

/// Whether a series with this key passes all matchers.
pub(crate) fn key_matches(key: &SeriesKey, matchers: &[Matcher]) -> bool {
    let labels = key.labels();
    matchers.iter().all(|matcher| {
        let value = if matcher.name == crate::labels::METRIC_NAME_LABEL {
            key.metric()
        } else {
            labels
                .iter()
                .find(|(name, _)| *name == matcher.name)
                .map_or("", |(_, value)| value.as_ref())
        };
        matcher.matches(value)
    })
}

fn encode<'a>(exemplars: impl Iterator<Item = &'a StoredExemplar>) -> Vec<u8> {
    let mut out = Vec::new();
    for exemplar in exemplars {
        put_text(&mut out, exemplar.series.as_str());
        out.extend_from_slice(&exemplar.timestamp_ms.to_le_bytes());
        out.extend_from_slice(&exemplar.value.to_le_bytes());
        out.extend_from_slice(&exemplar.trace_id.unwrap_or_default());
        out.extend_from_slice(&exemplar.span_id.unwrap_or_default());
        put_text(&mut out, &exemplar.attributes);
    }
    out
}

fn decode(payload: &[u8]) -> Option<Vec<StoredExemplar>> {
    let mut input = Input(payload);
    let mut exemplars = Vec::new();
    while !input.0.is_empty() {
        exemplars.push(StoredExemplar {
            series: SeriesKey::from_text(&input.text()?)?,
            timestamp_ms: input.number()? as i64,
            value: f64::from_bits(input.number()?),
            trace_id: input.take(16)?.try_into().ok().filter(|id| *id != [0; 16]),
            span_id: input.take(8)?.try_into().ok().filter(|id| *id != [0; 8]),
            attributes: input.text()?,
        });
    }
    Some(exemplars)
}

#[cfg(test)]
mod tests;
