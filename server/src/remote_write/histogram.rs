//! Native histograms of remote write: spans and deltas, or spans and counts, into adjacent buckets as OTLP has them.

use icecore_engine::batch::{MetricsBatch, Slot};
use icecore_engine::histogram::{Buckets, CUSTOM_BOUNDS_SCHEMA, HISTOGRAM_BUCKETS_MAX, NativeHistogram};
use icecore_engine::reason::{Reason, Reject};
use icecore_engine::schema::Temporality;

use crate::otlp::metrics::STALE_NAN_BITS;
use crate::protobuf::{Fields, WireError, doubles, signed_varints};

/// A histogram with its time.
#[derive(Debug)]
pub(super) struct HistogramSample {
    time_ms: i64,
    histogram: NativeHistogram,
    stale: bool,
}

impl HistogramSample {
    /// Adds it to the batch; a stale one as the stale marker.
    pub(super) fn push(&self, batch: &mut MetricsBatch, slot: Slot) {
        if self.stale {
            let stale = f64::from_bits(STALE_NAN_BITS);
            batch.sample(slot, self.time_ms, stale, 0, Temporality::Unspecified);
        } else {
            batch.histogram(slot, self.time_ms, &self.histogram, 0, Temporality::Unspecified);
        }
    }
}

/// The message's fields as they stand on the wire.
#[derive(Debug, Default)]
struct Raw {
    count: Number,
    sum: f64,
    schema: i32,
    zero_threshold: f64,
    zero_count: Number,
    negative: Side,
    positive: Side,
    time_ms: i64,
    custom_bounds: Vec<f64>,
}

/// A count that is an integer or a float.
#[derive(Debug, Clone, Copy)]
enum Number {
    Integer(u64),
    Float(f64),
}

impl Default for Number {
    fn default() -> Self {
        Self::Integer(0)
    }
}

/// Buckets of one sign.
#[derive(Debug, Default)]
struct Side {
    spans: Vec<(i32, u32)>,
    deltas: Vec<i64>,
    counts: Vec<f64>,
}

/// Reads a `Histogram` message: malformed bytes are an error of the request, the rest a refusal of the sample.
pub(super) fn read(message: &[u8]) -> Result<Result<HistogramSample, Reject>, WireError> {
    let mut raw = Raw::default();
    let mut fields = Fields::of(message);
    while let Some(field) = fields.next_field()? {
        match field.number {
            1 => raw.count = Number::Integer(field.varint()?),
            2 => raw.count = Number::Float(field.double()?),
            3 => raw.sum = field.double()?,
            4 => raw.schema = field.sint32()?,
            5 => raw.zero_threshold = field.double()?,
            6 => raw.zero_count = Number::Integer(field.varint()?),
            7 => raw.zero_count = Number::Float(field.double()?),
            8 => raw.negative.spans.push(span(field.bytes()?)?),
            9 => signed_varints(field, &mut raw.negative.deltas)?,
            10 => doubles(field, &mut raw.negative.counts)?,
            11 => raw.positive.spans.push(span(field.bytes()?)?),
            12 => signed_varints(field, &mut raw.positive.deltas)?,
            13 => doubles(field, &mut raw.positive.counts)?,
            15 => raw.time_ms = field.varint()?.cast_signed(),
            16 => doubles(field, &mut raw.custom_bounds)?,
            _ => {}
        }
    }
    Ok(raw.into_sample())
}

fn span(message: &[u8]) -> Result<(i32, u32), WireError> {
    let mut span = (0, 0);
    let mut fields = Fields::of(message);
    while let Some(field) = fields.next_field()? {
        match field.number {
            1 => span.0 = field.sint32()?,
            2 => span.1 = field.uint32()?,
            _ => {}
        }
    }
    Ok(span)
}

impl Raw {
    fn into_sample(self) -> Result<HistogramSample, Reject> {
        let stale = self.sum.to_bits() == STALE_NAN_BITS;
        if stale {
            return Ok(HistogramSample {
                time_ms: self.time_ms,
                histogram: NativeHistogram::default(),
                stale,
            });
        }
        // Prometheus's bucket `i` ends where OTLP's bucket `i - 1` does; custom buckets count from their first bound.
        let shift = i32::from(self.schema != CUSTOM_BOUNDS_SCHEMA);
        let histogram = NativeHistogram {
            schema: self.schema,
            zero_threshold: self.zero_threshold,
            zero_count: integer(self.zero_count)?,
            count: integer(self.count)?,
            sum: Some(self.sum),
            min: None,
            max: None,
            positive: self.positive.into_buckets(shift)?,
            negative: self.negative.into_buckets(shift)?,
            custom_bounds: self.custom_bounds,
        };
        Ok(HistogramSample {
            time_ms: self.time_ms,
            histogram,
            stale,
        })
    }
}

impl Side {
    /// The counts of all buckets from the first to the last of the spans, zeros between them.
    fn into_buckets(self, shift: i32) -> Result<Buckets, Reject> {
        let counts = self.bucket_counts()?;
        let mut values = counts.iter().copied();
        let mut buckets = Buckets::default();
        let mut first = true;
        for (gap, length) in self.spans {
            if std::mem::take(&mut first) {
                buckets.offset = gap
                    .checked_sub(shift)
                    .ok_or_else(|| invalid("bucket indexes out of range"))?;
            } else {
                let gap = usize::try_from(gap).map_err(|_| invalid("spans that overlap"))?;
                grow(&mut buckets.counts, gap, std::iter::repeat_n(0, gap))?;
            }
            let length = length as usize;
            grow(&mut buckets.counts, length, values.by_ref().take(length))?;
        }
        if values.next().is_some() {
            return Err(invalid("more counts than its spans have buckets"));
        }
        Ok(buckets)
    }

    fn bucket_counts(&self) -> Result<Vec<u64>, Reject> {
        if !self.counts.is_empty() {
            return self.counts.iter().map(|count| integer(Number::Float(*count))).collect();
        }
        let mut count = 0_i64;
        self.deltas
            .iter()
            .map(|delta| {
                count = count
                    .checked_add(*delta)
                    .ok_or_else(|| invalid("counts out of range"))?;
                u64::try_from(count).map_err(|_| invalid("negative counts"))
            })
            .collect()
    }
}

/// Appends exactly `length` values, within the limit on buckets.
fn grow(counts: &mut Vec<u64>, length: usize, values: impl Iterator<Item = u64>) -> Result<(), Reject> {
    let wanted = counts.len().saturating_add(length);
    if wanted > HISTOGRAM_BUCKETS_MAX {
        return Err(Reject {
            reason: Reason::InvalidHistogram,
            message: format!("a histogram has more than {HISTOGRAM_BUCKETS_MAX} buckets: lower its resolution"),
        });
    }
    counts.extend(values);
    if counts.len() == wanted {
        Ok(())
    } else {
        Err(invalid("fewer counts than its spans have buckets"))
    }
}

fn invalid(what: &str) -> Reject {
    Reject {
        reason: Reason::InvalidHistogram,
        message: format!("a histogram has {what}"),
    }
}

/// Counts are kept as integers: a float one must be whole.
fn integer(number: Number) -> Result<u64, Reject> {
    match number {
        Number::Integer(value) => Ok(value),
        Number::Float(value) if value >= 0.0 && value.fract() == 0.0 && value < 2_f64.powi(53) => Ok(value as u64),
        Number::Float(_) => Err(Reject {
            reason: Reason::UnsupportedType,
            message: "float histograms whose counts are no whole numbers are not kept".to_owned(),
        }),
    }
}
