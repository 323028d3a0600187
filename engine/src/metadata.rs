//! What comes beside samples: a metric's type, unit and help, and exemplars, which tie a sample to a trace.

use crate::ids::SeriesRef;

/// A metric's type in Prometheus's words.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum MetricKind {
    /// Not said.
    #[default]
    Unknown = 0,
    /// Only rises, but for resets.
    Counter = 1,
    /// Rises and falls.
    Gauge = 2,
    /// Buckets that only rise.
    Histogram = 3,
    /// Buckets that rise and fall.
    GaugeHistogram = 4,
    /// Quantiles computed by the sender.
    Summary = 5,
    /// A constant 1 with its facts in labels.
    Info = 6,
    /// One of several states.
    Stateset = 7,
}

impl MetricKind {
    /// Every kind, in the order of their numbers.
    pub const ALL: [Self; 8] = [
        Self::Unknown,
        Self::Counter,
        Self::Gauge,
        Self::Histogram,
        Self::GaugeHistogram,
        Self::Summary,
        Self::Info,
        Self::Stateset,
    ];

    /// The word of Prometheus's metadata API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::GaugeHistogram => "gaugehistogram",
            Self::Summary => "summary",
            Self::Info => "info",
            Self::Stateset => "stateset",
        }
    }

    /// The kind of a number written by `kind as u8`.
    pub fn from_u8(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }
}

/// A metric's type, unit and help.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MetricMetadata {
    /// Name of the metric family.
    pub metric: String,
    /// Type.
    pub kind: MetricKind,
    /// Unit as sent; may be empty.
    pub unit: String,
    /// Help text; may be empty.
    pub help: String,
}

/// One measurement that a sample stands for, with the trace it was made in.
#[derive(Debug, Clone, PartialEq)]
pub struct Exemplar {
    /// The series it belongs to.
    pub series: SeriesRef,
    /// When it was measured, in milliseconds.
    pub timestamp_ms: i64,
    /// What was measured.
    pub value: f64,
    /// The trace, 16 bytes.
    pub trace_id: Option<[u8; 16]>,
    /// The span, 8 bytes.
    pub span_id: Option<[u8; 8]>,
    /// Its attributes (or labels) as a JSON object.
    pub attributes: String,
}
