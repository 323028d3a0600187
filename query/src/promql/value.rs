//! Answers as plain data: what the server renders and the library's user reads.

use super::labels::Labels;

/// One sample of a series.
#[derive(Debug, Clone, PartialEq)]
pub struct VectorSample {
    /// The series.
    pub labels: Labels,
    /// Milliseconds.
    pub timestamp_ms: i64,
    /// The value.
    pub value: f64,
}

/// Samples of a series over time.
#[derive(Debug, Clone, PartialEq)]
pub struct MatrixSeries {
    /// The series.
    pub labels: Labels,
    /// (milliseconds, value), in time order.
    pub points: Vec<(i64, f64)>,
}

/// A query's value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// One number at one instant.
    Scalar {
        /// Milliseconds.
        timestamp_ms: i64,
        /// The number.
        value: f64,
    },
    /// One text at one instant.
    Text {
        /// Milliseconds.
        timestamp_ms: i64,
        /// The text.
        value: String,
    },
    /// One sample a series; the order is meant when the query sorts.
    Vector(Vec<VectorSample>),
    /// Samples per series, sorted by labels.
    Matrix(Vec<MatrixSeries>),
}

/// A query's answer.
#[derive(Debug, Clone, PartialEq)]
pub struct QueryResult {
    /// The value.
    pub value: Value,
    /// What is probably wrong with the query or the data, in Prometheus's words.
    pub warnings: Vec<String>,
    /// What is worth knowing.
    pub infos: Vec<String>,
    /// Samples read.
    pub samples_read: u64,
}
