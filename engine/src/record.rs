//! Record bodies of the log: one request of one tenant and signal as columns, which heads share as they are.
//!
//! A body is a frame (see `frame`): a header, a table of sections, the sections on 8-byte offsets. Samples are plain
//! columns; logs and spans are an Arrow record batch whose resources and scopes stand ahead of it, once each.
//! The log checksums records; decoding trusts nothing all the same and never panics.

mod columns;
mod frame;
mod metrics;
mod rows;

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use bytes::Bytes;

pub(crate) use columns::MetricColumns;
pub use columns::{HistogramRows, MetricRows};
pub use frame::InvalidRecord;
pub use metrics::MetricsRecord;
pub(crate) use metrics::encode_metrics;
pub(crate) use rows::{SharedText, record_schema};

use crate::ids::{Signal, TenantId};
use crate::tenant::Tenant;
use frame::Frame;

/// A record read back from the log.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Whose rows.
    pub tenant: TenantId,
    /// The tenant's number in the log when it was written: definitions of its refs carry the same.
    pub space: u32,
    /// Digest of the request, zeros when it had none.
    pub digest: [u8; 16],
    /// The rows.
    pub rows: RecordRows,
}

/// The rows of a record.
#[derive(Debug, Clone, PartialEq)]
pub enum RecordRows {
    /// Samples; refs are those of the segment until `MetricsRecord::remap`.
    Metrics(MetricsRecord),
    /// Log records, in the columns of `schema::logs`.
    Logs(RecordBatch),
    /// Spans, in the columns of `schema::spans`.
    Traces(RecordBatch),
}

impl Record {
    /// Reads a body. Columns share its memory where it is aligned.
    pub fn decode(body: &Bytes) -> Result<Self, InvalidRecord> {
        let frame = Frame::decode(body)?;
        let rows = match frame.signal {
            Signal::Metrics => RecordRows::Metrics(MetricsRecord::decode(&frame)?),
            Signal::Logs => RecordRows::Logs(rows::decode(&frame)?),
            Signal::Traces => RecordRows::Traces(rows::decode(&frame)?),
        };
        Ok(Self {
            tenant: frame.tenant,
            space: frame.space,
            digest: frame.digest,
            rows,
        })
    }

    /// The signal of its rows.
    pub fn signal(&self) -> Signal {
        match self.rows {
            RecordRows::Metrics(_) => Signal::Metrics,
            RecordRows::Logs(_) => Signal::Logs,
            RecordRows::Traces(_) => Signal::Traces,
        }
    }
}

/// The body of a record of logs or spans, and its rows in the columns of `schema`, which share the body's memory.
pub(crate) fn encode_rows(
    tenant: &Tenant,
    signal: Signal,
    shared: &SharedText,
    batch: &RecordBatch,
) -> Result<(Vec<Bytes>, RecordBatch), RowsError> {
    let frame = Frame::new(signal, tenant.id(), tenant.space(), batch.num_rows());
    let frame = rows::encode(frame, shared, batch)?;
    let rows = rows::decode(&frame)?;
    Ok((frame.encode(), rows))
}

/// Rows that cannot become a record: a decoder's fault, such as a resource's slot of another batch.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RowsError {
    #[error(transparent)]
    Arrow(#[from] ArrowError),
    #[error(transparent)]
    Record(#[from] InvalidRecord),
}

#[cfg(test)]
mod tests;
