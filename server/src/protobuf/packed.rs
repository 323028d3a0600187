//! Repeated numbers: packed into one slice, or one field each, both of which a parser has to take.

use super::fields::split_varint;
use super::{Field, Value, WireError};

/// Appends what a `repeated fixed64` field holds.
#[inline]
pub fn fixed64s(field: Field<'_>, out: &mut Vec<u64>) -> Result<(), WireError> {
    match field.value {
        Value::Fixed64(value) => out.push(value),
        Value::Bytes(bytes) => {
            let (chunks, tail) = bytes.as_chunks::<8>();
            if !tail.is_empty() {
                return Err(WireError::PackedLength);
            }
            out.extend(chunks.iter().map(|chunk| u64::from_le_bytes(*chunk)));
        }
        _ => return Err(WireError::WireType(field.number)),
    }
    Ok(())
}

/// Appends what a `repeated double` field holds.
#[inline]
pub fn doubles(field: Field<'_>, out: &mut Vec<f64>) -> Result<(), WireError> {
    match field.value {
        Value::Fixed64(value) => out.push(f64::from_bits(value)),
        Value::Bytes(bytes) => {
            let (chunks, tail) = bytes.as_chunks::<8>();
            if !tail.is_empty() {
                return Err(WireError::PackedLength);
            }
            out.extend(chunks.iter().map(|chunk| f64::from_le_bytes(*chunk)));
        }
        _ => return Err(WireError::WireType(field.number)),
    }
    Ok(())
}

/// Appends what a `repeated uint64` field holds.
#[inline]
pub fn varints(field: Field<'_>, out: &mut Vec<u64>) -> Result<(), WireError> {
    match field.value {
        Value::Varint(value) => out.push(value),
        Value::Bytes(mut bytes) => {
            while !bytes.is_empty() {
                let (value, rest) = split_varint(bytes)?;
                out.push(value);
                bytes = rest;
            }
        }
        _ => return Err(WireError::WireType(field.number)),
    }
    Ok(())
}

/// Appends what a `repeated sint64` field holds (zigzag).
#[inline]
pub fn signed_varints(field: Field<'_>, out: &mut Vec<i64>) -> Result<(), WireError> {
    let zigzag = |raw: u64| (raw >> 1).cast_signed() ^ -((raw & 1).cast_signed());
    match field.value {
        Value::Varint(value) => out.push(zigzag(value)),
        Value::Bytes(mut bytes) => {
            while !bytes.is_empty() {
                let (value, rest) = split_varint(bytes)?;
                out.push(zigzag(value));
                bytes = rest;
            }
        }
        _ => return Err(WireError::WireType(field.number)),
    }
    Ok(())
}
