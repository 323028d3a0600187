//! One column of one tile as a Parquet column chunk, made by hand: rows are sorted, so that dictionary indices and null
//! masks are a few runs a page, which the library's writer would hash and count row by row.

use std::io::Write as _;

use bytes::Bytes;
use parquet::basic::{BoundaryOrder, Compression, Encoding, PageType, ZstdLevel};
use parquet::column::page::{CompressedPage, Page, PageWriter as _};
use parquet::column::writer::ColumnCloseResult;
use parquet::file::metadata::{ColumnChunkMetaData, ColumnIndexBuilder, OffsetIndexBuilder, PageEncodingStats};
use parquet::file::statistics::Statistics;
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;

use super::runs::{Runs, bit_width};
use super::types::PartError;

/// A chunk that is complete and waits for its place in the file.
pub(crate) struct FinishedChunk {
    pub(crate) bytes: Bytes,
    pub(crate) close: ColumnCloseResult,
}

/// Pages of one column, compressed as they come.
pub(crate) struct ChunkWriter {
    descr: ColumnDescPtr,
    level: i32,
    compressor: zstd::bulk::Compressor<'static>,
    data: TrackedWrite<Vec<u8>>,
    offsets: OffsetIndexBuilder,
    bounds: Option<ColumnIndexBuilder>,
    range: Option<(i64, i64)>,
    encoding: Encoding,
    pages: i32,
    rows: u64,
    nulls: u64,
    uncompressed: usize,
    raw: Vec<u8>,
}

impl ChunkWriter {
    /// A writer of data pages in `encoding`; `with_bounds` keeps the smallest and largest value of each page.
    pub(crate) fn new(
        descr: ColumnDescPtr,
        level: i32,
        encoding: Encoding,
        with_bounds: bool,
    ) -> Result<Self, PartError> {
        let compressor = zstd::bulk::Compressor::new(level).map_err(PartError::Compression)?;
        let bounds = with_bounds.then(|| ColumnIndexBuilder::new(descr.physical_type()));
        Ok(Self {
            descr,
            level,
            compressor,
            data: TrackedWrite::new(Vec::new()),
            offsets: OffsetIndexBuilder::new(),
            bounds,
            range: None,
            encoding,
            pages: 0,
            rows: 0,
            nulls: 0,
            uncompressed: 0,
            raw: Vec::new(),
        })
    }

    /// Bytes held.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.data.inner().capacity() + self.raw.capacity()
    }

    fn compress(&mut self) -> Result<Bytes, PartError> {
        self.compressor
            .compress(&self.raw)
            .map(Bytes::from)
            .map_err(PartError::Compression)
    }

    /// Writes a data page. `levels` (1 = there, 0 = null) is for nullable columns; `body` appends the encoding of those that
    /// are there; `bounds` are the smallest and largest of them where they are wanted.
    pub(crate) fn page(
        &mut self,
        rows: usize,
        levels: Option<&Runs>,
        bounds: Option<(i64, i64)>,
        body: impl FnOnce(&mut Vec<u8>),
    ) -> Result<(), PartError> {
        self.raw.clear();
        let mut nulls = 0;
        if let Some(levels) = levels {
            self.raw.extend_from_slice(&[0; 4]);
            levels.encode(1, &mut self.raw);
            let length = (self.raw.len() - 4) as u32;
            if let Some(slot) = self.raw.first_chunk_mut::<4>() {
                *slot = length.to_le_bytes();
            }
            nulls = levels.count(0);
        }
        // Also where every row is null: readers look at the encoding's header before they look at the levels.
        body(&mut self.raw);
        let buf = self.compress()?;
        let page = Page::DataPage {
            buf,
            num_values: rows as u32,
            encoding: self.encoding,
            def_level_encoding: Encoding::RLE,
            rep_level_encoding: Encoding::RLE,
            statistics: None,
        };
        let spec = SerializedPageWriter::new(&mut self.data).write_page(CompressedPage::new(page, self.raw.len()))?;
        self.uncompressed += spec.uncompressed_size;
        self.offsets.append_row_count(rows as i64);
        self.offsets
            .append_offset_and_size(spec.offset as i64, spec.compressed_size as i32);
        if let Some(builder) = &mut self.bounds {
            let bytes = |value: i64| value.to_le_bytes().to_vec();
            let (min, max) = bounds.map_or((Vec::new(), Vec::new()), |(min, max)| (bytes(min), bytes(max)));
            builder.append(bounds.is_none(), min, max, nulls as i64);
        }
        if let Some((min, max)) = bounds {
            let (low, high) = self.range.unwrap_or((min, max));
            self.range = Some((low.min(min), high.max(max)));
        }
        self.pages += 1;
        self.rows += rows as u64;
        self.nulls += nulls as u64;
        Ok(())
    }

    /// Writes a page of dictionary indices, `indices` counting only values that are there.
    pub(crate) fn index_page(&mut self, rows: usize, levels: Option<&Runs>, indices: &Runs) -> Result<(), PartError> {
        let width = bit_width(indices.largest());
        self.page(rows, levels, None, |out| {
            out.push(width as u8);
            indices.encode(width, out);
        })
    }

    /// Ends the chunk. `dictionary` is the plain encoding of so many values, for columns of indices.
    pub(crate) fn finish(mut self, dictionary: Option<(&[u8], usize)>) -> Result<FinishedChunk, PartError> {
        let mut out = TrackedWrite::new(Vec::new());
        let mut encodings = vec![Encoding::RLE, self.encoding];
        let mut stats = vec![PageEncodingStats {
            page_type: PageType::DATA_PAGE,
            encoding: self.encoding,
            count: self.pages,
        }];
        if let Some((values, count)) = dictionary {
            self.raw.clear();
            self.raw.extend_from_slice(values);
            let page = Page::DictionaryPage {
                buf: self.compress()?,
                num_values: count as u32,
                encoding: Encoding::PLAIN,
                is_sorted: false,
            };
            let spec = SerializedPageWriter::new(&mut out).write_page(CompressedPage::new(page, self.raw.len()))?;
            self.uncompressed += spec.uncompressed_size;
            encodings.push(Encoding::PLAIN);
            stats.push(PageEncodingStats {
                page_type: PageType::DICTIONARY_PAGE,
                encoding: Encoding::PLAIN,
                count: 1,
            });
        }
        let dictionary_bytes = out.bytes_written();
        let data = self.data.into_inner()?;
        out.write_all(&data).map_err(PartError::Compression)?;
        let bytes = Bytes::from(out.into_inner()?);
        let statistics = Statistics::int64(
            self.range.map(|(min, _)| min),
            self.range.map(|(_, max)| max),
            None,
            Some(self.nulls),
            false,
        );
        let mut metadata = ColumnChunkMetaData::builder(self.descr.clone())
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(self.level)?))
            .set_encodings(encodings)
            .set_page_encoding_stats(stats)
            .set_total_compressed_size(bytes.len() as i64)
            .set_total_uncompressed_size(self.uncompressed as i64)
            .set_num_values(self.rows as i64)
            .set_data_page_offset(dictionary_bytes as i64)
            .set_dictionary_page_offset(dictionary.map(|_| 0));
        if self.bounds.is_some() {
            metadata = metadata.set_statistics(statistics);
        }
        let mut offset_index = self.offsets.build();
        for location in &mut offset_index.page_locations {
            location.offset += dictionary_bytes as i64;
        }
        let column_index = self
            .bounds
            .map(|mut bounds| {
                bounds.set_boundary_order(BoundaryOrder::UNORDERED);
                bounds.build()
            })
            .transpose()?;
        Ok(FinishedChunk {
            close: ColumnCloseResult {
                bytes_written: bytes.len() as u64,
                rows_written: self.rows,
                metadata: metadata.build()?,
                bloom_filter: None,
                column_index,
                offset_index: Some(offset_index),
            },
            bytes,
        })
    }
}
