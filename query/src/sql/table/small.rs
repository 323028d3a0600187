//! The tables that are made when they are read: series, exemplars, metadata of metrics.

use std::fmt;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, Float64Array, RecordBatch, StringArray, StringBuilder, TimestampMillisecondArray, UInt64Array,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use icecore_engine::ids::Signal;
use icecore_engine::part::IndexFilter;
use icecore_engine::scan;
use icecore_engine::schema::{column, timestamp_ms_type};
use icecore_engine::time::TimeRange;

use super::columns::{self, TableColumns};
use super::filters::Pushdown;
use super::inside;
use crate::limits::SQL_BATCH_ROWS;
use crate::sql::reading::Reading;

/// Makes a table's rows.
type Make = fn(&Reading, &IndexFilter) -> Result<RecordBatch>;

/// The table of a name, if it is one of these.
pub(super) fn table(reading: &Arc<Reading>, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
    let (schema, make): (SchemaRef, Make) = match name {
        "series" => (series_schema(), series),
        "exemplars" => (exemplars_schema(), exemplars),
        "metric_metadata" => (metadata_schema(), metadata),
        _ => return Ok(None),
    };
    Ok(Some(Arc::new(SmallTable {
        reading: Arc::clone(reading),
        conditions: columns::samples_table(),
        schema,
        make,
    })))
}

struct SmallTable {
    reading: Arc<Reading>,
    /// `metric` and `labels` mean the same here as in the table of samples.
    conditions: TableColumns,
    schema: SchemaRef,
    make: Make,
}

impl fmt::Debug for SmallTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SmallTable")
            .field("schema", &self.schema)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl TableProvider for SmallTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        _state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let rows = Rows {
            reading: Arc::clone(&self.reading),
            index: Pushdown::of(&self.conditions, filters).index,
            schema: Arc::clone(&self.schema),
            make: self.make,
        };
        Ok(Arc::new(StreamingTableExec::try_new(
            Arc::clone(&self.schema),
            vec![Arc::new(rows)],
            projection,
            [],
            false,
            None,
        )?))
    }
}

/// The rows, made when the plan runs.
struct Rows {
    reading: Arc<Reading>,
    index: IndexFilter,
    schema: SchemaRef,
    make: Make,
}

impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rows")
            .field("index", &self.index)
            .finish_non_exhaustive()
    }
}

impl PartitionStream for Rows {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let batches: Vec<Result<RecordBatch>> = match (self.make)(&self.reading, &self.index) {
            Ok(rows) => (0..rows.num_rows())
                .step_by(SQL_BATCH_ROWS)
                .map(|at| Ok(rows.slice(at, SQL_BATCH_ROWS.min(rows.num_rows() - at))))
                .collect(),
            Err(error) => vec![Err(error)],
        };
        Box::pin(RecordBatchStreamAdapter::new(
            Arc::clone(&self.schema),
            futures::stream::iter(batches),
        ))
    }
}

fn text(name: &str) -> Field {
    Field::new(name, DataType::Utf8, true)
}

fn series_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        text(column::METRIC),
        text(column::LABELS),
        Field::new("first_timestamp", timestamp_ms_type(), false),
        Field::new("last_timestamp", timestamp_ms_type(), false),
        Field::new("samples", DataType::UInt64, false),
    ]))
}

fn series(reading: &Reading, index: &IndexFilter) -> Result<RecordBatch> {
    let series = scan::series(&reading.snapshot(Signal::Metrics), index).map_err(inside)?;
    let times = |pick: fn(TimeRange) -> i64| -> ArrayRef {
        let times = series.values().map(|extent| pick(extent.time));
        Arc::new(TimestampMillisecondArray::from_iter_values(times).with_timezone("UTC"))
    };
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(series.keys().map(|key| key.metric()))),
        Arc::new(StringArray::from_iter_values(
            series.keys().map(|key| key.labels_json()),
        )),
        times(|time| time.start),
        times(|time| time.end),
        Arc::new(UInt64Array::from_iter_values(
            series.values().map(|extent| extent.samples),
        )),
    ];
    Ok(RecordBatch::try_new(series_schema(), columns)?)
}

fn exemplars_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        text(column::METRIC),
        text(column::LABELS),
        Field::new(column::TIMESTAMP, timestamp_ms_type(), false),
        Field::new("value", DataType::Float64, false),
        text(column::TRACE_ID),
        text(column::SPAN_ID),
        text(column::ATTRIBUTES),
    ]))
}

fn exemplars(reading: &Reading, _index: &IndexFilter) -> Result<RecordBatch> {
    let exemplars = reading.engine().exemplars(reading.tenant(), &[], TimeRange::ALL);
    let mut traces = StringBuilder::new();
    let mut spans = StringBuilder::new();
    for exemplar in &exemplars {
        traces.append_option(exemplar.trace_id.map(|id| hex(&id)));
        spans.append_option(exemplar.span_id.map(|id| hex(&id)));
    }
    let times = exemplars.iter().map(|exemplar| exemplar.timestamp_ms);
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(
            exemplars.iter().map(|one| one.series.metric()),
        )),
        Arc::new(StringArray::from_iter_values(
            exemplars.iter().map(|one| one.series.labels_json()),
        )),
        Arc::new(TimestampMillisecondArray::from_iter_values(times).with_timezone("UTC")),
        Arc::new(Float64Array::from_iter_values(exemplars.iter().map(|one| one.value))),
        Arc::new(traces.finish()),
        Arc::new(spans.finish()),
        Arc::new(StringArray::from_iter_values(
            exemplars.iter().map(|one| &one.attributes),
        )),
    ];
    Ok(RecordBatch::try_new(exemplars_schema(), columns)?)
}

fn hex(id: &[u8]) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn metadata_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        text(column::METRIC),
        text("type"),
        text("unit"),
        text("help"),
    ]))
}

fn metadata(reading: &Reading, _index: &IndexFilter) -> Result<RecordBatch> {
    let metadata = reading.engine().metadata(reading.tenant());
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(metadata.iter().map(|one| &one.metric))),
        Arc::new(StringArray::from_iter_values(
            metadata.iter().map(|one| one.kind.as_str()),
        )),
        Arc::new(StringArray::from_iter_values(metadata.iter().map(|one| &one.unit))),
        Arc::new(StringArray::from_iter_values(metadata.iter().map(|one| &one.help))),
    ];
    Ok(RecordBatch::try_new(metadata_schema(), columns)?)
}
