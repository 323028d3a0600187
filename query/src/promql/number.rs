//! Numbers as text, the way Go writes them, because clients compare and graph Prometheus's text.

use std::fmt::Write as _;

/// A sample's value in JSON answers: shortest form, exponent below 1e-6 and from 1e21, `NaN`, `+Inf`, `-Inf`.
pub(crate) fn push_value(out: &mut String, value: f64) {
    let size = value.abs();
    if size != 0.0 && size.is_finite() && !(1e-6..1e21).contains(&size) {
        push_exponent(out, value);
    } else {
        push_plain(out, value);
    }
}

/// Go's `'f'` with the shortest precision: never an exponent. Label values of `count_values` use it.
pub(crate) fn push_plain(out: &mut String, value: f64) {
    if value.is_nan() {
        out.push_str("NaN");
    } else if value.is_infinite() {
        out.push_str(if value > 0.0 { "+Inf" } else { "-Inf" });
    } else {
        // Writing to a String cannot fail.
        let _ = write!(out, "{value}");
    }
}

/// Go's `'e'`: at least two digits of exponent, with its sign.
fn push_exponent(out: &mut String, value: f64) {
    let text = format!("{value:e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, digits) = exponent
        .strip_prefix('-')
        .map_or(('+', exponent), |digits| ('-', digits));
    let _ = write!(out, "{mantissa}e{sign}{digits:0>2}");
}

/// Go's `%g`, as messages use it: an exponent below 1e-4 and from 1e6.
pub(crate) fn general(value: f64) -> String {
    let mut out = String::new();
    let size = value.abs();
    if size != 0.0 && size.is_finite() && !(1e-4..1e6).contains(&size) {
        push_exponent(&mut out, value);
    } else {
        push_plain(&mut out, value);
    }
    out
}

/// Milliseconds as seconds in JSON: a fraction of three digits only where there is one.
pub(crate) fn push_timestamp(out: &mut String, timestamp_ms: i64) {
    if timestamp_ms < 0 {
        out.push('-');
    }
    let size = timestamp_ms.unsigned_abs();
    let _ = write!(out, "{}", size / 1_000);
    if !size.is_multiple_of(1_000) {
        let _ = write!(out, ".{:03}", size % 1_000);
    }
}

#[cfg(test)]
mod tests;
