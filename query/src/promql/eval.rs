//! Evaluates the typed tree at the steps of a query: leaves by streaming passes, the rest on matrices of series x steps.

mod aggregate;
mod binary;
mod cells;
mod functions;
mod histogram;
mod leaf;
mod matching;
mod ranking;
mod sink;
mod source;
mod sweep;
mod vectors;
mod window;

use icecore_engine::snapshot::Snapshot;

use super::annotations::Annotations;
use super::error::PromqlError;
use super::expr::{Expr, ValueType};
use super::labels::Labels;
use super::matrix::{Matrix, Steps};
use super::meter::{Held, Meter};

/// What every node of one query shares.
pub(crate) struct Evaluator<'a> {
    /// The data.
    pub(crate) snapshot: &'a Snapshot,
    /// What the query may use.
    pub(crate) meter: &'a Meter,
    /// Warnings and infos.
    pub(crate) notes: &'a Annotations,
    /// The whole query's steps, which `@ start()` and `@ end()` mean.
    pub(crate) query: Steps,
    /// Threads for one leaf.
    pub(crate) threads: usize,
}

/// A node's value at all steps.
#[derive(Debug)]
pub(crate) enum Evaluated<'a> {
    /// One number a step.
    Scalar(Numbers<'a>),
    /// One text.
    Text(String),
    /// Series x steps.
    Vector(Tracked<'a>),
}

/// One number a step, whose memory is accounted while they live: a query may hold very many of them at once.
#[derive(Debug)]
pub(crate) struct Numbers<'a> {
    values: Vec<f64>,
    _held: Held<'a>,
}

impl Numbers<'_> {
    /// Changes every number.
    fn map(mut self, change: impl Fn(f64) -> f64) -> Self {
        self.values.iter_mut().for_each(|value| *value = change(*value));
        self
    }
}

impl std::ops::Deref for Numbers<'_> {
    type Target = [f64];

    fn deref(&self) -> &[f64] {
        &self.values
    }
}

/// A matrix whose memory is accounted while it lives.
#[derive(Debug)]
pub(crate) struct Tracked<'a> {
    pub(crate) matrix: Matrix,
    held: Held<'a>,
}

type Result<T> = std::result::Result<T, PromqlError>;

impl<'a> Evaluator<'a> {
    /// The expression's value at `steps`.
    pub(crate) fn eval(&self, expr: &Expr, steps: Steps) -> Result<Evaluated<'a>> {
        self.meter.check()?;
        if steps.count > 1 && expr.is_steady() {
            return self.repeated(expr, steps);
        }
        match expr {
            Expr::Number(number) => self.numbers(steps, |_| *number),
            Expr::Text(text) => Ok(Evaluated::Text(text.clone())),
            Expr::Selector(selector) => self.selector(selector, steps).map(Evaluated::Vector),
            Expr::Call(call) => self.call(call, steps),
            Expr::Aggregate(aggregate) => self.aggregate(aggregate, steps).map(Evaluated::Vector),
            Expr::Binary(binary) => self.binary(binary, steps),
            Expr::Negate(inner) => self.negate(inner, steps),
            Expr::Range(_) => Err(PromqlError::BadQuery(format!(
                "invalid expression type {:?}, must be scalar or instant vector",
                ValueType::Matrix.name()
            ))),
        }
    }

    /// What is the same at every step is computed once.
    fn repeated(&self, expr: &Expr, steps: Steps) -> Result<Evaluated<'a>> {
        Ok(match self.eval(expr, Steps::instant(steps.start))? {
            Evaluated::Scalar(numbers) => {
                let number = numbers.first().copied().unwrap_or(f64::NAN);
                self.numbers(steps, |_| number)?
            }
            Evaluated::Text(text) => Evaluated::Text(text),
            Evaluated::Vector(tracked) => Evaluated::Vector(tracked.map(|matrix| Ok(matrix.broadcast(steps.count)))?),
        })
    }

    /// A scalar expression's value at each step.
    pub(crate) fn scalar(&self, expr: &Expr, steps: Steps) -> Result<Numbers<'a>> {
        match self.eval(expr, steps)? {
            Evaluated::Scalar(numbers) => Ok(numbers),
            _ => Err(mistyped(ValueType::Scalar)),
        }
    }

    /// A vector expression's matrix.
    pub(crate) fn vector(&self, expr: &Expr, steps: Steps) -> Result<Tracked<'a>> {
        match self.eval(expr, steps)? {
            Evaluated::Vector(tracked) => Ok(tracked),
            _ => Err(mistyped(ValueType::Vector)),
        }
    }

    /// A text expression's text.
    pub(crate) fn text(&self, expr: &Expr, steps: Steps) -> Result<String> {
        match self.eval(expr, steps)? {
            Evaluated::Text(text) => Ok(text),
            _ => Err(mistyped(ValueType::String)),
        }
    }

    /// A number for each step.
    fn numbers(&self, steps: Steps, number: impl FnMut(usize) -> f64) -> Result<Evaluated<'a>> {
        let held = self.meter.reserve((steps.count * size_of::<f64>()) as u64)?;
        let values = (0..steps.count).map(number).collect();
        Ok(Evaluated::Scalar(Numbers { values, _held: held }))
    }

    /// Accounts a new matrix.
    fn track(&self, matrix: Matrix) -> Result<Tracked<'a>> {
        let held = self.meter.reserve(matrix.bytes())?;
        Ok(Tracked { matrix, held })
    }

    fn negate(&self, inner: &Expr, steps: Steps) -> Result<Evaluated<'a>> {
        Ok(match self.eval(inner, steps)? {
            Evaluated::Scalar(numbers) => Evaluated::Scalar(numbers.map(|value| -value)),
            Evaluated::Vector(tracked) => Evaluated::Vector(tracked.map(|mut matrix| {
                matrix.map(|_, value| -value);
                matrix.drop_names()
            })?),
            Evaluated::Text(_) => return Err(mistyped(ValueType::Vector)),
        })
    }
}

impl Tracked<'_> {
    /// Changes the matrix; what it grows by is accounted.
    pub(crate) fn map(self, change: impl FnOnce(Matrix) -> Result<Matrix>) -> Result<Self> {
        let Self { matrix, mut held } = self;
        let matrix = change(matrix)?;
        held.grow_to(matrix.bytes())?;
        Ok(Self { matrix, held })
    }
}

/// The tree is typed, so this says that the conversion and the evaluator disagree.
fn mistyped(wanted: ValueType) -> PromqlError {
    PromqlError::BadQuery(format!("expected type {}", wanted.name()))
}

/// A matrix of one series.
fn single(labels: Labels, row: &[f64]) -> Matrix {
    let mut matrix = Matrix::new(row.len());
    matrix.push(labels, row);
    matrix
}
