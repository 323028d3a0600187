//! JSON text in the one form that Icecore stores: strings, numbers and bytes, appended to a buffer that is reused.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Appends a JSON string: only `"`, `\` and control characters are escaped, as in series keys.
#[inline]
pub(crate) fn push_string(out: &mut String, text: &str) {
    out.push('"');
    push_escaped(out, text);
    out.push('"');
}

/// Appends the inside of a JSON string.
#[inline]
pub(crate) fn push_escaped(out: &mut String, text: &str) {
    // Almost all texts need none, and one pass without a branch tells it many bytes at a time.
    if !text.bytes().fold(false, |any, byte| any | needs_escape(byte)) {
        out.push_str(text);
        return;
    }
    let mut rest = text;
    while let Some(at) = rest.bytes().position(needs_escape) {
        let (plain, tail) = rest.split_at(at);
        out.push_str(plain);
        let mut chars = tail.chars();
        if let Some(c) = chars.next() {
            push_escape(out, c);
        }
        rest = chars.as_str();
    }
    out.push_str(rest);
}

#[inline]
fn needs_escape(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

fn push_escape(out: &mut String, c: char) {
    match c {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        c => {
            // Writing to a string does not fail.
            let _ = write!(out, "\\u{:04x}", c as u32);
        }
    }
}

/// Appends an integer.
pub(crate) fn push_integer(out: &mut String, value: i64) {
    const DIGITS_MAX: usize = 20;
    let mut digits = [0_u8; DIGITS_MAX];
    let mut rest = value.unsigned_abs();
    let mut start = DIGITS_MAX;
    for (position, digit) in digits.iter_mut().enumerate().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
        start = position;
        if rest == 0 {
            break;
        }
    }
    if value < 0 {
        out.push('-');
    }
    let digits = digits.get(start..).unwrap_or_default();
    out.push_str(std::str::from_utf8(digits).unwrap_or_default());
}

/// Appends a double: always with a point or an exponent, and as `{"$double":"NaN"}` what JSON has no number for.
pub(crate) fn push_double(out: &mut String, value: f64) {
    if value.is_finite() {
        let _ = write!(out, "{value:?}");
    } else {
        let name = if value.is_nan() {
            "NaN"
        } else if value > 0.0 {
            "Infinity"
        } else {
            "-Infinity"
        };
        out.push_str("{\"$double\":\"");
        out.push_str(name);
        out.push_str("\"}");
    }
}

/// Appends bytes as `{"$bytes":"<base64>"}`.
pub(crate) fn push_bytes(out: &mut String, bytes: &[u8]) {
    out.push_str("{\"$bytes\":\"");
    STANDARD.encode_string(bytes, out);
    out.push_str("\"}");
}
