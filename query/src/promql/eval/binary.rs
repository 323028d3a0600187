//! Operators between scalars and vectors; what pairs series of two vectors is in `matching`.

use super::functions::number;
use super::{Evaluated, Evaluator, Result, Tracked, matching, mistyped};
use crate::promql::expr::{Binary, BinaryOp, ValueType};
use crate::promql::matrix::{Matrix, Steps};
use crate::promql::values::{ABSENT, is_absent};

impl<'a> Evaluator<'a> {
    /// An operator's value.
    pub(super) fn binary(&self, binary: &Binary, steps: Steps) -> Result<Evaluated<'a>> {
        let left = self.eval(&binary.left, steps)?;
        let right = self.eval(&binary.right, steps)?;
        match (left, right) {
            (Evaluated::Scalar(left), Evaluated::Scalar(right)) => self.numbers(steps, |step| {
                plain(binary.op, number(&left, step), number(&right, step))
            }),
            (Evaluated::Vector(vector), Evaluated::Scalar(scalar)) => {
                with_scalar(binary, vector, &scalar, false).map(Evaluated::Vector)
            }
            (Evaluated::Scalar(scalar), Evaluated::Vector(vector)) => {
                with_scalar(binary, vector, &scalar, true).map(Evaluated::Vector)
            }
            (Evaluated::Vector(left), Evaluated::Vector(right)) => {
                let matrix = match binary.op {
                    BinaryOp::And => matching::and(left.matrix, &right.matrix, &binary.matching, true),
                    BinaryOp::Unless => matching::and(left.matrix, &right.matrix, &binary.matching, false),
                    BinaryOp::Or => matching::or(left.matrix, &right.matrix, &binary.matching)?,
                    op => {
                        let pairing = matching::Pairing {
                            op,
                            return_bool: binary.return_bool,
                            on: &binary.matching,
                        };
                        pairing.run(&left.matrix, &right.matrix, self.meter)?
                    }
                };
                self.track(matrix).map(Evaluated::Vector)
            }
            _ => Err(mistyped(ValueType::Vector)),
        }
    }
}

/// A vector and a scalar; `swapped` when the scalar stood on the left.
fn with_scalar<'a>(binary: &Binary, vector: Tracked<'a>, scalar: &[f64], swapped: bool) -> Result<Tracked<'a>> {
    let (op, return_bool) = (binary.op, binary.return_bool);
    vector.map(|mut matrix: Matrix| {
        matrix.map(|step, value| {
            let number = scalar.get(step).copied().unwrap_or(f64::NAN);
            let (left, right) = if swapped { (number, value) } else { (value, number) };
            match compare(op, left, right) {
                None => plain(op, left, right),
                Some(holds) if return_bool => f64::from(u8::from(holds)),
                // A filter keeps the vector's value, on whichever side it stands.
                Some(true) => value,
                Some(false) => ABSENT,
            }
        });
        if drops_name(op, return_bool) {
            matrix.drop_names()
        } else {
            Ok(matrix)
        }
        .map(Matrix::drop_empty)
    })
}

/// Whether the result is no longer a sample of the metric.
pub(super) const fn drops_name(op: BinaryOp, return_bool: bool) -> bool {
    return_bool || !op.is_comparison()
}

/// The operator on two numbers; a comparison gives 1 or 0.
pub(super) fn plain(op: BinaryOp, left: f64, right: f64) -> f64 {
    match op {
        BinaryOp::Add => left + right,
        BinaryOp::Sub => left - right,
        BinaryOp::Mul => left * right,
        BinaryOp::Div => left / right,
        BinaryOp::Mod => left % right,
        BinaryOp::Pow => left.powf(right),
        BinaryOp::Atan2 => left.atan2(right),
        _ => compare(op, left, right).map_or(f64::NAN, |holds| f64::from(u8::from(holds))),
    }
}

/// Whether the comparison holds; `None` when the operator compares nothing.
pub(super) fn compare(op: BinaryOp, left: f64, right: f64) -> Option<bool> {
    Some(match op {
        BinaryOp::Equal => left == right,
        BinaryOp::NotEqual => left != right,
        BinaryOp::Greater => left > right,
        BinaryOp::Less => left < right,
        BinaryOp::GreaterOrEqual => left >= right,
        BinaryOp::LessOrEqual => left <= right,
        _ => return None,
    })
}

/// A value pair's result: `None` where a filter drops it or a side is absent.
pub(super) fn paired(op: BinaryOp, return_bool: bool, left: f64, right: f64) -> Option<f64> {
    if is_absent(left) || is_absent(right) {
        return None;
    }
    match compare(op, left, right) {
        None => Some(plain(op, left, right)),
        Some(holds) if return_bool => Some(f64::from(u8::from(holds))),
        Some(holds) => holds.then_some(left),
    }
}
