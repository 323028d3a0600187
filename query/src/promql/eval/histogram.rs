//! Quantiles and fractions of classic histograms: series with a bucket bound in their label `le`.

use std::collections::HashMap;

use super::{Evaluator, Result, Tracked};
use crate::promql::expr::Expr;
use crate::promql::function::HistogramFunction;
use crate::promql::labels::{BUCKET_LABEL, Labels};
use crate::promql::matrix::{Matrix, Steps};
use crate::promql::values::{ABSENT, is_absent};

/// Relative difference between two buckets' counts that is taken for rounding.
const SMALL_DELTA: f64 = 1e-12;

/// The buckets of one histogram: rows of the input, by bound.
struct Histogram {
    labels: Labels,
    rows: Vec<(f64, usize)>,
}

/// One bucket at one step.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Bucket {
    bound: f64,
    count: f64,
}

impl<'a> Evaluator<'a> {
    /// `histogram_quantile` and `histogram_fraction`.
    pub(super) fn histogram(&self, function: HistogramFunction, args: &[Expr], steps: Steps) -> Result<Tracked<'a>> {
        let vector = args.last().map(|arg| self.vector(arg, steps)).transpose()?;
        let Some(input) = vector else {
            return self.track(Matrix::new(steps.count));
        };
        let first = self.scalar(self.arg(args, 0)?, steps)?;
        let second = match function {
            HistogramFunction::Quantile => None,
            HistogramFunction::Fraction => Some(self.scalar(self.arg(args, 1)?, steps)?),
        };
        if function == HistogramFunction::Quantile {
            for q in first.iter() {
                self.notes.check_quantile(*q);
            }
        }
        let mut result = Matrix::new(steps.count);
        let mut buckets = Vec::new();
        for histogram in self.histograms(&input.matrix) {
            self.meter.check()?;
            let mut row = vec![ABSENT; steps.count];
            for (step, cell) in row.iter_mut().enumerate() {
                buckets.clear();
                let counts = histogram
                    .rows
                    .iter()
                    .map(|(bound, row)| (*bound, input.matrix.value(*row, step)));
                buckets.extend(
                    counts
                        .filter(|(_, count)| !is_absent(*count))
                        .map(|(bound, count)| Bucket { bound, count }),
                );
                if buckets.is_empty() {
                    continue;
                }
                let param = |values: &[f64]| values.get(step).copied().unwrap_or(f64::NAN);
                *cell = match function {
                    HistogramFunction::Quantile => {
                        let (value, forced) = bucket_quantile(param(&first), &mut buckets);
                        if forced {
                            self.notes.forced_monotonicity();
                        }
                        value
                    }
                    HistogramFunction::Fraction => bucket_fraction(
                        param(&first),
                        param(second.as_deref().unwrap_or_default()),
                        &mut buckets,
                    ),
                };
            }
            result.push(histogram.labels, &row);
        }
        self.track(result.drop_empty())?.map(Matrix::merge_equal)
    }

    /// Groups bucket series into histograms, their bounds ascending.
    fn histograms(&self, input: &Matrix) -> Vec<Histogram> {
        let mut index: HashMap<Labels, usize> = HashMap::new();
        let mut histograms: Vec<Histogram> = Vec::new();
        for (row, (labels, _)) in input.rows().enumerate() {
            let le = labels.get(BUCKET_LABEL);
            let Ok(bound) = le.parse::<f64>() else {
                self.notes.bad_bucket_label(le);
                continue;
            };
            let own = labels.with(BUCKET_LABEL, "");
            let number = *index.entry(own.clone()).or_insert(histograms.len());
            if number == histograms.len() {
                histograms.push(Histogram {
                    labels: own.without_name(),
                    rows: Vec::new(),
                });
            }
            if let Some(histogram) = histograms.get_mut(number) {
                histogram.rows.push((bound, row));
            }
        }
        for histogram in &mut histograms {
            histogram.rows.sort_by(|a, b| a.0.total_cmp(&b.0));
        }
        histograms
    }
}

/// Joins buckets of one bound (`le="1"` and `le="1.0"`); false when the last bound is not infinite.
fn coalesce(buckets: &mut Vec<Bucket>) -> bool {
    buckets.dedup_by(|next, kept| {
        let same = next.bound == kept.bound;
        if same {
            kept.count += next.count;
        }
        same
    });
    buckets.last().is_some_and(|last| last.bound == f64::INFINITY)
}

/// The φ-quantile, and whether counts that fell had to be raised.
fn bucket_quantile(q: f64, buckets: &mut Vec<Bucket>) -> (f64, bool) {
    if q.is_nan() {
        return (f64::NAN, false);
    }
    if q < 0.0 {
        return (f64::NEG_INFINITY, false);
    }
    if q > 1.0 {
        return (f64::INFINITY, false);
    }
    if !coalesce(buckets) {
        return (f64::NAN, false);
    }
    let forced = make_monotonic(buckets);
    let [finite @ .., last] = buckets.as_slice() else {
        return (f64::NAN, forced);
    };
    let (Some(highest), Some(lowest)) = (finite.last(), finite.first()) else {
        return (f64::NAN, forced);
    };
    if last.count == 0.0 || last.count.is_nan() {
        return (f64::NAN, forced);
    }
    let rank = q * last.count;
    let Some(found) = finite.iter().position(|bucket| bucket.count >= rank) else {
        return (highest.bound, forced);
    };
    if found == 0 && lowest.bound <= 0.0 {
        return (lowest.bound, forced);
    }
    let before = found.checked_sub(1).and_then(|index| finite.get(index));
    let before = before.copied().unwrap_or(Bucket { bound: 0.0, count: 0.0 });
    let Some(bucket) = finite.get(found) else {
        return (f64::NAN, forced);
    };
    let share = (rank - before.count) / (bucket.count - before.count);
    (before.bound + (bucket.bound - before.bound) * share, forced)
}

/// Raises counts that fall. Differences of rounding are corrected in silence.
fn make_monotonic(buckets: &mut [Bucket]) -> bool {
    let Some(mut highest) = buckets.first().map(|bucket| bucket.count) else {
        return false;
    };
    let mut forced = false;
    for bucket in buckets.iter_mut().skip(1) {
        if bucket.count == highest {
            continue;
        }
        if almost_equal(highest, bucket.count) {
            bucket.count = highest;
        } else if bucket.count < highest {
            bucket.count = highest;
            forced = true;
        } else {
            highest = bucket.count;
        }
    }
    forced
}

fn almost_equal(a: f64, b: f64) -> bool {
    if a.is_nan() && b.is_nan() || a == b {
        return true;
    }
    let sum = a.abs() + b.abs();
    let difference = (a - b).abs();
    if a == 0.0 || b == 0.0 || sum < f64::MIN_POSITIVE {
        return difference < SMALL_DELTA * f64::MIN_POSITIVE;
    }
    difference / sum.min(f64::MAX) < SMALL_DELTA
}

/// The share of observations between two bounds, linear within buckets.
fn bucket_fraction(lower: f64, upper: f64, buckets: &mut Vec<Bucket>) -> f64 {
    if !coalesce(buckets) {
        return f64::NAN;
    }
    let total = buckets.last().map_or(0.0, |last| last.count);
    if total == 0.0 || lower.is_nan() || upper.is_nan() {
        return f64::NAN;
    }
    if lower >= upper {
        return 0.0;
    }
    (rank_of(upper, buckets, total) - rank_of(lower, buckets, total)) / total
}

/// How many observations lie below `value`.
fn rank_of(value: f64, buckets: &[Bucket], total: f64) -> f64 {
    let mut below = Bucket {
        bound: f64::NEG_INFINITY,
        count: 0.0,
    };
    for bucket in buckets {
        // The first bucket starts at zero, unless it ends there.
        let start = if below.bound == f64::NEG_INFINITY && bucket.bound > 0.0 {
            0.0
        } else {
            below.bound
        };
        if start >= value {
            return below.count.min(total);
        }
        if bucket.bound > value {
            let inside = if start == f64::NEG_INFINITY {
                bucket.count - below.count
            } else if bucket.bound == f64::INFINITY {
                0.0
            } else {
                (bucket.count - below.count) * (value - start) / (bucket.bound - start)
            };
            return (below.count + inside).min(total);
        }
        below = *bucket;
    }
    total
}

#[cfg(test)]
mod tests;
