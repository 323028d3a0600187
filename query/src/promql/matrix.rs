//! Steps of an evaluation, and the dense values of series at them: what every node above a leaf takes and gives.

use std::collections::hash_map::Entry;

use super::error::PromqlError;
use super::labels::Labels;
use super::values::{ABSENT, is_absent};

/// The instants at which a query is evaluated: `start, start + step, ...`, `count` of them (at least one).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Steps {
    /// First instant, milliseconds.
    pub(crate) start: i64,
    /// Distance, milliseconds; positive.
    pub(crate) step: i64,
    /// How many.
    pub(crate) count: usize,
}

impl Steps {
    /// One instant.
    pub(crate) const fn instant(at: i64) -> Self {
        Self {
            start: at,
            step: 1,
            count: 1,
        }
    }

    /// From `start` to `end`, both included.
    pub(crate) fn range(start: i64, end: i64, step: i64) -> Self {
        let count = end.saturating_sub(start).max(0) / step.max(1) + 1;
        Self {
            start,
            step,
            count: usize::try_from(count).unwrap_or(usize::MAX),
        }
    }

    /// The instant of a step.
    #[inline]
    pub(crate) fn at(self, index: usize) -> i64 {
        self.start
            .saturating_add(self.step.saturating_mul(i64::try_from(index).unwrap_or(i64::MAX)))
    }

    /// The last instant.
    pub(crate) fn end(self) -> i64 {
        self.at(self.count.saturating_sub(1))
    }

    /// Every instant.
    pub(crate) fn iter(self) -> impl Iterator<Item = i64> {
        (0..self.count).map(move |index| self.at(index))
    }
}

/// Series x steps, row by row; a value may be absent.
#[derive(Debug, Clone, Default)]
pub(crate) struct Matrix {
    steps: usize,
    labels: Vec<Labels>,
    values: Vec<f64>,
}

impl Matrix {
    /// No series yet, `steps` values in each.
    pub(crate) fn new(steps: usize) -> Self {
        Self {
            steps,
            labels: Vec::new(),
            values: Vec::new(),
        }
    }

    /// Values in a row.
    pub(crate) const fn steps(&self) -> usize {
        self.steps
    }

    /// Series.
    pub(crate) fn len(&self) -> usize {
        self.labels.len()
    }

    /// Bytes of its values, and about those of its labels.
    pub(crate) fn bytes(&self) -> u64 {
        (self.values.capacity() * size_of::<f64>() + self.labels.len() * 64) as u64
    }

    /// Adds a series; the row has one value a step.
    pub(crate) fn push(&mut self, labels: Labels, row: &[f64]) {
        debug_assert_eq!(row.len(), self.steps);
        self.labels.push(labels);
        self.values.extend_from_slice(row);
    }

    /// Adds a series without values, to be filled.
    pub(crate) fn push_absent(&mut self, labels: Labels) {
        self.labels.push(labels);
        self.values.resize(self.labels.len() * self.steps, ABSENT);
    }

    /// A series' labels.
    pub(crate) fn labels(&self, row: usize) -> &Labels {
        static EMPTY: std::sync::LazyLock<Labels> = std::sync::LazyLock::new(Labels::empty);
        self.labels.get(row).unwrap_or(&EMPTY)
    }

    /// A series' values.
    pub(crate) fn row(&self, row: usize) -> &[f64] {
        self.values
            .get(row * self.steps..(row + 1) * self.steps)
            .unwrap_or_default()
    }

    /// A series' values, to be written.
    pub(crate) fn row_mut(&mut self, row: usize) -> &mut [f64] {
        self.values
            .get_mut(row * self.steps..(row + 1) * self.steps)
            .unwrap_or_default()
    }

    /// One value; absent outside.
    pub(crate) fn value(&self, row: usize, step: usize) -> f64 {
        if step >= self.steps {
            return ABSENT;
        }
        self.values.get(row * self.steps + step).copied().unwrap_or(ABSENT)
    }

    /// Every series.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (&Labels, &[f64])> {
        self.labels.iter().zip(self.values.chunks(self.steps.max(1)))
    }

    /// Changes every value that is there.
    pub(crate) fn map(&mut self, mut change: impl FnMut(usize, f64) -> f64) {
        for row in self.values.chunks_mut(self.steps.max(1)) {
            for (step, value) in row.iter_mut().enumerate() {
                if !is_absent(*value) {
                    *value = change(step, *value);
                }
            }
        }
    }

    /// Changes every label set, then joins what became equal; two values at one step are Prometheus's error.
    pub(crate) fn relabel(self, mut change: impl FnMut(&Labels) -> Labels) -> Result<Self, PromqlError> {
        let Self { steps, labels, values } = self;
        let mut merged = Self {
            steps,
            labels: Vec::with_capacity(labels.len()),
            values: Vec::new(),
        };
        let mut seen = std::collections::HashMap::with_capacity(labels.len());
        let changed: Vec<Labels> = labels.iter().map(&mut change).collect();
        drop(labels);
        let all_distinct = changed
            .iter()
            .enumerate()
            .all(|(row, labels)| match seen.entry(labels.clone()) {
                Entry::Vacant(vacant) => {
                    vacant.insert(row);
                    true
                }
                Entry::Occupied(_) => false,
            });
        if all_distinct {
            return Ok(Self {
                steps,
                labels: changed,
                values,
            });
        }
        seen.clear();
        for (labels, row) in changed.into_iter().zip(values.chunks(steps.max(1))) {
            match seen.entry(labels.clone()) {
                Entry::Vacant(vacant) => {
                    vacant.insert(merged.len());
                    merged.push(labels, row);
                }
                Entry::Occupied(occupied) => merge_row(merged.row_mut(*occupied.get()), row)?,
            }
        }
        Ok(merged)
    }

    /// Drops the metric names, as every function and operator that changes the meaning of the value does.
    pub(crate) fn drop_names(self) -> Result<Self, PromqlError> {
        self.relabel(Labels::without_name)
    }

    /// Joins series of equal labels.
    pub(crate) fn merge_equal(self) -> Result<Self, PromqlError> {
        self.relabel(Labels::clone)
    }

    /// Drops series that have no value at all.
    pub(crate) fn drop_empty(self) -> Self {
        let mut kept = Self::new(self.steps);
        for (labels, row) in self.rows() {
            if row.iter().any(|value| !is_absent(*value)) {
                kept.push(labels.clone(), row);
            }
        }
        kept
    }

    /// The same values at every step, from a matrix of one step.
    pub(crate) fn broadcast(self, steps: usize) -> Self {
        if self.steps == steps {
            return self;
        }
        let values = self
            .values
            .chunks(self.steps.max(1))
            .flat_map(|row| std::iter::repeat_n(row.first().copied().unwrap_or(ABSENT), steps))
            .collect();
        Self {
            steps,
            labels: self.labels,
            values,
        }
    }
}

fn merge_row(into: &mut [f64], from: &[f64]) -> Result<(), PromqlError> {
    for (into, from) in into.iter_mut().zip(from) {
        if is_absent(*from) {
            continue;
        }
        if !is_absent(*into) {
            return Err(PromqlError::Execution(
                "vector cannot contain metrics with the same labelset".to_owned(),
            ));
        }
        *into = *from;
    }
    Ok(())
}
