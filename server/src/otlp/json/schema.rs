//! The OTLP messages as tables: each member's JSON name, its field number and how its value is written.

/// One message.
#[derive(Debug)]
pub(super) struct Message {
    /// For errors.
    pub(super) name: &'static str,
    /// Its members.
    pub(super) members: &'static [Member],
}

/// One member of a message.
#[derive(Debug)]
pub(super) struct Member {
    /// lowerCamelCase, the only form OTLP allows.
    pub(super) name: &'static str,
    /// The field's number.
    pub(super) number: u32,
    /// What its value is.
    pub(super) kind: Kind,
    /// Whether the value is a list.
    pub(super) repeated: bool,
}

/// How a value stands in JSON and on the wire.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// Text.
    Text,
    /// Bytes, base64 in JSON.
    Base64,
    /// Bytes, hex digits in JSON.
    Hex,
    /// A boolean.
    Bool,
    /// A double.
    Double,
    /// An unsigned integer of eight fixed bytes.
    Fixed64,
    /// A signed integer of eight fixed bytes.
    Sfixed64,
    /// An unsigned integer of four fixed bytes.
    Fixed32,
    /// An unsigned varint.
    Uint,
    /// A signed varint, in two's complement.
    Int,
    /// A signed 32-bit varint, zigzag.
    Sint32,
    /// A number of an enumeration, or one of its names.
    Enum(&'static [(&'static str, i32)]),
    /// Another message.
    Message(&'static Message),
}

impl Message {
    /// The member of a JSON name.
    pub(super) fn member(&self, name: &str) -> Option<&'static Member> {
        self.members.iter().find(|member| member.name == name)
    }
}

const fn one(name: &'static str, number: u32, kind: Kind) -> Member {
    Member {
        name,
        number,
        kind,
        repeated: false,
    }
}

const fn list(name: &'static str, number: u32, kind: Kind) -> Member {
    Member {
        name,
        number,
        kind,
        repeated: true,
    }
}

const TEMPORALITY: Kind = Kind::Enum(&[
    ("AGGREGATION_TEMPORALITY_UNSPECIFIED", 0),
    ("AGGREGATION_TEMPORALITY_DELTA", 1),
    ("AGGREGATION_TEMPORALITY_CUMULATIVE", 2),
]);

const SPAN_KIND: Kind = Kind::Enum(&[
    ("SPAN_KIND_UNSPECIFIED", 0),
    ("SPAN_KIND_INTERNAL", 1),
    ("SPAN_KIND_SERVER", 2),
    ("SPAN_KIND_CLIENT", 3),
    ("SPAN_KIND_PRODUCER", 4),
    ("SPAN_KIND_CONSUMER", 5),
]);

const STATUS_CODE: Kind = Kind::Enum(&[
    ("STATUS_CODE_UNSET", 0),
    ("STATUS_CODE_OK", 1),
    ("STATUS_CODE_ERROR", 2),
]);

const SEVERITY: Kind = Kind::Enum(&[
    ("SEVERITY_NUMBER_UNSPECIFIED", 0),
    ("SEVERITY_NUMBER_TRACE", 1),
    ("SEVERITY_NUMBER_TRACE2", 2),
    ("SEVERITY_NUMBER_TRACE3", 3),
    ("SEVERITY_NUMBER_TRACE4", 4),
    ("SEVERITY_NUMBER_DEBUG", 5),
    ("SEVERITY_NUMBER_DEBUG2", 6),
    ("SEVERITY_NUMBER_DEBUG3", 7),
    ("SEVERITY_NUMBER_DEBUG4", 8),
    ("SEVERITY_NUMBER_INFO", 9),
    ("SEVERITY_NUMBER_INFO2", 10),
    ("SEVERITY_NUMBER_INFO3", 11),
    ("SEVERITY_NUMBER_INFO4", 12),
    ("SEVERITY_NUMBER_WARN", 13),
    ("SEVERITY_NUMBER_WARN2", 14),
    ("SEVERITY_NUMBER_WARN3", 15),
    ("SEVERITY_NUMBER_WARN4", 16),
    ("SEVERITY_NUMBER_ERROR", 17),
    ("SEVERITY_NUMBER_ERROR2", 18),
    ("SEVERITY_NUMBER_ERROR3", 19),
    ("SEVERITY_NUMBER_ERROR4", 20),
    ("SEVERITY_NUMBER_FATAL", 21),
    ("SEVERITY_NUMBER_FATAL2", 22),
    ("SEVERITY_NUMBER_FATAL3", 23),
    ("SEVERITY_NUMBER_FATAL4", 24),
]);

static ANY_VALUE: Message = Message {
    name: "AnyValue",
    members: &[
        one("stringValue", 1, Kind::Text),
        one("boolValue", 2, Kind::Bool),
        one("intValue", 3, Kind::Int),
        one("doubleValue", 4, Kind::Double),
        one("arrayValue", 5, Kind::Message(&ARRAY_VALUE)),
        one("kvlistValue", 6, Kind::Message(&KEY_VALUE_LIST)),
        one("bytesValue", 7, Kind::Base64),
        one("stringValueStrindex", 8, Kind::Int),
    ],
};

static ARRAY_VALUE: Message = Message {
    name: "ArrayValue",
    members: &[list("values", 1, Kind::Message(&ANY_VALUE))],
};

static KEY_VALUE_LIST: Message = Message {
    name: "KeyValueList",
    members: &[list("values", 1, Kind::Message(&KEY_VALUE))],
};

static KEY_VALUE: Message = Message {
    name: "KeyValue",
    members: &[
        one("key", 1, Kind::Text),
        one("value", 2, Kind::Message(&ANY_VALUE)),
        one("keyStrindex", 3, Kind::Int),
    ],
};

static ENTITY_REF: Message = Message {
    name: "EntityRef",
    members: &[
        one("schemaUrl", 1, Kind::Text),
        one("type", 2, Kind::Text),
        list("idKeys", 3, Kind::Text),
        list("descriptionKeys", 4, Kind::Text),
    ],
};

static RESOURCE: Message = Message {
    name: "Resource",
    members: &[
        list("attributes", 1, Kind::Message(&KEY_VALUE)),
        one("droppedAttributesCount", 2, Kind::Uint),
        list("entityRefs", 3, Kind::Message(&ENTITY_REF)),
    ],
};

static SCOPE: Message = Message {
    name: "InstrumentationScope",
    members: &[
        one("name", 1, Kind::Text),
        one("version", 2, Kind::Text),
        list("attributes", 3, Kind::Message(&KEY_VALUE)),
        one("droppedAttributesCount", 4, Kind::Uint),
    ],
};

pub(super) static METRICS_REQUEST: Message = Message {
    name: "ExportMetricsServiceRequest",
    members: &[list("resourceMetrics", 1, Kind::Message(&RESOURCE_METRICS))],
};

static RESOURCE_METRICS: Message = Message {
    name: "ResourceMetrics",
    members: &[
        one("resource", 1, Kind::Message(&RESOURCE)),
        list("scopeMetrics", 2, Kind::Message(&SCOPE_METRICS)),
        one("schemaUrl", 3, Kind::Text),
    ],
};

static SCOPE_METRICS: Message = Message {
    name: "ScopeMetrics",
    members: &[
        one("scope", 1, Kind::Message(&SCOPE)),
        list("metrics", 2, Kind::Message(&METRIC)),
        one("schemaUrl", 3, Kind::Text),
    ],
};

static METRIC: Message = Message {
    name: "Metric",
    members: &[
        one("name", 1, Kind::Text),
        one("description", 2, Kind::Text),
        one("unit", 3, Kind::Text),
        one("gauge", 5, Kind::Message(&NUMBER_DATA)),
        one("sum", 7, Kind::Message(&NUMBER_DATA)),
        one("histogram", 9, Kind::Message(&HISTOGRAM)),
        one("exponentialHistogram", 10, Kind::Message(&EXPONENTIAL_HISTOGRAM)),
        one("summary", 11, Kind::Message(&SUMMARY)),
        list("metadata", 12, Kind::Message(&KEY_VALUE)),
    ],
};

/// `Gauge` and `Sum`: a gauge has the first member only.
static NUMBER_DATA: Message = Message {
    name: "Sum",
    members: &[
        list("dataPoints", 1, Kind::Message(&NUMBER_POINT)),
        one("aggregationTemporality", 2, TEMPORALITY),
        one("isMonotonic", 3, Kind::Bool),
    ],
};

static HISTOGRAM: Message = Message {
    name: "Histogram",
    members: &[
        list("dataPoints", 1, Kind::Message(&HISTOGRAM_POINT)),
        one("aggregationTemporality", 2, TEMPORALITY),
    ],
};

static EXPONENTIAL_HISTOGRAM: Message = Message {
    name: "ExponentialHistogram",
    members: &[
        list("dataPoints", 1, Kind::Message(&EXPONENTIAL_POINT)),
        one("aggregationTemporality", 2, TEMPORALITY),
    ],
};

static SUMMARY: Message = Message {
    name: "Summary",
    members: &[list("dataPoints", 1, Kind::Message(&SUMMARY_POINT))],
};

static NUMBER_POINT: Message = Message {
    name: "NumberDataPoint",
    members: &[
        one("startTimeUnixNano", 2, Kind::Fixed64),
        one("timeUnixNano", 3, Kind::Fixed64),
        one("asDouble", 4, Kind::Double),
        list("exemplars", 5, Kind::Message(&EXEMPLAR)),
        one("asInt", 6, Kind::Sfixed64),
        list("attributes", 7, Kind::Message(&KEY_VALUE)),
        one("flags", 8, Kind::Uint),
    ],
};

static HISTOGRAM_POINT: Message = Message {
    name: "HistogramDataPoint",
    members: &[
        one("startTimeUnixNano", 2, Kind::Fixed64),
        one("timeUnixNano", 3, Kind::Fixed64),
        one("count", 4, Kind::Fixed64),
        one("sum", 5, Kind::Double),
        list("bucketCounts", 6, Kind::Fixed64),
        list("explicitBounds", 7, Kind::Double),
        list("exemplars", 8, Kind::Message(&EXEMPLAR)),
        list("attributes", 9, Kind::Message(&KEY_VALUE)),
        one("flags", 10, Kind::Uint),
        one("min", 11, Kind::Double),
        one("max", 12, Kind::Double),
    ],
};

static EXPONENTIAL_POINT: Message = Message {
    name: "ExponentialHistogramDataPoint",
    members: &[
        list("attributes", 1, Kind::Message(&KEY_VALUE)),
        one("startTimeUnixNano", 2, Kind::Fixed64),
        one("timeUnixNano", 3, Kind::Fixed64),
        one("count", 4, Kind::Fixed64),
        one("sum", 5, Kind::Double),
        one("scale", 6, Kind::Sint32),
        one("zeroCount", 7, Kind::Fixed64),
        one("positive", 8, Kind::Message(&BUCKETS)),
        one("negative", 9, Kind::Message(&BUCKETS)),
        one("flags", 10, Kind::Uint),
        list("exemplars", 11, Kind::Message(&EXEMPLAR)),
        one("min", 12, Kind::Double),
        one("max", 13, Kind::Double),
        one("zeroThreshold", 14, Kind::Double),
    ],
};

static BUCKETS: Message = Message {
    name: "Buckets",
    members: &[one("offset", 1, Kind::Sint32), list("bucketCounts", 2, Kind::Uint)],
};

static SUMMARY_POINT: Message = Message {
    name: "SummaryDataPoint",
    members: &[
        one("startTimeUnixNano", 2, Kind::Fixed64),
        one("timeUnixNano", 3, Kind::Fixed64),
        one("count", 4, Kind::Fixed64),
        one("sum", 5, Kind::Double),
        list("quantileValues", 6, Kind::Message(&VALUE_AT_QUANTILE)),
        list("attributes", 7, Kind::Message(&KEY_VALUE)),
        one("flags", 8, Kind::Uint),
    ],
};

static VALUE_AT_QUANTILE: Message = Message {
    name: "ValueAtQuantile",
    members: &[one("quantile", 1, Kind::Double), one("value", 2, Kind::Double)],
};

static EXEMPLAR: Message = Message {
    name: "Exemplar",
    members: &[
        one("timeUnixNano", 2, Kind::Fixed64),
        one("asDouble", 3, Kind::Double),
        one("spanId", 4, Kind::Hex),
        one("traceId", 5, Kind::Hex),
        one("asInt", 6, Kind::Sfixed64),
        list("filteredAttributes", 7, Kind::Message(&KEY_VALUE)),
    ],
};

pub(super) static LOGS_REQUEST: Message = Message {
    name: "ExportLogsServiceRequest",
    members: &[list("resourceLogs", 1, Kind::Message(&RESOURCE_LOGS))],
};

static RESOURCE_LOGS: Message = Message {
    name: "ResourceLogs",
    members: &[
        one("resource", 1, Kind::Message(&RESOURCE)),
        list("scopeLogs", 2, Kind::Message(&SCOPE_LOGS)),
        one("schemaUrl", 3, Kind::Text),
    ],
};

static SCOPE_LOGS: Message = Message {
    name: "ScopeLogs",
    members: &[
        one("scope", 1, Kind::Message(&SCOPE)),
        list("logRecords", 2, Kind::Message(&LOG_RECORD)),
        one("schemaUrl", 3, Kind::Text),
    ],
};

static LOG_RECORD: Message = Message {
    name: "LogRecord",
    members: &[
        one("timeUnixNano", 1, Kind::Fixed64),
        one("severityNumber", 2, SEVERITY),
        one("severityText", 3, Kind::Text),
        one("body", 5, Kind::Message(&ANY_VALUE)),
        list("attributes", 6, Kind::Message(&KEY_VALUE)),
        one("droppedAttributesCount", 7, Kind::Uint),
        one("flags", 8, Kind::Fixed32),
        one("traceId", 9, Kind::Hex),
        one("spanId", 10, Kind::Hex),
        one("observedTimeUnixNano", 11, Kind::Fixed64),
        one("eventName", 12, Kind::Text),
    ],
};

pub(super) static TRACES_REQUEST: Message = Message {
    name: "ExportTraceServiceRequest",
    members: &[list("resourceSpans", 1, Kind::Message(&RESOURCE_SPANS))],
};

static RESOURCE_SPANS: Message = Message {
    name: "ResourceSpans",
    members: &[
        one("resource", 1, Kind::Message(&RESOURCE)),
        list("scopeSpans", 2, Kind::Message(&SCOPE_SPANS)),
        one("schemaUrl", 3, Kind::Text),
    ],
};

static SCOPE_SPANS: Message = Message {
    name: "ScopeSpans",
    members: &[
        one("scope", 1, Kind::Message(&SCOPE)),
        list("spans", 2, Kind::Message(&SPAN)),
        one("schemaUrl", 3, Kind::Text),
    ],
};

static SPAN: Message = Message {
    name: "Span",
    members: &[
        one("traceId", 1, Kind::Hex),
        one("spanId", 2, Kind::Hex),
        one("traceState", 3, Kind::Text),
        one("parentSpanId", 4, Kind::Hex),
        one("name", 5, Kind::Text),
        one("kind", 6, SPAN_KIND),
        one("startTimeUnixNano", 7, Kind::Fixed64),
        one("endTimeUnixNano", 8, Kind::Fixed64),
        list("attributes", 9, Kind::Message(&KEY_VALUE)),
        one("droppedAttributesCount", 10, Kind::Uint),
        list("events", 11, Kind::Message(&EVENT)),
        one("droppedEventsCount", 12, Kind::Uint),
        list("links", 13, Kind::Message(&LINK)),
        one("droppedLinksCount", 14, Kind::Uint),
        one("status", 15, Kind::Message(&STATUS)),
        one("flags", 16, Kind::Fixed32),
    ],
};

static EVENT: Message = Message {
    name: "Span.Event",
    members: &[
        one("timeUnixNano", 1, Kind::Fixed64),
        one("name", 2, Kind::Text),
        list("attributes", 3, Kind::Message(&KEY_VALUE)),
        one("droppedAttributesCount", 4, Kind::Uint),
    ],
};

static LINK: Message = Message {
    name: "Span.Link",
    members: &[
        one("traceId", 1, Kind::Hex),
        one("spanId", 2, Kind::Hex),
        one("traceState", 3, Kind::Text),
        list("attributes", 4, Kind::Message(&KEY_VALUE)),
        one("droppedAttributesCount", 5, Kind::Uint),
        one("flags", 6, Kind::Fixed32),
    ],
};

static STATUS: Message = Message {
    name: "Status",
    members: &[one("message", 2, Kind::Text), one("code", 3, STATUS_CODE)],
};
