//! JSON text of numbers and bytes in the one form that Icecore stores, appended to a buffer that is reused. Strings have
//! theirs in the engine, beside the keys of series.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

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
