//! The file under every writer: tiles one after the other, each followed by its own index, then the index of the whole, then
//! the checksums and the Parquet footer.

use std::path::Path;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use icecore_wal::fs::Fs;
use parquet::arrow::arrow_writer::ArrowColumnChunk;
use parquet::arrow::{ArrowSchemaConverter, add_encoded_arrow_schema_to_metadata};
use parquet::column::writer::ColumnCloseResult;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::ChunkReader;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::ColumnDescPtr;

use super::chunk::FinishedChunk;
use super::format::{Extent, INDEX_HEADER_BYTES, IndexHeader, PART_FORMAT, TileEntry, key};
use super::groups::TileIndex;
use super::sink::{PartSink, TAIL_DIGITS_ZERO};
use super::terms::{TermSections, TermsBuilder};
use super::types::{PartError, PartMeta, PartOptions, PartSummary};
use crate::time::TimeRange;

/// What the footer names as its writer.
pub(crate) const CREATED_BY: &str = concat!("icecore ", env!("CARGO_PKG_VERSION"));

/// A column chunk from wherever it comes.
pub(crate) enum TileChunk<'a, R: ChunkReader> {
    /// Made by hand.
    Hand(Box<FinishedChunk>),
    /// Made by the Arrow writer.
    Arrow(Box<ArrowColumnChunk>),
    /// Copied from another file, byte for byte.
    Copied(&'a R, Box<ColumnCloseResult>),
}

/// What a tile's entry says beyond the counts in its index.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TileTimes {
    pub(crate) slice_start_s: i64,
    pub(crate) min: i64,
    pub(crate) max: i64,
}

/// A part being written.
pub(crate) struct PartFile {
    meta: PartMeta,
    slice_length_s: i64,
    level: i32,
    schema: SchemaRef,
    writer: SerializedFileWriter<PartSink>,
    tiles: Vec<TileEntry>,
    rows: u64,
    groups: u32,
    /// The term dictionary, which the writers fill.
    pub(crate) terms: TermsBuilder,
}

impl PartFile {
    /// Creates the file; it must not exist. `properties` hold what the Arrow column writers need.
    pub(crate) fn create(
        fs: &Arc<dyn Fs>,
        path: &Path,
        meta: PartMeta,
        options: &PartOptions,
        schema: SchemaRef,
        mut properties: WriterProperties,
    ) -> Result<Self, PartError> {
        let sink = PartSink::create(fs, path).map_err(|source| PartError::io(path, source))?;
        add_encoded_arrow_schema_to_metadata(&schema, &mut properties);
        let parquet_schema = ArrowSchemaConverter::new().convert(&schema)?;
        let writer = SerializedFileWriter::new(sink, parquet_schema.root_schema_ptr(), Arc::new(properties))?;
        Ok(Self {
            meta,
            slice_length_s: options.slice_length_s,
            level: options.zstd_level,
            schema,
            writer,
            tiles: Vec::new(),
            rows: 0,
            groups: 0,
            terms: TermsBuilder::new(),
        })
    }

    /// Whose rows.
    pub(crate) fn meta(&self) -> &PartMeta {
        &self.meta
    }

    /// The rows' Arrow schema.
    pub(crate) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The Parquet writer, for the Arrow column writers.
    pub(crate) fn writer(&self) -> &SerializedFileWriter<PartSink> {
        &self.writer
    }

    /// The leaf columns in order.
    pub(crate) fn columns(&self) -> &[ColumnDescPtr] {
        self.writer.schema_descr().columns()
    }

    /// Number of the next group.
    pub(crate) fn next_group(&self) -> u32 {
        self.groups
    }

    /// Tiles so far.
    pub(crate) fn tile_count(&self) -> usize {
        self.tiles.len()
    }

    fn io<T>(&self, result: std::io::Result<T>) -> Result<T, PartError> {
        result.map_err(|source| PartError::io(self.writer.inner().path(), source))
    }

    /// Writes a tile and its index behind it.
    pub(crate) fn tile<R: ChunkReader>(
        &mut self,
        chunks: Vec<TileChunk<'_, R>>,
        index: &TileIndex,
        hashes: &[u8],
        times: TileTimes,
    ) -> Result<(), PartError> {
        let mut row_group = self.writer.next_row_group()?;
        for chunk in chunks {
            match chunk {
                TileChunk::Hand(chunk) => row_group.append_column(&chunk.bytes, chunk.close)?,
                TileChunk::Arrow(chunk) => chunk.append_to_row_group(&mut row_group)?,
                TileChunk::Copied(reader, close) => row_group.append_column(reader, *close)?,
            }
        }
        row_group.close()?;
        let index_offset = self.writer.bytes_written() as u64;
        let written = self
            .writer
            .write_all(&index.bytes)
            .and_then(|()| self.writer.write_all(hashes));
        self.io(written)?;
        self.tiles.push(TileEntry {
            first_row: self.rows,
            rows: index.rows,
            first_group: self.groups,
            groups: index.groups,
            group_blocks: index.blocks,
            slice_start_s: times.slice_start_s,
            min: times.min,
            max: times.max,
            index_offset,
            index_bytes: length_u32("a tile's index", index.bytes.len())?,
            hashes_bytes: length_u32("a tile's hash table", hashes.len())?,
            flags: u32::from(index.flags),
        });
        self.rows += u64::from(index.rows);
        self.groups = self.groups.checked_add(index.groups).ok_or(PartError::TooLarge {
            what: "the groups of a part",
            limit: u64::from(u32::MAX),
        })?;
        Ok(())
    }

    /// Writes index, checksums and footer, and makes the file durable.
    pub(crate) fn finish(mut self) -> Result<PartSummary, PartError> {
        let terms = std::mem::replace(&mut self.terms, TermsBuilder::new());
        let sections = terms.finish(self.level);
        let sections = self.io(sections)?;
        let index_offset = self.writer.bytes_written() as u64;
        let written = self.write_index(&sections, index_offset);
        self.io(written)?;
        let checksums_offset = self.writer.bytes_written() as u64;
        let written = self
            .writer
            .flush()
            .and_then(|()| self.writer.inner_mut().begin_tail())
            .and_then(|table| self.writer.write_all(&table));
        self.io(written)?;
        for (name, value) in self.key_values(index_offset, checksums_offset) {
            self.writer
                .append_key_value_metadata(KeyValue::new(name.to_owned(), value));
        }
        let tile_index_bytes: u64 = self
            .tiles
            .iter()
            .map(|tile| u64::from(tile.index_bytes) + u64::from(tile.hashes_bytes))
            .sum();
        let path = self.writer.inner().path().to_owned();
        let mut summary = PartSummary {
            rows: self.rows,
            bytes: 0,
            index_bytes: checksums_offset - index_offset + tile_index_bytes,
            groups: u64::from(self.groups),
            tiles: self.tiles.len() as u64,
            time_range: self.time_range(),
        };
        let mut sink = self.writer.into_inner()?;
        summary.bytes = sink.finish().map_err(|source| PartError::io(&path, source))?;
        Ok(summary)
    }

    fn time_range(&self) -> Option<TimeRange> {
        let start = self.tiles.iter().map(|tile| tile.min).min()?;
        let end = self.tiles.iter().map(|tile| tile.max).max()?;
        Some(TimeRange::new(start, end))
    }

    fn write_index(&mut self, sections: &TermSections, index_offset: u64) -> std::io::Result<()> {
        let mut tile_table = Vec::new();
        for tile in &self.tiles {
            tile.encode(&mut tile_table);
        }
        let mut offset = index_offset + INDEX_HEADER_BYTES as u64;
        let mut extent = |section: &[u8]| {
            let extent = Extent {
                offset,
                bytes: section.len() as u64,
            };
            offset += section.len() as u64;
            extent
        };
        let tile_extent = extent(&tile_table);
        let key_extent = extent(&sections.key_table);
        let directory_extent = extent(&sections.directory);
        // The term blocks stand between the directory and the postings.
        extent(&sections.blocks);
        let postings_extent = extent(&sections.postings);
        let header = IndexHeader {
            signal: self.meta.signal,
            rows: self.rows,
            time_range: self.time_range().unwrap_or(TimeRange::new(0, -1)),
            tiles: self.tiles.len() as u32,
            groups: self.groups,
            keys: sections.keys,
            term_blocks: sections.term_blocks,
            tile_table: tile_extent,
            key_table: key_extent,
            term_directory: directory_extent,
            postings: postings_extent,
        };
        self.writer.write_all(&header.encode())?;
        self.writer.write_all(&tile_table)?;
        self.writer.write_all(&sections.key_table)?;
        self.writer.write_all(&sections.directory)?;
        self.writer.write_all(&sections.blocks)?;
        self.writer.write_all(&sections.postings)
    }

    /// What the footer says of the part; the tail's checksum comes last.
    fn key_values(&self, index_offset: u64, checksums_offset: u64) -> [(&'static str, String); 12] {
        let meta = &self.meta;
        [
            (key::FORMAT, PART_FORMAT.to_string()),
            (key::STORE, meta.store.to_string()),
            (key::TENANT, meta.tenant.to_string()),
            (key::SIGNAL, meta.signal.to_string()),
            (key::WINDOW_START_S, meta.window.start_s.to_string()),
            (key::WINDOW_LENGTH_S, meta.window.length_s.to_string()),
            (key::SLICE_LENGTH_S, self.slice_length_s.to_string()),
            (key::FIRST_LSN, meta.first_lsn.to_string()),
            (key::LAST_LSN, meta.last_lsn.to_string()),
            (key::INDEX_OFFSET, format!("{index_offset:016x}")),
            (key::CHECKSUMS_OFFSET, format!("{checksums_offset:016x}")),
            (key::TAIL_CRC32C, TAIL_DIGITS_ZERO.to_owned()),
        ]
    }
}

fn length_u32(what: &'static str, length: usize) -> Result<u32, PartError> {
    u32::try_from(length).map_err(|_| PartError::TooLarge {
        what,
        limit: u64::from(u32::MAX),
    })
}
