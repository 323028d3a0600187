//! A leaf: `range_function(selector[range])` over many series as one streaming pass.
//!
//! Series come in key order in runs. A worker reads a run's samples slice by slice (so each page is decoded once), keeps
//! of every series only the samples that a later window still needs, and writes one row of step values a series. Whole
//! runs are handed to the sink in order, whoever computed them: the sink sees series after series as one thread would
//! have shown them, so answers do not depend on threads, on the size of runs or on where the data lies.

use std::sync::atomic::{AtomicUsize, Ordering};

use icecore_engine::matcher::Matcher;
use icecore_engine::part::SamplesChunk;
use icecore_engine::schema::Temporality;
use icecore_engine::select::SeriesSet;
use icecore_engine::time::TimeRange;
use parking_lot::{Condvar, Mutex};

use super::sink::{Group, Sink};
use super::sweep::{SeriesState, Sweep};
use crate::limits::{PROMQL_PARALLEL_SERIES_MIN, PROMQL_RUN_SERIES_MAX, PROMQL_RUN_VALUES_AIM};
use crate::promql::error::PromqlError;
use crate::promql::expr::Grouping;
use crate::promql::function::RangeFunction;
use crate::promql::matrix::Steps;
use crate::promql::meter::Meter;
use crate::promql::values::ABSENT;

/// What a leaf computes of each window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LeafFunction {
    /// The last sample, unless it is a stale marker.
    Latest,
    /// The last sample's time in seconds, unless it is a stale marker.
    LatestTime,
    /// A function of all samples.
    Range(RangeFunction),
}

/// A leaf as a value: everything but the data.
#[derive(Debug, Clone)]
pub(crate) struct LeafPlan {
    /// Which series.
    pub(crate) matchers: Vec<Matcher>,
    /// At which instants.
    pub(crate) steps: Steps,
    /// `@`: the same window at every step, ending (before the offset) here.
    pub(crate) fixed: Option<i64>,
    /// `offset`.
    pub(crate) offset_ms: i64,
    /// Length of a window: the range, or the lookback.
    pub(crate) range_ms: i64,
    /// What is computed.
    pub(crate) function: LeafFunction,
    /// The function's scalar arguments per step.
    pub(crate) params: Vec<Vec<f64>>,
}

impl LeafPlan {
    /// Last instant of a step's window.
    pub(crate) fn window_end(&self, step: usize) -> i64 {
        self.fixed
            .unwrap_or_else(|| self.steps.at(step))
            .saturating_sub(self.offset_ms)
    }

    /// Every instant that some window holds.
    pub(crate) fn read_range(&self) -> TimeRange {
        let first = self.window_end(0).saturating_sub(self.range_ms).saturating_add(1);
        TimeRange::new(first, self.window_end(self.steps.count.saturating_sub(1)))
    }

    fn run_series(&self) -> usize {
        (PROMQL_RUN_VALUES_AIM / self.steps.count.max(1)).clamp(1, PROMQL_RUN_SERIES_MAX)
    }
}

/// Runs whose turn it is go into the sink; the others wait, so that the order of series is kept.
struct Turns<'s> {
    state: Mutex<TurnState<'s>>,
    changed: Condvar,
}

struct TurnState<'s> {
    next: usize,
    sink: &'s mut Sink,
    failed: Option<PromqlError>,
}

/// One run's rows, and which group of the sink each goes to.
struct Run {
    first: usize,
    rows: Vec<f64>,
    read: Vec<bool>,
    groups: Vec<Group>,
}

/// How the plan is run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Effort {
    /// Threads at most.
    pub(crate) threads: usize,
    /// The values do not matter, only which series have one.
    pub(crate) presence_only: bool,
}

/// Runs the plan over `series` into `sink`.
pub(crate) fn run(
    plan: &LeafPlan,
    series: &SeriesSet,
    meter: &Meter,
    effort: Effort,
    sink: &mut Sink,
) -> Result<(), PromqlError> {
    let per_run = plan.run_series();
    let runs = series.len().div_ceil(per_run);
    let workers = if series.len() < PROMQL_PARALLEL_SERIES_MIN {
        1
    } else {
        effort.threads.min(runs).max(1)
    };
    let row_bytes = (plan.steps.count * size_of::<f64>()) as u64;
    let _held = meter.reserve(row_bytes * per_run.min(series.len().max(1)) as u64 * workers as u64)?;
    let grouping = sink.grouping();
    let turns = Turns {
        state: Mutex::new(TurnState {
            next: 0,
            sink,
            failed: None,
        }),
        changed: Condvar::new(),
    };
    let taken = AtomicUsize::new(0);
    let work = || {
        let mut worker = Worker::new(plan, series, meter, effort);
        loop {
            let index = taken.fetch_add(1, Ordering::Relaxed);
            if index >= runs {
                return;
            }
            let computed = worker.compute(index * per_run, per_run, grouping.as_ref());
            if !turns.hand_over(index, computed, series, meter) {
                return;
            }
        }
    };
    if workers == 1 {
        work();
    } else {
        std::thread::scope(|scope| {
            for _ in 1..workers {
                scope.spawn(work);
            }
            work();
        });
    }
    turns.state.into_inner().failed.map_or(Ok(()), Err)
}

impl Turns<'_> {
    /// Waits for the run's turn and gives it to the sink; false when the query has failed.
    fn hand_over(&self, index: usize, run: Result<Run, PromqlError>, series: &SeriesSet, meter: &Meter) -> bool {
        let mut state = self.state.lock();
        while state.next != index && state.failed.is_none() {
            self.changed.wait(&mut state);
        }
        if state.failed.is_some() {
            return false;
        }
        let outcome = run.and_then(|run| {
            let count = run.read.len();
            let steps = run.rows.len().checked_div(count).unwrap_or(0);
            for (offset, row) in run.rows.chunks(steps.max(1)).enumerate() {
                if run.read.get(offset).copied().unwrap_or(false) {
                    state
                        .sink
                        .take(series.key(run.first + offset), run.groups.get(offset), row, meter)?;
                }
            }
            Ok(())
        });
        state.next += 1;
        state.failed = outcome.err();
        let go_on = state.failed.is_none();
        drop(state);
        self.changed.notify_all();
        go_on
    }
}

/// One thread's buffers.
struct Worker<'a> {
    plan: &'a LeafPlan,
    series: &'a SeriesSet,
    meter: &'a Meter,
    sweep: Sweep<'a>,
    states: Vec<SeriesState>,
    known_suffices: bool,
}

impl<'a> Worker<'a> {
    fn new(plan: &'a LeafPlan, series: &'a SeriesSet, meter: &'a Meter, effort: Effort) -> Self {
        let known_suffices = effort.presence_only && plan.function == LeafFunction::Latest && plan.steps.count == 1;
        Self {
            plan,
            series,
            meter,
            sweep: Sweep::new(plan),
            states: Vec::new(),
            known_suffices,
        }
    }

    /// Which series have a value, when the index tells it for all of the run.
    fn known(&self, first: usize, count: usize) -> Option<Vec<f64>> {
        if !self.known_suffices {
            return None;
        }
        let end = self.plan.window_end(0);
        let window = end.saturating_sub(self.plan.range_ms);
        (first..first + count)
            .map(|series| {
                let (time, stale) = self.series.latest_known(series, end)?;
                Some(if time > window && !stale { 1.0 } else { ABSENT })
            })
            .collect()
    }

    /// Reads and sweeps one run of series.
    fn compute(&mut self, first: usize, per_run: usize, grouping: Option<&Grouping>) -> Result<Run, PromqlError> {
        let count = per_run.min(self.series.len() - first);
        if let Some(rows) = self.known(first, count) {
            let groups = groups_of(self.series, first..first + count, grouping);
            return Ok(Run {
                first,
                rows,
                read: vec![true; count],
                groups,
            });
        }
        let Self {
            plan,
            series,
            meter,
            sweep,
            states,
            ..
        } = self;
        let steps = plan.steps.count;
        let mut rows = vec![ABSENT; count * steps];
        states.resize_with(count.max(states.len()), SeriesState::default);
        states.iter_mut().for_each(SeriesState::clear);
        let mut failed = None;
        let mut unchecked = 0;
        let read = series.read(first..first + count, plan.read_range(), &mut |index,
                                                                              chunk: &SamplesChunk<
            '_,
        >| {
            let offset = index - first;
            let (Some(state), Some(row)) = (
                states.get_mut(offset),
                rows.get_mut(offset * steps..(offset + 1) * steps),
            ) else {
                return;
            };
            if failed.is_some() {
                return;
            }
            if chunk
                .histograms
                .is_some_and(|histograms| histograms.iter().any(Option::is_some))
            {
                failed = Some(PromqlError::NotSupported("native histogram samples".to_owned()));
                return;
            }
            unchecked += chunk.timestamps.len();
            if unchecked > 16_384 {
                failed = meter.count(unchecked as u64).err();
                unchecked = 0;
            }
            let delta = chunk.temporality == Temporality::Delta;
            sweep.feed(state, chunk.timestamps, chunk.values, delta, row);
        });
        read.map_err(|error| PromqlError::Storage(error.to_string()))?;
        if let Some(error) = failed {
            return Err(error);
        }
        meter.count(unchecked as u64)?;
        for (state, row) in states.iter_mut().zip(rows.chunks_mut(steps.max(1))).take(count) {
            sweep.finish(state, row);
        }
        let read = states.iter().take(count).map(SeriesState::is_fed).collect();
        Ok(Run {
            first,
            rows,
            read,
            groups: groups_of(series, first..first + count, grouping),
        })
    }
}

fn groups_of(series: &SeriesSet, run: std::ops::Range<usize>, grouping: Option<&Grouping>) -> Vec<Group> {
    grouping.map_or_else(Vec::new, |grouping| {
        run.map(|index| Group::of_key(series.key(index), grouping)).collect()
    })
}
