//! Answers as bytes: JSON, NDJSON, CSV, an Arrow stream or a Parquet file, chunk by chunk as batches come.

mod cell;
mod text;

use std::io::Write;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::cast;
use arrow::csv::WriterBuilder;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::ipc::writer::StreamWriter;
use bytes::Bytes;
use parking_lot::Mutex;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use super::error::{SqlError, SqlErrorCode};

pub use cell::type_name;

/// The form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// `{"columns":[{"name","type"}],"rows":[[…]]}`
    Json,
    /// One JSON object a line.
    NdJson,
    /// A header line, then one line a row (RFC 4180).
    Csv,
    /// Arrow's IPC stream.
    Arrow,
    /// A Parquet file.
    Parquet,
}

impl Format {
    /// Every form.
    pub const ALL: [Self; 5] = [Self::Json, Self::NdJson, Self::Csv, Self::Arrow, Self::Parquet];

    /// The media type of an answer.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::NdJson => "application/x-ndjson",
            Self::Csv => "text/csv; charset=utf-8",
            Self::Arrow => "application/vnd.apache.arrow.stream",
            Self::Parquet => "application/vnd.apache.parquet",
        }
    }

    /// The form that an Accept header asks for: the first of its types that is there, JSON where it takes anything or says
    /// nothing, `None` where nothing of it is there.
    pub fn of_accept(accept: Option<&str>) -> Option<Self> {
        let Some(accept) = accept.filter(|accept| !accept.trim().is_empty()) else {
            return Some(Self::Json);
        };
        accept.split(',').find_map(|range| {
            let media = range.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
            match media.as_str() {
                "application/json" | "*/*" | "application/*" => Some(Self::Json),
                "application/x-ndjson" | "application/ndjson" | "application/jsonl" => Some(Self::NdJson),
                "text/csv" | "text/*" => Some(Self::Csv),
                "application/vnd.apache.arrow.stream" => Some(Self::Arrow),
                "application/vnd.apache.parquet" | "application/x-parquet" => Some(Self::Parquet),
                _ => None,
            }
        })
    }
}

/// Writes one answer.
pub struct Encoder {
    shown: SchemaRef,
    form: Form,
}

enum Form {
    Json { rows: u64 },
    NdJson { names: Vec<String> },
    Csv { header_written: bool },
    Arrow(Box<StreamWriter<Sink>>),
    Parquet(Box<ArrowWriter<Sink>>),
}

impl std::fmt::Debug for Encoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Encoder")
            .field("schema", &self.shown)
            .finish_non_exhaustive()
    }
}

/// Collects what a writer writes until it is taken.
#[derive(Debug, Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Sink {
    fn take(&self) -> Bytes {
        Bytes::from(std::mem::take(&mut *self.0.lock()))
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Encoder {
    /// An encoder for answers of `schema`.
    ///
    /// # Errors
    /// When the form cannot hold a column of the schema.
    pub fn new(format: Format, schema: &SchemaRef) -> Result<Self, SqlError> {
        let shown = Arc::new(plain_schema(schema));
        let form = match format {
            Format::Json => Form::Json { rows: 0 },
            Format::NdJson => Form::NdJson {
                names: text::object_keys(&shown),
            },
            Format::Csv => Form::Csv { header_written: false },
            Format::Arrow => {
                let writer = StreamWriter::try_new(Sink::default(), &shown).map_err(|error| unwritable(&error))?;
                Form::Arrow(Box::new(writer))
            }
            Format::Parquet => {
                let properties = WriterProperties::builder()
                    .set_compression(Compression::ZSTD(ZstdLevel::default()))
                    .build();
                let writer = ArrowWriter::try_new(Sink::default(), Arc::clone(&shown), Some(properties))
                    .map_err(|error| unwritable(&error))?;
                Form::Parquet(Box::new(writer))
            }
        };
        Ok(Self { shown, form })
    }

    /// What comes before the first row; to be sent first.
    pub fn start(&mut self) -> Bytes {
        match &mut self.form {
            Form::Json { .. } => Bytes::from(text::json_start(&self.shown)),
            Form::Csv { header_written } => {
                *header_written = true;
                Bytes::from(text::csv_header(&self.shown))
            }
            Form::NdJson { .. } | Form::Arrow(_) | Form::Parquet(_) => Bytes::new(),
        }
    }

    /// The rows of a batch. Forms that write in blocks may give nothing yet.
    ///
    /// # Errors
    /// When a value cannot be written in this form.
    pub fn batch(&mut self, batch: &RecordBatch) -> Result<Bytes, SqlError> {
        let batch = plain_batch(batch, &self.shown)?;
        match &mut self.form {
            Form::Json { rows } => {
                let bytes = text::json_rows(&batch, *rows == 0);
                *rows += batch.num_rows() as u64;
                Ok(Bytes::from(bytes))
            }
            Form::NdJson { names } => Ok(Bytes::from(text::ndjson_rows(&batch, names))),
            Form::Csv { .. } => {
                let mut bytes = Vec::new();
                let texts = text::csv_columns(&batch)?;
                let mut writer = WriterBuilder::new().with_header(false).build(&mut bytes);
                writer.write(&texts).map_err(|error| unwritable(&error))?;
                drop(writer);
                Ok(Bytes::from(bytes))
            }
            Form::Arrow(writer) => {
                writer.write(&batch).map_err(|error| unwritable(&error))?;
                Ok(writer.get_ref().take())
            }
            Form::Parquet(writer) => {
                writer.write(&batch).map_err(|error| unwritable(&error))?;
                Ok(writer.inner().take())
            }
        }
    }

    /// What comes after the last row.
    ///
    /// # Errors
    /// When the file's end cannot be written.
    pub fn finish(self) -> Result<Bytes, SqlError> {
        match self.form {
            Form::Json { .. } => Ok(Bytes::from_static(b"]}\n")),
            Form::NdJson { .. } | Form::Csv { .. } => Ok(Bytes::new()),
            Form::Arrow(mut writer) => {
                writer.finish().map_err(|error| unwritable(&error))?;
                Ok(writer.get_ref().take())
            }
            Form::Parquet(mut writer) => {
                writer.finish().map_err(|error| unwritable(&error))?;
                Ok(writer.inner().take())
            }
        }
    }
}

fn unwritable(error: &dyn std::error::Error) -> SqlError {
    SqlError::new(
        SqlErrorCode::NotSupported,
        format!("the answer cannot be written in this form ({error}): ask for JSON, or cast the column"),
    )
}

/// The schema without dictionaries and views: what every client reads.
fn plain_schema(schema: &Schema) -> Schema {
    Schema::new(
        schema
            .fields()
            .iter()
            .map(|field| plain_field(field))
            .collect::<Vec<_>>(),
    )
}

fn plain_field(field: &Field) -> Field {
    Field::new(field.name(), plain_type(field.data_type()), field.is_nullable())
}

fn plain_type(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Dictionary(_, value) => plain_type(value),
        DataType::Utf8View => DataType::Utf8,
        DataType::BinaryView => DataType::Binary,
        other => other.clone(),
    }
}

fn plain_batch(batch: &RecordBatch, shown: &SchemaRef) -> Result<RecordBatch, SqlError> {
    let columns = batch
        .columns()
        .iter()
        .zip(shown.fields())
        .map(|(column, field)| {
            if column.data_type() == field.data_type() {
                Ok(Arc::clone(column))
            } else {
                cast(column, field.data_type()).map_err(|error| unwritable(&error))
            }
        })
        .collect::<Result<Vec<_>, _>>()?;
    let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::clone(shown), columns, &options).map_err(|error| unwritable(&error))
}

#[cfg(test)]
mod tests;
