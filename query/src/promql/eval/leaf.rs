//! A leaf: `range_function(selector[range])` over many series as one streaming pass.
//!
//! Series come in key order in runs. A worker reads a run's samples slice by slice (so each page is decoded once), keeps
//! of every series only the samples that a later window still needs, and writes one row of step values a series. Whole
//! runs are handed to the sink in order, whoever computed them: the sink sees series after series as one thread would
//! have shown them, so answers do not depend on threads, on the size of runs or on where the data lies.

use std::ops::Range;
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
use crate::promql::annotations::Annotations;
use crate::promql::error::PromqlError;
use crate::promql::expr::Grouping;
use crate::promql::function::RangeFunction;
use crate::promql::matrix::Steps;
use crate::promql::meter::Meter;
use crate::promql::values::{ABSENT, is_absent};

/// Samples after which a worker counts them and looks at the clock.
const CHECK_SAMPLES: usize = 16_384;

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
    #[inline]
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

    /// What is worth telling of a metric that has a value, or forbids it.
    pub(crate) fn remark(&self, metric: &str, notes: &Annotations) -> Result<(), PromqlError> {
        match self.function {
            LeafFunction::Range(RangeFunction::Rate | RangeFunction::Increase) => notes.possible_non_counter(metric),
            LeafFunction::Range(RangeFunction::Quantile) => {
                self.params.iter().flatten().for_each(|q| notes.check_quantile(*q));
            }
            LeafFunction::Range(RangeFunction::DoubleExponentialSmoothing) => {
                for ((name, letter), values) in [("smoothing", "sf"), ("trend", "tf")].into_iter().zip(&self.params) {
                    if let Some(factor) = values.iter().find(|factor| **factor <= 0.0 || **factor >= 1.0) {
                        return Err(PromqlError::Execution(format!(
                            "invalid {name} factor. Expected: 0 < {letter} < 1, got: {factor:.6}"
                        )));
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn run_series(&self) -> usize {
        (PROMQL_RUN_VALUES_AIM / self.steps.count.max(1)).clamp(1, PROMQL_RUN_SERIES_MAX)
    }
}

/// Runs whose turn it is go into the sink; the others wait, so that the order of series is kept.
struct Turns<'s> {
    state: Mutex<TurnState<'s>>,
    changed: Condvar,
    plan: &'s LeafPlan,
    series: &'s SeriesSet,
    meter: &'s Meter,
    notes: &'s Annotations,
}

struct TurnState<'s> {
    next: usize,
    sink: &'s mut Sink,
    /// The metric that was last remarked on; series of one metric follow each other.
    metric: Option<&'s str>,
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
    notes: &Annotations,
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
            metric: None,
            failed: None,
        }),
        changed: Condvar::new(),
        plan,
        series,
        meter,
        notes,
    };
    let taken = AtomicUsize::new(0);
    let work = || {
        let _alarm = Alarm(&turns);
        let mut worker = Worker::new(plan, series, meter, effort);
        loop {
            let index = taken.fetch_add(1, Ordering::Relaxed);
            if index >= runs {
                return;
            }
            let computed = worker.compute(index * per_run, per_run, grouping.as_ref());
            if !turns.hand_over(index, computed) {
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

impl<'s> Turns<'s> {
    /// Waits for the run's turn and gives it to the sink; false when the query has failed.
    fn hand_over(&self, index: usize, run: Result<Run, PromqlError>) -> bool {
        let mut state = self.state.lock();
        while state.next != index && state.failed.is_none() {
            self.changed.wait(&mut state);
        }
        if state.failed.is_some() {
            return false;
        }
        let outcome = run.and_then(|run| self.give(&run, &mut state));
        state.next += 1;
        state.failed = outcome.err();
        let go_on = state.failed.is_none();
        drop(state);
        self.changed.notify_all();
        go_on
    }

    fn give(&self, run: &Run, state: &mut TurnState<'s>) -> Result<(), PromqlError> {
        for (offset, row) in run.rows.chunks(self.plan.steps.count.max(1)).enumerate() {
            let read = run.read.get(offset).copied().unwrap_or(false);
            if !read || row.iter().all(|value| is_absent(*value)) {
                continue;
            }
            let key = self.series.key(run.first + offset);
            if state.metric != Some(key.metric()) {
                state.metric = Some(key.metric());
                self.plan.remark(key.metric(), self.notes)?;
            }
            state.sink.take(key, run.groups.get(offset), row, self.meter)?;
        }
        Ok(())
    }
}

/// Wakes the other workers when one panics, so that the panic is not a standstill.
struct Alarm<'t, 's>(&'t Turns<'s>);

impl Drop for Alarm<'_, '_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.state.lock().failed = Some(PromqlError::Canceled);
            self.0.changed.notify_all();
        }
    }
}

/// One thread's buffers.
struct Worker<'a> {
    plan: &'a LeafPlan,
    series: &'a SeriesSet,
    meter: &'a Meter,
    sweep: Option<Sweep<'a>>,
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
            sweep: None,
            states: Vec::new(),
            known_suffices,
        }
    }

    /// Which series have a value, when the index tells it for all of the run.
    fn known(&self, run: &Range<usize>) -> Option<Vec<f64>> {
        if !self.known_suffices {
            return None;
        }
        let end = self.plan.window_end(0);
        let window = end.saturating_sub(self.plan.range_ms);
        run.clone()
            .map(|series| {
                let (time, stale) = self.series.latest_known(series, end)?;
                Some(if time > window && !stale { 1.0 } else { ABSENT })
            })
            .collect()
    }

    /// Computes one run of series.
    fn compute(&mut self, first: usize, per_run: usize, grouping: Option<&Grouping>) -> Result<Run, PromqlError> {
        let run = first..(first + per_run).min(self.series.len());
        let (rows, read) = match self.known(&run) {
            Some(rows) => (rows, vec![true; run.len()]),
            None => self.read(&run)?,
        };
        let groups = groups_of(self.series, run, grouping);
        Ok(Run {
            first,
            rows,
            read,
            groups,
        })
    }

    /// Reads and sweeps one run: its rows, and which series had samples.
    fn read(&mut self, run: &Range<usize>) -> Result<(Vec<f64>, Vec<bool>), PromqlError> {
        let steps = self.plan.steps.count;
        self.states
            .resize_with(run.len().max(self.states.len()), SeriesState::default);
        let sweep = match &mut self.sweep {
            Some(sweep) => sweep,
            None => self.sweep.insert(Sweep::new(self.plan, self.meter)?),
        };
        sweep.begin(&mut self.states);
        let mut feed = Feed {
            first: run.start,
            steps,
            meter: self.meter,
            sweep,
            states: &mut self.states,
            rows: vec![ABSENT; run.len() * steps],
            unchecked: 0,
        };
        let mut fed = Ok(());
        self.series
            .read(run.clone(), self.plan.read_range(), &mut |index, chunk| {
                if fed.is_ok() {
                    fed = feed.take(index, chunk);
                }
            })
            .map_err(|error| PromqlError::Storage(error.to_string()))?;
        fed?;
        let rows = feed.finish(run.len())?;
        Ok((
            rows,
            self.states.iter().take(run.len()).map(SeriesState::is_fed).collect(),
        ))
    }
}

/// Takes the chunks of a run as they are read.
struct Feed<'f, 'a> {
    first: usize,
    steps: usize,
    meter: &'a Meter,
    sweep: &'f mut Sweep<'a>,
    states: &'f mut [SeriesState],
    rows: Vec<f64>,
    unchecked: usize,
}

impl Feed<'_, '_> {
    fn take(&mut self, index: usize, chunk: &SamplesChunk<'_>) -> Result<(), PromqlError> {
        if chunk
            .histograms
            .is_some_and(|histograms| histograms.iter().any(Option::is_some))
        {
            return Err(PromqlError::NotSupported("native histogram samples".to_owned()));
        }
        self.unchecked += chunk.timestamps.len();
        if self.unchecked > CHECK_SAMPLES {
            self.meter.count(self.unchecked as u64)?;
            self.unchecked = 0;
        }
        let offset = index - self.first;
        let row = self.rows.get_mut(offset * self.steps..(offset + 1) * self.steps);
        let (Some(state), Some(row)) = (self.states.get_mut(offset), row) else {
            return Ok(());
        };
        let delta = chunk.temporality == Temporality::Delta;
        self.sweep.feed(state, chunk.timestamps, chunk.values, delta, row)
    }

    fn finish(mut self, series: usize) -> Result<Vec<f64>, PromqlError> {
        self.meter.count(self.unchecked as u64)?;
        let rows = self.rows.chunks_mut(self.steps.max(1));
        for (state, row) in self.states.iter_mut().zip(rows).take(series) {
            self.sweep.finish(state, row)?;
        }
        Ok(self.rows)
    }
}

fn groups_of(series: &SeriesSet, run: Range<usize>, grouping: Option<&Grouping>) -> Vec<Group> {
    grouping.map_or_else(Vec::new, |grouping| {
        run.map(|index| Group::of_key(series.key(index), grouping)).collect()
    })
}
