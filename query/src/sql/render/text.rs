//! The text forms: JSON, NDJSON, CSV.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use icecore_engine::labels::push_json_string;

use super::cell::{push_json, type_name};
use super::unwritable;
use crate::sql::error::SqlError;

/// Up to the first row.
pub(super) fn json_start(schema: &Schema) -> String {
    let mut out = String::from("{\"columns\":[");
    for (at, field) in schema.fields().iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        out.push_str("{\"name\":");
        push_json_string(&mut out, field.name());
        out.push_str(",\"type\":");
        push_json_string(&mut out, &type_name(field.data_type()));
        out.push('}');
    }
    out.push_str("],\"rows\":[");
    out
}

/// Rows as arrays, with a comma before all but the very first.
pub(super) fn json_rows(batch: &RecordBatch, first: bool) -> String {
    let mut out = String::new();
    for row in 0..batch.num_rows() {
        if row > 0 || !first {
            out.push(',');
        }
        out.push('[');
        for (at, column) in batch.columns().iter().enumerate() {
            if at > 0 {
                out.push(',');
            }
            push_json(&mut out, column, row);
        }
        out.push(']');
    }
    out
}

/// The columns' names as the keys of one JSON object, each with its colon. A name that occurs again gets a number, so that
/// no value is lost.
pub(super) fn object_keys(schema: &Schema) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for field in schema.fields() {
        let mut name = field.name().clone();
        let mut number = 2;
        while names.contains(&name) {
            name = format!("{}_{number}", field.name());
            number += 1;
        }
        names.push(name);
    }
    names
        .iter()
        .map(|name| {
            let mut key = String::new();
            push_json_string(&mut key, name);
            key.push(':');
            key
        })
        .collect()
}

/// Rows as objects, one a line.
pub(super) fn ndjson_rows(batch: &RecordBatch, keys: &[String]) -> String {
    let mut out = String::new();
    for row in 0..batch.num_rows() {
        out.push('{');
        for (at, (column, key)) in batch.columns().iter().zip(keys).enumerate() {
            if at > 0 {
                out.push(',');
            }
            out.push_str(key);
            push_json(&mut out, column, row);
        }
        out.push_str("}\n");
    }
    out
}

/// The line of names.
pub(super) fn csv_header(schema: &Schema) -> String {
    let names: Vec<String> = schema
        .fields()
        .iter()
        .map(|field| {
            if field.name().contains([',', '"', '\n', '\r']) {
                format!("\"{}\"", field.name().replace('"', "\"\""))
            } else {
                field.name().clone()
            }
        })
        .collect();
    names.join(",") + "\n"
}

/// Every column as text, in the same form as JSON shows it but without the quotes of strings.
pub(super) fn csv_columns(batch: &RecordBatch) -> Result<RecordBatch, SqlError> {
    let mut fields = Vec::new();
    let mut columns: Vec<ArrayRef> = Vec::new();
    for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
        fields.push(Field::new(field.name(), DataType::Utf8, true));
        columns.push(if *column.data_type() == DataType::Utf8 {
            Arc::clone(column)
        } else {
            Arc::new(csv_texts(column))
        });
    }
    let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options)
        .map_err(|error| unwritable(&error))
}

fn csv_texts(column: &ArrayRef) -> StringArray {
    let mut cell = String::new();
    (0..column.len())
        .map(|row| {
            cell.clear();
            push_json(&mut cell, column, row);
            let is_string = !column.data_type().is_nested() && cell.starts_with('"');
            let text = if is_string { cell.trim_matches('"') } else { &cell };
            (!column.is_null(row)).then(|| text.to_owned())
        })
        .collect()
}
