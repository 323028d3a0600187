//! The front of PromQL: queries at an instant and over a range, and the listings of series and labels.

use std::sync::Arc;

use icecore_engine::engine::Engine;
use icecore_engine::ids::{Signal, TenantId};
use icecore_engine::matcher::Matcher;
use icecore_engine::select::{self, SeriesSet};
use icecore_engine::snapshot::Snapshot;
use icecore_engine::time::TimeRange;

use super::annotations::Annotations;
use super::error::PromqlError;
use super::eval::{Evaluated, Evaluator};
use super::expr::{At, Expr, RangeExpr, ValueType};
use super::gate;
use super::labels::Labels;
use super::matrix::{Matrix, Steps};
use super::meter::{Meter, QueryLimits};
use super::parse::parse;
use super::value::{MatrixSeries, QueryResult, Value, VectorSample};
use super::values::is_absent;
use crate::limits::{PROMQL_DEPTH_SHALLOW, PROMQL_STACK_BYTES, PROMQL_STEPS_MAX, PROMQL_THREADS_MAX};

type Result<T> = std::result::Result<T, PromqlError>;

/// How an engine answers.
#[derive(Debug, Clone)]
pub struct PromqlOptions {
    /// Threads that work on one query at most; the answer does not depend on it.
    pub threads: usize,
}

impl Default for PromqlOptions {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            threads: cores.min(PROMQL_THREADS_MAX),
        }
    }
}

/// Names, values or series of a listing, with the warnings that go with them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing<T> {
    /// Sorted.
    pub items: Vec<T>,
    /// Such as that the list was cut.
    pub warnings: Vec<String>,
}

/// Answers PromQL over an engine. Calls block; they are cheap to make from many threads at once.
#[derive(Debug, Clone)]
pub struct PromqlEngine {
    engine: Arc<Engine>,
    options: PromqlOptions,
}

impl PromqlEngine {
    /// Over `engine`.
    pub const fn new(engine: Arc<Engine>, options: PromqlOptions) -> Self {
        Self { engine, options }
    }

    /// The query's value at one instant, in milliseconds since the Unix epoch.
    ///
    /// # Errors
    /// When the query is wrong, breaks a rule of PromQL or a limit, or when data cannot be read.
    pub fn instant(&self, tenant: &TenantId, query: &str, time_ms: i64, limits: &QueryLimits) -> Result<QueryResult> {
        let steps = Steps::instant(time_ms);
        self.with_stack(query, |expr| {
            let asked = Asked { tenant, steps, limits };
            match expr {
                Expr::Range(range) => self.samples(range, asked),
                expr => self.evaluate(expr, asked, |value| instant_value(value, time_ms)),
            }
        })
    }

    /// The query's value at `start_ms`, `start_ms + step_ms`, ... up to `end_ms`, in milliseconds.
    ///
    /// # Errors
    /// As `instant`; also when the times make no range or too many steps.
    pub fn range(
        &self,
        tenant: &TenantId,
        query: &str,
        start_ms: i64,
        end_ms: i64,
        step_ms: i64,
        limits: &QueryLimits,
    ) -> Result<QueryResult> {
        let bad = |message: &str| Err(PromqlError::BadParameter(message.to_owned()));
        if step_ms <= 0 {
            return bad("zero or negative query resolution step widths are not accepted. Try a positive integer");
        }
        if end_ms < start_ms {
            return bad("end timestamp must not be before start time");
        }
        if end_ms.saturating_sub(start_ms) / step_ms > PROMQL_STEPS_MAX {
            return bad(
                "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)",
            );
        }
        let steps = Steps::range(start_ms, end_ms, step_ms);
        self.with_stack(query, |expr| {
            if !matches!(expr.value_type(), ValueType::Scalar | ValueType::Vector) {
                return Err(PromqlError::BadQuery(format!(
                    "invalid expression type {:?} for range query, must be Scalar or instant Vector",
                    expr.value_type().name()
                )));
            }
            self.evaluate(expr, Asked { tenant, steps, limits }, |value| range_value(value, steps))
        })
    }

    /// The series that pass any of the selectors and may have samples in the range (milliseconds).
    ///
    /// # Errors
    /// When there is no selector, or data cannot be read.
    pub fn series(
        &self,
        tenant: &TenantId,
        selectors: &[Vec<Matcher>],
        range: TimeRange,
        results_max: usize,
    ) -> Result<Listing<Labels>> {
        if selectors.is_empty() {
            return Err(PromqlError::BadParameter("no match[] parameter provided".to_owned()));
        }
        let keys = SeriesSet::keys_of_any(&self.snapshot(tenant), selectors, range).map_err(storage)?;
        let mut labels: Vec<Labels> = keys.iter().map(Labels::of_key).collect();
        labels.sort_unstable();
        Ok(cut(labels, results_max))
    }

    /// The names of labels of the series that pass any of the selectors (all series without selectors).
    ///
    /// # Errors
    /// When data cannot be read.
    pub fn labels(
        &self,
        tenant: &TenantId,
        selectors: &[Vec<Matcher>],
        range: TimeRange,
        results_max: usize,
    ) -> Result<Listing<String>> {
        let snapshot = self.snapshot(tenant);
        self.union(selectors, results_max, |matchers| {
            select::label_names(&snapshot, matchers, range)
        })
    }

    /// The values of a label over the series that pass any of the selectors (all series without selectors).
    ///
    /// # Errors
    /// When the name is empty or data cannot be read.
    pub fn label_values(
        &self,
        tenant: &TenantId,
        name: &str,
        selectors: &[Vec<Matcher>],
        range: TimeRange,
        results_max: usize,
    ) -> Result<Listing<String>> {
        if name.is_empty() {
            return Err(PromqlError::BadParameter(format!("invalid label name: {name:?}")));
        }
        let snapshot = self.snapshot(tenant);
        self.union(selectors, results_max, |matchers| {
            select::label_values(&snapshot, name, matchers, range)
        })
    }

    fn union(
        &self,
        selectors: &[Vec<Matcher>],
        results_max: usize,
        list: impl Fn(
            &[Matcher],
        ) -> std::result::Result<std::collections::BTreeSet<String>, icecore_engine::part::PartError>,
    ) -> Result<Listing<String>> {
        let mut texts = std::collections::BTreeSet::new();
        if selectors.is_empty() {
            texts = list(&[]).map_err(storage)?;
        }
        for matchers in selectors {
            texts.extend(list(matchers).map_err(storage)?);
        }
        Ok(cut(texts.into_iter().collect(), results_max))
    }

    fn snapshot(&self, tenant: &TenantId) -> Snapshot {
        self.engine.snapshot(tenant, Signal::Metrics)
    }

    /// Parses and answers; deep queries do both on a thread with a large stack, because both recurse.
    fn with_stack(&self, query: &str, answer: impl FnOnce(&Expr) -> Result<QueryResult> + Send) -> Result<QueryResult> {
        let shape = gate::check(query)?;
        let work = move || answer(&parse(query)?);
        if shape.depth() <= PROMQL_DEPTH_SHALLOW {
            return work();
        }
        std::thread::scope(|scope| {
            let spawned = std::thread::Builder::new()
                .name("promql".to_owned())
                .stack_size(PROMQL_STACK_BYTES)
                .spawn_scoped(scope, work)
                .map_err(|error| PromqlError::Storage(format!("no thread for the query: {error}")))?;
            spawned.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    fn evaluate(
        &self,
        expr: &Expr,
        asked: Asked<'_>,
        value_of: impl FnOnce(Evaluated<'_>) -> Value,
    ) -> Result<QueryResult> {
        let snapshot = self.snapshot(asked.tenant);
        let meter = Meter::new(self.engine.budget(), asked.limits.clone());
        let notes = Annotations::default();
        let evaluator = Evaluator {
            snapshot: &snapshot,
            meter: &meter,
            notes: &notes,
            query: asked.steps,
            threads: self.options.threads,
        };
        let mut value = value_of(evaluator.eval(expr, asked.steps)?);
        let results_max = asked.limits.results_max;
        let cut = match &mut value {
            Value::Vector(samples) => truncate(samples, results_max),
            Value::Matrix(series) => truncate(series, results_max),
            Value::Scalar { .. } | Value::Text { .. } => false,
        };
        if cut {
            notes.truncated();
        }
        let samples_read = meter.samples();
        let (warnings, infos) = notes.finish();
        Ok(QueryResult {
            value,
            warnings,
            infos,
            samples_read,
        })
    }

    /// A range selector or a subquery at the top of an instant query: its samples as they are.
    fn samples(&self, range: &RangeExpr, asked: Asked<'_>) -> Result<QueryResult> {
        match range {
            RangeExpr::Selector { selector, range_ms } => {
                let end = end_of(asked.steps.start, selector.shift.at, selector.shift.offset_ms);
                let times = TimeRange::new(end.saturating_sub(*range_ms).saturating_add(1), end);
                self.raw_samples(&selector.matchers, times, asked)
            }
            RangeExpr::Subquery {
                expr,
                range_ms,
                step_ms,
                shift,
            } => {
                let end = end_of(asked.steps.start, shift.at, shift.offset_ms);
                let step = step_ms.unwrap_or(crate::limits::PROMQL_SUBQUERY_STEP_MS);
                let start = end
                    .saturating_sub(*range_ms)
                    .div_euclid(step)
                    .saturating_add(1)
                    .saturating_mul(step);
                if start > end {
                    return self.evaluate(&Expr::Number(0.0), asked, |_| Value::Matrix(Vec::new()));
                }
                let steps = Steps::range(start, end, step);
                if steps.count as i64 > crate::limits::PROMQL_SUBQUERY_STEPS_MAX {
                    return Err(PromqlError::Execution(
                        "the subquery has too many steps: use a larger step".to_owned(),
                    ));
                }
                self.evaluate(expr, Asked { steps, ..asked }, |value| range_value(value, steps))
            }
        }
    }

    fn raw_samples(&self, matchers: &[Matcher], times: TimeRange, asked: Asked<'_>) -> Result<QueryResult> {
        let snapshot = self.snapshot(asked.tenant);
        let meter = Meter::new(self.engine.budget(), asked.limits.clone());
        let set = SeriesSet::of(&snapshot, matchers, times).map_err(storage)?;
        let mut points: Vec<Vec<(i64, f64)>> = vec![Vec::new(); set.len()];
        let mut failed = None;
        let mut held = meter.reserve(0)?;
        let mut bytes = 0;
        set.read(0..set.len(), times, &mut |series, chunk| {
            if failed.is_some() {
                return;
            }
            let samples = chunk.timestamps.iter().copied().zip(chunk.values.iter().copied());
            if let Some(points) = points.get_mut(series) {
                points.extend(samples.filter(|(_, value)| !is_absent(*value)));
            }
            bytes += 16 * chunk.timestamps.len() as u64;
            failed = meter
                .count(chunk.timestamps.len() as u64)
                .and_then(|()| held.grow_to(bytes))
                .err();
        })
        .map_err(storage)?;
        if let Some(error) = failed {
            return Err(error);
        }
        let mut series: Vec<MatrixSeries> = points
            .into_iter()
            .enumerate()
            .filter(|(_, points)| !points.is_empty())
            .map(|(index, points)| MatrixSeries {
                labels: Labels::of_key(set.key(index)),
                points,
            })
            .collect();
        series.sort_by(|a, b| a.labels.cmp(&b.labels));
        Ok(QueryResult {
            value: Value::Matrix(series),
            warnings: Vec::new(),
            infos: Vec::new(),
            samples_read: meter.samples(),
        })
    }
}

/// Who asks, when, and how much it may cost.
#[derive(Clone, Copy)]
struct Asked<'a> {
    tenant: &'a TenantId,
    steps: Steps,
    limits: &'a QueryLimits,
}

fn storage(error: icecore_engine::part::PartError) -> PromqlError {
    PromqlError::Storage(error.to_string())
}

/// At an instant, `start()` and `end()` are that instant.
fn end_of(time: i64, at: Option<At>, offset_ms: i64) -> i64 {
    match at {
        Some(At::Time(fixed)) => fixed.saturating_sub(offset_ms),
        Some(At::Start | At::End) | None => time.saturating_sub(offset_ms),
    }
}

fn truncate<T>(items: &mut Vec<T>, max: usize) -> bool {
    let cut = max > 0 && items.len() > max;
    if cut {
        items.truncate(max);
    }
    cut
}

fn cut<T>(mut items: Vec<T>, max: usize) -> Listing<T> {
    let warnings = if truncate(&mut items, max) {
        vec!["results truncated due to limit".to_owned()]
    } else {
        Vec::new()
    };
    Listing { items, warnings }
}

fn instant_value(value: Evaluated<'_>, time_ms: i64) -> Value {
    match value {
        Evaluated::Scalar(values) => Value::Scalar {
            timestamp_ms: time_ms,
            value: values.first().copied().unwrap_or(f64::NAN),
        },
        Evaluated::Text(value) => Value::Text {
            timestamp_ms: time_ms,
            value,
        },
        Evaluated::Vector(tracked) => Value::Vector(
            tracked
                .matrix
                .rows()
                .filter_map(|(labels, row)| Some((labels, *row.first()?)))
                .filter(|(_, value)| !is_absent(*value))
                .map(|(labels, value)| VectorSample {
                    labels: labels.clone(),
                    timestamp_ms: time_ms,
                    value,
                })
                .collect(),
        ),
    }
}

fn range_value(value: Evaluated<'_>, steps: Steps) -> Value {
    let points = |row: &[f64]| -> Vec<(i64, f64)> {
        steps
            .iter()
            .zip(row.iter().copied())
            .filter(|(_, value)| !is_absent(*value))
            .collect()
    };
    let rows = |matrix: &Matrix| -> Vec<MatrixSeries> {
        let series = matrix.rows().map(|(labels, row)| MatrixSeries {
            labels: labels.clone(),
            points: points(row),
        });
        series.filter(|series| !series.points.is_empty()).collect()
    };
    let mut series = match value {
        Evaluated::Scalar(values) => vec![MatrixSeries {
            labels: Labels::empty(),
            points: points(&values),
        }],
        Evaluated::Text(_) => Vec::new(),
        Evaluated::Vector(tracked) => rows(&tracked.matrix),
    };
    series.sort_by(|a, b| a.labels.cmp(&b.labels));
    Value::Matrix(series)
}
