//! Records of logs and spans: an Arrow IPC record batch, in which resources, scopes and words are numbers; the texts of
//! resources and scopes stand ahead of it, once each.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, DictionaryArray, RecordBatch, StringArray};
use arrow::buffer::Buffer;
use arrow::datatypes::{DataType, Field, Int32Type, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::ipc::reader::read_record_batch;
use arrow::ipc::writer::{DictionaryTracker, IpcDataGenerator, IpcWriteContext, IpcWriteOptions};
use arrow::ipc::{MessageHeader, MetadataVersion, root_as_message};
use bytes::Bytes;

use super::frame::{Frame, InvalidRecord, Kind, aligned, put_text, take_text};
use crate::ids::Signal;
use crate::schema::{self, SPAN_KINDS, STATUS_CODES, column};

/// What columns of the record begin on, in bytes.
const IPC_ALIGNMENT: usize = 8;
/// Bytes of one offset of texts and lists.
const OFFSET_BYTES: i64 = 4;

/// The texts of resources and scopes that a batch's rows name by number.
#[derive(Debug, Default)]
pub(crate) struct SharedText {
    resources: Vec<String>,
    service_names: Vec<String>,
    scopes: Vec<String>,
}

impl SharedText {
    pub(crate) fn add_resource(&mut self, json: &str, service_name: &str) {
        self.resources.push(json.to_owned());
        self.service_names.push(service_name.to_owned());
    }

    pub(crate) fn add_scope(&mut self, json: &str) {
        self.scopes.push(json.to_owned());
    }

    fn resources_section(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for (json, service_name) in self.resources.iter().zip(&self.service_names) {
            put_text(&mut out, service_name);
            put_text(&mut out, json);
        }
        out
    }

    fn scopes_section(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.scopes.iter().for_each(|json| put_text(&mut out, json));
        out
    }

    fn decode(frame: &Frame) -> Result<Self, InvalidRecord> {
        let mut shared = Self::default();
        let resources = frame.section(Kind::Resources).unwrap_or_default();
        let mut rest: &[u8] = &resources;
        while !rest.is_empty() {
            shared.service_names.push(take_text(&mut rest)?);
            shared.resources.push(take_text(&mut rest)?);
        }
        let scopes = frame.section(Kind::Scopes).unwrap_or_default();
        let mut rest: &[u8] = &scopes;
        while !rest.is_empty() {
            shared.scopes.push(take_text(&mut rest)?);
        }
        Ok(shared)
    }

    /// The column of `schema` that a column of numbers stands for.
    fn dictionary(&self, name: &str, numbers: &ArrayRef) -> Result<ArrayRef, ArrowError> {
        let values = match name {
            column::RESOURCE => StringArray::from_iter_values(&self.resources),
            column::SERVICE_NAME => StringArray::from_iter_values(&self.service_names),
            column::SCOPE => StringArray::from_iter_values(&self.scopes),
            column::KIND => StringArray::from_iter_values(SPAN_KINDS),
            _ => StringArray::from_iter_values(STATUS_CODES),
        };
        let keys = numbers.as_primitive::<Int32Type>().clone();
        Ok(Arc::new(DictionaryArray::try_new(keys, Arc::new(values))?))
    }
}

/// The columns of a record: those of `schema`, with numbers in place of dictionaries, and without the service's name,
/// which the resource's number gives.
pub(crate) fn record_schema(signal: Signal) -> SchemaRef {
    let fields: Vec<Field> = schema::of(signal)
        .fields()
        .iter()
        .filter(|field| field.name() != column::SERVICE_NAME)
        .map(|field| match field.data_type() {
            DataType::Dictionary(key, _) => Field::new(field.name(), key.as_ref().clone(), field.is_nullable()),
            _ => field.as_ref().clone(),
        })
        .collect();
    Arc::new(Schema::new(fields))
}

/// The frame of a record of logs or spans.
pub(super) fn encode(mut frame: Frame, shared: &SharedText, batch: &RecordBatch) -> Result<Frame, ArrowError> {
    let options = IpcWriteOptions::try_new(IPC_ALIGNMENT, false, MetadataVersion::V5)?;
    let (_, encoded) = IpcDataGenerator::default().encode(
        batch,
        &mut DictionaryTracker::new(false),
        &options,
        &mut IpcWriteContext::default(),
    )?;
    frame.add(Kind::Resources, shared.resources_section());
    frame.add(Kind::Scopes, shared.scopes_section());
    frame.add(Kind::BatchMessage, encoded.ipc_message);
    frame.add(
        Kind::BatchBuffers,
        super::frame::shared(Buffer::from(encoded.arrow_data)),
    );
    Ok(frame)
}

/// The rows of a record in the columns of `schema`, sharing the record's memory.
pub(super) fn decode(frame: &Frame) -> Result<RecordBatch, InvalidRecord> {
    let shared = SharedText::decode(frame)?;
    let message = frame.section(Kind::BatchMessage).ok_or(InvalidRecord::Section)?;
    let buffers = frame.section(Kind::BatchBuffers).ok_or(InvalidRecord::Section)?;
    let batch = decode_batch(&message, buffers, record_schema(frame.signal))?;
    if batch.num_rows() != frame.rows {
        return Err(InvalidRecord::Section);
    }
    in_words(frame.signal, &shared, &batch).map_err(damaged)
}

fn damaged(error: ArrowError) -> InvalidRecord {
    InvalidRecord::Columns(error.to_string())
}

fn decode_batch(message: &[u8], buffers: Bytes, schema: SchemaRef) -> Result<RecordBatch, InvalidRecord> {
    let message = root_as_message(message).map_err(|error| InvalidRecord::Columns(error.to_string()))?;
    let batch = match message.header_type() {
        MessageHeader::RecordBatch => message.header_as_record_batch(),
        _ => None,
    };
    let batch = batch.ok_or(InvalidRecord::Section)?;
    check_layout(&batch, &schema, buffers.len())?;
    let version = message.version();
    read_record_batch(&aligned(buffers), batch, schema, &HashMap::new(), None, &version).map_err(damaged)
}

/// What Arrow's reader takes for granted: as many nodes and buffers as the schema needs, inside the bytes, of
/// plausible lengths, uncompressed. Values are checked by the reader.
fn check_layout(batch: &arrow::ipc::RecordBatch<'_>, schema: &Schema, bytes: usize) -> Result<(), InvalidRecord> {
    let (Some(nodes), Some(buffers)) = (batch.nodes(), batch.buffers()) else {
        return Err(InvalidRecord::Section);
    };
    let mut layout = Layout::default();
    schema.fields().iter().for_each(|field| layout.add(field.data_type()));
    let rows_max = (bytes as i64).saturating_mul(8);
    let bits = |buffer: usize| {
        let found = (buffer < buffers.len()).then(|| buffers.get(buffer));
        found.map_or(0, |buffer| buffer.length().saturating_mul(8))
    };
    let nodes_fit = nodes.iter().zip(&layout.nodes).all(|(node, expected)| {
        let nulls = node.null_count();
        (0..=rows_max).contains(&node.length())
            && (0..=node.length()).contains(&nulls)
            && (nulls == 0 || (!expected.is_struct && bits(expected.validity) >= node.length()))
    });
    let buffers_fit = buffers.iter().zip(&layout.widths).all(|(buffer, width)| {
        let (offset, length) = (buffer.offset(), buffer.length());
        offset >= 0
            && length >= 0
            && offset % IPC_ALIGNMENT as i64 == 0
            && length % width == 0
            && offset.checked_add(length).is_some_and(|end| end <= bytes as i64)
    });
    let counts_fit = nodes.len() == layout.nodes.len() && buffers.len() == layout.widths.len();
    if counts_fit && nodes_fit && buffers_fit && batch.compression().is_none() && batch.length() >= 0 {
        Ok(())
    } else {
        Err(InvalidRecord::Section)
    }
}

/// The nodes and buffers that Arrow IPC writes for a schema of the kinds used here.
#[derive(Debug, Default)]
struct Layout {
    nodes: Vec<Node>,
    /// Of each buffer, the bytes of one element.
    widths: Vec<i64>,
}

/// One node of a layout.
#[derive(Debug)]
struct Node {
    is_struct: bool,
    /// Which buffer says what is null.
    validity: usize,
}

impl Layout {
    fn add(&mut self, data_type: &DataType) {
        self.nodes.push(Node {
            is_struct: matches!(data_type, DataType::Struct(_)),
            validity: self.widths.len(),
        });
        self.widths.push(1);
        match data_type {
            DataType::Utf8 => self.widths.extend([OFFSET_BYTES, 1]),
            DataType::List(item) => {
                self.widths.push(OFFSET_BYTES);
                self.add(item.data_type());
            }
            DataType::Struct(fields) => fields.iter().for_each(|field| self.add(field.data_type())),
            number => self.widths.push(number.primitive_width().unwrap_or(1) as i64),
        }
    }
}

/// A batch in the columns of `schema`.
fn in_words(signal: Signal, shared: &SharedText, batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let schema = schema::of(signal);
    let columns = schema
        .fields()
        .iter()
        .map(|field| {
            let source = match field.name().as_str() {
                column::SERVICE_NAME => column::RESOURCE,
                name => name,
            };
            let found = batch
                .column_by_name(source)
                .ok_or_else(|| ArrowError::SchemaError(format!("no column {source}")))?;
            match field.data_type() {
                DataType::Dictionary(_, _) => shared.dictionary(field.name(), found),
                _ => Ok(Arc::clone(found)),
            }
        })
        .collect::<Result<Vec<_>, _>>()?;
    RecordBatch::try_new(schema, columns)
}

#[cfg(test)]
mod tests;
