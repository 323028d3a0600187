//! The accumulators of aggregations that need one pass: one cell a group and step.

use crate::promql::expr::AggregateOp;
use crate::promql::values::{ABSENT, Mean, Sum, is_absent};

/// Count, mean and sum of squared differences (Welford).
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Spread {
    count: f64,
    mean: f64,
    squares: f64,
}

/// Cells of one aggregation, all of one kind.
#[derive(Debug)]
pub(crate) enum Cells {
    /// `sum`; absent until the first value.
    Sum(Vec<Sum>),
    /// `avg`; of nothing until the first value.
    Mean(Vec<Option<Mean>>),
    /// `min`
    Min(Vec<f64>),
    /// `max`
    Max(Vec<f64>),
    /// `count`
    Count(Vec<f64>),
    /// `group`
    Group(Vec<f64>),
    /// `stddev`, `stdvar`
    Spread(Vec<Spread>),
}

impl Cells {
    /// No cells yet; `None` for aggregations that need all values of a group at once.
    pub(crate) const fn new(op: AggregateOp) -> Option<Self> {
        Some(match op {
            AggregateOp::Sum => Self::Sum(Vec::new()),
            AggregateOp::Avg => Self::Mean(Vec::new()),
            AggregateOp::Min => Self::Min(Vec::new()),
            AggregateOp::Max => Self::Max(Vec::new()),
            AggregateOp::Count => Self::Count(Vec::new()),
            AggregateOp::Group => Self::Group(Vec::new()),
            AggregateOp::Stddev | AggregateOp::Stdvar => Self::Spread(Vec::new()),
            AggregateOp::Topk
            | AggregateOp::Bottomk
            | AggregateOp::Quantile
            | AggregateOp::CountValues
            | AggregateOp::Limitk
            | AggregateOp::LimitRatio => return None,
        })
    }

    /// Bytes of one cell.
    pub(crate) const fn cell_bytes(&self) -> usize {
        match self {
            Self::Sum(_) => size_of::<Sum>(),
            Self::Mean(_) => size_of::<Option<Mean>>(),
            Self::Min(_) | Self::Max(_) | Self::Count(_) | Self::Group(_) => size_of::<f64>(),
            Self::Spread(_) => size_of::<Spread>(),
        }
    }

    /// Makes room.
    pub(crate) fn grow(&mut self, cells: usize) {
        match self {
            Self::Sum(sums) => sums.resize(cells, Sum { sum: ABSENT, lost: 0.0 }),
            Self::Mean(means) => means.resize(cells, None),
            Self::Min(values) | Self::Max(values) | Self::Count(values) | Self::Group(values) => {
                values.resize(cells, ABSENT);
            }
            Self::Spread(spreads) => spreads.resize(cells, Spread::default()),
        }
    }

    /// Adds a row of values to the cells from `first` on.
    pub(crate) fn add(&mut self, first: usize, row: &[f64]) {
        match self {
            Self::Sum(sums) => each(sums, first, row, |sum, value| {
                *sum = if is_absent(sum.sum) {
                    Sum::of(value)
                } else {
                    sum.add(value)
                };
            }),
            Self::Mean(means) => each(means, first, row, |mean, value| mean.get_or_insert_default().add(value)),
            Self::Min(mins) => each(mins, first, row, |min, value| {
                if *min > value || min.is_nan() {
                    *min = value;
                }
            }),
            Self::Max(maxs) => each(maxs, first, row, |max, value| {
                if *max < value || max.is_nan() {
                    *max = value;
                }
            }),
            Self::Count(counts) => each(counts, first, row, |count, _| {
                *count = if is_absent(*count) { 1.0 } else { *count + 1.0 };
            }),
            Self::Group(ones) => each(ones, first, row, |one, _| *one = 1.0),
            Self::Spread(spreads) => each(spreads, first, row, |spread, value| {
                spread.count += 1.0;
                if spread.count == 1.0 {
                    spread.mean = value;
                    spread.squares = if value.is_finite() { 0.0 } else { f64::NAN };
                    return;
                }
                let delta = value - spread.mean;
                spread.mean += delta / spread.count;
                spread.squares += delta * (value - spread.mean);
            }),
        }
    }

    /// The cells' values.
    pub(crate) fn finish(self, op: AggregateOp) -> Vec<f64> {
        match self {
            Self::Sum(sums) => sums
                .into_iter()
                .map(|sum| if is_absent(sum.sum) { ABSENT } else { sum.total() })
                .collect(),
            Self::Mean(means) => means.into_iter().map(|mean| mean.map_or(ABSENT, Mean::mean)).collect(),
            Self::Min(values) | Self::Max(values) | Self::Count(values) | Self::Group(values) => values,
            Self::Spread(spreads) => spreads
                .into_iter()
                .map(|spread| {
                    let variance = spread.squares / spread.count;
                    match op {
                        _ if spread.count == 0.0 => ABSENT,
                        AggregateOp::Stddev => variance.sqrt(),
                        _ => variance,
                    }
                })
                .collect(),
        }
    }
}

fn each<T>(cells: &mut [T], first: usize, row: &[f64], mut add: impl FnMut(&mut T, f64)) {
    for (cell, value) in cells.iter_mut().skip(first).zip(row) {
        if !is_absent(*value) {
            add(cell, *value);
        }
    }
}

#[cfg(test)]
mod tests;
