//! Functions of whole vectors: labels, order, absence, clamps, rounding.

use icecore_engine::labels::METRIC_NAME_LABEL;
use icecore_engine::matcher::{MatchOp, Matcher};
use regex::RegexBuilder;

use super::functions::{clamp, number, without_empty};
use super::{Evaluator, Result, Tracked, single};
use crate::promql::error::PromqlError;
use crate::promql::expr::{Expr, RangeExpr};
use crate::promql::function::{Function, RangeFunction};
use crate::promql::labels::Labels;
use crate::promql::matrix::{Matrix, Steps};
use crate::promql::values::{ABSENT, is_absent, nan_first};

impl<'a> Evaluator<'a> {
    /// A function that `call` does not answer itself.
    pub(super) fn vector_function(&self, function: Function, args: &[Expr], steps: Steps) -> Result<Tracked<'a>> {
        let first = self.arg(args, 0)?;
        match function {
            Function::Absent => {
                let input = self.vector(first, steps)?;
                self.absent(first, &input.matrix, steps)
            }
            Function::AbsentOverTime => {
                let input = self.range_function(RangeFunction::Present, args, steps)?;
                self.absent(first, &input.matrix, steps)
            }
            Function::Clamp => self.clamped(args, 1, Some(2), steps),
            Function::ClampMin => self.clamped(args, 1, None, steps),
            Function::ClampMax => {
                let max = self.scalar(self.arg(args, 1)?, steps)?;
                let input = self.vector(first, steps)?;
                self.mapped(input, |step, value| clamp(value, f64::NEG_INFINITY, number(&max, step)))
            }
            Function::Round => self.rounded(args, steps),
            Function::LabelReplace => self.label_replace(args, steps),
            Function::LabelJoin => self.label_join(args, steps),
            Function::Sort | Function::SortDesc => {
                let descending = function == Function::SortDesc;
                self.reordered(first, steps, |matrix, a, b| {
                    let (a, b) = (matrix.value(a, 0), matrix.value(b, 0));
                    let ascending = nan_first(a, b);
                    if descending || a.is_nan() || b.is_nan() {
                        ascending.reverse()
                    } else {
                        ascending
                    }
                })
            }
            Function::SortByLabel | Function::SortByLabelDesc => self.sorted_by_label(function, args, steps),
            other => Err(PromqlError::NotSupported(format!("{other:?}"))),
        }
    }

    /// 1 where the input has nothing, with the labels that its selector's equalities give.
    fn absent(&self, arg: &Expr, input: &Matrix, steps: Steps) -> Result<Tracked<'a>> {
        let mut row = vec![1.0; steps.count];
        for (_, values) in input.rows() {
            for (one, value) in row.iter_mut().zip(values) {
                if !is_absent(*value) {
                    *one = ABSENT;
                }
            }
        }
        let matchers: &[Matcher] = match arg {
            Expr::Selector(selector) => &selector.matchers,
            Expr::Range(range) => match range.as_ref() {
                RangeExpr::Selector { selector, .. } => &selector.matchers,
                RangeExpr::Subquery { .. } => &[],
            },
            _ => &[],
        };
        self.track(single(labels_of_absence(matchers), &row))?
            .map(without_empty)
    }

    fn clamped(&self, args: &[Expr], min: usize, max: Option<usize>, steps: Steps) -> Result<Tracked<'a>> {
        let min = self.scalar(self.arg(args, min)?, steps)?;
        let max = max.map(|max| self.scalar(self.arg(args, max)?, steps)).transpose()?;
        let input = self.vector(self.arg(args, 0)?, steps)?;
        let clamped = self.mapped(input, |step, value| {
            let max = max.as_ref().map_or(f64::INFINITY, |max| number(max, step));
            let min = number(&min, step);
            if max < min { ABSENT } else { clamp(value, min, max) }
        })?;
        clamped.map(without_empty)
    }

    fn rounded(&self, args: &[Expr], steps: Steps) -> Result<Tracked<'a>> {
        let nearest = args.get(1).map(|nearest| self.scalar(nearest, steps)).transpose()?;
        let input = self.vector(self.arg(args, 0)?, steps)?;
        // Prometheus divides by the inverse, which keeps results like 0.1 exact.
        self.mapped(input, |step, value| {
            let inverse = 1.0 / nearest.as_ref().map_or(1.0, |nearest| number(nearest, step));
            (value * inverse + 0.5).floor() / inverse
        })
    }

    fn label_replace(&self, args: &[Expr], steps: Steps) -> Result<Tracked<'a>> {
        let text = |index| self.text(self.arg(args, index)?, steps);
        let (target, replacement, source, pattern) = (text(1)?, text(2)?, text(3)?, text(4)?);
        let regex = RegexBuilder::new(&format!("^(?s:{pattern})$"))
            .size_limit(icecore_engine::matcher::REGEX_BYTES_MAX)
            .build()
            .map_err(|_| PromqlError::Execution(format!("invalid regular expression in label_replace(): {pattern}")))?;
        if target.is_empty() {
            return Err(PromqlError::Execution(format!(
                "invalid destination label name in label_replace(): {target}"
            )));
        }
        let input = self.vector(self.arg(args, 0)?, steps)?;
        input.map(|matrix| {
            matrix.relabel(|labels| match regex.captures(labels.get(&source)) {
                None => labels.clone(),
                Some(captures) => {
                    let mut value = String::new();
                    captures.expand(&replacement, &mut value);
                    labels.with(&target, &value)
                }
            })
        })
    }

    fn label_join(&self, args: &[Expr], steps: Steps) -> Result<Tracked<'a>> {
        let mut texts = Vec::with_capacity(args.len());
        for arg in args.iter().skip(1) {
            texts.push(self.text(arg, steps)?);
        }
        let [target, separator, sources @ ..] = texts.as_slice() else {
            return Err(PromqlError::BadQuery("label_join() lacks arguments".to_owned()));
        };
        if target.is_empty() {
            return Err(PromqlError::Execution(format!(
                "invalid destination label name in label_join(): {target}"
            )));
        }
        let input = self.vector(self.arg(args, 0)?, steps)?;
        input.map(|matrix| {
            matrix.relabel(|labels| {
                let values: Vec<&str> = sources.iter().map(|source| labels.get(source)).collect();
                labels.with(target, &values.join(separator))
            })
        })
    }

    fn sorted_by_label(&self, function: Function, args: &[Expr], steps: Steps) -> Result<Tracked<'a>> {
        let mut names = Vec::new();
        for arg in args.iter().skip(1) {
            names.push(self.text(arg, steps)?);
        }
        self.reordered(self.arg(args, 0)?, steps, |matrix, a, b| {
            let (a, b) = (matrix.labels(a), matrix.labels(b));
            let by_names = names
                .iter()
                .map(|name| natural(a.get(name), b.get(name)))
                .find(|ordering| ordering.is_ne())
                .unwrap_or_else(|| a.cmp(b));
            if function == Function::SortByLabelDesc {
                by_names.reverse()
            } else {
                by_names
            }
        })
    }

    /// Puts the rows of an instant query in an order; over several steps there is none.
    fn reordered(
        &self,
        arg: &Expr,
        steps: Steps,
        compare: impl Fn(&Matrix, usize, usize) -> std::cmp::Ordering,
    ) -> Result<Tracked<'a>> {
        let input = self.vector(arg, steps)?;
        if steps.count != 1 {
            self.notes.ineffective_sort();
            return Ok(input);
        }
        input.map(|matrix| {
            let mut order: Vec<usize> = (0..matrix.len()).collect();
            order.sort_by(|a, b| compare(&matrix, *a, *b));
            let mut sorted = Matrix::new(matrix.steps());
            for row in order {
                sorted.push(matrix.labels(row).clone(), matrix.row(row));
            }
            Ok(sorted)
        })
    }
}

/// Labels with one equality each, and no other condition.
fn labels_of_absence(matchers: &[Matcher]) -> Labels {
    let mut pairs: Vec<(&str, &str)> = Vec::new();
    let mut seen: Vec<&str> = Vec::new();
    for matcher in matchers.iter().filter(|matcher| matcher.name != METRIC_NAME_LABEL) {
        let equal = matches!(matcher.op, MatchOp::Equal);
        if equal && !seen.contains(&matcher.name.as_str()) {
            pairs.push((&matcher.name, &matcher.value));
            seen.push(&matcher.name);
        } else {
            pairs.retain(|(name, _)| *name != matcher.name);
        }
    }
    Labels::from_pairs(pairs)
}

/// Text order in which runs of digits compare as numbers: `a2` before `a10`.
fn natural(a: &str, b: &str) -> std::cmp::Ordering {
    let (mut a, mut b) = (a, b);
    loop {
        match (chunk(&mut a), chunk(&mut b)) {
            (None, None) => return std::cmp::Ordering::Equal,
            (None, Some(_)) => return std::cmp::Ordering::Less,
            (Some(_), None) => return std::cmp::Ordering::Greater,
            (Some(a), Some(b)) => {
                let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
                let ordering = if digits(a) && digits(b) {
                    let (a, b) = (a.trim_start_matches('0'), b.trim_start_matches('0'));
                    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
                } else {
                    a.cmp(b)
                };
                if ordering.is_ne() {
                    return ordering;
                }
            }
        }
    }
}

/// Takes the leading run of digits, or of anything else.
fn chunk<'t>(text: &mut &'t str) -> Option<&'t str> {
    let first = text.bytes().next()?.is_ascii_digit();
    let end = text
        .bytes()
        .position(|byte| byte.is_ascii_digit() != first)
        .unwrap_or(text.len());
    let (chunk, rest) = text.split_at_checked(end)?;
    *text = rest;
    Some(chunk)
}

#[cfg(test)]
mod tests;
