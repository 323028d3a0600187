//! Names of metrics and labels.

use super::units::unit_words;
use super::{Strategy, TranslationOptions};

/// What decides a metric's suffix, besides its unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    /// A gauge.
    Gauge,
    /// A sum that only grows.
    MonotonicSum,
    /// A sum that may fall.
    NonMonotonicSum,
    /// A histogram with explicit bounds.
    Histogram,
    /// An exponential histogram.
    ExponentialHistogram,
    /// A summary.
    Summary,
}

/// A name of which nothing is left.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the name {0:?} has no character that a Prometheus name may have: rename it at the sender")]
pub struct NameError(pub String);

/// The name in PromQL of a metric called `name` with `unit`.
pub fn metric_name(strategy: Strategy, name: &str, unit: &str, kind: MetricKind) -> Result<String, NameError> {
    let translated = match (strategy.escapes(), strategy.adds_suffixes()) {
        (true, true) => escaped_with_suffixes(name, unit, kind),
        (true, false) => digit_prefixed(join_runs(name, |c| is_name_char(c) || c == '_')),
        (false, true) => with_suffixes(name, unit, kind),
        (false, false) => name.to_owned(),
    };
    checked(name, translated)
}

/// The name in PromQL of an attribute called `key`.
pub fn label_name(options: &TranslationOptions, key: &str) -> Result<String, NameError> {
    if !options.translation_strategy.escapes() {
        return if key.is_empty() {
            Err(NameError(key.to_owned()))
        } else {
            Ok(key.to_owned())
        };
    }
    let mut name = String::with_capacity(key.len() + 4);
    for c in key.chars() {
        let c = if c.is_ascii_alphanumeric() { c } else { '_' };
        let repeated = c == '_' && name.ends_with('_');
        if !repeated || options.label_name_preserve_multiple_underscores {
            name.push(c);
        }
    }
    if name.starts_with(|c: char| c.is_ascii_digit()) {
        name.insert_str(0, "key_");
    } else if options.label_name_underscore_sanitization && name.starts_with('_') && !name.starts_with("__") {
        name.insert_str(0, "key");
    }
    checked(key, name)
}

/// An escaped name must have a character that is no underscore, unless it came that way.
fn checked(original: &str, translated: String) -> Result<String, NameError> {
    if translated.is_empty() || (translated != original && translated.chars().all(|c| c == '_')) {
        Err(NameError(original.to_owned()))
    } else {
        Ok(translated)
    }
}

fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == ':'
}

fn join_runs(text: &str, keep: impl Fn(char) -> bool) -> String {
    let mut joined = String::with_capacity(text.len());
    for run in text.split(|c| !keep(c)).filter(|run| !run.is_empty()) {
        if !joined.is_empty() {
            joined.push('_');
        }
        joined.push_str(run);
    }
    joined
}

fn digit_prefixed(name: String) -> String {
    if name.starts_with(|c: char| c.is_ascii_digit()) {
        format!("_{name}")
    } else {
        name
    }
}

/// A unit's word with single underscores for what a name may not have, and none in front.
fn escaped_word(word: &str) -> String {
    let mut escaped = String::with_capacity(word.len());
    for c in word.chars() {
        if is_name_char(c) {
            escaped.push(c);
        } else if !escaped.is_empty() && !escaped.ends_with('_') {
            escaped.push('_');
        }
    }
    escaped
}

fn escaped_with_suffixes(name: &str, unit: &str, kind: MetricKind) -> String {
    let (main, per) = unit_words(unit);
    let (mut main, per) = (escaped_word(&main), escaped_word(&per));
    let per = if per == "per_" {
        ""
    } else {
        per.strip_suffix('_').unwrap_or(&per)
    };
    let mut tokens: Vec<&str> = name.split(|c| !is_name_char(c)).filter(|t| !t.is_empty()).collect();
    let had_main = tokens.iter().any(|token| *token == main);
    let had_per = tokens.contains(&per);
    if !per.is_empty() && main.ends_with('_') {
        main.pop();
    }
    if !main.is_empty() && !had_main {
        tokens.push(&main);
    }
    if !per.is_empty() && !had_per {
        tokens.push(per);
    }
    if let Some(suffix) = kind_suffix(unit, kind) {
        tokens.retain(|token| *token != suffix);
        tokens.push(suffix);
    }
    digit_prefixed(tokens.join("_"))
}

/// `total` for what only grows, `ratio` for a gauge without dimension.
fn kind_suffix(unit: &str, kind: MetricKind) -> Option<&'static str> {
    match kind {
        MetricKind::MonotonicSum => Some("total"),
        MetricKind::Gauge if unit == "1" => Some("ratio"),
        _ => None,
    }
}

fn with_suffixes(name: &str, unit: &str, kind: MetricKind) -> String {
    let (main, per) = unit_words(unit);
    let suffix = kind_suffix(unit, kind);
    let mut stem = name;
    for suffix in suffix
        .into_iter()
        .chain(Some(per.as_str()).filter(|per| !per.is_empty()))
    {
        stem = without_suffix(stem, suffix);
    }
    let mut full = stem.to_owned();
    if !main.is_empty() && !full.ends_with(&main) {
        full.push('_');
        full.push_str(&main);
    }
    for suffix in [per.as_str(), suffix.unwrap_or_default()] {
        if !suffix.is_empty() {
            full.push('_');
            full.push_str(suffix);
        }
    }
    full
}

/// `name` without `suffix` and the character that parts them, if something is left then.
fn without_suffix<'a>(name: &'a str, suffix: &str) -> &'a str {
    let stem = name.strip_suffix(suffix).and_then(|stem| {
        let mut chars = stem.chars();
        chars.next_back()?;
        Some(chars.as_str())
    });
    match stem {
        Some(stem) if !stem.is_empty() => stem,
        _ => name,
    }
}
