//! Logs and spans on their way into the log: nothing is capped, so admission only counts and encodes.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::buffer::ScalarBuffer;
use bytes::Bytes;

use super::Tenant;
use super::admit::Admission;
use crate::batch::{LogsBatch, RowColumns, RowsParts, SpansBatch};
use crate::budget::Reservation;
use crate::outcome::AppendError;
use crate::record::encode_rows;

/// A batch of log records or spans that may be stored.
#[derive(Debug)]
pub struct AdmittedRows {
    /// The record's body. No rows make no record: confirm at once.
    pub body: Vec<Bytes>,
    /// The rows in the columns of `schema`, sharing memory with `body`.
    pub rows: RecordBatch,
    /// The memory that rows and body hold, still of class `Decode`: `reclassify` it as it moves on.
    pub memory: Reservation,
    /// To be confirmed once durable.
    pub admission: Admission,
}

impl Tenant {
    /// Makes the record of a batch of log records.
    pub fn admit_logs(batch: LogsBatch) -> Result<AdmittedRows, AppendError> {
        let (tenant, parts, columns) = batch.into_parts()?;
        admit(tenant, parts, columns)
    }

    /// Makes the record of a batch of spans.
    pub fn admit_spans(batch: SpansBatch) -> Result<AdmittedRows, AppendError> {
        let (tenant, parts, columns) = batch.into_parts()?;
        admit(tenant, parts, columns)
    }
}

fn admit<C: RowColumns>(tenant: Arc<Tenant>, parts: RowsParts, columns: C) -> Result<AdmittedRows, AppendError> {
    let invalid = |error: &dyn std::fmt::Display| AppendError::Invalid {
        reason: error.to_string(),
    };
    let batch = columns.finish().map_err(|error| invalid(&error))?;
    let (body, rows) = encode_rows(&tenant, C::SIGNAL, &parts.shared, &batch).map_err(|error| invalid(&error))?;
    let mut memory = parts.memory;
    memory.settle(body.iter().map(|piece| piece.len() as u64).sum());
    let admission = Admission {
        tenant,
        signal: C::SIGNAL,
        claim: None,
        refs: ScalarBuffer::from(Vec::new()),
        replaced: 0,
        stored: rows.num_rows() as u64,
        rejections: parts.rejections,
        notes: parts.notes,
        interleaved_starts: 0,
        exemplars_dropped: 0,
    };
    Ok(AdmittedRows {
        body,
        rows,
        memory,
        admission,
    })
}
