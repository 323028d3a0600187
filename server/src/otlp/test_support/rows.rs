//! Rows of Arrow as JSON, to be compared with what they should be.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use arrow::array::{Array, AsArray as _, RecordBatch, StructArray};
use arrow::datatypes::{DataType, Int32Type, Int64Type, TimestampNanosecondType, UInt32Type};
use serde_json::{Map, Value, json};

/// Columns that hold JSON, compared as what they mean.
const JSON_COLUMNS: [&str; 3] = ["resource", "scope", "attributes"];

/// Each row as an object of its columns.
pub(crate) fn rows(batch: &RecordBatch) -> Vec<Value> {
    let rows = StructArray::from(batch.clone());
    (0..batch.num_rows()).map(|row| object(&rows, row)).collect()
}

fn object(rows: &StructArray, row: usize) -> Value {
    let members: Map<String, Value> = rows
        .fields()
        .iter()
        .zip(rows.columns())
        .map(|(field, column)| {
            let mut value = cell(column.as_ref(), row);
            if JSON_COLUMNS.contains(&field.name().as_str()) {
                value = parse(value.as_str().unwrap());
            }
            (field.name().clone(), value)
        })
        .collect();
    Value::Object(members)
}

/// JSON text as a value, its doubles as their exact bits.
pub(crate) fn parse(json: &str) -> Value {
    let parsed = jiter::JsonValue::parse_owned(json.as_bytes(), false, jiter::PartialMode::Off).unwrap();
    value(&parsed)
}

fn value(parsed: &jiter::JsonValue<'_>) -> Value {
    use jiter::JsonValue;
    match parsed {
        JsonValue::Null => Value::Null,
        JsonValue::Bool(value) => json!(value),
        JsonValue::Int(value) => json!(value),
        JsonValue::Float(value) => super::expected::exact(*value),
        JsonValue::Str(text) => json!(text),
        JsonValue::Array(list) => list.iter().map(value).collect(),
        JsonValue::Object(members) => {
            let members = members.iter().map(|(key, member)| (key.to_string(), value(member)));
            Value::Object(members.collect())
        }
        other => panic!("{other:?}"),
    }
}

fn cell(column: &dyn Array, row: usize) -> Value {
    if column.is_null(row) {
        return Value::Null;
    }
    match column.data_type() {
        DataType::Utf8 => json!(column.as_string::<i32>().value(row)),
        DataType::Boolean => json!(column.as_boolean().value(row)),
        DataType::Int32 => json!(column.as_primitive::<Int32Type>().value(row)),
        DataType::Int64 => json!(column.as_primitive::<Int64Type>().value(row)),
        DataType::UInt32 => json!(column.as_primitive::<UInt32Type>().value(row)),
        DataType::Timestamp(..) => json!(column.as_primitive::<TimestampNanosecondType>().value(row)),
        DataType::FixedSizeBinary(_) => json!(super::hex(column.as_fixed_size_binary().value(row))),
        DataType::Dictionary(..) => {
            let dictionary = column.as_dictionary::<Int32Type>();
            cell(dictionary.values().as_ref(), dictionary.key(row).unwrap())
        }
        DataType::List(_) => {
            let elements = column.as_list::<i32>().value(row);
            let elements = elements.as_struct();
            (0..elements.len()).map(|element| object(elements, element)).collect()
        }
        other => panic!("{other}"),
    }
}
