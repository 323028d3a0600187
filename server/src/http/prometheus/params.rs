//! Parameters of Prometheus's API: from the query string, from a form, or from both, as Prometheus reads them.

use axum::Form;
use axum::extract::{FromRequest as _, Query, Request};
use http::Method;
use icecore_engine::time::TimeRange;

use crate::intake::{Kind, Refusal};

/// The parameters of one request, in the order sent.
#[derive(Debug, Default)]
pub(super) struct Params(Vec<(String, String)>);

/// Milliseconds that no sane time passes; Prometheus's own bound is of this order too.
const TIME_MS_MAX: f64 = 9_223_372_036_854.0 * 1000.0;

impl Params {
    /// Reads a form (when posted) and the query string.
    pub(super) async fn read(request: Request) -> Result<Self, Refusal> {
        let invalid = |error: String| Refusal::new(Kind::Invalid, error);
        let Query(mut pairs) =
            Query::<Vec<(String, String)>>::try_from_uri(request.uri()).map_err(|error| invalid(error.body_text()))?;
        if request.method() == Method::POST {
            let Form(form) = Form::<Vec<(String, String)>>::from_request(request, &())
                .await
                .map_err(|error| invalid(error.body_text()))?;
            pairs.splice(0..0, form);
        }
        Ok(Self(pairs))
    }

    /// The first value of a name; an empty one counts as absent.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let first = self.0.iter().find(|(key, _)| key == name);
        first.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// Every value of a name.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    pub(super) fn required(&self, name: &str) -> Result<&str, Refusal> {
        self.get(name).ok_or_else(|| {
            Refusal::new(
                Kind::Invalid,
                format!("invalid parameter \"{name}\": a value is needed"),
            )
        })
    }

    /// A time in milliseconds, from Unix seconds or RFC 3339.
    pub(super) fn time_ms(&self, name: &str) -> Result<Option<i64>, Refusal> {
        self.parsed(name, parse_time_ms, "a time: write Unix seconds or RFC 3339")
    }

    /// From `start` to `end`, all of time where they are absent.
    pub(super) fn range(&self) -> Result<TimeRange, Refusal> {
        let all = TimeRange::ALL;
        let start = self.time_ms("start")?.unwrap_or(all.start);
        Ok(TimeRange::new(start, self.time_ms("end")?.unwrap_or(all.end)))
    }

    /// A duration in milliseconds, from seconds or Prometheus's notation.
    pub(super) fn duration_ms(&self, name: &str) -> Result<Option<i64>, Refusal> {
        self.parsed(name, parse_duration_ms, "a duration: write seconds, or as in 5m")
    }

    /// How many results are wanted at most; 0 means all.
    pub(super) fn limit(&self) -> Result<usize, Refusal> {
        let limit = self.parsed("limit", |text| text.parse().ok(), "a whole number")?;
        Ok(limit.unwrap_or_default())
    }

    fn parsed<T>(&self, name: &str, parse: impl Fn(&str) -> Option<T>, what: &str) -> Result<Option<T>, Refusal> {
        let Some(text) = self.get(name) else { return Ok(None) };
        match parse(text) {
            Some(value) => Ok(Some(value)),
            None => Err(Refusal::new(
                Kind::Invalid,
                format!("invalid parameter \"{name}\": {text:?} is not {what}"),
            )),
        }
    }
}

fn parse_time_ms(text: &str) -> Option<i64> {
    if let Ok(seconds) = text.parse::<f64>() {
        return milliseconds(seconds);
    }
    let time = chrono::DateTime::parse_from_rfc3339(text).ok()?;
    Some(time.timestamp_millis())
}

fn parse_duration_ms(text: &str) -> Option<i64> {
    if let Ok(seconds) = text.parse::<f64>() {
        return milliseconds(seconds);
    }
    let duration = crate::config::parse_duration(text).ok()?;
    i64::try_from(duration.as_millis()).ok()
}

fn milliseconds(seconds: f64) -> Option<i64> {
    let ms = (seconds * 1000.0).round();
    // The data source probes exemplars with milliseconds where seconds are meant: far away, but no error.
    (ms.abs() <= TIME_MS_MAX).then_some(ms as i64)
}

/// Decodes a label name that came escaped because it holds more than `[A-Za-z0-9_]` (`U__` and `_hex_`).
pub(super) fn unescape_label(name: &str) -> String {
    let Some(escaped) = name.strip_prefix("U__") else {
        return name.to_owned();
    };
    let mut out = String::with_capacity(escaped.len());
    let mut rest = escaped;
    while let Some(at) = rest.find('_') {
        let (before, after) = rest.split_at(at);
        out.push_str(before);
        let after = after.get(1..).unwrap_or_default();
        if let Some(next) = after.strip_prefix('_') {
            out.push('_');
            rest = next;
            continue;
        }
        let code = after
            .split_once('_')
            .and_then(|(hex, next)| Some((char::from_u32(u32::from_str_radix(hex, 16).ok()?)?, next)));
        let Some((c, next)) = code else { return name.to_owned() };
        out.push(c);
        rest = next;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests;
