//! Prometheus remote write 1.0: a snappy block of a `WriteRequest`, walked where it lies after decompression.
//!
//! The bytes of a series' labels are hashed as they arrive; a series that is known is never decoded again, because a
//! sender repeats the same label bytes with every sample.

mod histogram;

use icecore_engine::batch::{ExemplarRow, MetricsBatch, Slot};
use icecore_engine::labels::{LabelsBuilder, push_json_string};
use icecore_engine::metadata::MetricKind;
use icecore_engine::reason::{Reason, Reject};
use icecore_engine::schema::Temporality;

use crate::otlp::arrival::{self, AttributeRun};
use crate::otlp::{DecodeError, Decoded};
use crate::protobuf::{Fields, WireError};

/// Label of an exemplar that names its trace.
const TRACE_ID_LABEL: &str = "trace_id";
/// Label of an exemplar that names its span.
const SPAN_ID_LABEL: &str = "span_id";

/// How many of each kind a request held, for the `X-Prometheus-Remote-Write-*-Written` headers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Contents {
    /// Samples that are numbers.
    pub samples: u64,
    /// Samples that are native histograms.
    pub histograms: u64,
    /// Exemplars.
    pub exemplars: u64,
}

impl Contents {
    /// Samples of both kinds: what the engine counts as items.
    pub fn decoded(&self) -> Decoded {
        Decoded {
            items: self.samples + self.histograms,
        }
    }
}

/// Fills `batch` with a decompressed `WriteRequest`.
pub fn decode(body: &[u8], batch: &mut MetricsBatch) -> Result<Contents, DecodeError> {
    let mut decoder = Decoder {
        root: arrival::root(batch.arrival_seed()),
        batch,
        contents: Contents::default(),
        json: String::new(),
    };
    decoder.request(body).map_err(|error| DecodeError::Wire {
        message: "prometheus.WriteRequest",
        error,
    })?;
    Ok(decoder.contents)
}

struct Decoder<'b> {
    batch: &'b mut MetricsBatch,
    root: u128,
    contents: Contents,
    json: String,
}

impl Decoder<'_> {
    fn request(&mut self, body: &[u8]) -> Result<(), WireError> {
        let mut fields = Fields::of(body);
        while let Some(field) = fields.next_field()? {
            match field.number {
                1 => self.series(field.bytes()?)?,
                3 => self.metadata(field.bytes()?)?,
                _ => {}
            }
        }
        Ok(())
    }

    #[inline]
    fn series(&mut self, message: &[u8]) -> Result<(), WireError> {
        let mut run = AttributeRun::new(message, 1);
        let mut fields = Fields::of(message);
        let mut rest = None;
        loop {
            let before = fields;
            let Some(field) = fields.next_field()? else { break };
            if field.number == 1 {
                field.bytes()?;
                run.extend(message.len() - before.remaining(), message.len() - fields.remaining());
            } else if rest.is_none() {
                rest = Some(before);
            }
        }
        let Some(mut rest) = rest else {
            return Ok(());
        };
        let key = run.key(self.root)?;
        let slot = self.batch.series(key, |labels| series_labels(&run, labels));
        while let Some(field) = rest.next_field()? {
            match field.number {
                2 => self.sample(slot, field.bytes()?)?,
                3 => self.exemplar(slot, field.bytes()?)?,
                4 => self.histogram(slot, field.bytes()?)?,
                _ => {}
            }
        }
        Ok(())
    }

    #[inline]
    fn sample(&mut self, slot: Slot, message: &[u8]) -> Result<(), WireError> {
        let (mut value, mut time_ms) = (0.0, 0);
        let mut fields = Fields::of(message);
        while let Some(field) = fields.next_field()? {
            match field.number {
                1 => value = field.double()?,
                2 => time_ms = field.varint()?.cast_signed(),
                _ => {}
            }
        }
        self.contents.samples += 1;
        self.batch.sample(slot, time_ms, value, 0, Temporality::Unspecified);
        Ok(())
    }

    fn exemplar(&mut self, slot: Slot, message: &[u8]) -> Result<(), WireError> {
        let mut exemplar = ExemplarRow {
            timestamp_ms: 0,
            value: 0.0,
            trace_id: None,
            span_id: None,
            attributes: "",
        };
        self.json.clear();
        self.json.push('{');
        let mut fields = Fields::of(message);
        while let Some(field) = fields.next_field()? {
            match field.number {
                1 => {
                    let (name, value) = label(field.bytes()?)?;
                    let (name, value) = (String::from_utf8_lossy(name), String::from_utf8_lossy(value));
                    let taken = match &*name {
                        TRACE_ID_LABEL => set_once(&mut exemplar.trace_id, hex_id(&value)),
                        SPAN_ID_LABEL => set_once(&mut exemplar.span_id, hex_id(&value)),
                        _ => false,
                    };
                    if !taken {
                        push_member(&mut self.json, &name, &value);
                    }
                }
                2 => exemplar.value = field.double()?,
                3 => exemplar.timestamp_ms = field.varint()?.cast_signed(),
                _ => {}
            }
        }
        self.json.push('}');
        self.contents.exemplars += 1;
        exemplar.attributes = &self.json;
        self.batch.exemplar(slot, &exemplar);
        Ok(())
    }

    fn histogram(&mut self, slot: Slot, message: &[u8]) -> Result<(), WireError> {
        self.contents.histograms += 1;
        match histogram::read(message)? {
            Ok(sample) => sample.push(self.batch, slot),
            Err(reject) => self.batch.reject(reject.reason, 1, || reject.message),
        }
        Ok(())
    }

    fn metadata(&mut self, message: &[u8]) -> Result<(), WireError> {
        let mut kind = MetricKind::Unknown;
        let (mut metric, mut help, mut unit): (&[u8], &[u8], &[u8]) = (&[], &[], &[]);
        let mut fields = Fields::of(message);
        while let Some(field) = fields.next_field()? {
            match field.number {
                1 => {
                    let number = u8::try_from(field.varint()?).ok();
                    kind = number.and_then(MetricKind::from_u8).unwrap_or_default();
                }
                2 => metric = field.bytes()?,
                4 => help = field.bytes()?,
                5 => unit = field.bytes()?,
                _ => {}
            }
        }
        let text = String::from_utf8_lossy;
        self.batch.metadata(&text(metric), kind, &text(unit), &text(help));
        Ok(())
    }
}

/// Decodes the labels of a series that is new.
fn series_labels(run: &AttributeRun<'_>, labels: &mut LabelsBuilder) -> Result<(), Reject> {
    let mut empty = true;
    run.each(|message| {
        let (name, value) = label(message).map_err(RejectedLabel::Wire)?;
        let utf8 = |bytes| std::str::from_utf8(bytes).map_err(|_| RejectedLabel::Utf8);
        labels.label(utf8(name)?, utf8(value)?);
        empty = false;
        Ok(())
    })
    .map_err(|error: RejectedLabel| Reject {
        reason: Reason::InvalidLabels,
        message: error.to_string(),
    })?;
    if empty {
        return Err(Reject {
            reason: Reason::InvalidLabels,
            message: "a series without labels".to_owned(),
        });
    }
    Ok(())
}

/// Why labels name no series, before the engine's own rules.
#[derive(Debug, thiserror::Error)]
enum RejectedLabel {
    #[error(transparent)]
    Wire(#[from] WireError),
    #[error("a label's name or value is no UTF-8")]
    Utf8,
}

fn label(message: &[u8]) -> Result<(&[u8], &[u8]), WireError> {
    let (mut name, mut value): (&[u8], &[u8]) = (&[], &[]);
    let mut fields = Fields::of(message);
    while let Some(field) = fields.next_field()? {
        match field.number {
            1 => name = field.bytes()?,
            2 => value = field.bytes()?,
            _ => {}
        }
    }
    Ok((name, value))
}

fn push_member(json: &mut String, name: &str, value: &str) {
    if json.len() > 1 {
        json.push(',');
    }
    push_json_string(json, name);
    json.push(':');
    push_json_string(json, value);
}

/// Sets what is not set yet; whether it did.
fn set_once<T>(target: &mut Option<T>, value: Option<T>) -> bool {
    let takes = target.is_none() && value.is_some();
    if takes {
        *target = value;
    }
    takes
}

/// An id of `N` bytes from its hex digits, in either case.
fn hex_id<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut id = [0; N];
    let (pairs, odd) = text.as_bytes().as_chunks::<2>();
    if !odd.is_empty() || pairs.len() != N {
        return None;
    }
    for (byte, [high, low]) in id.iter_mut().zip(pairs) {
        let digit = |c: u8| char::from(c).to_digit(16);
        *byte = u8::try_from(digit(*high)? << 4 | digit(*low)?).ok()?;
    }
    Some(id)
}

#[cfg(test)]
mod tests;
