//! Native (exponential) histograms: one sample that holds a whole distribution, its compact bytes and its Arrow form.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Float64Builder, Int32Builder, ListArray, ListBuilder, StructArray, UInt64Builder,
};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Field, Fields, Float64Type, Int32Type, UInt64Type};

/// Buckets of one histogram at most (both signs and custom bounds together): bounds what hostile bytes can ask for.
pub const HISTOGRAM_BUCKETS_MAX: usize = 16_384;

/// Schema number of a histogram whose buckets have the bounds of `custom_bounds` (Prometheus's number for it).
pub const CUSTOM_BOUNDS_SCHEMA: i32 = -53;

/// Adjacent buckets of one sign: bucket `offset + i` holds `counts[i]`, as OTLP writes them (no deltas).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Buckets {
    /// Index of the first bucket.
    pub offset: i32,
    /// Observations per bucket.
    pub counts: Vec<u64>,
}

/// One histogram. Bounds follow OTLP: bucket `i` of scale `s` ends at `2^((i + 1) * 2^-s)`, included.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NativeHistogram {
    /// OTLP's scale, which is Prometheus's schema; `CUSTOM_BOUNDS_SCHEMA` with `custom_bounds`.
    pub schema: i32,
    /// Width of the zero bucket.
    pub zero_threshold: f64,
    /// Observations in the zero bucket.
    pub zero_count: u64,
    /// All observations.
    pub count: u64,
    /// Sum of the observations.
    pub sum: Option<f64>,
    /// Smallest observation.
    pub min: Option<f64>,
    /// Largest observation.
    pub max: Option<f64>,
    /// Buckets above zero.
    pub positive: Buckets,
    /// Buckets below zero.
    pub negative: Buckets,
    /// Upper bounds where `schema` is `CUSTOM_BOUNDS_SCHEMA`, else empty.
    pub custom_bounds: Vec<f64>,
}

/// Bytes that are no histogram.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidHistogram {
    /// The bytes end within it, or a number in it is malformed.
    #[error("the bytes of a histogram are cut short or malformed")]
    Malformed,
    /// More buckets than `HISTOGRAM_BUCKETS_MAX`.
    #[error("a histogram has {0} buckets; at most {HISTOGRAM_BUCKETS_MAX} are kept: lower its scale at the sender")]
    TooManyBuckets(usize),
}

/// Bits of the flag byte: which optional fields follow.
mod flag {
    pub(super) const SUM: u8 = 1;
    pub(super) const MIN: u8 = 2;
    pub(super) const MAX: u8 = 4;
    pub(super) const ALL: u8 = 7;
}

impl NativeHistogram {
    /// Buckets of all kinds: what `HISTOGRAM_BUCKETS_MAX` limits.
    pub fn bucket_count(&self) -> usize {
        self.positive.counts.len() + self.negative.counts.len() + self.custom_bounds.len()
    }

    /// Heap and own bytes, for accounting.
    pub fn memory_bytes(&self) -> usize {
        size_of::<Self>() + 8 * self.bucket_count()
    }

    /// Appends the compact form: flag byte, then varints and little-endian doubles.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let optional = [(flag::SUM, self.sum), (flag::MIN, self.min), (flag::MAX, self.max)];
        let flags = optional
            .iter()
            .filter(|(_, value)| value.is_some())
            .fold(0, |flags, (bit, _)| flags | bit);
        out.push(flags);
        put_signed(out, self.schema);
        out.extend_from_slice(&self.zero_threshold.to_le_bytes());
        put_varint(out, self.zero_count);
        put_varint(out, self.count);
        for value in optional.iter().filter_map(|(_, value)| *value) {
            out.extend_from_slice(&value.to_le_bytes());
        }
        for buckets in [&self.positive, &self.negative] {
            put_signed(out, buckets.offset);
            put_varint(out, buckets.counts.len() as u64);
            for count in &buckets.counts {
                put_varint(out, *count);
            }
        }
        put_varint(out, self.custom_bounds.len() as u64);
        for bound in &self.custom_bounds {
            out.extend_from_slice(&bound.to_le_bytes());
        }
    }

    /// Reads one histogram and moves `input` behind it.
    pub fn decode(input: &mut &[u8]) -> Result<Self, InvalidHistogram> {
        let [flags] = take::<1>(input)?;
        if flags & !flag::ALL != 0 {
            return Err(InvalidHistogram::Malformed);
        }
        let schema = take_signed(input)?;
        let zero_threshold = take_double(input)?;
        let zero_count = take_varint(input)?;
        let count = take_varint(input)?;
        let optional = |bit: u8, input: &mut &[u8]| (flags & bit != 0).then(|| take_double(input)).transpose();
        let sum = optional(flag::SUM, input)?;
        let min = optional(flag::MIN, input)?;
        let max = optional(flag::MAX, input)?;
        let mut left = HISTOGRAM_BUCKETS_MAX;
        let positive = take_buckets(input, &mut left)?;
        let negative = take_buckets(input, &mut left)?;
        let bounds = take_length(input, &mut left)?;
        let custom_bounds = (0..bounds).map(|_| take_double(input)).collect::<Result<_, _>>()?;
        Ok(Self {
            schema,
            zero_threshold,
            zero_count,
            count,
            sum,
            min,
            max,
            positive,
            negative,
            custom_bounds,
        })
    }
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn put_signed(out: &mut Vec<u8>, value: i32) {
    let value = i64::from(value);
    put_varint(out, (value << 1 ^ value >> 63) as u64);
}

fn take<const N: usize>(input: &mut &[u8]) -> Result<[u8; N], InvalidHistogram> {
    let (head, rest) = input.split_first_chunk::<N>().ok_or(InvalidHistogram::Malformed)?;
    *input = rest;
    Ok(*head)
}

fn take_double(input: &mut &[u8]) -> Result<f64, InvalidHistogram> {
    take(input).map(f64::from_le_bytes)
}

fn take_varint(input: &mut &[u8]) -> Result<u64, InvalidHistogram> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let [byte] = take::<1>(input)?;
        let bits = u64::from(byte & 0x7f);
        if shift == 63 && bits > 1 {
            return Err(InvalidHistogram::Malformed);
        }
        value |= bits << shift;
        if byte < 0x80 {
            return Ok(value);
        }
    }
    Err(InvalidHistogram::Malformed)
}

fn take_signed(input: &mut &[u8]) -> Result<i32, InvalidHistogram> {
    let coded = take_varint(input)?;
    let value = (coded >> 1) as i64 ^ -((coded & 1) as i64);
    i32::try_from(value).map_err(|_| InvalidHistogram::Malformed)
}

fn take_length(input: &mut &[u8], left: &mut usize) -> Result<usize, InvalidHistogram> {
    let length = usize::try_from(take_varint(input)?).map_err(|_| InvalidHistogram::Malformed)?;
    match left.checked_sub(length) {
        Some(rest) => {
            *left = rest;
            Ok(length)
        }
        None => Err(InvalidHistogram::TooManyBuckets(length)),
    }
}

fn take_buckets(input: &mut &[u8], left: &mut usize) -> Result<Buckets, InvalidHistogram> {
    let offset = take_signed(input)?;
    let length = take_length(input, left)?;
    let counts = (0..length).map(|_| take_varint(input)).collect::<Result<_, _>>()?;
    Ok(Buckets { offset, counts })
}

fn list(data_type: DataType) -> DataType {
    DataType::List(Arc::new(Field::new_list_field(data_type, false)))
}

/// Fields of the column `histogram`.
pub fn histogram_fields() -> Fields {
    Fields::from(vec![
        Field::new("schema", DataType::Int32, false),
        Field::new("zero_threshold", DataType::Float64, false),
        Field::new("zero_count", DataType::UInt64, false),
        Field::new("count", DataType::UInt64, false),
        Field::new("sum", DataType::Float64, true),
        Field::new("min", DataType::Float64, true),
        Field::new("max", DataType::Float64, true),
        Field::new("positive_offset", DataType::Int32, false),
        Field::new("positive_counts", list(DataType::UInt64), false),
        Field::new("negative_offset", DataType::Int32, false),
        Field::new("negative_counts", list(DataType::UInt64), false),
        Field::new("custom_bounds", list(DataType::Float64), false),
    ])
}

/// The Arrow column of a run of optional histograms.
pub fn histograms_to_arrow(histograms: &[Option<&NativeHistogram>]) -> StructArray {
    let empty = NativeHistogram::default();
    let rows = || histograms.iter().map(|row| row.unwrap_or(&empty));
    let int32 = |of: fn(&NativeHistogram) -> i32| -> ArrayRef {
        let mut builder = Int32Builder::with_capacity(histograms.len());
        rows().for_each(|row| builder.append_value(of(row)));
        Arc::new(builder.finish())
    };
    let uint64 = |of: fn(&NativeHistogram) -> u64| -> ArrayRef {
        let mut builder = UInt64Builder::with_capacity(histograms.len());
        rows().for_each(|row| builder.append_value(of(row)));
        Arc::new(builder.finish())
    };
    let float64 = |of: fn(&NativeHistogram) -> Option<f64>| -> ArrayRef {
        let mut builder = Float64Builder::with_capacity(histograms.len());
        rows().for_each(|row| builder.append_option(of(row)));
        Arc::new(builder.finish())
    };
    let counts = |of: fn(&NativeHistogram) -> &[u64]| -> ArrayRef {
        let field = Field::new_list_field(DataType::UInt64, false);
        let mut builder = ListBuilder::new(UInt64Builder::new()).with_field(field);
        for row in rows() {
            builder.values().append_slice(of(row));
            builder.append(true);
        }
        Arc::new(builder.finish())
    };
    let bounds: ArrayRef = {
        let field = Field::new_list_field(DataType::Float64, false);
        let mut builder = ListBuilder::new(Float64Builder::new()).with_field(field);
        for row in rows() {
            builder.values().append_slice(&row.custom_bounds);
            builder.append(true);
        }
        Arc::new(builder.finish())
    };
    let columns = vec![
        int32(|row| row.schema),
        float64(|row| Some(row.zero_threshold)),
        uint64(|row| row.zero_count),
        uint64(|row| row.count),
        float64(|row| row.sum),
        float64(|row| row.min),
        float64(|row| row.max),
        int32(|row| row.positive.offset),
        counts(|row| &row.positive.counts),
        int32(|row| row.negative.offset),
        counts(|row| &row.negative.counts),
        bounds,
    ];
    let nulls = NullBuffer::from_iter(histograms.iter().map(Option::is_some));
    StructArray::new(histogram_fields(), columns, Some(nulls))
}

/// Reads row `row` of a column `histogram`; `None` where it is null, or where the column is not of that shape.
pub fn histogram_from_arrow(column: &StructArray, row: usize) -> Option<NativeHistogram> {
    if row >= column.len() || column.is_null(row) || column.fields() != &histogram_fields() {
        return None;
    }
    let child = |name: &str| column.column_by_name(name);
    let int32 = |name| Some(child(name)?.as_primitive::<Int32Type>().value(row));
    let uint64 = |name| Some(child(name)?.as_primitive::<UInt64Type>().value(row));
    let float64 = |name| {
        let values = child(name)?.as_primitive::<Float64Type>();
        values.is_valid(row).then(|| values.value(row))
    };
    let items = |name| {
        Some(AsArray::as_list::<i32>(child(name)?.as_ref() as &dyn Array)).map(|list: &ListArray| list.value(row))
    };
    let counts = |name| items(name).map(|values| values.as_primitive::<UInt64Type>().values().to_vec());
    Some(NativeHistogram {
        schema: int32("schema")?,
        zero_threshold: float64("zero_threshold")?,
        zero_count: uint64("zero_count")?,
        count: uint64("count")?,
        sum: float64("sum"),
        min: float64("min"),
        max: float64("max"),
        positive: Buckets {
            offset: int32("positive_offset")?,
            counts: counts("positive_counts")?,
        },
        negative: Buckets {
            offset: int32("negative_offset")?,
            counts: counts("negative_counts")?,
        },
        custom_bounds: items("custom_bounds")?.as_primitive::<Float64Type>().values().to_vec(),
    })
}

#[cfg(test)]
mod tests;
