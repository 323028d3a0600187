//! Walking the fields of one message.

use super::WireError;
use crate::otlp::limits::GROUP_DEPTH_MAX;

/// The fields of one message, in the order of its bytes. Unknown groups are passed over.
#[derive(Debug, Clone, Copy)]
pub struct Fields<'a> {
    rest: &'a [u8],
}

/// One field: its number, its value, and how many bytes of the message lay before and after it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Field<'a> {
    /// The number in the schema.
    pub number: u32,
    /// What it holds.
    pub value: Value<'a>,
}

/// A field's value by wire type.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// `int32`, `int64`, `uint32`, `uint64`, `sint32`, `sint64`, `bool`, enums.
    Varint(u64),
    /// `fixed64`, `sfixed64`, `double`.
    Fixed64(u64),
    /// Strings, bytes, messages and packed lists.
    Bytes(&'a [u8]),
    /// `fixed32`, `sfixed32`, `float`.
    Fixed32(u32),
}

impl<'a> Field<'a> {
    /// The slice of a string, bytes, message or packed list.
    #[inline]
    pub fn bytes(self) -> Result<&'a [u8], WireError> {
        match self.value {
            Value::Bytes(bytes) => Ok(bytes),
            _ => Err(WireError::WireType(self.number)),
        }
    }

    /// A varint as it stands.
    #[inline]
    pub fn varint(self) -> Result<u64, WireError> {
        match self.value {
            Value::Varint(value) => Ok(value),
            _ => Err(WireError::WireType(self.number)),
        }
    }

    /// A varint of a 32-bit unsigned type: the upper bits are cut off, as every parser does.
    #[inline]
    pub fn uint32(self) -> Result<u32, WireError> {
        Ok((self.varint()? & 0xffff_ffff) as u32)
    }

    /// A varint of a 32-bit signed type or an enum, cut the same way.
    #[inline]
    pub fn int32(self) -> Result<i32, WireError> {
        Ok(self.uint32()?.cast_signed())
    }

    /// A zigzag varint of 32 bits.
    #[inline]
    pub fn sint32(self) -> Result<i32, WireError> {
        let raw = self.uint32()?;
        Ok((raw >> 1).cast_signed() ^ -((raw & 1).cast_signed()))
    }

    /// A boolean.
    #[inline]
    pub fn bool(self) -> Result<bool, WireError> {
        Ok(self.varint()? != 0)
    }

    /// Eight fixed bytes.
    #[inline]
    pub fn fixed64(self) -> Result<u64, WireError> {
        match self.value {
            Value::Fixed64(value) => Ok(value),
            _ => Err(WireError::WireType(self.number)),
        }
    }

    /// A double.
    #[inline]
    pub fn double(self) -> Result<f64, WireError> {
        Ok(f64::from_bits(self.fixed64()?))
    }

    /// Four fixed bytes.
    #[inline]
    pub fn fixed32(self) -> Result<u32, WireError> {
        match self.value {
            Value::Fixed32(value) => Ok(value),
            _ => Err(WireError::WireType(self.number)),
        }
    }
}

/// What one tag announced.
enum Step<'a> {
    Field(Field<'a>),
    GroupStart(u32),
    GroupEnd(u32),
}

impl<'a> Fields<'a> {
    /// The fields of `message`.
    #[inline]
    pub fn of(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    /// How many bytes are still to be read: with it a caller finds where in the message a field lay.
    #[inline]
    pub fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// The next field, `None` at the end of the message.
    #[inline]
    pub fn next_field(&mut self) -> Result<Option<Field<'a>>, WireError> {
        loop {
            if self.rest.is_empty() {
                return Ok(None);
            }
            match self.step()? {
                Step::Field(field) => return Ok(Some(field)),
                Step::GroupStart(number) => self.skip_group(number)?,
                Step::GroupEnd(_) => return Err(WireError::InvalidGroup),
            }
        }
    }

    #[inline]
    fn step(&mut self) -> Result<Step<'a>, WireError> {
        let tag = self.take_varint()?;
        let number = u32::try_from(tag >> 3).map_err(|_| WireError::InvalidTag)?;
        if number == 0 || number >= 1 << 29 {
            return Err(WireError::InvalidTag);
        }
        let value = match tag & 7 {
            0 => Value::Varint(self.take_varint()?),
            1 => Value::Fixed64(u64::from_le_bytes(self.take_array()?)),
            2 => Value::Bytes(self.take_slice()?),
            3 => return Ok(Step::GroupStart(number)),
            4 => return Ok(Step::GroupEnd(number)),
            5 => Value::Fixed32(u32::from_le_bytes(self.take_array()?)),
            _ => return Err(WireError::InvalidTag),
        };
        Ok(Step::Field(Field { number, value }))
    }

    #[cold]
    fn skip_group(&mut self, number: u32) -> Result<(), WireError> {
        let mut open = [0_u32; GROUP_DEPTH_MAX];
        let mut depth = 0_usize;
        let mut current = number;
        loop {
            match self.step()? {
                Step::Field(_) => {}
                Step::GroupStart(inner) => {
                    *open.get_mut(depth).ok_or(WireError::InvalidGroup)? = current;
                    depth += 1;
                    current = inner;
                }
                Step::GroupEnd(ended) if ended != current => return Err(WireError::InvalidGroup),
                Step::GroupEnd(_) => match depth.checked_sub(1) {
                    None => return Ok(()),
                    Some(outer) => {
                        depth = outer;
                        current = *open.get(outer).ok_or(WireError::InvalidGroup)?;
                    }
                },
            }
        }
    }

    #[inline]
    fn take_varint(&mut self) -> Result<u64, WireError> {
        let (value, rest) = split_varint(self.rest)?;
        self.rest = rest;
        Ok(value)
    }

    #[inline]
    fn take_array<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let (head, rest) = self.rest.split_first_chunk::<N>().ok_or(WireError::Truncated)?;
        self.rest = rest;
        Ok(*head)
    }

    #[inline]
    fn take_slice(&mut self) -> Result<&'a [u8], WireError> {
        let length = usize::try_from(self.take_varint()?).map_err(|_| WireError::Truncated)?;
        let (head, rest) = self.rest.split_at_checked(length).ok_or(WireError::Truncated)?;
        self.rest = rest;
        Ok(head)
    }
}

/// A varint from the front of `bytes`, and what follows it.
#[inline]
pub(super) fn split_varint(bytes: &[u8]) -> Result<(u64, &[u8]), WireError> {
    match bytes {
        [first, rest @ ..] if *first < 0x80 => Ok((u64::from(*first), rest)),
        [first, second, rest @ ..] if *second < 0x80 => Ok((u64::from(*first & 0x7f) | u64::from(*second) << 7, rest)),
        _ => split_long_varint(bytes),
    }
}

fn split_long_varint(bytes: &[u8]) -> Result<(u64, &[u8]), WireError> {
    let mut value = 0_u64;
    let mut rest = bytes;
    for shift in (0..70).step_by(7) {
        let (byte, tail) = rest.split_first().ok_or(WireError::Truncated)?;
        rest = tail;
        if shift == 63 && *byte > 1 {
            return Err(WireError::VarintTooLong);
        }
        value |= u64::from(*byte & 0x7f) << shift;
        if *byte < 0x80 {
            return Ok((value, rest));
        }
    }
    Err(WireError::VarintTooLong)
}
