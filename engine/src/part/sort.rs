//! The order of rows in parts of logs and traces, and the one place that makes it.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, DictionaryArray, Int32Array, StringArray};
use arrow::compute::interleave;
use arrow::datatypes::{Int32Type, TimestampNanosecondType};
use arrow::record_batch::RecordBatch;

use super::format::units_per_second;
use super::types::PartError;
use crate::ids::Signal;
use crate::schema::{self, column};

/// Rows of one sorted batch.
const SORTED_BATCH_ROWS: usize = 8_192;

/// What a row is sorted by: slice, then stream or trace, then time, then arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct RowKey {
    slice_start_s: i64,
    run: u128,
    timestamp: i64,
    batch: u32,
    row: u32,
}

/// Sorts the rows of batches in order of arrival as a part of `signal` has them: by slice, then for logs by service and
/// resource, for traces by trace id, then by time. Of several spans with the same trace and span id the last one stays.
pub fn sort_rows(signal: Signal, slice_length_s: i64, batches: &[RecordBatch]) -> Result<Vec<RecordBatch>, PartError> {
    let invalid = || PartError::InvalidRows(format!("columns that are not those of {signal}"));
    let schema = schema::of(signal);
    if signal == Signal::Metrics
        || batches
            .iter()
            .any(|batch| batch.schema_ref().fields() != schema.fields())
    {
        return Err(invalid());
    }
    let columns = unify_dictionaries(&schema, batches)?;
    let mut keys = row_keys(signal, slice_length_s, batches, &columns).ok_or_else(invalid)?;
    if signal == Signal::Traces {
        drop_replaced(batches, &mut keys).ok_or_else(invalid)?;
    }
    keys.sort_unstable();
    keys.chunks(SORTED_BATCH_ROWS)
        .map(|rows| {
            let rows: Vec<(usize, usize)> = rows.iter().map(|key| (key.batch as usize, key.row as usize)).collect();
            let taken = columns
                .iter()
                .map(|column| column.take(&rows))
                .collect::<Result<Vec<_>, PartError>>()?;
            Ok(RecordBatch::try_new(schema.clone(), taken)?)
        })
        .collect()
}

/// One column over all batches.
enum SortColumn {
    Plain(Vec<ArrayRef>),
    /// Keys into one dictionary whose values are sorted.
    Dictionary {
        keys: Vec<ArrayRef>,
        values: ArrayRef,
    },
}

impl SortColumn {
    fn take(&self, rows: &[(usize, usize)]) -> Result<ArrayRef, PartError> {
        let taken = |arrays: &[ArrayRef]| {
            let borrowed: Vec<&dyn Array> = arrays.iter().map(AsRef::as_ref).collect();
            interleave(&borrowed, rows)
        };
        match self {
            Self::Plain(arrays) => Ok(taken(arrays)?),
            Self::Dictionary { keys, values } => {
                let keys = taken(keys)?.as_primitive::<Int32Type>().clone();
                Ok(Arc::new(DictionaryArray::<Int32Type>::try_new(keys, values.clone())?))
            }
        }
    }
}

/// Gives the dictionaries of all batches the same, sorted values: rows then sort by number, and none is hashed again.
fn unify_dictionaries(
    schema: &arrow::datatypes::Schema,
    batches: &[RecordBatch],
) -> Result<Vec<SortColumn>, PartError> {
    (0..schema.fields().len())
        .map(|place| {
            let arrays: Vec<ArrayRef> = batches.iter().map(|batch| batch.column(place).clone()).collect();
            let is_dictionary = matches!(
                schema.field(place).data_type(),
                arrow::datatypes::DataType::Dictionary(_, _)
            );
            if is_dictionary {
                unify(&arrays)
            } else {
                Ok(SortColumn::Plain(arrays))
            }
        })
        .collect()
}

fn unify(arrays: &[ArrayRef]) -> Result<SortColumn, PartError> {
    let invalid = || PartError::InvalidRows("a dictionary column of another type".to_owned());
    let dictionaries = arrays
        .iter()
        .map(|array| {
            let dictionary = array.as_dictionary_opt::<Int32Type>()?;
            Some((dictionary.keys(), dictionary.values().as_string_opt::<i32>()?))
        })
        .collect::<Option<Vec<_>>>()
        .ok_or_else(invalid)?;
    let mut texts: Vec<&str> = dictionaries
        .iter()
        .flat_map(|(_, values)| values.iter().flatten())
        .collect();
    texts.sort_unstable();
    texts.dedup();
    let keys = dictionaries
        .iter()
        .map(|(keys, values)| {
            let places: Vec<Option<i32>> = values
                .iter()
                .map(|text| texts.binary_search(&text?).ok().map(|place| place as i32))
                .collect();
            let mapped: Int32Array = keys
                .iter()
                .map(|key| places.get(usize::try_from(key?).ok()?).copied().flatten())
                .collect();
            Arc::new(mapped) as ArrayRef
        })
        .collect();
    let values: ArrayRef = Arc::new(StringArray::from_iter_values(texts));
    Ok(SortColumn::Dictionary { keys, values })
}

fn row_keys(
    signal: Signal,
    slice_length_s: i64,
    batches: &[RecordBatch],
    columns: &[SortColumn],
) -> Option<Vec<RowKey>> {
    let schema = schema::of(signal);
    let place = |name: &str| schema.index_of(name).ok();
    let dictionary_keys = |name: &str, batch: usize| match columns.get(place(name)?)? {
        SortColumn::Dictionary { keys, .. } => keys.get(batch)?.as_primitive_opt::<Int32Type>(),
        SortColumn::Plain(_) => None,
    };
    let slice_units = units_per_second(signal).checked_mul(slice_length_s.max(1))?;
    let mut out = Vec::with_capacity(batches.iter().map(RecordBatch::num_rows).sum());
    for (number, batch) in batches.iter().enumerate() {
        let times = batch
            .column_by_name(column::TIMESTAMP)?
            .as_primitive_opt::<TimestampNanosecondType>()?;
        let traces = batch.column_by_name(column::TRACE_ID)?.as_fixed_size_binary_opt()?;
        let streams = match signal {
            Signal::Traces => None,
            _ => Some((
                dictionary_keys(column::SERVICE_NAME, number)?,
                dictionary_keys(column::RESOURCE, number)?,
            )),
        };
        for (row, timestamp) in times.values().iter().enumerate() {
            let run = match streams {
                Some((services, resources)) => {
                    let service = services.values().get(row).copied().unwrap_or_default();
                    let resource = resources.values().get(row).copied().unwrap_or_default();
                    (service as u128) << 32 | resource as u128
                }
                None if traces.is_valid(row) => u128::from_be_bytes(traces.value(row).try_into().ok()?),
                None => 0,
            };
            out.push(RowKey {
                slice_start_s: timestamp.div_euclid(slice_units) * slice_length_s.max(1),
                run,
                timestamp: *timestamp,
                batch: number as u32,
                row: row as u32,
            });
        }
    }
    Some(out)
}

/// Drops the rows of spans that a later row replaces.
fn drop_replaced(batches: &[RecordBatch], keys: &mut Vec<RowKey>) -> Option<()> {
    let ids = batches
        .iter()
        .map(|batch| batch.column_by_name(column::SPAN_ID)?.as_fixed_size_binary_opt())
        .collect::<Option<Vec<_>>>()?;
    let mut seen = HashSet::with_capacity(keys.len());
    // The keys are still in order of arrival; the last one of a span is the first that is seen.
    keys.reverse();
    keys.retain(|key| {
        let id = ids.get(key.batch as usize).map(|ids| ids.value(key.row as usize));
        let span = id.and_then(|id| <[u8; 8]>::try_from(id).ok()).unwrap_or_default();
        seen.insert((key.run, span))
    });
    Some(())
}
