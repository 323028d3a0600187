//! The columns of the tables: what they are called, how they are made from the columns of files, and which of the index's
//! terms they stand for.

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::logical_expr::{Expr, lit};
use icecore_engine::ids::Signal;
use icecore_engine::labels::METRIC_NAME_LABEL;
use icecore_engine::schema::{self, column};
use std::sync::Arc;

use crate::sql::functions::{hex_ids, hex_type, json_text, sample_value};

/// What a condition on a column can tell the index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Role {
    /// Nothing.
    Plain,
    /// The row's time, in the signal's unit.
    Time,
    /// A trace id: index and binary comparison.
    TraceId,
    /// Another binary id: binary comparison.
    Id,
    /// A term of this key.
    Term(String),
    /// A number whose decimal text is a term of this key.
    NumberTerm(String),
    /// A JSON object each of whose keys is a term, with this before it.
    JsonTerms(String),
    /// Text whose tokens are in the index.
    Body,
}

/// One column of a table.
#[derive(Debug, Clone)]
pub(crate) struct TableColumn {
    /// Name and type as statements see them.
    pub(crate) field: Field,
    /// Its value, over the columns of files.
    pub(crate) expr: Expr,
    /// What the index knows about it.
    pub(crate) role: Role,
}

impl TableColumn {
    /// A column that files hold as it is, but for ids.
    fn of(field: &Field, role: Role) -> Self {
        let shown = hex_type(field.data_type());
        let source = name_of(field.name());
        // What a function makes may be null, for all that the planner knows.
        let (expr, nullable) = if shown == *field.data_type() {
            (source, field.is_nullable())
        } else {
            (hex_ids().call(vec![source]), true)
        };
        Self {
            field: Field::new(field.name(), shown, nullable),
            expr,
            role,
        }
    }
}

/// A reference to a file's column; names are not normalised.
fn name_of(name: &str) -> Expr {
    Expr::Column(datafusion::common::Column::new_unqualified(name))
}

/// The columns of one table.
#[derive(Debug, Clone)]
pub(crate) struct TableColumns {
    /// Whose rows.
    pub(crate) signal: Signal,
    /// The columns of files.
    pub(crate) file_schema: SchemaRef,
    /// The columns of the table.
    pub(crate) columns: Vec<TableColumn>,
    /// The table's schema.
    pub(crate) schema: SchemaRef,
}

impl TableColumns {
    fn new(signal: Signal, columns: Vec<TableColumn>) -> Self {
        let schema = Schema::new(columns.iter().map(|column| column.field.clone()).collect::<Vec<_>>());
        Self {
            signal,
            file_schema: schema::of(signal),
            columns,
            schema: Arc::new(schema),
        }
    }

    /// The column of a name.
    pub(crate) fn find(&self, name: &str) -> Option<&TableColumn> {
        self.columns.iter().find(|column| column.field.name() == name)
    }
}

fn file_columns(signal: Signal) -> Vec<TableColumn> {
    schema::of(signal)
        .fields()
        .iter()
        .map(|field| TableColumn::of(field, role_of(field.name())))
        .collect()
}

fn role_of(name: &str) -> Role {
    match name {
        column::TIMESTAMP => Role::Time,
        column::TRACE_ID => Role::TraceId,
        column::SPAN_ID | column::PARENT_SPAN_ID => Role::Id,
        column::SERVICE_NAME | column::NAME | column::KIND | column::STATUS_CODE => Role::Term(name.to_owned()),
        column::SEVERITY_NUMBER => Role::NumberTerm(name.to_owned()),
        column::RESOURCE | column::ATTRIBUTES => Role::JsonTerms(format!("{name}.")),
        column::LABELS => Role::JsonTerms(String::new()),
        column::METRIC => Role::Term(METRIC_NAME_LABEL.to_owned()),
        column::BODY => Role::Body,
        _ => Role::Plain,
    }
}

/// The table of logs or of spans.
pub(crate) fn rows_table(signal: Signal) -> TableColumns {
    TableColumns::new(signal, file_columns(signal))
}

/// The sample's value as one column in place of the three that files have.
fn value_column() -> TableColumn {
    let parts = [column::VALUE_MANTISSA, column::VALUE_SCALE, column::VALUE_DOUBLE];
    TableColumn {
        field: Field::new("value", DataType::Float64, true),
        expr: sample_value().call(parts.iter().map(|name| name_of(name)).collect()),
        role: Role::Plain,
    }
}

fn sample_columns() -> Vec<TableColumn> {
    let mut columns = Vec::new();
    for column in file_columns(Signal::Metrics) {
        match column.field.name().as_str() {
            column::VALUE_MANTISSA => columns.push(value_column()),
            column::VALUE_SCALE | column::VALUE_DOUBLE => {}
            _ => columns.push(column),
        }
    }
    columns
}

/// The table of all samples.
pub(crate) fn samples_table() -> TableColumns {
    TableColumns::new(Signal::Metrics, sample_columns())
}

/// The table of one metric, whose label keys are columns behind those of every sample. A key that is called as one of
/// those gets `label_` before it.
pub(crate) fn metric_table(label_keys: &[String]) -> TableColumns {
    let mut columns: Vec<TableColumn> = sample_columns()
        .into_iter()
        .filter(|column| column.field.name() != column::METRIC)
        .collect();
    for key in label_keys {
        let taken = columns.iter().any(|column| column.field.name() == key);
        let name = if taken { format!("label_{key}") } else { key.clone() };
        if columns.iter().any(|column| *column.field.name() == name) {
            continue;
        }
        columns.push(TableColumn {
            field: Field::new(name, DataType::Utf8, true),
            expr: json_text().call(vec![name_of(column::LABELS), lit(key.as_str())]),
            role: Role::Term(key.clone()),
        });
    }
    TableColumns::new(Signal::Metrics, columns)
}
