//! Record bodies of the log: one request of one tenant and signal as columns, which heads share as they are.
//!
//! A body is a frame (see `frame`): a header, a table of sections, the sections on 8-byte offsets. Samples are plain
//! columns; logs and spans are an Arrow record batch whose resources and scopes stand ahead of it, once each.
//! The log checksums records; decoding trusts nothing all the same and never panics.

mod columns;
mod frame;
mod metrics;

use bytes::Bytes;

pub(crate) use columns::MetricColumns;
pub use columns::{HistogramRows, MetricRows};
pub use frame::InvalidRecord;
pub use metrics::MetricsRecord;
pub(crate) use metrics::encode_metrics;

use crate::ids::{Signal, TenantId};
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
}

impl Record {
    /// Reads a body. Columns share its memory where it is aligned.
    pub fn decode(body: &Bytes) -> Result<Self, InvalidRecord> {
        let frame = Frame::decode(body)?;
        let rows = match frame.signal {
            Signal::Metrics => RecordRows::Metrics(MetricsRecord::decode(&frame)?),
            Signal::Logs | Signal::Traces => return Err(InvalidRecord::Section),
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
        }
    }
}

#[cfg(test)]
mod tests;
