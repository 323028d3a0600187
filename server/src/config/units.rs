//! How durations and sizes are written in flags, in the environment and in the file: `30d`, `256MiB`, `10GB`.

use std::time::Duration;

/// Reads a duration: a number with a unit, several of them in a row add up (`1h30m`).
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let invalid = || format!("{text:?} is no duration: write a number with ms, s, m, h, d, w or y, as in 30d or 1h30m");
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total_ms = 0u128;
    while !rest.is_empty() {
        let (number, unit, next) = number_and_unit(rest).ok_or_else(invalid)?;
        let unit_ms = match unit {
            "ms" => 1.0,
            "s" => 1_000.0,
            "m" => 60_000.0,
            "h" => 3_600_000.0,
            "d" => 86_400_000.0,
            "w" => 604_800_000.0,
            "y" => 31_536_000_000.0,
            _ => return Err(invalid()),
        };
        total_ms = total_ms.saturating_add((number * unit_ms).round() as u128);
        rest = next;
    }
    u64::try_from(total_ms)
        .ok()
        .filter(|ms| *ms <= i64::MAX as u64 / 1_000_000)
        .map(Duration::from_millis)
        .ok_or_else(|| format!("{text:?} is longer than 292 years"))
}

/// Reads a size in bytes: a number with B, KB, MB, GB, TB (thousands) or KiB, MiB, GiB, TiB (1024s).
pub(crate) fn parse_bytes(text: &str) -> Result<u64, String> {
    let invalid =
        || format!("{text:?} is no size: write a number with B, KB, MB, GB, TB, KiB, MiB, GiB or TiB, as in 256MiB");
    let (number, unit, rest) = number_and_unit(text.trim()).ok_or_else(invalid)?;
    if !rest.is_empty() {
        return Err(invalid());
    }
    let unit_bytes: u64 = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" => 1_000,
        "m" | "mb" => 1_000_000,
        "g" | "gb" => 1_000_000_000,
        "t" | "tb" => 1_000_000_000_000,
        "ki" | "kib" => 1 << 10,
        "mi" | "mib" => 1 << 20,
        "gi" | "gib" => 1 << 30,
        "ti" | "tib" => 1 << 40,
        _ => return Err(invalid()),
    };
    let bytes = number * unit_bytes as f64;
    if bytes > i64::MAX as f64 {
        return Err(format!("{text:?} is more than 8 EiB"));
    }
    Ok(bytes.round() as u64)
}

/// Splits `1.5h30m` into 1.5, `h` and `30m`.
fn number_and_unit(text: &str) -> Option<(f64, &str, &str)> {
    let digits = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, rest) = text.split_at_checked(digits)?;
    let letters = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
    let (unit, next) = rest.split_at_checked(letters)?;
    Some((number.parse().ok()?, unit, next.trim_start()))
}

/// Writes a duration in the largest units that hold it exactly.
pub(crate) fn format_duration(duration: Duration) -> String {
    let mut ms = duration.as_millis();
    if ms == 0 {
        return "0s".to_owned();
    }
    let mut out = String::new();
    for (unit, unit_ms) in [
        ("d", 86_400_000),
        ("h", 3_600_000),
        ("m", 60_000),
        ("s", 1_000),
        ("ms", 1),
    ] {
        if ms >= unit_ms {
            out.push_str(&format!("{}{unit}", ms / unit_ms));
            ms %= unit_ms;
        }
    }
    out
}

#[cfg(test)]
mod tests;
