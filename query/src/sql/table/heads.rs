//! Heads as a scan: their batches are made when the plan runs, not when it is made.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::Result;
use datafusion::execution::memory_pool::MemoryConsumer;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use futures::StreamExt;
use icecore_engine::scan::HeadPiece;

use super::inside;
use crate::limits::SQL_BATCH_ROWS;

/// A scan of the wanted columns of all pieces, one partition each.
pub(super) fn plan(
    file_schema: &SchemaRef,
    pieces: Vec<HeadPiece>,
    wanted: &[usize],
) -> Result<Arc<dyn ExecutionPlan>> {
    let partitions = pieces
        .into_iter()
        .map(|piece| {
            Arc::new(HeadPartition {
                piece: Arc::new(piece),
                schema: Arc::clone(file_schema),
            }) as Arc<dyn PartitionStream>
        })
        .collect();
    let wanted = wanted.to_vec();
    Ok(Arc::new(StreamingTableExec::try_new(
        Arc::clone(file_schema),
        partitions,
        Some(&wanted),
        [],
        false,
        None,
    )?))
}

/// One head.
#[derive(Debug)]
struct HeadPartition {
    piece: Arc<HeadPiece>,
    schema: SchemaRef,
}

impl PartitionStream for HeadPartition {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let piece = Arc::clone(&self.piece);
        let schema = Arc::clone(&self.schema);
        let held = MemoryConsumer::new("head").register(&context.runtime_env().memory_pool);
        let batches = futures::stream::once(async move {
            held.try_grow(piece.bytes_estimate())?;
            let batches = piece.batches().map_err(inside)?;
            let cut = batches
                .into_iter()
                .flat_map(|batch| cut(&batch))
                .map(move |batch| as_files_hold_it(&batch, &schema));
            Ok(futures::stream::iter(cut).map(move |batch| {
                // Held until the last batch is given.
                let _held = &held;
                batch
            }))
        })
        .map(|batches: Result<_>| match batches {
            Ok(batches) => batches.left_stream(),
            Err(error) => futures::stream::iter([Err(error)]).right_stream(),
        })
        .flatten();
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), batches))
    }
}

/// The batch in pieces that the operators above are made for.
fn cut(batch: &RecordBatch) -> Vec<RecordBatch> {
    (0..batch.num_rows())
        .step_by(SQL_BATCH_ROWS)
        .map(|at| batch.slice(at, SQL_BATCH_ROWS.min(batch.num_rows() - at)))
        .collect()
}

/// The batch with every column that files may have, null where the head has none.
fn as_files_hold_it(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    let columns = schema
        .fields()
        .iter()
        .map(|field| {
            batch.column_by_name(field.name()).map_or_else(
                || arrow::array::new_null_array(field.data_type(), batch.num_rows()),
                Arc::clone,
            )
        })
        .collect();
    Ok(RecordBatch::try_new(Arc::clone(schema), columns)?)
}
