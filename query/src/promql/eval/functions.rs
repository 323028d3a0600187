//! Dispatch of function calls, and the functions of one number or one instant.

use chrono::{DateTime, Datelike, Timelike, Utc};

use super::{Evaluated, Evaluator, Result, mistyped, single};
use crate::promql::expr::{Call, Expr, ValueType};
use crate::promql::function::{Function, MathFunction, TimeFunction};
use crate::promql::labels::Labels;
use crate::promql::matrix::{Matrix, Steps};
use crate::promql::values::{ABSENT, is_absent};

impl<'a> Evaluator<'a> {
    /// A function's value.
    pub(super) fn call(&self, call: &Call, steps: Steps) -> Result<Evaluated<'a>> {
        let args = call.args.as_slice();
        Ok(match call.function {
            Function::Pi => self.numbers(steps, |_| std::f64::consts::PI)?,
            Function::TimeNow => self.numbers(steps, |step| seconds(steps.at(step)))?,
            Function::Start => self.numbers(steps, |_| seconds(self.query.start))?,
            Function::End => self.numbers(steps, |_| seconds(self.query.end()))?,
            Function::QueryRange => self.numbers(steps, |_| seconds(self.query.end() - self.query.start))?,
            Function::Step => {
                let step = if self.query.count > 1 { self.query.step } else { 0 };
                self.numbers(steps, |_| seconds(step))?
            }
            Function::MinOf => self.of_two(args, steps, least)?,
            Function::MaxOf => self.of_two(args, steps, greatest)?,
            Function::Scalar => self.to_scalar(self.arg(args, 0)?, steps)?,
            function => Evaluated::Vector(match function {
                Function::Vector => {
                    let values = self.scalar(self.arg(args, 0)?, steps)?;
                    self.track(single(Labels::empty(), &values))?
                }
                Function::Math(function) => {
                    let input = self.vector(self.arg(args, 0)?, steps)?;
                    self.mapped(input, |_, value| math(function, value))?
                }
                Function::Time(function) => self.date(function, args, steps)?,
                Function::Timestamp => self.timestamp(self.arg(args, 0)?, steps)?,
                Function::Range(function) => self.range_function(function, args, steps)?,
                Function::Histogram(function) => self.histogram(function, args, steps)?,
                function => self.vector_function(function, args, steps)?,
            }),
        })
    }

    /// An argument; the conversion checked that it is there.
    pub(super) fn arg<'e>(&self, args: &'e [Expr], index: usize) -> Result<&'e Expr> {
        args.get(index).ok_or_else(|| mistyped(ValueType::Vector))
    }

    /// Changes every value and drops the metric names.
    pub(super) fn mapped(
        &self,
        input: super::Tracked<'a>,
        change: impl FnMut(usize, f64) -> f64,
    ) -> Result<super::Tracked<'a>> {
        input.map(|mut matrix| {
            matrix.map(change);
            matrix.drop_names()
        })
    }

    fn of_two(&self, args: &[Expr], steps: Steps, pick: impl Fn(f64, f64) -> f64) -> Result<Evaluated<'a>> {
        let first = self.scalar(self.arg(args, 0)?, steps)?;
        let second = self.scalar(self.arg(args, 1)?, steps)?;
        self.numbers(steps, |step| pick(number(&first, step), number(&second, step)))
    }

    fn to_scalar(&self, arg: &Expr, steps: Steps) -> Result<Evaluated<'a>> {
        let input = self.vector(arg, steps)?;
        let mut values = vec![ABSENT; steps.count];
        let mut several = vec![false; steps.count];
        for (_, row) in input.matrix.rows() {
            for ((value, several), found) in values.iter_mut().zip(&mut several).zip(row) {
                if !is_absent(*found) {
                    *several |= !is_absent(*value);
                    *value = *found;
                }
            }
        }
        for (value, several) in values.iter_mut().zip(several) {
            if several || is_absent(*value) {
                *value = f64::NAN;
            }
        }
        self.numbers(steps, |step| number(&values, step))
    }

    fn date(&self, function: TimeFunction, args: &[Expr], steps: Steps) -> Result<super::Tracked<'a>> {
        match args.first() {
            Some(arg) => {
                let input = self.vector(arg, steps)?;
                self.mapped(input, |_, value| date_part(function, value))
            }
            None => {
                let values: Vec<f64> = steps.iter().map(|at| date_part(function, seconds(at))).collect();
                self.track(single(Labels::empty(), &values))
            }
        }
    }

    /// The samples' own times for a bare selector, the evaluation's time for anything computed.
    fn timestamp(&self, arg: &Expr, steps: Steps) -> Result<super::Tracked<'a>> {
        if let Expr::Selector(selector) = arg {
            return self.selector_times(selector, steps);
        }
        let input = self.vector(arg, steps)?;
        self.mapped(input, |step, _| seconds(steps.at(step)))
    }
}

/// The number of a step.
pub(super) fn number(values: &[f64], step: usize) -> f64 {
    values.get(step).copied().unwrap_or(f64::NAN)
}

fn seconds(ms: i64) -> f64 {
    ms as f64 / 1_000.0
}

fn math(function: MathFunction, value: f64) -> f64 {
    match function {
        MathFunction::Abs => value.abs(),
        MathFunction::Acos => value.acos(),
        MathFunction::Acosh => value.acosh(),
        MathFunction::Asin => value.asin(),
        MathFunction::Asinh => value.asinh(),
        MathFunction::Atan => value.atan(),
        MathFunction::Atanh => value.atanh(),
        MathFunction::Ceil => value.ceil(),
        MathFunction::Cos => value.cos(),
        MathFunction::Cosh => value.cosh(),
        MathFunction::Deg => value * 180.0 / std::f64::consts::PI,
        MathFunction::Exp => value.exp(),
        MathFunction::Floor => value.floor(),
        MathFunction::Ln => value.ln(),
        MathFunction::Log10 => value.log10(),
        MathFunction::Log2 => value.log2(),
        MathFunction::Rad => value * std::f64::consts::PI / 180.0,
        MathFunction::Sgn if value > 0.0 => 1.0,
        MathFunction::Sgn if value < 0.0 => -1.0,
        MathFunction::Sgn => value,
        MathFunction::Sin => value.sin(),
        MathFunction::Sinh => value.sinh(),
        MathFunction::Sqrt => value.sqrt(),
        MathFunction::Tan => value.tan(),
        MathFunction::Tanh => value.tanh(),
    }
}

/// A part of the date that `value` seconds after the epoch are, in UTC; NaN beyond the calendar.
fn date_part(function: TimeFunction, value: f64) -> f64 {
    if !value.is_finite() {
        return f64::NAN;
    }
    let Some(date) = DateTime::<Utc>::from_timestamp(value.trunc() as i64, 0) else {
        return f64::NAN;
    };
    f64::from(match function {
        TimeFunction::Minute => date.minute(),
        TimeFunction::Hour => date.hour(),
        TimeFunction::DayOfMonth => date.day(),
        TimeFunction::DayOfWeek => date.weekday().num_days_from_sunday(),
        TimeFunction::DayOfYear => date.ordinal(),
        TimeFunction::DaysInMonth => u32::from(date.num_days_in_month()),
        TimeFunction::Month => date.month(),
        TimeFunction::Year => return f64::from(date.year()),
    })
}

/// Go's `math.Min`: minus infinity before all, else NaN when either is.
fn least(a: f64, b: f64) -> f64 {
    if a == f64::NEG_INFINITY || b == f64::NEG_INFINITY {
        f64::NEG_INFINITY
    } else if a.is_nan() || b.is_nan() {
        f64::NAN
    } else {
        a.min(b)
    }
}

/// Go's `math.Max`: infinity before all, else NaN when either is.
fn greatest(a: f64, b: f64) -> f64 {
    -least(-a, -b)
}

/// Clamps as Prometheus does, by Go's minimum and maximum.
pub(super) fn clamp(value: f64, min: f64, max: f64) -> f64 {
    greatest(min, least(max, value))
}

/// Drops series that a function emptied.
pub(super) fn without_empty(matrix: Matrix) -> Result<Matrix> {
    Ok(matrix.drop_empty())
}

#[cfg(test)]
mod tests;
