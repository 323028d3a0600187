//! Writing protobuf: the few messages that are answered, and JSON requests on their way into the one decoder.

/// Appends a varint.
pub fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push((value & 0x7f) as u8);
}

/// Appends a varint field.
pub fn varint_field(out: &mut Vec<u8>, number: u32, value: u64) {
    varint(out, u64::from(number) << 3);
    varint(out, value);
}

/// Appends a field of eight fixed bytes.
pub fn fixed64_field(out: &mut Vec<u8>, number: u32, value: u64) {
    varint(out, u64::from(number) << 3 | 1);
    out.extend_from_slice(&value.to_le_bytes());
}

/// Appends a field of four fixed bytes.
pub fn fixed32_field(out: &mut Vec<u8>, number: u32, value: u32) {
    varint(out, u64::from(number) << 3 | 5);
    out.extend_from_slice(&value.to_le_bytes());
}

/// Appends a string, bytes or message field.
pub fn bytes_field(out: &mut Vec<u8>, number: u32, value: &[u8]) {
    varint(out, u64::from(number) << 3 | 2);
    varint(out, value.len() as u64);
    out.extend_from_slice(value);
}

/// A message whose length is not known yet: its length is written as five bytes, padded, when it is ended.
#[derive(Debug)]
#[must_use = "the message has no length until `end` is called"]
pub struct Open {
    length_at: usize,
}

/// Bytes of a padded length.
const LENGTH_BYTES: usize = 5;

/// Begins a message field in `out`; what is appended until `end` is its content.
pub fn begin(out: &mut Vec<u8>, number: u32) -> Open {
    varint(out, u64::from(number) << 3 | 2);
    let length_at = out.len();
    out.extend_from_slice(&[0; LENGTH_BYTES]);
    Open { length_at }
}

/// Ends the message that `begin` opened; false when it is longer than its length field can say.
#[must_use]
pub fn end(out: &mut [u8], open: Open) -> bool {
    let content = open.length_at + LENGTH_BYTES;
    let mut length = out.len().saturating_sub(content) as u64;
    if let Some(bytes) = out.get_mut(open.length_at..content) {
        let last = bytes.len() - 1;
        for (position, byte) in bytes.iter_mut().enumerate() {
            let more = if position == last { 0 } else { 0x80 };
            *byte = (length & 0x7f) as u8 | more;
            length >>= 7;
        }
    }
    length == 0
}
