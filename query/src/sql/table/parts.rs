//! Parts as a stock Parquet scan. The reader gets its bytes from the part that the snapshot pins, verified, and its
//! metadata from the part's cache; the path in the plan is a name and leads nowhere.

use std::ops::Range;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use bytes::Bytes;
use datafusion::common::{Result, internal_err};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::{ParquetAccessPlan, ParquetFileReaderFactory};
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, MetricBuilder};
use futures::FutureExt;
use futures::future::BoxFuture;

use icecore_engine::part::Part;
use icecore_engine::scan::PartPiece;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, RowSelection, RowSelector};
use parquet::arrow::async_reader::AsyncFileReader;
use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaData;

use super::inside;
use crate::limits::SQL_PARTITIONS;
use crate::sql::store::store_url;

/// A scan of the wanted columns of all pieces.
pub(super) fn plan(
    file_schema: &SchemaRef,
    pieces: Vec<PartPiece>,
    wanted: &[usize],
) -> Result<Arc<dyn ExecutionPlan>> {
    let source = ParquetSource::new(Arc::clone(file_schema)).with_parquet_file_reader_factory(Arc::new(PinnedParts));
    let config = FileScanConfigBuilder::new(store_url()?, Arc::new(source))
        .with_file_groups(file_groups(pieces)?)
        .with_projection_indices(Some(wanted.to_vec()))?
        .build();
    Ok(DataSourceExec::from_data_source(config))
}

/// The pieces in as many groups as there are partitions, about equal in rows.
fn file_groups(mut pieces: Vec<PartPiece>) -> Result<Vec<FileGroup>> {
    pieces.sort_by_key(|piece| std::cmp::Reverse(piece.rows()));
    let mut groups: Vec<(u64, Vec<PartitionedFile>)> = Vec::new();
    groups.resize_with(SQL_PARTITIONS.min(pieces.len()), Default::default);
    for piece in pieces {
        if let Some((rows, files)) = groups.iter_mut().min_by_key(|(rows, _)| *rows) {
            *rows += piece.rows();
            files.push(partitioned_file(piece)?);
        }
    }
    Ok(groups.into_iter().map(|(_, files)| FileGroup::new(files)).collect())
}

/// The piece as a file of a plan: the part itself and the rows of it that are read travel as extensions.
fn partitioned_file(piece: PartPiece) -> Result<PartitionedFile> {
    let metadata = piece.part.parquet_metadata().map_err(inside)?;
    let rows = piece.part.rows();
    let mut selectors = Vec::with_capacity(2 * piece.row_ranges.len() + 1);
    let mut at = 0_u64;
    for range in &piece.row_ranges {
        selectors.push(RowSelector::skip(count(range.start.saturating_sub(at))));
        selectors.push(RowSelector::select(count(range.end.saturating_sub(range.start))));
        at = range.end;
    }
    selectors.push(RowSelector::skip(count(rows.saturating_sub(at))));
    let access =
        ParquetAccessPlan::try_new_from_overall_row_selection(RowSelection::from(selectors), metadata.row_groups())?;
    let name = format!("{}-{}", piece.part.meta().first_lsn, piece.part.meta().last_lsn);
    Ok(PartitionedFile::new(name, piece.part.bytes())
        .with_extension(access)
        .with_extension(PinnedPart(piece.part)))
}

fn count(rows: u64) -> usize {
    usize::try_from(rows).unwrap_or(usize::MAX)
}

/// The part that a file of the plan stands for.
#[derive(Debug, Clone)]
struct PinnedPart(Arc<Part>);

/// Makes readers over the parts that the plan's files carry.
#[derive(Debug)]
struct PinnedParts;

impl ParquetFileReaderFactory for PinnedParts {
    fn create_reader(
        &self,
        partition_index: usize,
        file: PartitionedFile,
        _metadata_size_hint: Option<usize>,
        metrics: &ExecutionPlanMetricsSet,
    ) -> Result<Box<dyn AsyncFileReader + Send>> {
        match file.extension::<PinnedPart>() {
            Some(PinnedPart(part)) => Ok(Box::new(PartReader {
                part: Arc::clone(part),
                bytes_read: MetricBuilder::new(metrics).counter("bytes_read", partition_index),
            })),
            None => internal_err!("a file of the plan carries no part"),
        }
    }
}

/// Serves one part's bytes, each block verified when first read.
#[derive(Debug)]
struct PartReader {
    part: Arc<Part>,
    bytes_read: datafusion::physical_plan::metrics::Count,
}

impl AsyncFileReader for PartReader {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, parquet::errors::Result<Bytes>> {
        self.bytes_read.add(count(range.end.saturating_sub(range.start)));
        let bytes = self
            .part
            .read_verified(range)
            .map_err(|error| ParquetError::External(Box::new(error)));
        std::future::ready(bytes).boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        _options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, parquet::errors::Result<Arc<ParquetMetaData>>> {
        let metadata = self
            .part
            .parquet_metadata()
            .map_err(|error| ParquetError::External(Box::new(error)));
        std::future::ready(metadata).boxed()
    }
}
