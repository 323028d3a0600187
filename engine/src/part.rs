//! A part: one immutable Parquet file of one partition, with its index inside. See `docs/part-format.md` for the bytes.

mod filter;
mod types;

pub use filter::IndexFilter;
pub use types::{PartError, PartMeta, PartOptions, PartSummary, Pruned, SamplesChunk, SeriesGroup, SeriesRun};
