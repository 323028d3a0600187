//! A part: one immutable Parquet file of one partition, with its index inside. See `docs/part-format.md` for the bytes.

mod arrow_read;
mod byte_split;
mod cache;
mod chunk;
mod decimal;
mod delta;
mod file;
mod filter;
mod filter_eval;
pub mod format;
mod groups;
mod hashes;
mod index;
mod json_scan;
mod labels_terms;
pub mod merge;
mod metrics_tile;
mod metrics_writer;
mod pages;
mod read;
mod reader;
mod row_properties;
mod row_terms;
mod rows_writer;
mod runs;
mod select;
mod sink;
mod sort;
mod terms;
pub mod tokens;
mod types;
mod verify;
mod wire;

pub use arrow_read::VerifiedReader;
pub use cache::{PartCache, PartCacheStats};
pub use filter::IndexFilter;
pub use metrics_writer::{MetricsPartWriter, STALE_NAN_BITS};
pub use reader::Part;
pub use row_terms::{KEYS_MAX, NAMES_MAX, VALUE_BYTES_MAX, VALUES_PER_KEY_MAX};
pub use rows_writer::RowsPartWriter;
pub use sort::sort_rows;
pub use types::{
    PartError, PartMeta, PartOptions, PartSummary, Pruned, ReadColumns, SamplesChunk, SeriesGroup, SeriesRun,
};
pub use verify::VerifyReport;

#[cfg(test)]
mod tests;
