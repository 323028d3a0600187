//! Rows as Arrow batches, through the Parquet library, over verified bytes only.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::AsArray;
use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder, RowSelection,
};
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};

use super::read::Histograms;
use super::reader::Part;
use super::types::PartError;
use crate::histogram::histogram_from_arrow;
use crate::schema::column;

/// Bytes read ahead when the library asks for a stream.
const STREAM_BYTES: u64 = 4 * crate::limits::CHECKSUM_BLOCK_BYTES as u64;

/// A part as the Parquet library reads it: every byte verified before it is handed out.
#[derive(Debug, Clone)]
pub struct VerifiedReader(pub Arc<Part>);

impl Length for VerifiedReader {
    fn len(&self) -> u64 {
        self.0.bytes()
    }
}

impl ChunkReader for VerifiedReader {
    type T = VerifiedStream;

    fn get_read(&self, start: u64) -> parquet::errors::Result<Self::T> {
        Ok(VerifiedStream {
            part: self.0.clone(),
            next: start,
            ahead: Bytes::new(),
        })
    }

    fn get_bytes(&self, start: u64, length: usize) -> parquet::errors::Result<Bytes> {
        verified(&self.0, start..start.saturating_add(length as u64))
    }
}

/// A part read from some byte on, a few verified blocks at a time.
pub struct VerifiedStream {
    part: Arc<Part>,
    next: u64,
    ahead: Bytes,
}

impl io::Read for VerifiedStream {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.ahead.is_empty() {
            // To the end of a block, so that none is verified twice.
            let end = (self.next / STREAM_BYTES + 1)
                .saturating_mul(STREAM_BYTES)
                .min(self.part.bytes());
            if end <= self.next {
                return Ok(0);
            }
            self.ahead = self.part.read_verified(self.next..end).map_err(io::Error::other)?;
            self.next = end;
        }
        let length = out.len().min(self.ahead.len());
        let head = self.ahead.split_to(length);
        if let Some(out) = out.get_mut(..length) {
            out.copy_from_slice(&head);
        }
        Ok(length)
    }
}

fn verified(part: &Part, range: Range<u64>) -> parquet::errors::Result<Bytes> {
    part.read_verified(range)
        .map_err(|error| ParquetError::External(Box::new(error)))
}

impl Part {
    /// Rows `rows` of the file as batches of at most `batch_rows`, with the named columns or all.
    pub fn batches(
        self: &Arc<Self>,
        rows: Range<u64>,
        columns: Option<&[&str]>,
        batch_rows: usize,
    ) -> Result<Vec<RecordBatch>, PartError> {
        let metadata = self.parquet_metadata()?;
        let options = ArrowReaderOptions::new();
        let metadata = ArrowReaderMetadata::try_new(metadata, options)?;
        let total = self.rows() as usize;
        let end = (rows.end as usize).min(total);
        let start = (rows.start as usize).min(end);
        let selection = RowSelection::from_consecutive_ranges(std::iter::once(start..end), total);
        let mut builder = ParquetRecordBatchReaderBuilder::new_with_metadata(VerifiedReader(self.clone()), metadata)
            .with_row_selection(selection)
            .with_batch_size(batch_rows);
        if let Some(columns) = columns {
            let mask = ProjectionMask::columns(builder.parquet_schema(), columns.iter().copied());
            builder = builder.with_projection(mask);
        }
        let reader: ParquetRecordBatchReader = builder.build()?;
        Ok(reader.collect::<Result<_, _>>()?)
    }

    /// The native histograms of rows, one per row.
    pub(crate) fn read_histograms(self: &Arc<Self>, rows: Range<u64>) -> Result<Histograms, PartError> {
        let length = (rows.end - rows.start) as usize;
        let mut histograms = Vec::with_capacity(length);
        for batch in self.batches(rows, Some(&[column::HISTOGRAM]), length.max(1))? {
            let column = batch
                .column_by_name(column::HISTOGRAM)
                .and_then(|column| column.as_struct_opt());
            let column = column.ok_or_else(|| self.damaged(0, "no column of histograms"))?;
            histograms.extend((0..batch.num_rows()).map(|row| histogram_from_arrow(column, row)));
        }
        if histograms.len() != length {
            return Err(self.damaged(0, "rows that the column of histograms does not have"));
        }
        Ok(histograms)
    }
}
