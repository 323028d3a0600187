//! The functions of a window's samples: `rate`, `*_over_time` and their kin, each over two slices (times, values) that hold
//! one series' samples of one window, in time order and without stale markers.

use crate::promql::function::RangeFunction;
use crate::promql::values::{ABSENT, Mean, Sum, quantile};

/// One window: its samples and where it lies.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window<'a> {
    /// Milliseconds, ascending.
    pub(crate) times: &'a [i64],
    /// One per time.
    pub(crate) values: &'a [f64],
    /// Last instant, milliseconds; included.
    pub(crate) end: i64,
    /// Length, milliseconds; the first instant is not included.
    pub(crate) range_ms: i64,
    /// The evaluation's own time, milliseconds (differs from `end` under `offset` and `@`).
    pub(crate) now: i64,
    /// Whether a value is smaller than the one before it; callers that slide know without looking again.
    pub(crate) falls: bool,
    /// Samples are increments, not running totals.
    pub(crate) delta: bool,
}

/// The function's scalar arguments at one step.
pub(crate) type Params = [f64; 2];

/// The function's value; absent when the window has too few samples.
#[inline]
pub(crate) fn evaluate(function: RangeFunction, window: Window<'_>, params: Params) -> f64 {
    let Window { times, values, .. } = window;
    let (Some(first), Some(last)) = (values.first().copied(), values.last().copied()) else {
        return ABSENT;
    };
    let [param, second_param] = params;
    match function {
        RangeFunction::Rate => extrapolated(window, true, true),
        RangeFunction::Increase => extrapolated(window, true, false),
        RangeFunction::Delta => extrapolated(window, false, false),
        RangeFunction::Irate => instant_change(window, true),
        RangeFunction::Idelta => instant_change(window, false),
        RangeFunction::Resets => pairs(values).filter(|(before, after)| after < before).count() as f64,
        RangeFunction::Changes => pairs(values)
            .filter(|(before, after)| before != after && !(before.is_nan() && after.is_nan()))
            .count() as f64,
        RangeFunction::Count => values.len() as f64,
        RangeFunction::Present => 1.0,
        RangeFunction::First => first,
        RangeFunction::Last => last,
        RangeFunction::Sum => sum(values),
        RangeFunction::Avg => mean(values),
        RangeFunction::Min => values.iter().fold(
            first,
            |min, value| if *value < min || min.is_nan() { *value } else { min },
        ),
        RangeFunction::Max => values.iter().fold(
            first,
            |max, value| if *value > max || max.is_nan() { *value } else { max },
        ),
        RangeFunction::Stddev => variance(values).sqrt(),
        RangeFunction::Stdvar => variance(values),
        RangeFunction::Mad => median_absolute_deviation(values),
        RangeFunction::Quantile => quantile(param, &mut values.to_vec()),
        RangeFunction::Deriv => {
            slope_and_intercept(window, times.first().copied().unwrap_or(0)).map_or(ABSENT, |(slope, _)| slope)
        }
        RangeFunction::PredictLinear => {
            slope_and_intercept(window, window.now).map_or(ABSENT, |(slope, intercept)| slope * param + intercept)
        }
        RangeFunction::DoubleExponentialSmoothing => smooth(values, param, second_param),
        RangeFunction::TsOfFirst => times.first().map_or(ABSENT, |time| seconds(*time)),
        RangeFunction::TsOfLast => times.last().map_or(ABSENT, |time| seconds(*time)),
        RangeFunction::TsOfMax => extreme_time(times, values, |value, best| value >= best),
        RangeFunction::TsOfMin => extreme_time(times, values, |value, best| value <= best),
    }
}

fn seconds(ms: i64) -> f64 {
    ms as f64 / 1_000.0
}

fn pairs(values: &[f64]) -> impl Iterator<Item = (f64, f64)> {
    values.iter().copied().zip(values.iter().skip(1).copied())
}

fn sum(values: &[f64]) -> f64 {
    values.iter().copied().fold(Sum::default(), Sum::add).total()
}

fn mean(values: &[f64]) -> f64 {
    let mut mean = Mean::default();
    values.iter().for_each(|value| mean.add(*value));
    mean.mean()
}

/// `rate`, `increase` and `delta`: the change between first and last sample, stretched to the window's edges where the
/// samples come near them, and never below zero for a counter that starts near it.
fn extrapolated(window: Window<'_>, counter: bool, per_second: bool) -> f64 {
    let range_s = seconds(window.range_ms);
    if window.delta && counter {
        let increase = sum(window.values);
        return if per_second { increase / range_s } else { increase };
    }
    let (Some(first), Some(last)) = (window.values.first(), window.values.last()) else {
        return ABSENT;
    };
    let (Some(first_time), Some(last_time)) = (window.times.first(), window.times.last()) else {
        return ABSENT;
    };
    if window.times.len() < 2 {
        return ABSENT;
    }
    let mut change = last - first;
    if counter && window.falls {
        // Prometheus adds each lost value in turn; the order of additions shows in the last digits.
        change = pairs(window.values)
            .filter(|(before, after)| after < before)
            .fold(change, |change, (before, _)| change + before);
    }
    let sampled_s = seconds(last_time - first_time);
    let mut to_start_s = seconds(first_time - (window.end - window.range_ms));
    let mut to_end_s = seconds(window.end - last_time);
    let between_s = sampled_s / (window.times.len() - 1) as f64;
    let threshold_s = between_s * 1.1;
    if to_start_s >= threshold_s {
        to_start_s = between_s / 2.0;
    }
    if counter {
        let to_zero_s = if change > 0.0 && *first >= 0.0 {
            sampled_s * (first / change)
        } else {
            to_start_s
        };
        to_start_s = to_start_s.min(to_zero_s);
    }
    if to_end_s >= threshold_s {
        to_end_s = between_s / 2.0;
    }
    let factor = (sampled_s + to_start_s + to_end_s) / sampled_s;
    change * if per_second { factor / range_s } else { factor }
}

/// `irate` and `idelta`: from the last two samples alone.
fn instant_change(window: Window<'_>, counter: bool) -> f64 {
    let (Some([before, last]), Some([before_time, last_time])) =
        (window.values.last_chunk::<2>(), window.times.last_chunk::<2>())
    else {
        return ABSENT;
    };
    let elapsed_ms = last_time - before_time;
    if elapsed_ms == 0 {
        return ABSENT;
    }
    if !counter {
        return last - before;
    }
    let change = if last < before || window.delta {
        *last
    } else {
        last - before
    };
    change / seconds(elapsed_ms)
}

/// Population variance by Welford's method with compensated sums.
fn variance(values: &[f64]) -> f64 {
    let (mut mean, mut squares) = (Sum::default(), Sum::default());
    for (index, value) in values.iter().enumerate() {
        let delta = value - (mean.sum + mean.lost);
        mean = mean.add(delta / (index + 1) as f64);
        squares = squares.add(delta * (value - (mean.sum + mean.lost)));
    }
    (squares.sum + squares.lost) / values.len() as f64
}

fn median_absolute_deviation(values: &[f64]) -> f64 {
    if values.iter().any(|value| value.is_nan()) {
        return f64::NAN;
    }
    let mut values = values.to_vec();
    let median = quantile(0.5, &mut values);
    values.iter_mut().for_each(|value| *value = (*value - median).abs());
    quantile(0.5, &mut values)
}

/// Least squares: slope per second, and the value at `at`. `None` below two samples.
fn slope_and_intercept(window: Window<'_>, at: i64) -> Option<(f64, f64)> {
    let initial = *window.values.first()?;
    if window.values.len() < 2 {
        return None;
    }
    if window.values.iter().all(|value| *value == initial) {
        return Some(if initial.is_infinite() {
            (f64::NAN, f64::NAN)
        } else {
            (0.0, initial)
        });
    }
    let (mut x_sum, mut y_sum, mut xy_sum, mut xx_sum) =
        (Sum::default(), Sum::default(), Sum::default(), Sum::default());
    for (time, y) in window.times.iter().zip(window.values) {
        let x = seconds(time - at);
        x_sum = x_sum.add(x);
        y_sum = y_sum.add(*y);
        xy_sum = xy_sum.add(x * y);
        xx_sum = xx_sum.add(x * x);
    }
    let count = window.values.len() as f64;
    let both = |sum: Sum| sum.sum + sum.lost;
    let (x, y, xy, xx) = (both(x_sum), both(y_sum), both(xy_sum), both(xx_sum));
    let slope = (xy - x * y / count) / (xx - x * x / count);
    Some((slope, y / count - slope * x / count))
}

/// Holt's double exponential smoothing: level and trend.
fn smooth(values: &[f64], smoothing: f64, trend_factor: f64) -> f64 {
    let [first, second, ..] = values else { return ABSENT };
    let (mut before, mut level, mut trend) = (0.0, *first, second - first);
    for (index, value) in values.iter().enumerate().skip(1) {
        if index > 1 {
            trend = trend_factor * (level - before) + (1.0 - trend_factor) * trend;
        }
        let next = smoothing * value + (1.0 - smoothing) * (level + trend);
        before = level;
        level = next;
    }
    level
}

/// The time of the extreme value, the latest where several are equal; NaN yields to anything.
fn extreme_time(times: &[i64], values: &[f64], better: impl Fn(f64, f64) -> bool) -> f64 {
    let mut pairs = times.iter().zip(values);
    let Some((mut time, mut best)) = pairs.next() else {
        return ABSENT;
    };
    for (candidate_time, candidate) in pairs {
        if better(*candidate, *best) || best.is_nan() {
            (time, best) = (candidate_time, candidate);
        }
    }
    seconds(*time)
}

#[cfg(test)]
mod tests;
