//! Pairs the series of two vectors: set operators, one-to-one, and many-to-one with `group_left` and `group_right`.

use std::collections::HashMap;

use super::Result;
use super::binary::{drops_name, paired};
use crate::promql::error::PromqlError;
use crate::promql::expr::{BinaryOp, Cardinality, Matching};
use crate::promql::labels::Labels;
use crate::promql::matrix::Matrix;
use crate::promql::meter::Meter;
use crate::promql::values::{ABSENT, is_absent};

/// Numbers the signatures of two sides alike: series with one number may meet.
struct Signatures {
    left: Vec<usize>,
    right: Vec<usize>,
    labels: Vec<Labels>,
}

impl Signatures {
    fn of(left: &Matrix, right: &Matrix, matching: &Matching) -> Self {
        let mut index: HashMap<Labels, usize> = HashMap::new();
        let mut signatures = Vec::new();
        let mut number = |labels: &Labels| {
            let signature = labels.signature(matching.on, &matching.labels);
            *index.entry(signature).or_insert_with_key(|signature| {
                signatures.push(signature.clone());
                signatures.len() - 1
            })
        };
        let left = left.rows().map(|(labels, _)| number(labels)).collect();
        let right = right.rows().map(|(labels, _)| number(labels)).collect();
        Self {
            left,
            right,
            labels: signatures,
        }
    }

    /// The rows of each signature.
    fn rows(&self, numbers: &[usize]) -> Vec<Vec<usize>> {
        let mut rows = vec![Vec::new(); self.labels.len()];
        for (row, number) in numbers.iter().enumerate() {
            if let Some(rows) = rows.get_mut(*number) {
                rows.push(row);
            }
        }
        rows
    }
}

/// Where each signature has a value: signature x step.
fn presence(matrix: &Matrix, numbers: &[usize], signatures: usize) -> Vec<bool> {
    let steps = matrix.steps();
    let mut present = vec![false; signatures * steps];
    for ((_, row), number) in matrix.rows().zip(numbers) {
        for (flag, value) in present.iter_mut().skip(number * steps).zip(row) {
            *flag |= !is_absent(*value);
        }
    }
    present
}

/// `and` (`when_there` true) and `unless` (false): the left side where the right has, or has not, a match.
pub(super) fn and(mut left: Matrix, right: &Matrix, matching: &Matching, when_there: bool) -> Matrix {
    let signatures = Signatures::of(&left, right, matching);
    let present = presence(right, &signatures.right, signatures.labels.len());
    let steps = left.steps();
    for (row, number) in signatures.left.iter().enumerate() {
        for (value, there) in left.row_mut(row).iter_mut().zip(present.iter().skip(number * steps)) {
            if *there != when_there {
                *value = ABSENT;
            }
        }
    }
    left.drop_empty()
}

/// `or`: the left side, and the right side where the left has no match.
pub(super) fn or(left: Matrix, right: &Matrix, matching: &Matching) -> Result<Matrix> {
    let signatures = Signatures::of(&left, right, matching);
    let present = presence(&left, &signatures.left, signatures.labels.len());
    let steps = left.steps();
    let mut result = left;
    for ((labels, row), number) in right.rows().zip(&signatures.right) {
        let there = present.iter().skip(number * steps);
        let values: Vec<f64> = row
            .iter()
            .zip(there)
            .map(|(value, there)| if *there { ABSENT } else { *value })
            .collect();
        if values.iter().any(|value| !is_absent(*value)) {
            result.push(labels.clone(), &values);
        }
    }
    result.merge_equal()
}

/// An arithmetic or comparison operator between two vectors.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pairing<'a> {
    pub(super) op: BinaryOp,
    pub(super) return_bool: bool,
    pub(super) on: &'a Matching,
}

/// Rows of a result under construction, found by what they are made of.
struct Output {
    matrix: Matrix,
    /// (signature, labels) to row: within a signature equal labels at one step are an error of their own.
    rows: HashMap<(usize, Labels), usize>,
    /// Where a pair met, also one that a filter dropped: rows x steps.
    met: Vec<bool>,
}

impl Pairing<'_> {
    /// The result's matrix.
    pub(super) fn run(self, left: &Matrix, right: &Matrix, meter: &Meter) -> Result<Matrix> {
        let swapped = self.on.cardinality == Cardinality::OneToMany;
        let signatures = Signatures::of(left, right, self.on);
        let (many, one, many_numbers, one_numbers) = if swapped {
            (right, left, &signatures.right, &signatures.left)
        } else {
            (left, right, &signatures.left, &signatures.right)
        };
        let one_rows = signatures.rows(one_numbers);
        let (many_fill, one_fill) = if swapped {
            (self.on.fill_right, self.on.fill_left)
        } else {
            (self.on.fill_left, self.on.fill_right)
        };
        let steps = many.steps();
        let filled = many_fill.is_some() || one_fill.is_some();
        let some_many: Vec<bool> = (0..steps)
            .map(|step| filled || (0..many.len()).any(|row| !is_absent(many.value(row, step))))
            .collect();
        self.refuse_duplicates(one, &one_rows, &some_many)?;
        let mut output = Output {
            matrix: Matrix::new(steps),
            rows: HashMap::new(),
            met: Vec::new(),
        };
        let mut matched = vec![false; signatures.labels.len() * steps];
        for ((labels, row), number) in many.rows().zip(many_numbers) {
            meter.check()?;
            for one_row in one_rows.get(*number).into_iter().flatten() {
                let pair = Pair {
                    signature: *number,
                    many: labels,
                    one: one.labels(*one_row),
                };
                self.combine(pair, row, one.row(*one_row), &mut output, &mut matched)?;
            }
            if let Some(fill) = one_fill {
                let there = |step| {
                    one_rows
                        .get(*number)
                        .into_iter()
                        .flatten()
                        .any(|r| !is_absent(one.value(*r, step)))
                };
                let filled: Vec<f64> = (0..steps).map(|step| if there(step) { ABSENT } else { fill }).collect();
                let signature = signatures.labels.get(*number).cloned().unwrap_or_default();
                let pair = Pair {
                    signature: *number,
                    many: labels,
                    one: &signature,
                };
                self.combine(pair, row, &filled, &mut output, &mut matched)?;
            }
        }
        if let Some(fill) = many_fill {
            let present = presence(many, many_numbers, signatures.labels.len());
            for ((labels, row), number) in one.rows().zip(one_numbers) {
                let there = present.iter().skip(number * steps).take(steps);
                let filled: Vec<f64> = there.map(|there| if *there { ABSENT } else { fill }).collect();
                let signature = signatures.labels.get(*number).cloned().unwrap_or_default();
                let pair = Pair {
                    signature: *number,
                    many: &signature,
                    one: labels,
                };
                self.combine(pair, &filled, row, &mut output, &mut matched)?;
            }
        }
        output.matrix.drop_empty().merge_equal()
    }

    /// Two series of the "one" side with one signature at one step are Prometheus's error.
    fn refuse_duplicates(self, one: &Matrix, rows: &[Vec<usize>], some_many: &[bool]) -> Result<()> {
        for rows in rows.iter().filter(|rows| rows.len() > 1) {
            for (step, _) in some_many.iter().enumerate().filter(|(_, some)| **some) {
                let mut present = rows.iter().filter(|row| !is_absent(one.value(**row, step)));
                if let (Some(first), Some(second)) = (present.next(), present.next()) {
                    let side = if self.on.cardinality == Cardinality::OneToMany {
                        "left"
                    } else {
                        "right"
                    };
                    let (first, second) = (one.labels(*first), one.labels(*second));
                    let group = second.signature(self.on.on, &self.on.labels);
                    return Err(PromqlError::Execution(format!(
                        "found duplicate series for the match group {group} on the {side} hand-side of the operation: \
                         [{second}, {first}];many-to-many matching not allowed: matching labels must be unique on one side"
                    )));
                }
            }
        }
        Ok(())
    }

    /// One many-side row with one one-side row, into the result.
    fn combine(
        self,
        pair: Pair<'_>,
        many: &[f64],
        one: &[f64],
        output: &mut Output,
        matched: &mut [bool],
    ) -> Result<()> {
        let swapped = self.on.cardinality == Cardinality::OneToMany;
        let steps = many.len();
        let mut row = None;
        for (step, (many, one)) in many.iter().zip(one).enumerate() {
            let (left, right) = if swapped { (*one, *many) } else { (*many, *one) };
            if is_absent(left) || is_absent(right) {
                continue;
            }
            let row = *row.get_or_insert_with(|| output.row(pair.signature, self.result_labels(pair)));
            let met = if self.on.cardinality == Cardinality::OneToOne {
                matched.get_mut(pair.signature * steps + step)
            } else {
                output.met.get_mut(row * steps + step)
            };
            // Whether a filter keeps the pair does not matter here: Prometheus refuses before it compares.
            if met.is_some_and(|met| std::mem::replace(met, true)) {
                return Err(self.ambiguous());
            }
            if let (Some(value), Some(cell)) = (
                paired(self.op, self.return_bool, left, right),
                output.matrix.row_mut(row).get_mut(step),
            ) {
                *cell = value;
            }
        }
        Ok(())
    }

    fn ambiguous(self) -> PromqlError {
        PromqlError::Execution(
            if self.on.cardinality == Cardinality::OneToOne {
                "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)"
            } else {
                "multiple matches for labels: grouping labels must ensure unique matches"
            }
            .to_owned(),
        )
    }

    fn result_labels(self, pair: Pair<'_>) -> Labels {
        let mut labels = pair.many.clone();
        if drops_name(self.op, self.return_bool) {
            labels = labels.without_name();
        }
        if self.on.cardinality == Cardinality::OneToOne {
            labels = labels.retain(|name| {
                let listed = self.on.labels.iter().any(|listed| listed == name);
                if self.on.on { listed } else { !listed }
            });
        }
        for name in &self.on.include {
            labels = labels.with(name, pair.one.get(name));
        }
        labels
    }
}

/// Two series that meet.
#[derive(Debug, Clone, Copy)]
struct Pair<'a> {
    signature: usize,
    many: &'a Labels,
    one: &'a Labels,
}

impl Output {
    fn row(&mut self, signature: usize, labels: Labels) -> usize {
        let next = self.matrix.len();
        let row = *self.rows.entry((signature, labels.clone())).or_insert(next);
        if row == next {
            self.matrix.push_absent(labels);
            self.met.resize(self.matrix.len() * self.matrix.steps(), false);
        }
        row
    }
}
