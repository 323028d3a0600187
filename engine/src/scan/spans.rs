//! Spans of one identity in several sources: which are replaced by a newer source.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, BooleanArray, FixedSizeBinaryArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::error::ArrowError;
use std::collections::HashSet;

use super::{Source, Superseded, contested};
use crate::part::{IndexFilter, Part, PartError};
use crate::schema::column;
use crate::time::TimeRange;

/// Rows of one batch of ids.
const IDENTITIES_PER_BATCH: usize = 64 * 1024;

/// Trace id and span id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct SpanIdentity([u8; 16], [u8; 8]);

/// For each source its replaced spans; empty when no two sources share a time.
pub(super) fn superseded(
    sources: &[Source],
    filter: &IndexFilter,
    range: TimeRange,
) -> Result<Vec<Superseded>, PartError> {
    let contested = contested(sources, range);
    let mut found: Vec<Superseded> = Vec::new();
    found.resize_with(sources.len(), Superseded::default);
    if contested.iter().all(|time| time.is_empty()) {
        return Ok(found);
    }
    // A newer span hides an older one even where only the older passes the statement's conditions, unless they are on the
    // identity itself.
    let of_traces = on_trace_ids(filter);
    let mut newer: HashSet<SpanIdentity> = HashSet::new();
    for ((source, &time), found) in sources.iter().zip(&contested).zip(&mut found).rev() {
        if time.is_empty() {
            continue;
        }
        match source {
            Source::Part(piece) => {
                let rows = piece.part.prune(&of_traces, time)?.row_ranges;
                visit_identities(&piece.part, &rows, &mut |row, identity| {
                    if !newer.insert(identity) {
                        found.rows.push(row);
                    }
                })?;
            }
            Source::Head(view) => {
                for batch in view.batches(time).map_err(PartError::Arrow)? {
                    for identity in identities(&batch) {
                        if !newer.insert(identity) {
                            found.spans.insert(identity);
                        }
                    }
                }
            }
        }
    }
    Ok(found)
}

/// The part of a filter that is about trace ids.
fn on_trace_ids(filter: &IndexFilter) -> IndexFilter {
    match filter {
        IndexFilter::TraceId(_) => filter.clone(),
        IndexFilter::And(filters) => IndexFilter::And(filters.iter().map(on_trace_ids).collect()),
        IndexFilter::Or(filters) => IndexFilter::Or(filters.iter().map(on_trace_ids).collect()),
        _ => IndexFilter::All,
    }
}

/// The batches without the spans of these identities.
pub(super) fn without(
    batches: Vec<RecordBatch>,
    superseded: &HashSet<SpanIdentity>,
) -> Result<Vec<RecordBatch>, ArrowError> {
    if superseded.is_empty() {
        return Ok(batches);
    }
    batches
        .into_iter()
        .map(|batch| {
            let keep: BooleanArray = identities(&batch)
                .map(|identity| Some(!superseded.contains(&identity)))
                .collect();
            filter_record_batch(&batch, &keep)
        })
        .collect()
}

/// The identity of each row.
fn identities(batch: &RecordBatch) -> impl Iterator<Item = SpanIdentity> {
    let ids = |name| {
        batch
            .column_by_name(name)
            .and_then(|ids| ids.as_any().downcast_ref::<FixedSizeBinaryArray>())
            .cloned()
    };
    ids(column::TRACE_ID)
        .zip(ids(column::SPAN_ID))
        .into_iter()
        .flat_map(|(traces, spans)| {
            (0..traces.len().min(spans.len())).map(move |row| {
                SpanIdentity(
                    traces.value(row).try_into().unwrap_or_default(),
                    spans.value(row).try_into().unwrap_or_default(),
                )
            })
        })
}

/// Visits rows of a part, in order, with their numbers from the start of the file.
fn visit_identities(
    part: &Arc<Part>,
    rows: &[Range<u64>],
    visit: &mut dyn FnMut(u64, SpanIdentity),
) -> Result<(), PartError> {
    for range in rows {
        let batches = part.batches(
            range.clone(),
            Some(&[column::TRACE_ID, column::SPAN_ID]),
            IDENTITIES_PER_BATCH,
        )?;
        for (row, identity) in range.clone().zip(batches.iter().flat_map(identities)) {
            visit(row, identity);
        }
    }
    Ok(())
}
