//! Single values: numbers that may be strings, ids in hex, bytes in base64, enumerators by number or name.

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::schema::{Kind, Member};
use crate::protobuf::write;

/// A value that its member cannot have.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{value:?} is no value of {member}")]
pub(super) struct NoValue {
    member: &'static str,
    value: String,
}

/// Characters of a refused value that are repeated to the sender.
const QUOTED_CHARS_MAX: usize = 64;

fn no_value(member: &Member, value: &str) -> NoValue {
    NoValue {
        member: member.name,
        value: value.chars().take(QUOTED_CHARS_MAX).collect(),
    }
}

/// true or false.
pub(super) fn boolean(member: &Member, out: &mut Vec<u8>, value: bool) -> Result<(), NoValue> {
    if !matches!(member.kind, Kind::Bool) {
        return Err(no_value(member, if value { "true" } else { "false" }));
    }
    write::varint_field(out, member.number, u64::from(value));
    Ok(())
}

/// A bare number, as its digits.
pub(super) fn number(member: &Member, out: &mut Vec<u8>, digits: &[u8]) -> Result<(), NoValue> {
    let digits = std::str::from_utf8(digits).unwrap_or_default();
    parse_number(digits)
        .and_then(|number| put_number(member, out, number))
        .ok_or_else(|| no_value(member, digits))
}

/// A string: text, bytes, an id, an enumerator's name, or a number.
pub(super) fn text(member: &Member, out: &mut Vec<u8>, text: &str) -> Result<(), NoValue> {
    let written = match member.kind {
        Kind::Text => {
            write::bytes_field(out, member.number, text.as_bytes());
            Some(())
        }
        Kind::Base64 => decode_base64(text).map(|bytes| write::bytes_field(out, member.number, &bytes)),
        // What is no hex is no id: it is written as an empty one, and the item is judged by the rules for ids.
        Kind::Hex => {
            write::bytes_field(out, member.number, &decode_hex(text).unwrap_or_default());
            Some(())
        }
        Kind::Enum(names) => {
            let named = names.iter().find(|(name, _)| *name == text);
            let number = match named {
                Some((_, number)) => Some(Number::Integer(i128::from(*number))),
                None => parse_number(text),
            };
            number.and_then(|number| put_number(member, out, number))
        }
        Kind::Double => {
            let special = match text {
                "NaN" => Some(f64::NAN),
                "Infinity" => Some(f64::INFINITY),
                "-Infinity" => Some(f64::NEG_INFINITY),
                _ => None,
            };
            let number = special.map(Number::Double).or_else(|| parse_number(text));
            number.and_then(|number| put_number(member, out, number))
        }
        Kind::Bool | Kind::Message(_) => None,
        _ => parse_number(text).and_then(|number| put_number(member, out, number)),
    };
    written.ok_or_else(|| no_value(member, text))
}

/// A number as it was written.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Number {
    Integer(i128),
    Double(f64),
}

/// Digits to a number, exact to the last bit.
fn parse_number(digits: &str) -> Option<Number> {
    if let Ok(integer) = digits.parse() {
        return Some(Number::Integer(integer));
    }
    // Rust's own parser would take `inf` and `nan` too.
    let allowed = |c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.' | 'e' | 'E');
    if !digits.chars().all(allowed) {
        return None;
    }
    digits.parse().ok().map(Number::Double)
}

/// Writes a number as the member wants it; none when it is out of range.
fn put_number(member: &Member, out: &mut Vec<u8>, number: Number) -> Option<()> {
    let integer = match number {
        Number::Integer(integer) => integer,
        // proto3 JSON takes 1.0 and 1e3 for integers.
        Number::Double(double) if double.fract() == 0.0 && double.abs() < 2_f64.powi(64) => double as i128,
        Number::Double(_) => i128::MAX,
    };
    let field = member.number;
    match member.kind {
        Kind::Double => {
            let double = match number {
                Number::Integer(integer) => integer as f64,
                Number::Double(double) => double,
            };
            write::fixed64_field(out, field, double.to_bits());
        }
        Kind::Fixed64 => write::fixed64_field(out, field, u64::try_from(integer).ok()?),
        Kind::Sfixed64 => write::fixed64_field(out, field, i64::try_from(integer).ok()?.cast_unsigned()),
        Kind::Fixed32 => write::fixed32_field(out, field, u32::try_from(integer).ok()?),
        Kind::Uint => write::varint_field(out, field, u64::try_from(integer).ok()?),
        Kind::Int => write::varint_field(out, field, i64::try_from(integer).ok()?.cast_unsigned()),
        Kind::Sint32 => {
            let value = i32::try_from(integer).ok()?;
            write::varint_field(out, field, u64::from((value << 1 ^ value >> 31).cast_unsigned()));
        }
        Kind::Enum(_) => {
            let value = i64::from(i32::try_from(integer).ok()?);
            write::varint_field(out, field, value.cast_unsigned());
        }
        Kind::Text | Kind::Base64 | Kind::Hex | Kind::Bool | Kind::Message(_) => return None,
    }
    Some(())
}

/// Either alphabet, with or without padding, as proto3 JSON demands.
fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let alphabet = if text.contains(['-', '_']) {
        &URL_SAFE
    } else {
        &STANDARD
    };
    GeneralPurpose::new(alphabet, config).decode(text).ok()
}

fn decode_hex(text: &str) -> Option<Vec<u8>> {
    let (pairs, odd) = text.as_bytes().as_chunks::<2>();
    if !odd.is_empty() {
        return None;
    }
    let digit = |c: u8| char::from(c).to_digit(16);
    pairs
        .iter()
        .map(|[high, low]| u8::try_from(digit(*high)? << 4 | digit(*low)?).ok())
        .collect()
}
