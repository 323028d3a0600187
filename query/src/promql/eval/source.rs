//! From the tree's selectors and range functions to leaf plans, and running them.

use icecore_engine::labels::METRIC_NAME_LABEL;
use icecore_engine::matcher::{MatchOp, Matcher};
use icecore_engine::select::SeriesSet;

use super::leaf::{self, LeafFunction, LeafPlan};
use super::sink::{Groups, Sink};
use super::sweep::{SeriesState, Sweep};
use super::{Evaluator, Result, Tracked, mistyped};
use crate::limits::{PROMQL_SUBQUERY_STEP_MS, PROMQL_SUBQUERY_STEPS_MAX};
use crate::promql::error::PromqlError;
use crate::promql::expr::{Aggregate, At, Call, Expr, Grouping, RangeExpr, Selector, Shift, ValueType};
use crate::promql::function::{Function, RangeFunction};
use crate::promql::matrix::{Matrix, Steps};
use crate::promql::values::{ABSENT, is_absent};

impl<'a> Evaluator<'a> {
    /// An instant selector.
    pub(super) fn selector(&self, selector: &Selector, steps: Steps) -> Result<Tracked<'a>> {
        let plan = self.instant_plan(selector, LeafFunction::Latest, steps);
        self.run_to_matrix(&plan, false)
    }

    /// An instant selector's sample times, in seconds.
    pub(super) fn selector_times(&self, selector: &Selector, steps: Steps) -> Result<Tracked<'a>> {
        let plan = self.instant_plan(selector, LeafFunction::LatestTime, steps);
        self.run_to_matrix(&plan, true)
    }

    /// A range function of a selector or a subquery.
    pub(super) fn range_function(&self, function: RangeFunction, args: &[Expr], steps: Steps) -> Result<Tracked<'a>> {
        let (range, params) = self.range_arguments(args, steps)?;
        match range {
            RangeExpr::Selector { selector, range_ms } => {
                let plan = self.range_plan(selector, *range_ms, function, params, steps);
                self.run_to_matrix(&plan, !function.keeps_name())
            }
            RangeExpr::Subquery {
                expr,
                range_ms,
                step_ms,
                shift,
            } => {
                let plan = LeafPlan {
                    matchers: Vec::new(),
                    steps,
                    fixed: self.fixed(*shift),
                    offset_ms: shift.offset_ms,
                    range_ms: *range_ms,
                    function: LeafFunction::Range(function),
                    params,
                };
                self.subquery(expr, *step_ms, &plan, function)
            }
        }
    }

    /// An aggregation whose argument is a leaf, in one pass without label sets; `None` when it is no such thing.
    pub(super) fn fused(&self, aggregate: &Aggregate, steps: Steps) -> Result<Option<Tracked<'a>>> {
        let plan = match &aggregate.expr {
            Expr::Selector(selector) => self.instant_plan(selector, LeafFunction::Latest, steps),
            Expr::Call(Call {
                function: Function::Range(function),
                args,
            }) => {
                let (range, params) = self.range_arguments(args, steps)?;
                let RangeExpr::Selector { selector, range_ms } = range else {
                    return Ok(None);
                };
                self.range_plan(selector, *range_ms, *function, params, steps)
            }
            _ => return Ok(None),
        };
        let drops_name = matches!(plan.function, LeafFunction::Range(function) if !function.keeps_name());
        let mut grouping = aggregate.grouping.clone();
        if let (true, Grouping::By(names)) = (drops_name, &mut grouping) {
            names.retain(|name| name != METRIC_NAME_LABEL);
        }
        let Some(mut groups) = Groups::new(aggregate.op, grouping, plan.steps.count) else {
            return Ok(None);
        };
        if drops_name && !names_one_metric(&plan.matchers) {
            groups = groups.refusing_equal_labels();
        }
        let mut sink = Sink::Groups(groups);
        self.run(&plan, aggregate.op.needs_presence_only(), &mut sink)?;
        let matrix = sink.finish()?;
        self.track(matrix).map(Some)
    }

    fn range_arguments<'e>(&self, args: &'e [Expr], steps: Steps) -> Result<(&'e RangeExpr, Vec<Vec<f64>>)> {
        let mut range = None;
        let mut params = Vec::new();
        for arg in args {
            match arg {
                Expr::Range(found) => range = Some(found.as_ref()),
                scalar => params.push(self.scalar(scalar, steps)?.to_vec()),
            }
        }
        Ok((range.ok_or_else(|| mistyped(ValueType::Matrix))?, params))
    }

    fn fixed(&self, shift: Shift) -> Option<i64> {
        shift.at.map(|at| match at {
            At::Time(time) => time,
            At::Start => self.query.start,
            At::End => self.query.end(),
        })
    }

    fn instant_plan(&self, selector: &Selector, function: LeafFunction, steps: Steps) -> LeafPlan {
        self.plan(selector, self.meter.limits().lookback_ms, function, Vec::new(), steps)
    }

    fn range_plan(
        &self,
        selector: &Selector,
        range_ms: i64,
        function: RangeFunction,
        params: Vec<Vec<f64>>,
        steps: Steps,
    ) -> LeafPlan {
        self.plan(selector, range_ms, LeafFunction::Range(function), params, steps)
    }

    fn plan(
        &self,
        selector: &Selector,
        range_ms: i64,
        function: LeafFunction,
        params: Vec<Vec<f64>>,
        steps: Steps,
    ) -> LeafPlan {
        LeafPlan {
            matchers: selector.matchers.clone(),
            steps,
            fixed: self.fixed(selector.shift),
            offset_ms: selector.shift.offset_ms,
            range_ms,
            function,
            params,
        }
    }

    fn run_to_matrix(&self, plan: &LeafPlan, drop_name: bool) -> Result<Tracked<'a>> {
        let mut sink = Sink::rows(plan.steps.count, drop_name);
        self.run(plan, false, &mut sink)?;
        let matrix = sink.finish()?;
        self.track(matrix)
    }

    fn run(&self, plan: &LeafPlan, presence_only: bool, sink: &mut Sink) -> Result<()> {
        let series = SeriesSet::of(self.snapshot, &plan.matchers, plan.read_range())
            .map_err(|error| PromqlError::Storage(error.to_string()))?;
        leaf::run(
            plan,
            &series,
            self.meter,
            leaf::Effort {
                threads: self.threads,
                presence_only,
            },
            self.notes,
            sink,
        )
    }

    fn subquery(
        &self,
        expr: &Expr,
        step_ms: Option<i64>,
        plan: &LeafPlan,
        function: RangeFunction,
    ) -> Result<Tracked<'a>> {
        let step = step_ms.unwrap_or(PROMQL_SUBQUERY_STEP_MS);
        let range = plan.read_range();
        // The first multiple of the step within the left-open range.
        let start = (range.start - 1)
            .div_euclid(step)
            .saturating_add(1)
            .saturating_mul(step);
        let mut result = Matrix::new(plan.steps.count);
        if start > range.end {
            return self.track(result);
        }
        if (range.end - start) / step >= PROMQL_SUBQUERY_STEPS_MAX {
            return Err(PromqlError::Execution(format!(
                "a subquery of more than {PROMQL_SUBQUERY_STEPS_MAX} steps: use a larger step or a shorter range"
            )));
        }
        let inner_steps = Steps::range(start, range.end, step);
        let inner = self.vector(expr, inner_steps)?;
        let mut sweep = Sweep::new(plan, self.meter)?;
        let mut state = SeriesState::default();
        for (labels, row) in inner.matrix.rows() {
            let present = row.iter().enumerate().filter(|(_, value)| !is_absent(**value));
            let (times, values): (Vec<i64>, Vec<f64>) =
                present.map(|(index, value)| (inner_steps.at(index), *value)).unzip();
            self.meter.count(times.len() as u64)?;
            let mut out = vec![ABSENT; plan.steps.count];
            state.clear();
            sweep.feed(&mut state, &times, &values, false, &mut out)?;
            sweep.finish(&mut state, &mut out)?;
            if out.iter().any(|value| !is_absent(*value)) {
                plan.remark(labels.metric(), self.notes)?;
                result.push(
                    if function.keeps_name() {
                        labels.clone()
                    } else {
                        labels.without_name()
                    },
                    &out,
                );
            }
        }
        self.track(result)?.map(Matrix::merge_equal)
    }
}

/// Whether the matchers admit one metric name only, so that label sets differ beside the name.
fn names_one_metric(matchers: &[Matcher]) -> bool {
    matchers
        .iter()
        .any(|matcher| matcher.name == METRIC_NAME_LABEL && matches!(matcher.op, MatchOp::Equal))
}
