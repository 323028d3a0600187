//! The notation of series: `name{a="b"} 0+10x5 _ stale NaN`.

use icecore_query::promql::Labels;

/// A sample in the notation; `None` is a gap.
pub(crate) type Sequence = Vec<Option<f64>>;

/// Prometheus's stale marker.
pub(crate) const STALE: f64 = f64::from_bits(0x7ff0_0000_0000_0002);

/// `name{a="b"}` and what follows it.
pub(crate) fn parse_labels(text: &str) -> Result<(Labels, &str), String> {
    let text = text.trim_start();
    let name_end = text
        .find(|c: char| !(c.is_alphanumeric() || "_:.".contains(c)))
        .unwrap_or(text.len());
    let (name, mut rest) = text.split_at(name_end);
    let mut pairs = vec![("__name__".to_owned(), name.to_owned())];
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        loop {
            rest = rest.trim_start_matches([',', ' ']);
            if let Some(after) = rest.strip_prefix('}') {
                rest = after;
                break;
            }
            let (label, after) = rest.split_once('=').ok_or_else(|| format!("no = in {rest:?}"))?;
            let (value, after) = quoted(after.trim_start())?;
            pairs.push((label.trim().trim_matches('"').to_owned(), value));
            rest = after;
        }
    }
    Ok((Labels::from_pairs(pairs), rest))
}

/// A quoted text and what follows it.
pub(crate) fn quoted(text: &str) -> Result<(String, &str), String> {
    let mut chars = text.char_indices();
    let Some((_, quote)) = chars.next().filter(|(_, c)| "\"'`".contains(*c)) else {
        return Err(format!("no quote at {text:?}"));
    };
    let mut value = String::new();
    while let Some((index, c)) = chars.next() {
        match c {
            '\\' if quote != '`' => match chars.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, c)) => value.push(c),
                None => break,
            },
            c if c == quote => return Ok((value, &text[index + 1..])),
            c => value.push(c),
        }
    }
    Err(format!("no closing quote in {text:?}"))
}

/// A number as PromQL's tests write it.
pub(crate) fn number(text: &str) -> Result<f64, String> {
    match text.trim_start_matches('+') {
        "Inf" => Ok(f64::INFINITY),
        "-Inf" => Ok(f64::NEG_INFINITY),
        other => other.parse().map_err(|_| format!("no number: {text:?}")),
    }
}

/// `1 2+3x4 _x2 stale`
pub(crate) fn parse_sequence(text: &str) -> Result<Sequence, String> {
    let mut values = Vec::new();
    for token in text.split_whitespace() {
        if token == "stale" {
            values.push(Some(STALE));
        } else if let Some(rest) = token.strip_prefix('_') {
            let count = rest
                .strip_prefix('x')
                .map_or(Ok(1), str::parse)
                .map_err(|_| format!("bad gap {token:?}"))?;
            values.extend(std::iter::repeat_n(None, count));
        } else if let Some((progression, count)) = token.rsplit_once('x') {
            let count: usize = count.parse().map_err(|_| format!("bad count in {token:?}"))?;
            let operator = progression.char_indices().skip(1).find(|(index, c)| {
                let exponent = progression[..*index].ends_with(['e', 'E']);
                (*c == '+' || *c == '-') && !exponent
            });
            let (start, step) = match operator {
                Some((index, _)) => (number(&progression[..index])?, number(&progression[index..])?),
                None => (number(progression)?, 0.0),
            };
            let mut value = start;
            for _ in 0..=count {
                values.push(Some(value));
                value += step;
            }
        } else {
            values.push(Some(number(token)?));
        }
    }
    Ok(values)
}

/// `1h5m`, `30s`, `250ms`, or plain seconds, as milliseconds.
pub(crate) fn parse_duration(text: &str) -> Result<i64, String> {
    if let Ok(seconds) = text.parse::<f64>() {
        return Ok((seconds * 1_000.0).round() as i64);
    }
    let (negative, mut rest) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let mut total = 0;
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit())
            .ok_or_else(|| format!("no unit in {text:?}"))?;
        let count: i64 = rest[..digits].parse().map_err(|_| format!("no duration: {text:?}"))?;
        let unit_end = rest[digits..]
            .find(|c: char| c.is_ascii_digit())
            .map_or(rest.len(), |end| digits + end);
        total += count
            * match &rest[digits..unit_end] {
                "ms" => 1,
                "s" => 1_000,
                "m" => 60_000,
                "h" => 3_600_000,
                "d" => 86_400_000,
                "w" => 604_800_000,
                "y" => 31_536_000_000,
                unit => return Err(format!("no unit: {unit:?}")),
            };
        rest = &rest[unit_end..];
    }
    Ok(if negative { -total } else { total })
}
