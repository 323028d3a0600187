//! A batch of spans.

use std::sync::Arc;

use arrow::array::{ArrayRef, ListArray, RecordBatch, StructArray};
use arrow::buffer::{OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, Field, Fields, Int32Type, Int64Type, UInt32Type};
use arrow::error::ArrowError;

use super::columns::{IdColumn, Nulls, TextColumn, numbers, times};
use super::rows::{Common, ResourceSlot, RowsParts, ScopeSlot};
use super::{RowColumns, TimeBounds};
use crate::budget::Reservation;
use crate::ids::Signal;
use crate::outcome::AppendError;
use crate::reason::Reason;
use crate::record::record_schema;
use crate::schema::{SPAN_KINDS, STATUS_CODES, event_fields, link_fields};
use crate::tenant::Tenant;

/// Bytes of a span beside its texts, events and links.
const FIXED_BYTES: usize = 128;
/// Bytes of an event or a link beside its texts.
const FIXED_BYTES_NESTED: usize = 40;

/// Something that happened during a span.
#[derive(Debug, Clone, Copy)]
pub struct SpanEvent<'a> {
    /// When, in nanoseconds since the Unix epoch.
    pub timestamp_ns: i64,
    /// What.
    pub name: &'a str,
    /// JSON object.
    pub attributes: &'a str,
    /// How many attributes the sender dropped.
    pub dropped_attributes_count: u32,
}

/// Another span that a span refers to.
#[derive(Debug, Clone, Copy)]
pub struct SpanLink<'a> {
    /// The other's trace, as sent.
    pub trace_id: [u8; 16],
    /// The other's id, as sent.
    pub span_id: [u8; 8],
    /// W3C trace state; empty is null.
    pub trace_state: &'a str,
    /// As sent.
    pub flags: u32,
    /// JSON object.
    pub attributes: &'a str,
    /// How many attributes the sender dropped.
    pub dropped_attributes_count: u32,
}

/// One span, as a decoder gives it. Empty texts are null where the column may be.
#[derive(Debug, Clone, Copy)]
pub struct SpanRow<'a> {
    /// Of `SpansBatch::resource`.
    pub resource: ResourceSlot,
    /// Of `SpansBatch::scope`.
    pub scope: ScopeSlot,
    /// Its trace; all zeros are refused.
    pub trace_id: [u8; 16],
    /// Its own id; all zeros are refused.
    pub span_id: [u8; 8],
    /// Its parent; `None` or all zeros in a root span.
    pub parent_span_id: Option<[u8; 8]>,
    /// W3C trace state.
    pub trace_state: &'a str,
    /// As sent.
    pub flags: u32,
    /// The operation.
    pub name: &'a str,
    /// OTLP's number of the kind; one it does not know counts as unspecified.
    pub kind: i32,
    /// Its start, in nanoseconds since the Unix epoch.
    pub timestamp_ns: i64,
    /// End minus start in nanoseconds; a negative one is kept as sent.
    pub duration_ns: i64,
    /// OTLP's number of the status; one it does not know counts as unset.
    pub status_code: i32,
    /// The status's message.
    pub status_message: &'a str,
    /// JSON object.
    pub attributes: &'a str,
    /// What happened during it.
    pub events: &'a [SpanEvent<'a>],
    /// What it refers to.
    pub links: &'a [SpanLink<'a>],
    /// How many attributes the sender dropped.
    pub dropped_attributes_count: u32,
    /// How many events the sender dropped.
    pub dropped_events_count: u32,
    /// How many links the sender dropped.
    pub dropped_links_count: u32,
}

impl SpanRow<'_> {
    fn bytes(&self) -> usize {
        let events: usize = self
            .events
            .iter()
            .map(|event| FIXED_BYTES_NESTED + event.name.len() + event.attributes.len())
            .sum();
        let links: usize = self
            .links
            .iter()
            .map(|link| FIXED_BYTES_NESTED + link.trace_state.len() + link.attributes.len())
            .sum();
        let texts = self.trace_state.len() + self.name.len() + self.status_message.len() + self.attributes.len();
        FIXED_BYTES + texts + events + links
    }
}

/// Where the elements of each row's list end; a row without any is null.
#[derive(Debug)]
struct Lists {
    ends: Vec<i32>,
    nulls: Nulls,
}

impl Default for Lists {
    fn default() -> Self {
        Self {
            ends: vec![0],
            nulls: Nulls::default(),
        }
    }
}

impl Lists {
    fn push(&mut self, elements: usize) {
        self.nulls.push(elements > 0, self.ends.len() - 1);
        let end = self.ends.last().copied().unwrap_or(0);
        self.ends.push(end + elements as i32);
    }

    fn finish(self, fields: Fields, columns: Vec<ArrayRef>) -> Result<ArrayRef, ArrowError> {
        let elements = StructArray::try_new(fields.clone(), columns, None)?;
        let field = Arc::new(Field::new_list_field(DataType::Struct(fields), false));
        let offsets = OffsetBuffer::new(ScalarBuffer::from(self.ends));
        Ok(Arc::new(ListArray::try_new(
            field,
            offsets,
            Arc::new(elements),
            self.nulls.finish(),
        )?))
    }
}

#[derive(Debug, Default)]
struct EventColumns {
    lists: Lists,
    timestamp: Vec<i64>,
    name: TextColumn,
    attributes: TextColumn,
    dropped_attributes_count: Vec<u32>,
}

impl EventColumns {
    fn push(&mut self, events: &[SpanEvent<'_>]) {
        self.lists.push(events.len());
        for event in events {
            self.timestamp.push(event.timestamp_ns);
            self.name.push(event.name);
            self.attributes.push(event.attributes);
            self.dropped_attributes_count.push(event.dropped_attributes_count);
        }
    }

    fn finish(self) -> Result<ArrayRef, ArrowError> {
        let columns = vec![
            times(self.timestamp, Nulls::default()),
            self.name.finish()?,
            self.attributes.finish()?,
            numbers::<UInt32Type>(self.dropped_attributes_count),
        ];
        self.lists.finish(event_fields(), columns)
    }
}

#[derive(Debug, Default)]
struct LinkColumns {
    lists: Lists,
    trace_id: IdColumn<16>,
    span_id: IdColumn<8>,
    trace_state: TextColumn,
    flags: Vec<u32>,
    attributes: TextColumn,
    dropped_attributes_count: Vec<u32>,
}

impl LinkColumns {
    fn push(&mut self, links: &[SpanLink<'_>]) {
        self.lists.push(links.len());
        for link in links {
            self.trace_id.push(link.trace_id);
            self.span_id.push(link.span_id);
            self.trace_state.push_non_empty(link.trace_state);
            self.flags.push(link.flags);
            self.attributes.push(link.attributes);
            self.dropped_attributes_count.push(link.dropped_attributes_count);
        }
    }

    fn finish(self) -> Result<ArrayRef, ArrowError> {
        let columns = vec![
            self.trace_id.finish()?,
            self.span_id.finish()?,
            self.trace_state.finish()?,
            numbers::<UInt32Type>(self.flags),
            self.attributes.finish()?,
            numbers::<UInt32Type>(self.dropped_attributes_count),
        ];
        self.lists.finish(link_fields(), columns)
    }
}

#[derive(Debug, Default)]
pub(crate) struct SpanColumns {
    trace_id: IdColumn<16>,
    span_id: IdColumn<8>,
    parent_span_id: IdColumn<8>,
    trace_state: TextColumn,
    flags: Vec<u32>,
    name: TextColumn,
    kind: Vec<i32>,
    timestamp: Vec<i64>,
    duration_ns: Vec<i64>,
    status_code: Vec<i32>,
    status_message: TextColumn,
    resource: Vec<i32>,
    scope: Vec<i32>,
    attributes: TextColumn,
    events: EventColumns,
    links: LinkColumns,
    dropped_attributes_count: Vec<u32>,
    dropped_events_count: Vec<u32>,
    dropped_links_count: Vec<u32>,
}

/// A number that names one of `names`, else 0.
fn known(number: i32, names: &[&str]) -> i32 {
    match usize::try_from(number) {
        Ok(at) if at < names.len() => number,
        _ => 0,
    }
}

impl SpanColumns {
    fn push(&mut self, row: &SpanRow<'_>) {
        self.trace_id.push(row.trace_id);
        self.span_id.push(row.span_id);
        self.parent_span_id.push_option(row.parent_span_id);
        self.trace_state.push_non_empty(row.trace_state);
        self.flags.push(row.flags);
        self.name.push(row.name);
        self.kind.push(known(row.kind, &SPAN_KINDS));
        self.timestamp.push(row.timestamp_ns);
        self.duration_ns.push(row.duration_ns);
        self.status_code.push(known(row.status_code, &STATUS_CODES));
        self.status_message.push_non_empty(row.status_message);
        self.resource.push(row.resource.0);
        self.scope.push(row.scope.0);
        self.attributes.push(row.attributes);
        self.events.push(row.events);
        self.links.push(row.links);
        self.dropped_attributes_count.push(row.dropped_attributes_count);
        self.dropped_events_count.push(row.dropped_events_count);
        self.dropped_links_count.push(row.dropped_links_count);
    }
}

impl RowColumns for SpanColumns {
    const SIGNAL: Signal = Signal::Traces;

    fn finish(self) -> Result<RecordBatch, ArrowError> {
        let columns: Vec<ArrayRef> = vec![
            self.trace_id.finish()?,
            self.span_id.finish()?,
            self.parent_span_id.finish()?,
            self.trace_state.finish()?,
            numbers::<UInt32Type>(self.flags),
            self.name.finish()?,
            numbers::<Int32Type>(self.kind),
            times(self.timestamp, Nulls::default()),
            numbers::<Int64Type>(self.duration_ns),
            numbers::<Int32Type>(self.status_code),
            self.status_message.finish()?,
            numbers::<Int32Type>(self.resource),
            numbers::<Int32Type>(self.scope),
            self.attributes.finish()?,
            self.events.finish()?,
            self.links.finish()?,
            numbers::<UInt32Type>(self.dropped_attributes_count),
            numbers::<UInt32Type>(self.dropped_events_count),
            numbers::<UInt32Type>(self.dropped_links_count),
        ];
        RecordBatch::try_new(record_schema(Signal::Traces), columns)
    }
}

/// Spans of one tenant on their way in.
#[derive(Debug)]
pub struct SpansBatch {
    common: Common,
    columns: SpanColumns,
}

impl SpansBatch {
    pub(crate) fn new(tenant: Arc<Tenant>, bounds: TimeBounds, memory: Reservation) -> Self {
        Self {
            common: Common::new(tenant, Signal::Traces, bounds, memory),
            columns: SpanColumns::default(),
        }
    }

    /// Whose spans.
    pub fn tenant(&self) -> &Arc<Tenant> {
        &self.common.tenant
    }

    /// Spans pushed and taken so far.
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

    /// One span. Counted under its reason where its ids are all zeros, or it is too old, too far ahead or too large.
    pub fn push(&mut self, row: &SpanRow<'_>) {
        if row.trace_id == [0; 16] {
            self.reject(Reason::InvalidTraceId, 1, || {
                format!("the span {:?} has no valid trace id", row.name)
            });
        } else if row.span_id == [0; 8] {
            self.reject(Reason::InvalidSpanId, 1, || {
                format!("the span {:?} has no valid span id", row.name)
            });
        } else if self.common.takes(row.timestamp_ns, row.bytes()) {
            self.columns.push(row);
        }
    }

    /// Counts spans that the decoder refuses itself.
    pub fn reject(&mut self, reason: Reason, items: u64, example: impl FnOnce() -> String) {
        self.common.reject(reason, items, example);
    }

    /// A warning to the sender that refuses nothing.
    pub fn note(&mut self, warning: impl Into<String>) {
        self.common.note(warning.into());
    }

    pub(crate) fn into_parts(self) -> Result<(Arc<Tenant>, RowsParts, SpanColumns), AppendError> {
        let (tenant, parts) = self.common.into_parts()?;
        Ok((tenant, parts, self.columns))
    }
}
