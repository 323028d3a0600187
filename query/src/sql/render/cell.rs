//! One value as JSON: numbers as numbers, times as RFC 3339, ids and bytes as hex, what JSON has no number for as text.

use std::fmt::Write;

use arrow::array::{Array, AsArray};
use arrow::datatypes::{
    DataType, Date32Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, TimeUnit,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type,
    UInt16Type, UInt32Type, UInt64Type,
};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use icecore_engine::labels::push_json_string;
use icecore_engine::time::{DAY_S, civil_from_days};

/// The name of a column's type in answers.
pub fn type_name(data_type: &DataType) -> String {
    match data_type {
        DataType::Null => "null".to_owned(),
        DataType::Boolean => "boolean".to_owned(),
        DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64 => "integer".to_owned(),
        DataType::UInt8 | DataType::UInt16 | DataType::UInt32 | DataType::UInt64 => "integer".to_owned(),
        DataType::Float16 | DataType::Float32 | DataType::Float64 => "double".to_owned(),
        DataType::Decimal32(..) | DataType::Decimal64(..) | DataType::Decimal128(..) | DataType::Decimal256(..) => {
            "decimal".to_owned()
        }
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "text".to_owned(),
        DataType::Timestamp(..) => "timestamp".to_owned(),
        DataType::Date32 | DataType::Date64 => "date".to_owned(),
        DataType::Time32(_) | DataType::Time64(_) => "time".to_owned(),
        DataType::Duration(_) | DataType::Interval(_) => "interval".to_owned(),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            "binary".to_owned()
        }
        DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..) => "list".to_owned(),
        DataType::Struct(_) => "struct".to_owned(),
        DataType::Dictionary(_, value) => type_name(value),
        other => other.to_string().to_lowercase(),
    }
}

/// Appends the value at `row` as JSON.
pub(super) fn push_json(out: &mut String, array: &dyn Array, row: usize) {
    if array.is_null(row) {
        out.push_str("null");
        return;
    }
    match array.data_type() {
        DataType::Boolean => push(out, &array.as_boolean().value(row)),
        DataType::Int8 => push(out, &array.as_primitive::<Int8Type>().value(row)),
        DataType::Int16 => push(out, &array.as_primitive::<Int16Type>().value(row)),
        DataType::Int32 => push(out, &array.as_primitive::<Int32Type>().value(row)),
        DataType::Int64 => push(out, &array.as_primitive::<Int64Type>().value(row)),
        DataType::UInt8 => push(out, &array.as_primitive::<UInt8Type>().value(row)),
        DataType::UInt16 => push(out, &array.as_primitive::<UInt16Type>().value(row)),
        DataType::UInt32 => push(out, &array.as_primitive::<UInt32Type>().value(row)),
        DataType::UInt64 => push(out, &array.as_primitive::<UInt64Type>().value(row)),
        DataType::Float32 => push_double(out, f64::from(array.as_primitive::<Float32Type>().value(row))),
        DataType::Float64 => push_double(out, array.as_primitive::<Float64Type>().value(row)),
        DataType::Utf8 => push_json_string(out, array.as_string::<i32>().value(row)),
        DataType::LargeUtf8 => push_json_string(out, array.as_string::<i64>().value(row)),
        DataType::Utf8View => push_json_string(out, array.as_string_view().value(row)),
        DataType::Binary => push_hex(out, array.as_binary::<i32>().value(row)),
        DataType::FixedSizeBinary(_) => push_hex(out, array.as_fixed_size_binary().value(row)),
        DataType::Timestamp(unit, _) => push_time(out, array, row, *unit),
        DataType::Date32 => push_date(out, i64::from(array.as_primitive::<Date32Type>().value(row))),
        DataType::List(_) => push_list(out, &*array.as_list::<i32>().value(row)),
        DataType::LargeList(_) => push_list(out, &*array.as_list::<i64>().value(row)),
        DataType::Struct(_) => push_struct(out, array, row),
        DataType::Dictionary(..) => {
            let dictionary = array.as_any_dictionary();
            if let Some(&key) = dictionary.normalized_keys().get(row) {
                push_json(out, dictionary.values(), key);
            }
        }
        _ => push_other(out, array, row),
    }
}

fn push(out: &mut String, value: &dyn std::fmt::Display) {
    // Writing to a String cannot fail.
    let _ = write!(out, "{value}");
}

fn push_double(out: &mut String, value: f64) {
    if value.is_finite() {
        // The shortest digits that read back as the same double, always with a point or an exponent.
        let _ = write!(out, "{value:?}");
    } else if value.is_nan() {
        out.push_str("\"NaN\"");
    } else if value > 0.0 {
        out.push_str("\"Infinity\"");
    } else {
        out.push_str("\"-Infinity\"");
    }
}

fn push_hex(out: &mut String, bytes: &[u8]) {
    out.push('"');
    for byte in bytes {
        let _ = write!(out, "{byte:02x}");
    }
    out.push('"');
}

fn push_list(out: &mut String, items: &dyn Array) {
    out.push('[');
    for row in 0..items.len() {
        if row > 0 {
            out.push(',');
        }
        push_json(out, items, row);
    }
    out.push(']');
}

fn push_struct(out: &mut String, array: &dyn Array, row: usize) {
    let fields = array.as_struct();
    out.push('{');
    for (at, (field, column)) in fields.fields().iter().zip(fields.columns()).enumerate() {
        if at > 0 {
            out.push(',');
        }
        push_json_string(out, field.name());
        out.push(':');
        push_json(out, column, row);
    }
    out.push('}');
}

/// What has no JSON form of its own, as Arrow shows it.
fn push_other(out: &mut String, array: &dyn Array, row: usize) {
    let options = FormatOptions::default();
    match ArrayFormatter::try_new(array, &options) {
        Ok(formatter) => push_json_string(out, &formatter.value(row).to_string()),
        Err(_) => out.push_str("null"),
    }
}

fn push_date(out: &mut String, days: i64) {
    let (year, month, day) = civil_from_days(days);
    let _ = write!(out, "\"{year:04}-{month:02}-{day:02}\"");
}

/// A time in UTC with all the digits of its unit.
fn push_time(out: &mut String, array: &dyn Array, row: usize, unit: TimeUnit) {
    let (value, per_second, digits) = match unit {
        TimeUnit::Second => (array.as_primitive::<TimestampSecondType>().value(row), 1, 0),
        TimeUnit::Millisecond => (array.as_primitive::<TimestampMillisecondType>().value(row), 1_000, 3),
        TimeUnit::Microsecond => (
            array.as_primitive::<TimestampMicrosecondType>().value(row),
            1_000_000,
            6,
        ),
        TimeUnit::Nanosecond => (
            array.as_primitive::<TimestampNanosecondType>().value(row),
            1_000_000_000,
            9,
        ),
    };
    let (seconds, fraction) = (value.div_euclid(per_second), value.rem_euclid(per_second));
    let (days, second) = (seconds.div_euclid(DAY_S), seconds.rem_euclid(DAY_S));
    if !(-100_000_000..100_000_000).contains(&days) {
        // Beyond any calendar: the number itself.
        let _ = write!(out, "{value}");
        return;
    }
    let (year, month, day) = civil_from_days(days);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    let _ = write!(out, "\"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
    if digits > 0 {
        let _ = write!(out, ".{fraction:0digits$}");
    }
    out.push_str("Z\"");
}
