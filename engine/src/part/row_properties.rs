//! How the Parquet library encodes each column of logs and traces.

use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use parquet::schema::types::ColumnPath;

use super::metrics_tile::LABELS_DICTIONARY_BYTES_MAX;
use super::types::{PartError, PartOptions};
use crate::ids::Signal;
use crate::schema::column;

/// Rows of a page of logs and traces at most.
const ROW_PAGE_ROWS: usize = 8_192;
/// Bytes of a page of logs and traces that are aimed at.
const ROW_PAGE_BYTES: usize = 256 * 1024;

/// Times and ids have statistics, numbers are stored as differences, texts that repeat as dictionaries.
pub(crate) fn row_properties(signal: Signal, options: &PartOptions) -> Result<WriterProperties, PartError> {
    let mut builder = WriterProperties::builder()
        .set_created_by(super::file::CREATED_BY.to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(options.zstd_level)?))
        .set_statistics_enabled(EnabledStatistics::None)
        .set_data_page_row_count_limit(ROW_PAGE_ROWS)
        .set_data_page_size_limit(ROW_PAGE_BYTES)
        .set_write_batch_size(1_024)
        .set_dictionary_page_size_limit(1024 * 1024);
    for name in [column::TIMESTAMP, column::TRACE_ID, column::SPAN_ID] {
        let path = ColumnPath::from(name);
        builder = builder.set_column_statistics_enabled(path, EnabledStatistics::Page);
    }
    for name in [column::SERVICE_NAME, column::RESOURCE, column::SCOPE] {
        let path = ColumnPath::from(name);
        builder = builder.set_column_dictionary_page_size_limit(path, LABELS_DICTIONARY_BYTES_MAX);
    }
    builder = plain_bytes(builder, column::SPAN_ID);
    builder = differences(builder, column::TIMESTAMP);
    match signal {
        Signal::Traces => {
            builder = plain_bytes(builder, column::PARENT_SPAN_ID);
            builder = differences(builder, column::DURATION_NS);
        }
        _ => {
            builder = plain_bytes(builder, column::TRACE_ID);
            builder = plain_bytes(builder, column::BODY);
            builder = differences(builder, column::OBSERVED_TIMESTAMP);
        }
    }
    Ok(builder.build())
}

/// A column whose values hardly repeat.
fn plain_bytes(builder: WriterPropertiesBuilder, name: &str) -> WriterPropertiesBuilder {
    builder.set_column_dictionary_enabled(ColumnPath::from(name), false)
}

/// A column of integers that lie near each other.
fn differences(builder: WriterPropertiesBuilder, name: &str) -> WriterPropertiesBuilder {
    let path = ColumnPath::from(name);
    builder
        .set_column_dictionary_enabled(path.clone(), false)
        .set_column_encoding(path, Encoding::DELTA_BINARY_PACKED)
}
