//! Compares an answer with what a script expects.

use icecore_query::promql::{Labels, PromqlError, QueryResult, Value};

use crate::script::{Eval, When};
use crate::series::Sequence;
use crate::store::Store;

/// What a script expects of an answer.
#[derive(Debug, Default)]
pub(crate) struct Expectation {
    pub(crate) fail: bool,
    pub(crate) message: Option<String>,
    pub(crate) ordered: bool,
    pub(crate) warn: Option<String>,
    pub(crate) info: Option<String>,
    pub(crate) no_warn: bool,
    pub(crate) no_info: bool,
    pub(crate) text: Option<String>,
    pub(crate) scalar: Option<f64>,
    pub(crate) series: Vec<(Labels, Sequence)>,
}

/// Asks, and says what is wrong with the answer.
pub(crate) fn check(eval: &Eval, store: &Store) -> Result<(), String> {
    let answer = store.ask(&eval.query, eval.when);
    if eval.expected.fail {
        return failed(answer, &eval.expected);
    }
    let answer = answer.map_err(|error| format!("{}: failed: {error}", eval.query))?;
    let say = |reason: String| format!("{}: {reason}", eval.query);
    annotations(&answer, &eval.expected).map_err(say)?;
    compare(&answer.value, eval).map_err(say)?;
    // What holds at an instant holds in the middle of a range.
    if let (When::Instant(at), Value::Vector(_)) = (eval.when, &answer.value)
        && !eval.expected.ordered
        && !eval.query.contains("start()")
        && !eval.query.contains("end()")
    {
        let when = When::Range {
            start: at - 60_000,
            end: at + 60_000,
            step: 60_000,
        };
        match store.ask(&eval.query, when) {
            Ok(range) => middle(&range.value, at, eval).map_err(|reason| say(format!("as a range: {reason}")))?,
            Err(error) => return Err(say(format!("as a range: failed: {error}"))),
        }
    }
    Ok(())
}

fn failed(answer: Result<QueryResult, PromqlError>, expected: &Expectation) -> Result<(), String> {
    match answer {
        Ok(answer) => Err(format!("should fail, gave {:?}", answer.value)),
        Err(error) => match &expected.message {
            Some(message) if !error.to_string().contains(message.as_str()) => {
                Err(format!("failed with {error:?}, expected {message:?}"))
            }
            _ => Ok(()),
        },
    }
}

fn annotations(answer: &QueryResult, expected: &Expectation) -> Result<(), String> {
    for (name, lines, wanted, none) in [
        ("warning", &answer.warnings, &expected.warn, expected.no_warn),
        ("info", &answer.infos, &expected.info, expected.no_info),
    ] {
        if none && !lines.is_empty() {
            return Err(format!("unexpected {name}: {lines:?}"));
        }
        if let Some(wanted) = wanted
            && !lines.iter().any(|line| line.contains(wanted.as_str()))
        {
            return Err(format!("no {name} with {wanted:?} among {lines:?}"));
        }
    }
    Ok(())
}

fn compare(value: &Value, eval: &Eval) -> Result<(), String> {
    let expected = &eval.expected;
    match value {
        Value::Scalar { value, .. } => match expected.scalar {
            Some(wanted) if close(*value, wanted) => Ok(()),
            wanted => Err(format!("gave the scalar {value}, expected {wanted:?}")),
        },
        Value::Text { value, .. } => match &expected.text {
            Some(wanted) if wanted == value => Ok(()),
            wanted => Err(format!("gave the text {value:?}, expected {wanted:?}")),
        },
        Value::Vector(samples) => {
            let got: Vec<(Labels, Sequence)> = samples
                .iter()
                .map(|sample| (sample.labels.clone(), vec![Some(sample.value)]))
                .collect();
            same(&got, &expected.series, expected.ordered)
        }
        Value::Matrix(series) => {
            let (start, step, count) = match eval.when {
                When::Range { start, end, step } => (start, step, (end - start) / step + 1),
                When::Instant(_) => return Err("gave a matrix at an instant; ask it as a range function".to_owned()),
            };
            let got: Vec<(Labels, Sequence)> = series
                .iter()
                .map(|series| {
                    let mut row = vec![None; count as usize];
                    for (at, value) in &series.points {
                        row[((at - start) / step) as usize] = Some(*value);
                    }
                    (series.labels.clone(), row)
                })
                .collect();
            let wanted: Vec<(Labels, Sequence)> = match expected.scalar {
                Some(scalar) => vec![(Labels::empty(), vec![Some(scalar); count as usize])],
                None => expected
                    .series
                    .iter()
                    .map(|(labels, row)| {
                        let mut row = row.clone();
                        row.resize(count as usize, None);
                        (labels.clone(), row)
                    })
                    .collect(),
            };
            same(&got, &wanted, false)
        }
    }
}

fn middle(value: &Value, at: i64, eval: &Eval) -> Result<(), String> {
    let Value::Matrix(series) = value else {
        return Err(format!("gave {value:?}"));
    };
    let got: Vec<(Labels, Sequence)> = series
        .iter()
        .filter_map(|series| {
            let (_, value) = series.points.iter().find(|(time, _)| *time == at)?;
            Some((series.labels.clone(), vec![Some(*value)]))
        })
        .collect();
    same(&got, &eval.expected.series, false)
}

fn same(got: &[(Labels, Sequence)], wanted: &[(Labels, Sequence)], ordered: bool) -> Result<(), String> {
    let (mut got, mut wanted) = (got.to_vec(), wanted.to_vec());
    if !ordered {
        got.sort_by(|a, b| a.0.cmp(&b.0));
        wanted.sort_by(|a, b| a.0.cmp(&b.0));
    }
    let equal = got.len() == wanted.len()
        && got.iter().zip(&wanted).all(|(got, wanted)| {
            got.0 == wanted.0
                && got.1.len() == wanted.1.len()
                && got.1.iter().zip(&wanted.1).all(|pair| match pair {
                    (Some(got), Some(wanted)) => close(*got, *wanted),
                    (got, wanted) => got.is_none() && wanted.is_none(),
                })
        });
    if equal {
        Ok(())
    } else {
        Err(format!("\n  gave     {got:?}\n  expected {wanted:?}"))
    }
}

/// Equal to about eleven digits; scripts write rounded decimals.
fn close(a: f64, b: f64) -> bool {
    a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= 1e-11 * a.abs().max(b.abs()).max(1e-3)
}
