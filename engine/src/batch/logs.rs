//! A batch of log records.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, RecordBatch};
use arrow::datatypes::{Int32Type, UInt32Type};
use arrow::error::ArrowError;

use super::columns::{IdColumn, Nulls, TextColumn, numbers, times};
use super::rows::{Common, ResourceSlot, RowsParts, ScopeSlot};
use super::{RowColumns, TimeBounds};
use crate::budget::Reservation;
use crate::ids::Signal;
use crate::outcome::AppendError;
use crate::reason::Reason;
use crate::record::record_schema;
use crate::tenant::Tenant;

/// Bytes of a record beside its texts.
const FIXED_BYTES: usize = 96;

/// One log record, as a decoder gives it. Empty texts are null where the column may be.
#[derive(Debug, Clone, Copy)]
pub struct LogRow<'a> {
    /// Of `LogsBatch::resource`.
    pub resource: ResourceSlot,
    /// Of `LogsBatch::scope`.
    pub scope: ScopeSlot,
    /// When it happened, in nanoseconds since the Unix epoch.
    pub timestamp_ns: i64,
    /// When it was seen, in nanoseconds; `None` where unknown.
    pub observed_timestamp_ns: Option<i64>,
    /// OpenTelemetry's 1 to 24, 0 unspecified.
    pub severity_number: i32,
    /// As its source wrote it.
    pub severity_text: &'a str,
    /// The message: a text, or JSON of what was no text; `None` where there is none.
    pub body: Option<&'a str>,
    /// Whether `body` is the JSON of what was no text.
    pub body_is_json: bool,
    /// Name of the event; empty when it is none.
    pub event_name: &'a str,
    /// JSON object.
    pub attributes: &'a str,
    /// Its trace; all zeros count as none.
    pub trace_id: Option<[u8; 16]>,
    /// Its span; all zeros count as none.
    pub span_id: Option<[u8; 8]>,
    /// As sent.
    pub flags: u32,
    /// How many attributes the sender dropped.
    pub dropped_attributes_count: u32,
}

#[derive(Debug, Default)]
pub(crate) struct LogColumns {
    timestamp: Vec<i64>,
    observed_timestamp: (Vec<i64>, Nulls),
    severity_number: Vec<i32>,
    severity_text: TextColumn,
    body: TextColumn,
    body_is_json: Vec<bool>,
    event_name: TextColumn,
    resource: Vec<i32>,
    scope: Vec<i32>,
    attributes: TextColumn,
    trace_id: IdColumn<16>,
    span_id: IdColumn<8>,
    flags: Vec<u32>,
    dropped_attributes_count: Vec<u32>,
}

impl LogColumns {
    fn push(&mut self, row: &LogRow<'_>) {
        let rows = self.timestamp.len();
        self.timestamp.push(row.timestamp_ns);
        self.observed_timestamp.0.push(row.observed_timestamp_ns.unwrap_or(0));
        self.observed_timestamp
            .1
            .push(row.observed_timestamp_ns.is_some(), rows);
        self.severity_number.push(row.severity_number);
        self.severity_text.push_non_empty(row.severity_text);
        self.body.push_option(row.body);
        self.body_is_json.push(row.body_is_json);
        self.event_name.push_non_empty(row.event_name);
        self.resource.push(row.resource.0);
        self.scope.push(row.scope.0);
        self.attributes.push(row.attributes);
        self.trace_id.push_option(row.trace_id);
        self.span_id.push_option(row.span_id);
        self.flags.push(row.flags);
        self.dropped_attributes_count.push(row.dropped_attributes_count);
    }
}

impl RowColumns for LogColumns {
    const SIGNAL: Signal = Signal::Logs;

    fn finish(self) -> Result<RecordBatch, ArrowError> {
        let columns: Vec<ArrayRef> = vec![
            times(self.timestamp, Nulls::default()),
            times(self.observed_timestamp.0, self.observed_timestamp.1),
            numbers::<Int32Type>(self.severity_number),
            self.severity_text.finish()?,
            self.body.finish()?,
            Arc::new(BooleanArray::from(self.body_is_json)),
            self.event_name.finish()?,
            numbers::<Int32Type>(self.resource),
            numbers::<Int32Type>(self.scope),
            self.attributes.finish()?,
            self.trace_id.finish()?,
            self.span_id.finish()?,
            numbers::<UInt32Type>(self.flags),
            numbers::<UInt32Type>(self.dropped_attributes_count),
        ];
        RecordBatch::try_new(record_schema(Signal::Logs), columns)
    }
}

/// Log records of one tenant on their way in.
#[derive(Debug)]
pub struct LogsBatch {
    common: Common,
    columns: LogColumns,
}

impl LogsBatch {
    pub(crate) fn new(tenant: Arc<Tenant>, bounds: TimeBounds, memory: Reservation) -> Self {
        Self {
            common: Common::new(tenant, Signal::Logs, bounds, memory),
            columns: LogColumns::default(),
        }
    }

    /// Whose records.
    pub fn tenant(&self) -> &Arc<Tenant> {
        &self.common.tenant
    }

    /// When the batch arrived, in nanoseconds since the Unix epoch: the time of records that have none.
    pub fn now_ns(&self) -> i64 {
        self.common.now_ns()
    }

    /// Records pushed and taken so far.
    pub fn rows(&self) -> usize {
        self.columns.timestamp.len()
    }

    /// A resource (its attributes as a JSON object) and the name of its service, empty when it has none.
    pub fn resource(&mut self, json: &str, service_name: &str) -> ResourceSlot {
        self.common.resource(json, service_name)
    }

    /// An instrumentation scope as a JSON object.
    pub fn scope(&mut self, json: &str) -> ScopeSlot {
        self.common.scope(json)
    }

    /// One record. Counted under its reason where it is too old, too far ahead or too large.
    pub fn push(&mut self, row: &LogRow<'_>) {
        let bytes = FIXED_BYTES
            + row.severity_text.len()
            + row.body.map_or(0, str::len)
            + row.event_name.len()
            + row.attributes.len();
        if self.common.takes(row.timestamp_ns, bytes) {
            self.columns.push(row);
        }
    }

    /// Counts records that the decoder refuses itself.
    pub fn reject(&mut self, reason: Reason, items: u64, example: impl FnOnce() -> String) {
        self.common.reject(reason, items, example);
    }

    /// A warning to the sender that refuses nothing.
    pub fn note(&mut self, warning: impl Into<String>) {
        self.common.note(warning.into());
    }

    pub(crate) fn into_parts(self) -> Result<(Arc<Tenant>, RowsParts, LogColumns), AppendError> {
        let (tenant, parts) = self.common.into_parts()?;
        Ok((tenant, parts, self.columns))
    }
}
