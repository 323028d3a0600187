//! Aggregations that need all values of a group at once: topk, bottomk, limitk, limit_ratio, quantile, count_values.

use std::collections::HashMap;

use xxhash_rust::xxh3::Xxh3;

use super::sink::group_labels;
use super::{Evaluator, Result, Tracked};
use crate::promql::error::PromqlError;
use crate::promql::expr::{AggregateOp, Grouping};
use crate::promql::labels::Labels;
use crate::promql::matrix::Matrix;
use crate::promql::number::{general, push_plain};
use crate::promql::values::{ABSENT, is_absent, nan_first, quantile};

/// Rows of one group, groups in the order of their first row.
fn groups(matrix: &Matrix, grouping: &Grouping) -> Vec<(Labels, Vec<usize>)> {
    let mut index: HashMap<Labels, usize> = HashMap::new();
    let mut groups: Vec<(Labels, Vec<usize>)> = Vec::new();
    for (row, (labels, _)) in matrix.rows().enumerate() {
        let group = group_labels(labels, grouping);
        let number = *index.entry(group.clone()).or_insert(groups.len());
        match groups.get_mut(number) {
            Some((_, rows)) => rows.push(row),
            None => groups.push((group, vec![row])),
        }
    }
    groups
}

impl<'a> Evaluator<'a> {
    /// `quantile(φ, ...)`
    pub(super) fn quantile(&self, param: &[f64], grouping: &Grouping, input: &Tracked<'_>) -> Result<Tracked<'a>> {
        for q in param {
            self.notes.check_quantile(*q);
        }
        let mut result = Matrix::new(input.matrix.steps());
        let mut values = Vec::new();
        for (labels, rows) in groups(&input.matrix, grouping) {
            self.meter.check()?;
            let row: Vec<f64> = param
                .iter()
                .enumerate()
                .map(|(step, q)| {
                    values.clear();
                    values.extend(
                        rows.iter()
                            .map(|row| input.matrix.value(*row, step))
                            .filter(|v| !is_absent(*v)),
                    );
                    if values.is_empty() {
                        ABSENT
                    } else {
                        quantile(*q, &mut values)
                    }
                })
                .collect();
            result.push(labels, &row);
        }
        self.track(result)
    }

    /// `topk`, `bottomk`, `limitk`, `limit_ratio`: series of the input, thinned out step by step.
    pub(super) fn ranked(
        &self,
        op: AggregateOp,
        param: &[f64],
        grouping: &Grouping,
        input: Tracked<'a>,
    ) -> Result<Tracked<'a>> {
        let limits: Vec<f64> = param
            .iter()
            .map(|value| self.limit(op, *value))
            .collect::<Result<_>>()?;
        let groups = groups(&input.matrix, grouping);
        let hashes: Vec<f64> = match op {
            AggregateOp::LimitRatio => input.matrix.rows().map(|(labels, _)| offset_of(labels)).collect(),
            _ => Vec::new(),
        };
        let steps = input.matrix.steps();
        let mut kept = vec![false; input.matrix.len() * steps];
        let mut order = Vec::new();
        for (_, rows) in &groups {
            self.meter.check()?;
            for (step, limit) in limits.iter().enumerate() {
                let values = rows.iter().map(|row| (*row, input.matrix.value(*row, step)));
                let present = values.filter(|(_, value)| !is_absent(*value));
                let chosen: Vec<usize> = match op {
                    AggregateOp::LimitRatio => present
                        .map(|(row, _)| row)
                        .filter(|row| in_ratio(hashes.get(*row).copied().unwrap_or(0.0), *limit))
                        .collect(),
                    AggregateOp::Limitk => present.map(|(row, _)| row).take(*limit as usize).collect(),
                    _ => best(present, *limit as usize, op == AggregateOp::Topk),
                };
                for row in &chosen {
                    if let Some(flag) = kept.get_mut(row * steps + step) {
                        *flag = true;
                    }
                }
                order.extend(chosen);
            }
        }
        // At one step the answer is in rank order; over several there is no one order, and rows stay where they were.
        if steps != 1 {
            order = (0..input.matrix.len()).collect();
        }
        let mut result = Matrix::new(steps);
        for row in order {
            let flags = kept.get(row * steps..(row + 1) * steps).unwrap_or_default();
            if flags.iter().any(|flag| *flag) {
                let values: Vec<f64> = input
                    .matrix
                    .row(row)
                    .iter()
                    .zip(flags)
                    .map(|(value, kept)| if *kept { *value } else { ABSENT })
                    .collect();
                result.push(input.matrix.labels(row).clone(), &values);
            }
        }
        self.track(result)
    }

    fn limit(&self, op: AggregateOp, value: f64) -> Result<f64> {
        if op == AggregateOp::LimitRatio {
            if value.is_nan() {
                return Err(PromqlError::Execution("Ratio value is NaN".to_owned()));
            }
            let capped = value.clamp(-1.0, 1.0);
            if capped != value {
                self.notes.invalid_ratio(value, capped);
            }
            return Ok(capped);
        }
        if value.is_nan() {
            return Err(PromqlError::Execution("Parameter value is NaN".to_owned()));
        }
        if value.abs() >= 9.223_372_036_854_776e18 {
            return Err(PromqlError::Execution(format!(
                "Scalar value {} overflows int64",
                general(value)
            )));
        }
        Ok(value.trunc().max(0.0))
    }

    /// `count_values("label", ...)`
    pub(super) fn count_values(&self, label: &str, grouping: &Grouping, input: Tracked<'a>) -> Result<Tracked<'a>> {
        if label.is_empty() {
            return Err(PromqlError::Execution(format!("invalid label name {label:?}")));
        }
        let steps = input.matrix.steps();
        let mut result = Matrix::new(steps);
        let mut index: HashMap<Labels, usize> = HashMap::new();
        for (labels, row) in input.matrix.rows() {
            self.meter.check()?;
            let group = group_labels(labels, grouping);
            for (step, value) in row.iter().enumerate().filter(|(_, value)| !is_absent(**value)) {
                let mut text = String::new();
                push_plain(&mut text, *value);
                let counted = group.with(label, &text);
                let number = *index.entry(counted.clone()).or_insert(result.len());
                if number == result.len() {
                    result.push_absent(counted);
                }
                if let Some(count) = result.row_mut(number).get_mut(step) {
                    *count = if is_absent(*count) { 1.0 } else { *count + 1.0 };
                }
            }
        }
        self.track(result)
    }
}

/// The rows of the `limit` largest (or smallest) values, best first; NaN is the worst. Ties are broken as Prometheus's heap
/// breaks them.
fn best(values: impl Iterator<Item = (usize, f64)>, limit: usize, largest: bool) -> Vec<usize> {
    if limit == 0 {
        return Vec::new();
    }
    // The heap's root is the worst of what is kept.
    let worse = |a: f64, b: f64| a.is_nan() || if largest { a < b } else { a > b };
    let mut heap: Vec<(usize, f64)> = Vec::new();
    for candidate in values {
        if heap.len() < limit {
            heap.push(candidate);
            sift_up(&mut heap, worse);
        } else if let Some(root) = heap.first_mut() {
            let improves = if largest {
                root.1 < candidate.1
            } else {
                root.1 > candidate.1
            };
            if improves || (root.1.is_nan() && !candidate.1.is_nan()) {
                *root = candidate;
                sift_down(&mut heap, worse);
            }
        }
    }
    heap.sort_by(|a, b| {
        let ascending = nan_first(a.1, b.1);
        if largest || a.1.is_nan() || b.1.is_nan() {
            ascending.reverse()
        } else {
            ascending
        }
    });
    heap.into_iter().map(|(row, _)| row).collect()
}

fn sift_up(heap: &mut [(usize, f64)], worse: impl Fn(f64, f64) -> bool) {
    let mut child = heap.len().saturating_sub(1);
    while child > 0 {
        let parent = (child - 1) / 2;
        let (Some(low), Some(high)) = (heap.get(child), heap.get(parent)) else {
            return;
        };
        if !worse(low.1, high.1) {
            return;
        }
        heap.swap(child, parent);
        child = parent;
    }
}

fn sift_down(heap: &mut [(usize, f64)], worse: impl Fn(f64, f64) -> bool) {
    let mut parent = 0;
    loop {
        let left = 2 * parent + 1;
        let Some(mut worst) = heap.get(left).copied() else {
            return;
        };
        let mut child = left;
        if let Some(right) = heap.get(left + 1)
            && worse(right.1, worst.1)
        {
            worst = *right;
            child = left + 1;
        }
        let Some(above) = heap.get(parent) else { return };
        if !worse(worst.1, above.1) {
            return;
        }
        heap.swap(parent, child);
        parent = child;
    }
}

/// A series' place between 0 and 1, the same in every process and for every query.
fn offset_of(labels: &Labels) -> f64 {
    let mut hasher = Xxh3::new();
    for (name, value) in labels.iter() {
        for text in [name, value] {
            hasher.update(text.as_bytes());
            hasher.update(&[0xff]);
        }
    }
    hasher.digest() as f64 / u64::MAX as f64
}

/// A positive ratio takes the lowest places, a negative one those that its complement leaves.
fn in_ratio(offset: f64, ratio: f64) -> bool {
    if ratio >= 0.0 {
        offset < ratio
    } else {
        offset >= 1.0 + ratio
    }
}

#[cfg(test)]
mod tests;
