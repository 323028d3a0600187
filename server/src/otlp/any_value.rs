//! `AnyValue` and attributes, from wire bytes to canonical JSON: keys sorted by bytes, one form for each kind of value.
//!
//! The mapping is reversible (`docs/otlp.md` has the table). Nesting is bounded, so that recursion is too.

use std::borrow::Cow;

use icecore_engine::labels::{push_json_escaped, push_json_string};
use smallvec::SmallVec;

use super::json_text::{push_bytes, push_double, push_integer};
use crate::otlp::limits::ANY_VALUE_DEPTH_MAX;
use crate::protobuf::{Fields, WireError};

/// Why a value has no JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// Its bytes are malformed.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// It nests deeper than `ANY_VALUE_DEPTH_MAX`.
    #[error("an attribute value nests deeper than {ANY_VALUE_DEPTH_MAX} levels: flatten it at the sender")]
    TooDeep,
}

/// What was stored otherwise than it came: counted, and told to the sender in a warning.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Oddities {
    /// Values superseded by a later one of the same key.
    pub duplicate_keys: u64,
    /// Strings that were no UTF-8; the bad bytes were replaced by U+FFFD.
    pub invalid_utf8: u64,
    /// Fields that only the profiling signal may use, read as absent.
    pub string_indexes: u64,
    /// Integers beyond 2^53 stored as the nearest double.
    pub rounded_integers: u64,
    /// Enumerators of no known number, stored as unspecified.
    pub unknown_enumerators: u64,
    /// Ids of a wrong length, stored as absent.
    pub invalid_ids: u64,
    /// Metrics without a data field that is known here.
    pub empty_metrics: u64,
}

impl Oddities {
    /// One sentence for each kind that occurred.
    pub fn sentences(&self) -> impl Iterator<Item = String> {
        [
            (
                self.duplicate_keys,
                "attribute values superseded by a later one of the same key",
            ),
            (
                self.invalid_utf8,
                "strings that are no UTF-8, stored with U+FFFD for the bad bytes",
            ),
            (
                self.string_indexes,
                "string indexes of the profiling signal, read as absent",
            ),
            (
                self.rounded_integers,
                "integers beyond 2^53, stored as the nearest double",
            ),
            (
                self.unknown_enumerators,
                "enumerators of unknown numbers, stored as unspecified",
            ),
            (
                self.invalid_ids,
                "trace or span ids of a wrong length, stored as absent",
            ),
            (self.empty_metrics, "metrics of no known type, with nothing to store"),
        ]
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
    }
}

/// A key with its value's message, both still wire bytes.
pub type RawAttribute<'a> = (&'a [u8], &'a [u8]);

/// Attributes of one set; sixteen fit without an allocation.
pub type RawAttributes<'a> = SmallVec<[RawAttribute<'a>; 16]>;

/// Splits a `KeyValue` message.
#[inline]
pub fn key_value<'a>(message: &'a [u8], oddities: &mut Oddities) -> Result<RawAttribute<'a>, WireError> {
    let mut fields = Fields::of(message);
    let (mut key, mut value): RawAttribute<'a> = (&[], &[]);
    while let Some(field) = fields.next_field()? {
        match field.number {
            1 => key = field.bytes()?,
            2 => value = field.bytes()?,
            3 if field.int32()? != 0 => oddities.string_indexes += 1,
            _ => {}
        }
    }
    Ok((key, value))
}

/// Text of wire bytes; bad UTF-8 is replaced and counted.
#[inline]
pub fn text<'a>(bytes: &'a [u8], oddities: &mut Oddities) -> Cow<'a, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => {
            oddities.invalid_utf8 += 1;
            String::from_utf8_lossy(bytes)
        }
    }
}

/// Sorts by key and keeps the last of equal keys.
#[inline]
pub fn sort_unique(attributes: &mut RawAttributes<'_>, oddities: &mut Oddities) {
    if attributes.is_sorted_by(|a, b| a.0 < b.0) {
        return;
    }
    let before = attributes.len();
    attributes.sort_by(|a, b| a.0.cmp(b.0));
    if attributes.is_sorted_by(|a, b| a.0 < b.0) {
        return;
    }
    attributes.reverse();
    attributes.dedup_by(|later, kept| later.0 == kept.0);
    attributes.reverse();
    oddities.duplicate_keys += (before - attributes.len()) as u64;
}

/// Writes a set of attributes as one JSON object.
pub fn push_attributes(
    out: &mut String,
    attributes: &mut RawAttributes<'_>,
    oddities: &mut Oddities,
) -> Result<(), ValueError> {
    push_object(out, attributes, ANY_VALUE_DEPTH_MAX, oddities)
}

/// Writes an `AnyValue` message as JSON.
pub fn push_value(out: &mut String, message: &[u8], oddities: &mut Oddities) -> Result<(), ValueError> {
    push_nested(out, message, ANY_VALUE_DEPTH_MAX, oddities)
}

/// A value by kind, contents still wire bytes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum AnyValue<'a> {
    /// Nothing set.
    Empty,
    /// Text.
    Text(&'a [u8]),
    /// A boolean.
    Bool(bool),
    /// An integer.
    Integer(i64),
    /// A double.
    Double(f64),
    /// An `ArrayValue` message.
    Array(&'a [u8]),
    /// A `KeyValueList` message.
    Map(&'a [u8]),
    /// Bytes.
    Bytes(&'a [u8]),
}

impl<'a> AnyValue<'a> {
    /// Reads an `AnyValue` message: of several fields the last holds.
    #[inline]
    pub fn read(message: &'a [u8], oddities: &mut Oddities) -> Result<Self, WireError> {
        let mut fields = Fields::of(message);
        let mut value = Self::Empty;
        while let Some(field) = fields.next_field()? {
            value = match field.number {
                1 => Self::Text(field.bytes()?),
                2 => Self::Bool(field.bool()?),
                3 => Self::Integer(field.varint()?.cast_signed()),
                4 => Self::Double(field.double()?),
                5 => Self::Array(field.bytes()?),
                6 => Self::Map(field.bytes()?),
                7 => Self::Bytes(field.bytes()?),
                8 => {
                    field.varint()?;
                    oddities.string_indexes += 1;
                    Self::Empty
                }
                _ => value,
            };
        }
        Ok(value)
    }
}

fn push_nested(out: &mut String, message: &[u8], depth_left: usize, oddities: &mut Oddities) -> Result<(), ValueError> {
    let depth_left = depth_left.checked_sub(1).ok_or(ValueError::TooDeep)?;
    match AnyValue::read(message, oddities)? {
        AnyValue::Empty => out.push_str("null"),
        AnyValue::Text(bytes) => push_json_string(out, &text(bytes, oddities)),
        AnyValue::Bool(value) => out.push_str(if value { "true" } else { "false" }),
        AnyValue::Integer(value) => push_integer(out, value),
        AnyValue::Double(value) => push_double(out, value),
        AnyValue::Bytes(bytes) => push_bytes(out, bytes),
        AnyValue::Array(list) => push_array(out, list, depth_left, oddities)?,
        AnyValue::Map(list) => {
            let mut attributes = RawAttributes::new();
            let mut fields = Fields::of(list);
            while let Some(field) = fields.next_field()? {
                if field.number == 1 {
                    attributes.push(key_value(field.bytes()?, oddities)?);
                }
            }
            push_object(out, &mut attributes, depth_left, oddities)?;
        }
    }
    Ok(())
}

fn push_array(out: &mut String, list: &[u8], depth_left: usize, oddities: &mut Oddities) -> Result<(), ValueError> {
    out.push('[');
    let mut fields = Fields::of(list);
    let mut first = true;
    while let Some(field) = fields.next_field()? {
        if field.number == 1 {
            if !std::mem::take(&mut first) {
                out.push(',');
            }
            push_nested(out, field.bytes()?, depth_left, oddities)?;
        }
    }
    out.push(']');
    Ok(())
}

/// A map whose only key starts with `$` gets one more, so that `{"$bytes":…}` can only be what this module wrote.
fn push_object(
    out: &mut String,
    attributes: &mut RawAttributes<'_>,
    depth_left: usize,
    oddities: &mut Oddities,
) -> Result<(), ValueError> {
    sort_unique(attributes, oddities);
    out.push('{');
    let alone = attributes.len() == 1;
    for (position, (key, value)) in attributes.iter().enumerate() {
        if position > 0 {
            out.push(',');
        }
        push_member(out, key, value, alone, depth_left, oddities)?;
    }
    out.push('}');
    Ok(())
}

#[inline]
fn push_member(
    out: &mut String,
    key: &[u8],
    value: &[u8],
    escape_dollar: bool,
    depth_left: usize,
    oddities: &mut Oddities,
) -> Result<(), ValueError> {
    out.push('"');
    if escape_dollar && key.first() == Some(&b'$') {
        out.push('$');
    }
    push_json_escaped(out, &text(key, oddities));
    out.push_str("\":");
    push_nested(out, value, depth_left, oddities)
}

/// Writes the members of a resource: any key of the sender's that starts with `$` gets one more, because Icecore's own
/// members (`$schema_url` and the like) stand beside them.
pub fn push_resource_members(
    out: &mut String,
    attributes: &mut RawAttributes<'_>,
    oddities: &mut Oddities,
) -> Result<(), ValueError> {
    sort_unique(attributes, oddities);
    for (key, value) in attributes.iter() {
        if !out.ends_with('{') {
            out.push(',');
        }
        push_member(out, key, value, true, ANY_VALUE_DEPTH_MAX, oddities)?;
    }
    Ok(())
}

/// A value as the text of a label: strings bare, numbers as Prometheus writes them, bytes as base64, others as JSON.
pub fn label_text(message: &[u8], oddities: &mut Oddities) -> Result<String, LabelError> {
    let mut out = String::new();
    match AnyValue::read(message, oddities)? {
        AnyValue::Empty => {}
        AnyValue::Text(bytes) => out.push_str(std::str::from_utf8(bytes).map_err(|_| LabelError::Utf8)?),
        AnyValue::Double(value) => out = double_text(value),
        AnyValue::Bytes(bytes) => {
            use base64::Engine as _;
            base64::engine::general_purpose::STANDARD.encode_string(bytes, &mut out);
        }
        _ => push_value(&mut out, message, oddities)?,
    }
    Ok(out)
}

/// Why a value is no label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LabelError {
    /// It has no JSON.
    #[error(transparent)]
    Value(#[from] ValueError),
    /// Labels are text.
    #[error("a name or a label value is no UTF-8")]
    Utf8,
}

impl From<WireError> for LabelError {
    fn from(error: WireError) -> Self {
        Self::Value(ValueError::Wire(error))
    }
}

/// The shortest decimal that reads back as `value`, with an exponent only below 1e-6 and from 1e21, as Go writes JSON.
fn double_text(value: f64) -> String {
    let magnitude = value.abs();
    if value.is_nan() {
        "NaN".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned()
    } else if magnitude != 0.0 && magnitude < 1e-6 {
        format!("{value:e}")
    } else if magnitude >= 1e21 {
        format!("{value:e}").replacen('e', "e+", 1)
    } else {
        format!("{value}")
    }
}

#[cfg(test)]
mod tests;
