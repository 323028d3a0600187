//! Records of samples: one section a column, the optional ones only where a row needs them.

use arrow::buffer::{Buffer, ScalarBuffer};
use bytes::Bytes;

use super::columns::{HistogramRows, MetricRows};
use super::frame::{Frame, InvalidRecord, Kind, aligned, put_text, shared, take, take_text};
use crate::ids::{SeriesRef, Signal};
use crate::metadata::{Exemplar, MetricKind, MetricMetadata};
use crate::schema::Temporality;
use crate::tenant::Tenant;

/// Bits of an exemplar's flag byte.
mod has {
    pub(super) const TRACE_ID: u8 = 1;
    pub(super) const SPAN_ID: u8 = 2;
}

/// A record of samples read back.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricsRecord {
    /// The samples.
    pub rows: MetricRows,
    /// Metadata that was new or changed.
    pub metadata: Vec<MetricMetadata>,
    /// Exemplars.
    pub exemplars: Vec<Exemplar>,
}

/// The body of a record of samples; columns are shared, not copied.
pub(crate) fn encode_metrics(
    tenant: &Tenant,
    rows: &MetricRows,
    metadata: &[MetricMetadata],
    exemplars: &[Exemplar],
) -> Vec<Bytes> {
    let mut frame = Frame::new(Signal::Metrics, tenant.id(), tenant.space(), rows.len());
    frame.add_column(Kind::Refs, &rows.refs);
    frame.add_column(Kind::Timestamps, &rows.timestamps);
    frame.add_column(Kind::Values, &rows.values);
    if let Some(starts) = &rows.start_timestamps {
        frame.add_column(Kind::StartTimestamps, starts);
    }
    if let Some(temporalities) = &rows.temporalities {
        frame.add_column(Kind::Temporalities, temporalities);
    }
    if let Some(histograms) = &rows.histograms {
        frame.add_column(Kind::HistogramRows, &histograms.rows);
        frame.add_column(Kind::HistogramEnds, &histograms.ends);
        frame.add(Kind::HistogramBytes, shared(histograms.bytes.clone()));
    }
    if !metadata.is_empty() {
        frame.add(Kind::Metadata, encode_metadata(metadata));
    }
    if !exemplars.is_empty() {
        frame.add(Kind::Exemplars, encode_exemplars(exemplars));
    }
    frame.encode()
}

fn encode_metadata(metadata: &[MetricMetadata]) -> Vec<u8> {
    let mut out = Vec::new();
    for one in metadata {
        out.push(one.kind as u8);
        put_text(&mut out, &one.metric);
        put_text(&mut out, &one.unit);
        put_text(&mut out, &one.help);
    }
    out
}

fn decode_metadata(bytes: &[u8]) -> Result<Vec<MetricMetadata>, InvalidRecord> {
    let mut rest = bytes;
    let mut metadata = Vec::new();
    while !rest.is_empty() {
        let [kind] = take(&mut rest)?;
        metadata.push(MetricMetadata {
            kind: MetricKind::from_u8(kind).ok_or(InvalidRecord::Section)?,
            metric: take_text(&mut rest)?,
            unit: take_text(&mut rest)?,
            help: take_text(&mut rest)?,
        });
    }
    Ok(metadata)
}

fn encode_exemplars(exemplars: &[Exemplar]) -> Vec<u8> {
    let mut out = Vec::new();
    for one in exemplars {
        out.extend_from_slice(&one.series.0.to_le_bytes());
        out.extend_from_slice(&one.timestamp_ms.to_le_bytes());
        out.extend_from_slice(&one.value.to_le_bytes());
        let trace = one.trace_id.map_or(0, |_| has::TRACE_ID);
        out.push(trace | one.span_id.map_or(0, |_| has::SPAN_ID));
        out.extend(one.trace_id.iter().flatten());
        out.extend(one.span_id.iter().flatten());
        put_text(&mut out, &one.attributes);
    }
    out
}

fn decode_exemplars(bytes: &[u8]) -> Result<Vec<Exemplar>, InvalidRecord> {
    let mut rest = bytes;
    let mut exemplars = Vec::new();
    while !rest.is_empty() {
        let series = SeriesRef(u32::from_le_bytes(take(&mut rest)?));
        let timestamp_ms = i64::from_le_bytes(take(&mut rest)?);
        let value = f64::from_le_bytes(take(&mut rest)?);
        let [flags] = take(&mut rest)?;
        let trace_id = (flags & has::TRACE_ID != 0).then(|| take(&mut rest)).transpose()?;
        let span_id = (flags & has::SPAN_ID != 0).then(|| take(&mut rest)).transpose()?;
        exemplars.push(Exemplar {
            series,
            timestamp_ms,
            value,
            trace_id,
            span_id,
            attributes: take_text(&mut rest)?,
        });
    }
    Ok(exemplars)
}

impl MetricsRecord {
    pub(super) fn decode(frame: &Frame) -> Result<Self, InvalidRecord> {
        let rows = frame.rows;
        let missing = || InvalidRecord::Section;
        let columns = MetricRows {
            refs: frame.column(Kind::Refs, rows)?.ok_or_else(missing)?,
            timestamps: frame.column(Kind::Timestamps, rows)?.ok_or_else(missing)?,
            values: frame.column(Kind::Values, rows)?.ok_or_else(missing)?,
            start_timestamps: frame.column(Kind::StartTimestamps, rows)?,
            temporalities: decode_temporalities(frame)?,
            histograms: decode_histograms(frame)?,
        };
        let section = |kind| frame.section(kind).unwrap_or_default();
        Ok(Self {
            rows: columns,
            metadata: decode_metadata(&section(Kind::Metadata))?,
            exemplars: decode_exemplars(&section(Kind::Exemplars))?,
        })
    }

    /// Puts this process's refs in place of the segment's.
    pub fn remap(&mut self, ref_of: impl Fn(u32) -> Option<SeriesRef>) -> Result<(), InvalidRecord> {
        let known = |series: u32| ref_of(series).ok_or(InvalidRecord::UnknownSeries(series));
        let refs: Vec<u32> = self
            .rows
            .refs
            .iter()
            .map(|series| known(*series).map(|found| found.0))
            .collect::<Result<_, _>>()?;
        self.rows.refs = ScalarBuffer::from(refs);
        for exemplar in &mut self.exemplars {
            exemplar.series = known(exemplar.series.0)?;
        }
        Ok(())
    }
}

fn decode_temporalities(frame: &Frame) -> Result<Option<ScalarBuffer<u8>>, InvalidRecord> {
    let column = frame.column::<u8>(Kind::Temporalities, frame.rows)?;
    let known = |column: &ScalarBuffer<u8>| column.iter().all(|number| Temporality::from_u8(*number).is_some());
    match column {
        Some(column) if !known(&column) => Err(InvalidRecord::Section),
        column => Ok(column),
    }
}

fn decode_histograms(frame: &Frame) -> Result<Option<HistogramRows>, InvalidRecord> {
    let Some(rows) = frame.column_of_any_length::<u32>(Kind::HistogramRows)? else {
        return Ok(None);
    };
    let ends = frame
        .column::<u32>(Kind::HistogramEnds, rows.len())?
        .ok_or(InvalidRecord::Section)?;
    let bytes: Buffer = aligned(frame.section(Kind::HistogramBytes).unwrap_or_default());
    let rows_ascend = rows.is_sorted_by(|a, b| a < b) && rows.last().is_none_or(|last| (*last as usize) < frame.rows);
    let ends_ascend = ends.is_sorted() && ends.last().map_or(0, |end| *end as usize) == bytes.len();
    if rows_ascend && ends_ascend {
        Ok(Some(HistogramRows { rows, ends, bytes }))
    } else {
        Err(InvalidRecord::Section)
    }
}
