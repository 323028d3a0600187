//! Slides a leaf's window over one series whose samples arrive in chunks: each sample enters and leaves once.

use super::leaf::{LeafFunction, LeafPlan};
use super::window::{Params, Window, evaluate};
use crate::promql::function::RangeFunction;
use crate::promql::values::{ABSENT, is_absent};

/// How far one series has come: the steps that are done, and the samples that windows of later steps still need.
#[derive(Debug, Default)]
pub(crate) struct SeriesState {
    next_step: usize,
    times: Vec<i64>,
    values: Vec<f64>,
    delta: bool,
    fed: bool,
}

impl SeriesState {
    /// Ready for another series; keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.next_step = 0;
        self.times.clear();
        self.values.clear();
        self.delta = false;
        self.fed = false;
    }

    /// Whether the series had any sample.
    pub(crate) const fn is_fed(&self) -> bool {
        self.fed
    }
}

/// The plan with scratch space.
#[derive(Debug)]
pub(crate) struct Sweep<'a> {
    plan: &'a LeafPlan,
    times: Vec<i64>,
    values: Vec<f64>,
}

impl<'a> Sweep<'a> {
    pub(crate) const fn new(plan: &'a LeafPlan) -> Self {
        Self {
            plan,
            times: Vec::new(),
            values: Vec::new(),
        }
    }

    /// Takes the next samples of a series (later than all before) and fills the steps whose windows they complete.
    pub(crate) fn feed(
        &mut self,
        state: &mut SeriesState,
        times: &[i64],
        values: &[f64],
        delta: bool,
        row: &mut [f64],
    ) {
        let Some(last_time) = times.last().copied() else { return };
        if state.fed && state.delta != delta {
            // The temporality changes: what came before ends here, as at a reset.
            let first_time = times.first().copied().unwrap_or(last_time);
            self.advance(state, first_time - 1, row);
            state.times.clear();
            state.values.clear();
        }
        state.fed = true;
        state.delta = delta;
        self.times.clear();
        self.values.clear();
        self.times.append(&mut state.times);
        self.values.append(&mut state.values);
        let drops_stale = matches!(self.plan.function, LeafFunction::Range(_));
        if drops_stale && values.iter().any(|value| is_absent(*value)) {
            let kept = times.iter().zip(values).filter(|(_, value)| !is_absent(**value));
            for (time, value) in kept {
                self.times.push(*time);
                self.values.push(*value);
            }
        } else {
            self.times.extend_from_slice(times);
            self.values.extend_from_slice(values);
        }
        self.sweep(state, last_time, row);
    }

    /// Fills the remaining steps.
    pub(crate) fn finish(&mut self, state: &mut SeriesState, row: &mut [f64]) {
        if state.fed {
            self.advance(state, i64::MAX, row);
        }
    }

    fn advance(&mut self, state: &mut SeriesState, until: i64, row: &mut [f64]) {
        self.times.clear();
        self.values.clear();
        self.times.append(&mut state.times);
        self.values.append(&mut state.values);
        self.sweep(state, until, row);
    }

    /// Evaluates every step whose window ends by `until`, from the scratch samples; keeps what later windows need.
    fn sweep(&self, state: &mut SeriesState, until: i64, row: &mut [f64]) {
        let (times, values) = (self.times.as_slice(), self.values.as_slice());
        let Cursor { low, step } = match self.plan.function {
            LeafFunction::Latest => self.slide(state, until, row, |window, _, _| window.values.last().copied()),
            LeafFunction::LatestTime => self.slide(state, until, row, |window, _, _| {
                let value = window.values.last()?;
                let time = window.times.last()?;
                (!is_absent(*value)).then_some(*time as f64 / 1_000.0)
            }),
            LeafFunction::Range(RangeFunction::Rate) => self.slide(state, until, row, |window, params, _| {
                Some(evaluate(RangeFunction::Rate, window, params))
            }),
            LeafFunction::Range(function) => self.slide(state, until, row, |window, params, _| {
                Some(evaluate(function, window, params))
            }),
        };
        state.next_step = step;
        if step < self.plan.steps.count {
            state.times.extend_from_slice(times.get(low..).unwrap_or_default());
            state.values.extend_from_slice(values.get(low..).unwrap_or_default());
        }
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "low <= high <= times.len() = values.len(), and last_fall < high"
    )]
    fn slide(
        &self,
        state: &SeriesState,
        until: i64,
        row: &mut [f64],
        value_of: impl Fn(Window<'_>, Params, usize) -> Option<f64>,
    ) -> Cursor {
        let plan = self.plan;
        let (times, values) = (self.times.as_slice(), self.values.as_slice());
        let (mut low, mut high, mut last_fall) = (0, 0, 0);
        let mut step = state.next_step;
        while step < plan.steps.count {
            let end = plan.window_end(step);
            while low < times.len() && times[low] <= end.saturating_sub(plan.range_ms) {
                low += 1;
            }
            if end > until {
                break;
            }
            high = high.max(low);
            while high < times.len() && times[high] <= end {
                if high > 0 && values[high] < values[high - 1] {
                    last_fall = high;
                }
                high += 1;
            }
            if low < high {
                let window = Window {
                    times: &times[low..high],
                    values: &values[low..high],
                    end,
                    range_ms: plan.range_ms,
                    now: plan.steps.at(step),
                    falls: last_fall > low,
                    delta: state.delta,
                };
                if let (Some(cell), Some(value)) = (row.get_mut(step), value_of(window, self.params(step), step)) {
                    *cell = value;
                }
            }
            step += 1;
        }
        Cursor { low, step }
    }

    fn params(&self, step: usize) -> Params {
        let param = |index: usize| {
            self.plan
                .params
                .get(index)
                .and_then(|values| values.get(step))
                .copied()
                .unwrap_or(ABSENT)
        };
        if self.plan.params.is_empty() {
            [ABSENT; 2]
        } else {
            [param(0), param(1)]
        }
    }
}

/// Where a sweep stopped: the first sample that later windows need, and the first step not done.
struct Cursor {
    low: usize,
    step: usize,
}

#[cfg(test)]
mod tests;
