//! Single values: numbers that may be strings, ids in hex, bytes in base64, enumerators by number or name.

use std::fmt;

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::de::{DeserializeSeed, Deserializer, Error, Visitor};

use super::schema::{Kind, Member};
use crate::protobuf::write;

/// Reads one value that is no message and appends its field.
pub(super) struct ScalarSeed<'o> {
    pub(super) member: &'static Member,
    pub(super) out: &'o mut Vec<u8>,
}

impl<'de> DeserializeSeed<'de> for ScalarSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl ScalarSeed<'_> {
    fn wrong<E: Error>(&self, value: impl fmt::Display) -> E {
        E::custom(format_args!("{value} is no value of {}", self.member.name))
    }

    /// An integer of any width, checked against the member's.
    fn integer<E: Error>(self, value: i128) -> Result<(), E> {
        let number = self.member.number;
        let out_of_range = || E::custom(format_args!("{value} is out of range for {}", self.member.name));
        match self.member.kind {
            Kind::Double => write::fixed64_field(self.out, number, (value as f64).to_bits()),
            Kind::Fixed64 => {
                let value = u64::try_from(value).map_err(|_| out_of_range())?;
                write::fixed64_field(self.out, number, value);
            }
            Kind::Sfixed64 => {
                let value = i64::try_from(value).map_err(|_| out_of_range())?;
                write::fixed64_field(self.out, number, value.cast_unsigned());
            }
            Kind::Fixed32 => {
                let value = u32::try_from(value).map_err(|_| out_of_range())?;
                write::fixed32_field(self.out, number, value);
            }
            Kind::Uint => {
                let value = u64::try_from(value).map_err(|_| out_of_range())?;
                write::varint_field(self.out, number, value);
            }
            Kind::Int => {
                let value = i64::try_from(value).map_err(|_| out_of_range())?;
                write::varint_field(self.out, number, value.cast_unsigned());
            }
            Kind::Sint32 => {
                let value = i32::try_from(value).map_err(|_| out_of_range())?;
                write::varint_field(self.out, number, u64::from((value << 1 ^ value >> 31).cast_unsigned()));
            }
            Kind::Enum(_) => {
                let value = i32::try_from(value).map_err(|_| out_of_range())?;
                write::varint_field(self.out, number, i64::from(value).cast_unsigned());
            }
            _ => return Err(self.wrong(value)),
        }
        Ok(())
    }

    fn double<E: Error>(self, value: f64) -> Result<(), E> {
        if let Kind::Double = self.member.kind {
            write::fixed64_field(self.out, self.member.number, value.to_bits());
            return Ok(());
        }
        // proto3 JSON takes 1.0 and 1e3 for integers.
        if value.fract() == 0.0 && value.abs() < 2_f64.powi(64) {
            return self.integer(value as i128);
        }
        Err(self.wrong(value))
    }

    fn text<E: Error>(self, text: &str) -> Result<(), E> {
        let number = self.member.number;
        match self.member.kind {
            Kind::Text => write::bytes_field(self.out, number, text.as_bytes()),
            Kind::Base64 => {
                let bytes = decode_base64(text).ok_or_else(|| self.wrong::<E>("text that is no base64"))?;
                write::bytes_field(self.out, number, &bytes);
            }
            // What is no hex is no id: it is written as an empty one, and the item is judged by the rules for ids.
            Kind::Hex => write::bytes_field(self.out, number, &decode_hex(text).unwrap_or_default()),
            Kind::Enum(names) => {
                let found = names.iter().find(|(name, _)| *name == text).map(|(_, number)| *number);
                return match (found, text.parse::<i32>()) {
                    (Some(value), _) | (None, Ok(value)) => self.integer(i128::from(value)),
                    (None, Err(_)) => Err(self.wrong(text)),
                };
            }
            Kind::Double => {
                let value = match text {
                    "NaN" => f64::NAN,
                    "Infinity" => f64::INFINITY,
                    "-Infinity" => f64::NEG_INFINITY,
                    _ => json_number(text).ok_or_else(|| self.wrong::<E>(text))?,
                };
                return self.double(value);
            }
            Kind::Bool | Kind::Message(_) => return Err(self.wrong(text)),
            _ => {
                return match (text.parse::<i128>(), json_number(text)) {
                    (Ok(value), _) => self.integer(value),
                    (Err(_), Some(value)) => self.double(value),
                    (Err(_), None) => Err(self.wrong(text)),
                };
            }
        }
        Ok(())
    }
}

impl Visitor<'_> for ScalarSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a value of {}", self.member.name)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        match self.member.kind {
            Kind::Bool => {
                write::varint_field(self.out, self.member.number, u64::from(value));
                Ok(())
            }
            _ => Err(self.wrong(value)),
        }
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.integer(i128::from(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.integer(i128::from(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.double(value)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.text(text)
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Err(self.wrong("null"))
    }
}

/// A number as JSON writes it; Rust's own parser would also take `inf` and `1_0`'s like.
fn json_number(text: &str) -> Option<f64> {
    let allowed = |c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.' | 'e' | 'E');
    text.chars().all(allowed).then(|| text.parse().ok()).flatten()
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
