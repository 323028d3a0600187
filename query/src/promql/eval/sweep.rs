//! Slides a leaf's window over one series whose samples arrive in chunks: each sample enters and leaves once.

use super::leaf::{LeafFunction, LeafPlan};
use super::window::{Params, Window, evaluate};
use crate::promql::error::PromqlError;
use crate::promql::function::RangeFunction;
use crate::promql::meter::{Held, Meter};
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

    /// Keeps samples for later windows.
    fn take(&mut self, times: &[i64], values: &[f64], without_stale: bool) {
        if without_stale {
            for (time, value) in times.iter().zip(values).filter(|(_, value)| !is_absent(**value)) {
                self.times.push(*time);
                self.values.push(*value);
            }
        } else {
            self.times.extend_from_slice(times);
            self.values.extend_from_slice(values);
        }
    }

    /// Whether the series had any sample.
    pub(crate) const fn is_fed(&self) -> bool {
        self.fed
    }
}

/// The plan, and what its run may use.
#[derive(Debug)]
pub(crate) struct Sweep<'a> {
    plan: &'a LeafPlan,
    meter: &'a Meter,
    /// Samples looked at since the meter was last asked: wide windows at many steps take long.
    unchecked: std::cell::Cell<usize>,
    /// Samples that all series of the run keep for later windows, and the memory accounted for them.
    kept: usize,
    held: Held<'a>,
}

/// Samples after which the meter is asked again.
const CHECK_SAMPLES: usize = 1 << 20;
/// Bytes of one kept sample.
const SAMPLE_BYTES: usize = size_of::<i64>() + size_of::<f64>();

impl<'a> Sweep<'a> {
    pub(crate) fn new(plan: &'a LeafPlan, meter: &'a Meter) -> Result<Self, PromqlError> {
        Ok(Self {
            plan,
            meter,
            unchecked: std::cell::Cell::new(0),
            kept: 0,
            held: meter.reserve(0)?,
        })
    }

    /// Before the first sample of a run of series.
    pub(crate) fn begin(&mut self, states: &mut [SeriesState]) {
        states.iter_mut().for_each(SeriesState::clear);
        self.kept = 0;
    }

    /// Takes the next samples of a series (later than all before) and fills the steps whose windows they complete.
    pub(crate) fn feed(
        &mut self,
        state: &mut SeriesState,
        times: &[i64],
        values: &[f64],
        delta: bool,
        row: &mut [f64],
    ) -> Result<(), PromqlError> {
        let (Some(first_time), Some(last_time)) = (times.first().copied(), times.last().copied()) else {
            return Ok(());
        };
        let kept_before = state.times.len();
        if state.fed && state.delta != delta {
            // The temporality changes: what came before ends here, as at a reset.
            self.sweep_kept(state, first_time - 1, row)?;
            state.times.clear();
            state.values.clear();
        }
        state.fed = true;
        state.delta = delta;
        if state.next_step < self.plan.steps.count {
            let end = self.plan.window_end(state.next_step);
            let needed = times.partition_point(|time| *time <= end.saturating_sub(self.plan.range_ms));
            let (times, values) = (
                times.get(needed..).unwrap_or_default(),
                values.get(needed..).unwrap_or_default(),
            );
            let drops_stale = matches!(self.plan.function, LeafFunction::Range(_));
            let stale = drops_stale && values.iter().any(|value| is_absent(*value));
            if end > last_time {
                state.take(times, values, stale);
            } else if state.times.is_empty() && !stale {
                // Nothing is kept from before: the samples are looked at where they lie.
                let low = self.sweep(state, times, values, last_time, row)?;
                state.take(
                    times.get(low..).unwrap_or_default(),
                    values.get(low..).unwrap_or_default(),
                    false,
                );
            } else {
                state.take(times, values, stale);
                self.sweep_kept(state, last_time, row)?;
            }
        }
        self.kept = (self.kept + state.times.len()).saturating_sub(kept_before);
        self.held.grow_to((self.kept * SAMPLE_BYTES) as u64)
    }

    /// Fills the remaining steps.
    pub(crate) fn finish(&self, state: &mut SeriesState, row: &mut [f64]) -> Result<(), PromqlError> {
        if state.fed && state.next_step < self.plan.steps.count {
            self.sweep_kept(state, i64::MAX, row)?;
        }
        Ok(())
    }

    /// Sweeps over the samples that the series keeps, and lets go of those that no later window needs.
    fn sweep_kept(&self, state: &mut SeriesState, until: i64, row: &mut [f64]) -> Result<(), PromqlError> {
        let (mut times, mut values) = (std::mem::take(&mut state.times), std::mem::take(&mut state.values));
        let low = self.sweep(state, &times, &values, until, row)?;
        times.drain(..low);
        values.drain(..low);
        state.times = times;
        state.values = values;
        Ok(())
    }

    /// Evaluates every step whose window ends by `until`; gives the first sample that later windows need.
    fn sweep(
        &self,
        state: &mut SeriesState,
        times: &[i64],
        values: &[f64],
        until: i64,
        row: &mut [f64],
    ) -> Result<usize, PromqlError> {
        let slide = Slide {
            times,
            values,
            until,
            delta: state.delta,
            first: state.next_step,
        };
        let Cursor { low, step } = match self.plan.function {
            LeafFunction::Latest => self.slide(slide, row, |window, _| window.values.last().copied())?,
            LeafFunction::LatestTime => self.slide(slide, row, |window, _| {
                let value = window.values.last()?;
                let time = window.times.last()?;
                (!is_absent(*value)).then_some(*time as f64 / 1_000.0)
            })?,
            // Dashboards ask this one more than all others together: it gets a loop of its own.
            LeafFunction::Range(RangeFunction::Rate) => self.slide(slide, row, |window, params| {
                Some(evaluate(RangeFunction::Rate, window, params))
            })?,
            LeafFunction::Range(function) => {
                self.slide(slide, row, |window, params| Some(evaluate(function, window, params)))?
            }
        };
        state.next_step = step;
        Ok(if step < self.plan.steps.count { low } else { times.len() })
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "low <= high <= times.len() = values.len(), and last_fall < high"
    )]
    fn slide(
        &self,
        slide: Slide<'_>,
        row: &mut [f64],
        value_of: impl Fn(Window<'_>, Params) -> Option<f64>,
    ) -> Result<Cursor, PromqlError> {
        let plan = self.plan;
        let Slide { times, values, .. } = slide;
        let stride = if plan.fixed.is_some() { 0 } else { plan.steps.step };
        let (mut low, mut high, mut last_fall) = (0, 0, 0);
        let mut step = slide.first;
        let mut end = plan.window_end(step);
        while step < plan.steps.count {
            while low < times.len() && times[low] <= end.saturating_sub(plan.range_ms) {
                low += 1;
            }
            if end > slide.until {
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
                    delta: slide.delta,
                };
                if let (Some(cell), Some(value)) = (row.get_mut(step), value_of(window, self.params(step))) {
                    *cell = value;
                }
                self.looked_at(high - low)?;
            }
            step += 1;
            end = end.saturating_add(stride);
        }
        Ok(Cursor { low, step })
    }

    fn looked_at(&self, samples: usize) -> Result<(), PromqlError> {
        let unchecked = self.unchecked.get() + samples;
        if unchecked < CHECK_SAMPLES {
            self.unchecked.set(unchecked);
            return Ok(());
        }
        self.unchecked.set(0);
        self.meter.check()
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

/// What is slid over: samples, the last instant whose windows they complete, and the first step not done.
#[derive(Debug, Clone, Copy)]
struct Slide<'s> {
    times: &'s [i64],
    values: &'s [f64],
    until: i64,
    delta: bool,
    first: usize,
}

/// Where a sweep stopped: the first sample that later windows need, and the first step not done.
struct Cursor {
    low: usize,
    step: usize,
}

#[cfg(test)]
mod tests;
