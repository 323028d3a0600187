//! Writing a part of logs or traces: record batches in sort order, through the Parquet library's column writers.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringArray};
use arrow::datatypes::{Int32Type, TimestampNanosecondType};
use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use icecore_wal::fs::Fs;
use parquet::arrow::arrow_writer::{ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves};

use super::file::{PartFile, TileChunk, TileTimes};
use super::format::{Group, LOG_ROWS_PER_GROUP, units_per_index_unit, units_per_second};
use super::groups::GroupsBuilder;
use super::hashes::encode_hashes;
use super::row_properties::row_properties;
use super::row_terms::RowTerms;
use super::types::{PartError, PartMeta, PartOptions, PartSummary};
use crate::ids::Signal;
use crate::schema::{self, column};

/// The group being filled.
struct OpenGroup {
    rows: u32,
    min: i64,
    max: i64,
    trace_id: [u8; 16],
}

/// The tile being filled.
struct OpenTile {
    slice_start_s: i64,
    rows: usize,
    min: i64,
    max: i64,
    columns: Vec<ArrowColumnWriter>,
    groups: GroupsBuilder,
    group: Option<OpenGroup>,
}

/// Writes a part of logs or traces. Rows come in the order that `sort_rows` makes.
pub struct RowsPartWriter {
    pub(super) file: PartFile,
    options: PartOptions,
    terms: RowTerms,
    tile: Option<OpenTile>,
}

/// The columns of a batch that the index looks at.
struct IndexedColumns<'a> {
    timestamps: &'a [i64],
    trace_ids: &'a arrow::array::FixedSizeBinaryArray,
    dictionaries: Vec<(&'static str, TextColumn<'a>)>,
    resource: TextColumn<'a>,
    attributes: &'a StringArray,
    body: Option<&'a StringArray>,
    name: Option<&'a StringArray>,
    severity_number: Option<&'a [i32]>,
}

/// A dictionary column of texts.
struct TextColumn<'a> {
    keys: &'a [i32],
    values: &'a StringArray,
}

impl<'a> TextColumn<'a> {
    fn of(batch: &'a RecordBatch, name: &str) -> Option<Self> {
        let dictionary = batch.column_by_name(name)?.as_dictionary_opt::<Int32Type>()?;
        Some(Self {
            keys: dictionary.keys().values(),
            values: dictionary.values().as_string_opt::<i32>()?,
        })
    }

    fn at(&self, row: usize) -> &'a str {
        let key = self.keys.get(row).and_then(|key| usize::try_from(*key).ok());
        key.filter(|key| *key < self.values.len())
            .map_or("", |key| self.values.value(key))
    }
}

impl<'a> IndexedColumns<'a> {
    fn of(signal: Signal, batch: &'a RecordBatch) -> Option<Self> {
        let text = |name: &str| batch.column_by_name(name)?.as_string_opt::<i32>();
        let dictionaries: &[&'static str] = match signal {
            Signal::Traces => &[column::SERVICE_NAME, column::KIND, column::STATUS_CODE],
            _ => &[column::SERVICE_NAME],
        };
        let severity = batch.column_by_name(column::SEVERITY_NUMBER);
        Some(Self {
            timestamps: batch
                .column_by_name(column::TIMESTAMP)?
                .as_primitive_opt::<TimestampNanosecondType>()?
                .values(),
            trace_ids: batch.column_by_name(column::TRACE_ID)?.as_fixed_size_binary_opt()?,
            dictionaries: dictionaries
                .iter()
                .map(|name| Some((*name, TextColumn::of(batch, name)?)))
                .collect::<Option<_>>()?,
            resource: TextColumn::of(batch, column::RESOURCE)?,
            attributes: text(column::ATTRIBUTES)?,
            body: text(column::BODY),
            name: text(column::NAME),
            severity_number: severity
                .and_then(|column| column.as_primitive_opt::<Int32Type>())
                .map(|column| column.values().as_ref()),
        })
    }

    fn trace_id(&self, row: usize) -> Option<[u8; 16]> {
        if self.trace_ids.is_null(row) {
            return None;
        }
        self.trace_ids.value(row).try_into().ok()
    }
}

impl RowsPartWriter {
    /// Creates the file, which must not exist. Removing it after an error is the caller's.
    pub fn create(fs: &Arc<dyn Fs>, tmp: &Path, meta: PartMeta, options: &PartOptions) -> Result<Self, PartError> {
        if meta.signal == Signal::Metrics {
            return Err(PartError::InvalidRows("metrics in a part of rows".to_owned()));
        }
        let properties = row_properties(meta.signal, options)?;
        let schema = schema::of(meta.signal);
        Ok(Self {
            file: PartFile::create(fs, tmp, meta, options, schema, properties)?,
            options: options.clone(),
            terms: RowTerms::new(),
            tile: None,
        })
    }

    /// Adds rows, in sort order within the batch and behind those before.
    pub fn batch(&mut self, batch: &RecordBatch) -> Result<(), PartError> {
        let signal = self.file.meta().signal;
        if batch.schema_ref().fields() != self.file.schema().fields() {
            return Err(PartError::InvalidRows(format!(
                "columns that are not those of {signal}"
            )));
        }
        let columns = IndexedColumns::of(signal, batch)
            .ok_or_else(|| PartError::InvalidRows(format!("columns that are not those of {signal}")))?;
        let mut written = 0;
        for row in 0..batch.num_rows() {
            if self.begins_tile(&columns, row)? {
                self.write_columns(batch, written..row)?;
                written = row;
                self.close_tile()?;
                self.open_tile(&columns, row)?;
            }
            self.index_row(&columns, row)?;
        }
        self.write_columns(batch, written..batch.num_rows())
    }

    fn slice_of(&self, timestamp: i64) -> i64 {
        let unit = units_per_second(self.file.meta().signal);
        let length = self.options.slice_length_s.max(1);
        timestamp.div_euclid(unit).div_euclid(length).saturating_mul(length)
    }

    /// Whether `row` begins another group than the one being filled.
    fn begins_group(&self, group: &OpenGroup, columns: &IndexedColumns<'_>, row: usize) -> bool {
        match self.file.meta().signal {
            Signal::Traces => columns.trace_id(row).unwrap_or_default() != group.trace_id,
            _ => group.rows as usize >= LOG_ROWS_PER_GROUP,
        }
    }

    /// Whether `row` begins another tile than the one being filled.
    fn begins_tile(&self, columns: &IndexedColumns<'_>, row: usize) -> Result<bool, PartError> {
        let Some(tile) = &self.tile else {
            return Ok(true);
        };
        let timestamp = columns.timestamps.get(row).copied().unwrap_or_default();
        let slice = self.slice_of(timestamp);
        let Some(group) = &tile.group else {
            return Ok(false);
        };
        if slice < tile.slice_start_s {
            return Err(PartError::InvalidRows(
                "a row of a slice that is written already".to_owned(),
            ));
        }
        if slice != tile.slice_start_s {
            return Ok(true);
        }
        if self.file.meta().signal == Signal::Traces && columns.trace_id(row).unwrap_or_default() < group.trace_id {
            return Err(PartError::InvalidRows(
                "spans that are not sorted by trace id".to_owned(),
            ));
        }
        let full = tile.rows >= self.options.tile_rows_max || self.terms.is_full();
        // A trace of more rows than a tile may have becomes several groups.
        let over = tile.rows >= self.options.tile_rows_max.saturating_mul(2);
        Ok(full && (over || self.begins_group(group, columns, row)))
    }

    fn open_tile(&mut self, columns: &IndexedColumns<'_>, row: usize) -> Result<(), PartError> {
        let signal = self.file.meta().signal;
        let timestamp = columns.timestamps.get(row).copied().unwrap_or_default();
        let slice_start_s = self.slice_of(timestamp);
        let factory = ArrowRowGroupWriterFactory::new(self.file.writer(), self.file.schema().clone());
        let base = slice_start_s.saturating_mul(units_per_second(signal) / units_per_index_unit(signal));
        self.tile = Some(OpenTile {
            slice_start_s,
            rows: 0,
            min: i64::MAX,
            max: i64::MIN,
            columns: factory.create_column_writers(self.file.tile_count())?,
            groups: GroupsBuilder::new(self.options.zstd_level, base),
            group: None,
        });
        Ok(())
    }

    fn index_row(&mut self, columns: &IndexedColumns<'_>, row: usize) -> Result<(), PartError> {
        let ends = self
            .tile
            .as_ref()
            .and_then(|tile| tile.group.as_ref())
            .is_some_and(|group| self.begins_group(group, columns, row));
        if ends {
            self.close_group()?;
        }
        let first_group = self.file.next_group();
        let Some(tile) = &mut self.tile else {
            return Ok(());
        };
        let timestamp = columns.timestamps.get(row).copied().unwrap_or_default();
        let trace_id = columns.trace_id(row);
        let group = tile.group.get_or_insert(OpenGroup {
            rows: 0,
            min: i64::MAX,
            max: i64::MIN,
            trace_id: trace_id.unwrap_or_default(),
        });
        let is_first = group.rows == 0;
        group.rows += 1;
        group.min = group.min.min(timestamp);
        group.max = group.max.max(timestamp);
        tile.rows += 1;
        tile.min = tile.min.min(timestamp);
        tile.max = tile.max.max(timestamp);
        let local = tile.groups.len();
        let ordinal = first_group + local;
        let (terms, builder) = (&mut self.terms, &mut self.file.terms);
        for (name, texts) in &columns.dictionaries {
            let repeats = !is_first && row > 0 && texts.keys.get(row) == texts.keys.get(row - 1);
            if !repeats {
                terms.column(builder, name, texts.at(row), ordinal);
            }
        }
        if is_first || row == 0 || columns.resource.keys.get(row) != columns.resource.keys.get(row - 1) {
            terms.resource(builder, columns.resource.at(row), ordinal);
        }
        if let Some(names) = columns.name {
            terms.column(builder, column::NAME, names.value(row), ordinal);
        }
        if let Some(severity) = columns.severity_number.and_then(|numbers| numbers.get(row)) {
            terms.severity(builder, *severity, ordinal);
        }
        terms.attributes(builder, columns.attributes.value(row), ordinal);
        if let Some(body) = columns.body.filter(|body| body.is_valid(row)) {
            terms.body(body.value(row), local);
        }
        if let Some(trace_id) = trace_id {
            terms.trace_id(&trace_id, local);
        }
        Ok(())
    }

    fn close_group(&mut self) -> Result<(), PartError> {
        let unit = units_per_index_unit(self.file.meta().signal);
        if let Some(tile) = &mut self.tile
            && let Some(group) = tile.group.take()
        {
            let group = Group {
                rows: group.rows,
                min: group.min.div_euclid(unit),
                max: group.max.div_euclid(unit),
                flags: 0,
            };
            tile.groups.push(group, None).map_err(PartError::Compression)?;
        }
        self.terms.end_group();
        Ok(())
    }

    fn write_columns(&mut self, batch: &RecordBatch, rows: std::ops::Range<usize>) -> Result<(), PartError> {
        let Some(tile) = self.tile.as_mut().filter(|_| !rows.is_empty()) else {
            return Ok(());
        };
        let mut writers = tile.columns.iter_mut();
        for (field, values) in batch.schema_ref().fields().iter().zip(batch.columns()) {
            let values: ArrayRef = values.slice(rows.start, rows.len());
            for leaf in compute_leaves(field, &values)? {
                let writer = writers
                    .next()
                    .ok_or_else(|| PartError::InvalidRows("more columns than the schema has".to_owned()))?;
                writer.write(&leaf)?;
            }
        }
        Ok(())
    }

    pub(super) fn close_tile(&mut self) -> Result<(), PartError> {
        self.close_group()?;
        let Some(tile) = self.tile.take() else {
            return Ok(());
        };
        let index = tile.groups.finish().map_err(PartError::Compression)?;
        let hashes = encode_hashes(self.terms.take_pairs(), index.groups);
        let chunks = tile
            .columns
            .into_iter()
            .map(|writer| Ok(TileChunk::<Bytes>::Arrow(Box::new(writer.close()?))))
            .collect::<Result<Vec<_>, PartError>>()?;
        let times = TileTimes {
            slice_start_s: tile.slice_start_s,
            min: tile.min,
            max: tile.max,
        };
        self.file.tile(chunks, &index, &hashes, times)
    }

    /// Bytes held, nearly: what the caller accounts for.
    pub fn memory_bytes(&self) -> usize {
        let columns = self.tile.as_ref().map_or(0, |tile| {
            tile.columns.iter().map(ArrowColumnWriter::memory_size).sum::<usize>()
        });
        self.file.terms.memory_bytes() + self.terms.memory_bytes() + columns
    }

    /// Writes the rest and makes the file durable.
    pub fn finish(mut self) -> Result<PartSummary, PartError> {
        self.close_tile()?;
        self.file.finish()
    }
}
