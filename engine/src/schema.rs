//! The rows of each signal as Arrow sees them: in WAL records, in heads, and in the Parquet files that anybody can read.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};

use crate::ids::Signal;

/// Column names, one constant each, so that a typing error is a compile error.
pub mod column {
    /// Metric name (metrics).
    pub const METRIC: &str = "metric";
    /// Canonical JSON object of the labels without the name (metrics).
    pub const LABELS: &str = "labels";
    /// Time of the row: sample, log record, or start of the span.
    pub const TIMESTAMP: &str = "timestamp";
    /// The value times ten to the scale, where that is exact (metrics).
    pub const VALUE_MANTISSA: &str = "value_mantissa";
    /// Decimal digits after the point of the mantissa (metrics).
    pub const VALUE_SCALE: &str = "value_scale";
    /// The value where it is no short decimal (metrics).
    pub const VALUE_DOUBLE: &str = "value_double";
    /// Start of the accumulation (metrics).
    pub const START_TIMESTAMP: &str = "start_timestamp";
    /// `cumulative`, `delta` or null (metrics).
    pub const TEMPORALITY: &str = "temporality";
    /// Native (exponential) histogram (metrics, only in parts that hold one).
    pub const HISTOGRAM: &str = "histogram";
    /// When the collector saw the record (logs).
    pub const OBSERVED_TIMESTAMP: &str = "observed_timestamp";
    /// OpenTelemetry's 1 to 24, 0 unspecified (logs).
    pub const SEVERITY_NUMBER: &str = "severity_number";
    /// The severity as its source wrote it (logs).
    pub const SEVERITY_TEXT: &str = "severity_text";
    /// The message (logs).
    pub const BODY: &str = "body";
    /// True where the body was no string and `body` is its JSON (logs).
    pub const BODY_IS_JSON: &str = "body_is_json";
    /// Name of the event (logs).
    pub const EVENT_NAME: &str = "event_name";
    /// `service.name` of the resource (logs, spans).
    pub const SERVICE_NAME: &str = "service_name";
    /// The resource as JSON (logs, spans).
    pub const RESOURCE: &str = "resource";
    /// The instrumentation scope as JSON (logs, spans).
    pub const SCOPE: &str = "scope";
    /// The attributes as a JSON object (logs, spans).
    pub const ATTRIBUTES: &str = "attributes";
    /// 16 bytes (logs, spans).
    pub const TRACE_ID: &str = "trace_id";
    /// 8 bytes (logs, spans).
    pub const SPAN_ID: &str = "span_id";
    /// Flags of the record or span.
    pub const FLAGS: &str = "flags";
    /// How many attributes the sender dropped.
    pub const DROPPED_ATTRIBUTES_COUNT: &str = "dropped_attributes_count";
    /// 8 bytes, null in a root span.
    pub const PARENT_SPAN_ID: &str = "parent_span_id";
    /// W3C trace state (spans).
    pub const TRACE_STATE: &str = "trace_state";
    /// Name of the operation (spans, events).
    pub const NAME: &str = "name";
    /// unspecified, internal, server, client, producer or consumer (spans).
    pub const KIND: &str = "kind";
    /// End minus start in nanoseconds; negative where the sender's clocks were (spans).
    pub const DURATION_NS: &str = "duration_ns";
    /// unset, ok or error (spans).
    pub const STATUS_CODE: &str = "status_code";
    /// The status's message (spans).
    pub const STATUS_MESSAGE: &str = "status_message";
    /// The span's events.
    pub const EVENTS: &str = "events";
    /// The span's links.
    pub const LINKS: &str = "links";
    /// How many events the sender dropped.
    pub const DROPPED_EVENTS_COUNT: &str = "dropped_events_count";
    /// How many links the sender dropped.
    pub const DROPPED_LINKS_COUNT: &str = "dropped_links_count";
}

/// Width of a trace id in bytes.
pub const TRACE_ID_BYTES: i32 = 16;
/// Width of a span id in bytes.
pub const SPAN_ID_BYTES: i32 = 8;
/// The texts of `kind`, by OTLP's number.
pub const SPAN_KINDS: [&str; 6] = ["unspecified", "internal", "server", "client", "producer", "consumer"];
/// The texts of `status_code`, by OTLP's number.
pub const STATUS_CODES: [&str; 3] = ["unset", "ok", "error"];

/// Dictionary type of text that repeats from row to row.
pub fn dictionary_type() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
}

/// Type of a sample's time: milliseconds, UTC.
pub fn timestamp_ms_type() -> DataType {
    DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()))
}

/// Type of a log's or span's time: nanoseconds, UTC.
pub fn timestamp_ns_type() -> DataType {
    DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()))
}

fn required(name: &str, data_type: DataType) -> Field {
    Field::new(name, data_type, false)
}

fn nullable(name: &str, data_type: DataType) -> Field {
    Field::new(name, data_type, true)
}

/// Rows of metrics. The column `histogram` is there only `with_histograms`.
pub fn metrics(with_histograms: bool) -> SchemaRef {
    let mut fields = vec![
        required(column::METRIC, dictionary_type()),
        required(column::LABELS, dictionary_type()),
        required(column::TIMESTAMP, timestamp_ms_type()),
        nullable(column::VALUE_MANTISSA, DataType::Int64),
        nullable(column::VALUE_SCALE, DataType::Int8),
        nullable(column::VALUE_DOUBLE, DataType::Float64),
        nullable(column::START_TIMESTAMP, timestamp_ms_type()),
        nullable(column::TEMPORALITY, dictionary_type()),
    ];
    if with_histograms {
        fields.push(nullable(
            column::HISTOGRAM,
            DataType::Struct(crate::histogram::histogram_fields()),
        ));
    }
    Arc::new(Schema::new(fields))
}

/// Rows of logs.
pub fn logs() -> SchemaRef {
    Arc::new(Schema::new(vec![
        required(column::TIMESTAMP, timestamp_ns_type()),
        nullable(column::OBSERVED_TIMESTAMP, timestamp_ns_type()),
        required(column::SEVERITY_NUMBER, DataType::Int32),
        nullable(column::SEVERITY_TEXT, DataType::Utf8),
        nullable(column::BODY, DataType::Utf8),
        required(column::BODY_IS_JSON, DataType::Boolean),
        nullable(column::EVENT_NAME, DataType::Utf8),
        required(column::SERVICE_NAME, dictionary_type()),
        required(column::RESOURCE, dictionary_type()),
        required(column::SCOPE, dictionary_type()),
        required(column::ATTRIBUTES, DataType::Utf8),
        nullable(column::TRACE_ID, DataType::FixedSizeBinary(TRACE_ID_BYTES)),
        nullable(column::SPAN_ID, DataType::FixedSizeBinary(SPAN_ID_BYTES)),
        required(column::FLAGS, DataType::UInt32),
        required(column::DROPPED_ATTRIBUTES_COUNT, DataType::UInt32),
    ]))
}

/// Fields of one element of `events`.
pub fn event_fields() -> Fields {
    Fields::from(vec![
        required(column::TIMESTAMP, timestamp_ns_type()),
        required(column::NAME, DataType::Utf8),
        required(column::ATTRIBUTES, DataType::Utf8),
        required(column::DROPPED_ATTRIBUTES_COUNT, DataType::UInt32),
    ])
}

/// Fields of one element of `links`.
pub fn link_fields() -> Fields {
    Fields::from(vec![
        required(column::TRACE_ID, DataType::FixedSizeBinary(TRACE_ID_BYTES)),
        required(column::SPAN_ID, DataType::FixedSizeBinary(SPAN_ID_BYTES)),
        nullable(column::TRACE_STATE, DataType::Utf8),
        required(column::FLAGS, DataType::UInt32),
        required(column::ATTRIBUTES, DataType::Utf8),
        required(column::DROPPED_ATTRIBUTES_COUNT, DataType::UInt32),
    ])
}

/// A list (`events`, `links`): a struct per element, null where a span has none.
fn list_of(fields: Fields) -> DataType {
    DataType::List(Arc::new(Field::new_list_field(DataType::Struct(fields), false)))
}

/// Rows of traces.
pub fn spans() -> SchemaRef {
    Arc::new(Schema::new(vec![
        required(column::TRACE_ID, DataType::FixedSizeBinary(TRACE_ID_BYTES)),
        required(column::SPAN_ID, DataType::FixedSizeBinary(SPAN_ID_BYTES)),
        nullable(column::PARENT_SPAN_ID, DataType::FixedSizeBinary(SPAN_ID_BYTES)),
        nullable(column::TRACE_STATE, DataType::Utf8),
        required(column::FLAGS, DataType::UInt32),
        required(column::NAME, DataType::Utf8),
        required(column::KIND, dictionary_type()),
        required(column::TIMESTAMP, timestamp_ns_type()),
        required(column::DURATION_NS, DataType::Int64),
        required(column::STATUS_CODE, dictionary_type()),
        nullable(column::STATUS_MESSAGE, DataType::Utf8),
        required(column::SERVICE_NAME, dictionary_type()),
        required(column::RESOURCE, dictionary_type()),
        required(column::SCOPE, dictionary_type()),
        required(column::ATTRIBUTES, DataType::Utf8),
        nullable(column::EVENTS, list_of(event_fields())),
        nullable(column::LINKS, list_of(link_fields())),
        required(column::DROPPED_ATTRIBUTES_COUNT, DataType::UInt32),
        required(column::DROPPED_EVENTS_COUNT, DataType::UInt32),
        required(column::DROPPED_LINKS_COUNT, DataType::UInt32),
    ]))
}

/// Rows of a signal; metrics with the column `histogram`, nullable there.
pub fn of(signal: Signal) -> SchemaRef {
    match signal {
        Signal::Metrics => metrics(true),
        Signal::Logs => logs(),
        Signal::Traces => spans(),
    }
}

/// How a sum or a histogram counts; gauges and remote-write samples do not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[repr(u8)]
pub enum Temporality {
    /// Null in the column.
    #[default]
    Unspecified = 0,
    /// Since the start.
    Cumulative = 1,
    /// Since the last point.
    Delta = 2,
}

impl Temporality {
    /// The column's text, `None` for null.
    pub const fn as_str(self) -> Option<&'static str> {
        match self {
            Self::Unspecified => None,
            Self::Cumulative => Some("cumulative"),
            Self::Delta => Some("delta"),
        }
    }

    /// The temporality of a number written by `temporality as u8`.
    pub const fn from_u8(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Unspecified),
            1 => Some(Self::Cumulative),
            2 => Some(Self::Delta),
            _ => None,
        }
    }
}

/// Largest decimal scale that a mantissa column uses.
pub const VALUE_SCALE_MAX: u8 = 6;

/// The value of a mantissa and its scale, bit for bit what was stored; `None` for a scale that no writer makes.
pub fn value_of_mantissa(mantissa: i64, scale: u8) -> Option<f64> {
    /// Powers of ten that are exact as doubles.
    const POWERS: [f64; VALUE_SCALE_MAX as usize + 1] = [1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6];
    POWERS.get(usize::from(scale)).map(|power| mantissa as f64 / power)
}

#[cfg(test)]
mod tests;
