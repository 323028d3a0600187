//! One slice of logs or traces from several sources: row by row, or trace by trace, in sort order.

use std::collections::HashMap;

use arrow::compute::interleave_record_batch;
use arrow::record_batch::RecordBatch;

use super::Source;
use super::row_cursor::RowCursor;
use crate::ids::Signal;
use crate::part::rows_writer::RowsPartWriter;
use crate::part::types::PartError;
use crate::time::TimeRange;

/// Rows gathered before they are written.
const GATHER_ROWS: usize = 4_096;

/// Rows that wait to be written, by batch and place.
#[derive(Default)]
struct Gathered {
    batches: Vec<RecordBatch>,
    rows: Vec<(usize, usize)>,
    /// The batch that each source's present rows are in.
    of_source: HashMap<usize, usize>,
}

impl Gathered {
    /// The place of a source's present batch among those gathered.
    fn batch(&mut self, source: usize, batch: &RecordBatch) -> usize {
        *self.of_source.entry(source).or_insert_with(|| {
            self.batches.push(batch.clone());
            self.batches.len() - 1
        })
    }

    fn write(&mut self, writer: &mut RowsPartWriter) -> Result<(), PartError> {
        if !self.rows.is_empty() {
            let batches: Vec<&RecordBatch> = self.batches.iter().collect();
            let batch = interleave_record_batch(&batches, &self.rows)?;
            writer.batch(&batch)?;
        }
        self.rows.clear();
        self.batches.clear();
        self.of_source.clear();
        Ok(())
    }
}

/// Merges the rows of `sources`, which come in order of LSN, that lie in `range`.
pub(super) fn merge_slice(writer: &mut RowsPartWriter, range: TimeRange, sources: &[Source]) -> Result<(), PartError> {
    let mut cursors = Vec::with_capacity(sources.len());
    for source in sources {
        let tiles = source.part.tiles()?;
        let run = tiles.get(source.tiles.clone()).unwrap_or_default();
        if let (Some(first), Some(last)) = (run.first(), run.last()) {
            cursors.push(RowCursor::new(&source.part, first.first_row..last.end_row(), range)?);
        }
    }
    let signal = sources.first().map(|source| source.part.meta().signal);
    let mut gathered = Gathered::default();
    if signal == Some(Signal::Traces) {
        merge_traces(writer, &mut cursors, &mut gathered)?;
    } else {
        merge_logs(writer, &mut cursors, &mut gathered)?;
    }
    gathered.write(writer)
}

/// Log records by service, resource and time; where all are equal, the earlier source's first. None is dropped.
fn merge_logs(
    writer: &mut RowsPartWriter,
    cursors: &mut [RowCursor],
    gathered: &mut Gathered,
) -> Result<(), PartError> {
    loop {
        let mut ahead: Vec<usize> = (0..cursors.len())
            .filter(|place| cursors.get(*place).is_some_and(|cursor| !cursor.is_done()))
            .collect();
        ahead.sort_by_key(|place| cursors.get(*place).and_then(RowCursor::log_key));
        let Some((source, others)) = ahead.split_first() else {
            return Ok(());
        };
        // Rows of the first source go on until one of the next source comes before.
        let bound = others.first().map(|next| {
            let key = cursors.get(*next).and_then(RowCursor::log_key);
            let owned = key.map(|(service, resource, time)| (service.to_owned(), resource.to_owned(), time));
            (owned, *next)
        });
        let Some(cursor) = cursors.get_mut(*source) else {
            return Ok(());
        };
        loop {
            if let Some((bound, next)) = &bound {
                let bound = bound
                    .as_ref()
                    .map(|(service, resource, time)| (service.as_str(), resource.as_str(), *time));
                if (cursor.log_key(), *source) > (bound, *next) {
                    break;
                }
            }
            let Some((batch, row)) = cursor.place() else {
                break;
            };
            let batch = gathered.batch(*source, batch);
            gathered.rows.push((batch, row));
            if cursor.advance()? {
                gathered.of_source.remove(source);
            }
            if cursor.is_done() {
                break;
            }
            if gathered.rows.len() >= GATHER_ROWS {
                gathered.write(writer)?;
            }
        }
    }
}

/// Spans by trace and time; of one trace and span the last source's row stays.
fn merge_traces(
    writer: &mut RowsPartWriter,
    cursors: &mut [RowCursor],
    gathered: &mut Gathered,
) -> Result<(), PartError> {
    while let Some((trace_id, _, _)) = cursors.iter().filter_map(RowCursor::span).min() {
        // Span to (time, source, batch, row) of its latest row.
        let mut spans: HashMap<[u8; 8], (i64, usize, usize, usize)> = HashMap::new();
        for (source, cursor) in cursors.iter_mut().enumerate() {
            while let Some((trace, span, time)) = cursor.span()
                && trace == trace_id
            {
                if let Some((batch, row)) = cursor.place() {
                    let batch = gathered.batch(source, batch);
                    spans.insert(span, (time, source, batch, row));
                }
                if cursor.advance()? {
                    gathered.of_source.remove(&source);
                }
            }
        }
        let mut rows: Vec<_> = spans.into_values().collect();
        rows.sort_unstable();
        gathered
            .rows
            .extend(rows.iter().map(|(_, _, batch, row)| (*batch, *row)));
        if gathered.rows.len() >= GATHER_ROWS {
            gathered.write(writer)?;
        }
    }
    Ok(())
}
