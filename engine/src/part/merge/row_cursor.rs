//! The rows of a source of logs or traces, batch by batch, with what they are sorted by.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, FixedSizeBinaryArray, TimestampNanosecondArray};
use arrow::datatypes::{DataType, TimestampNanosecondType};
use arrow::record_batch::RecordBatch;

use crate::part::reader::Part;
use crate::part::types::PartError;
use crate::schema::column;
use crate::time::TimeRange;

/// Rows decoded at a time.
const BATCH_ROWS: u64 = 4_096;

/// Reads the rows of some adjacent tiles that lie in a range of time.
pub(super) struct RowCursor {
    part: Arc<Part>,
    rows: Range<u64>,
    range: TimeRange,
    batch: Option<CursorBatch>,
    row: usize,
}

/// A decoded batch and the columns that rows are compared by.
struct CursorBatch {
    batch: RecordBatch,
    times: TimestampNanosecondArray,
    trace_ids: FixedSizeBinaryArray,
    span_ids: FixedSizeBinaryArray,
    services: ArrayRef,
    resources: ArrayRef,
}

impl CursorBatch {
    fn new(batch: RecordBatch) -> Option<Self> {
        let text = |name: &str| arrow::compute::cast(batch.column_by_name(name)?, &DataType::Utf8).ok();
        Some(Self {
            times: batch
                .column_by_name(column::TIMESTAMP)?
                .as_primitive_opt::<TimestampNanosecondType>()?
                .clone(),
            trace_ids: batch
                .column_by_name(column::TRACE_ID)?
                .as_fixed_size_binary_opt()?
                .clone(),
            span_ids: batch
                .column_by_name(column::SPAN_ID)?
                .as_fixed_size_binary_opt()?
                .clone(),
            services: text(column::SERVICE_NAME)?,
            resources: text(column::RESOURCE)?,
            batch,
        })
    }
}

impl RowCursor {
    /// The rows `rows` of the file that lie in `range`.
    pub(super) fn new(part: &Arc<Part>, rows: Range<u64>, range: TimeRange) -> Result<Self, PartError> {
        let mut cursor = Self {
            part: part.clone(),
            rows,
            range,
            batch: None,
            row: 0,
        };
        cursor.settle()?;
        Ok(cursor)
    }

    /// Moves to the next row that lies in the range, from the present one on.
    fn settle(&mut self) -> Result<(), PartError> {
        loop {
            if let Some(batch) = &self.batch {
                let times = batch.times.values();
                while let Some(time) = times.get(self.row) {
                    if self.range.contains(*time) {
                        return Ok(());
                    }
                    self.row += 1;
                }
                self.batch = None;
            }
            if self.rows.is_empty() {
                return Ok(());
            }
            let end = self.rows.end.min(self.rows.start + BATCH_ROWS);
            let batches = self.part.batches(self.rows.start..end, None, BATCH_ROWS as usize)?;
            let damaged = || self.part.damaged(0, "rows of another schema");
            let schema = batches.first().ok_or_else(damaged)?.schema();
            let batch = arrow::compute::concat_batches(&schema, &batches)?;
            self.batch = Some(CursorBatch::new(batch).ok_or_else(damaged)?);
            self.rows.start = end;
            self.row = 0;
        }
    }

    /// Whether no row is left.
    pub(super) fn is_done(&self) -> bool {
        self.batch.is_none()
    }

    /// The batch and the place in it of the present row.
    pub(super) fn place(&self) -> Option<(&RecordBatch, usize)> {
        Some((&self.batch.as_ref()?.batch, self.row))
    }

    /// Moves on; true when that ended the batch.
    pub(super) fn advance(&mut self) -> Result<bool, PartError> {
        self.row += 1;
        let ended = self.batch.as_ref().is_none_or(|batch| self.row >= batch.times.len());
        self.settle()?;
        Ok(ended)
    }

    /// What log records are sorted by.
    pub(super) fn log_key(&self) -> Option<(&str, &str, i64)> {
        let batch = self.batch.as_ref()?;
        let services = batch.services.as_string_opt::<i32>()?;
        let resources = batch.resources.as_string_opt::<i32>()?;
        let time = batch.times.values().get(self.row)?;
        Some((services.value(self.row), resources.value(self.row), *time))
    }

    /// Trace id, span id and time of the present row.
    pub(super) fn span(&self) -> Option<([u8; 16], [u8; 8], i64)> {
        let batch = self.batch.as_ref()?;
        let time = batch.times.values().get(self.row)?;
        let trace_id = batch.trace_ids.value(self.row).try_into().ok()?;
        let span_id = batch.span_ids.value(self.row).try_into().ok()?;
        Some((trace_id, span_id, *time))
    }
}
