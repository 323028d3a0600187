//! Sliding over chunks gives what looking at every window afresh gives, however the samples are cut into chunks.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use icecore_engine::budget::MemoryBudget;
use proptest::prelude::*;

use super::*;
use crate::promql::matrix::Steps;
use crate::promql::meter::QueryLimits;

fn plan(function: LeafFunction, steps: Steps, range_ms: i64, offset_ms: i64) -> LeafPlan {
    LeafPlan {
        matchers: Vec::new(),
        steps,
        fixed: None,
        offset_ms,
        range_ms,
        function,
        params: Vec::new(),
    }
}

fn meter() -> Meter {
    Meter::new(&MemoryBudget::new(1 << 28), QueryLimits::default())
}

/// Every window looked at afresh.
fn naive(plan: &LeafPlan, samples: &[(i64, f64)]) -> Vec<f64> {
    (0..plan.steps.count)
        .map(|step| {
            let end = plan.window_end(step);
            let inside = |time: i64| end - plan.range_ms < time && time <= end;
            let LeafFunction::Range(function) = plan.function else {
                return samples
                    .iter()
                    .rfind(|(time, _)| inside(*time))
                    .map_or(ABSENT, |(_, value)| *value);
            };
            let window: Vec<_> = samples
                .iter()
                .filter(|(time, value)| inside(*time) && !is_absent(*value))
                .collect();
            let times: Vec<i64> = window.iter().map(|(time, _)| *time).collect();
            let values: Vec<f64> = window.iter().map(|(_, value)| *value).collect();
            let falls = values.windows(2).any(|pair| pair[1] < pair[0]);
            let (range_ms, now) = (plan.range_ms, plan.steps.at(step));
            evaluate(
                function,
                Window {
                    times: &times,
                    values: &values,
                    end,
                    range_ms,
                    now,
                    falls,
                    delta: false,
                },
                [0.0; 2],
            )
        })
        .collect()
}

fn swept(plan: &LeafPlan, samples: &[(i64, f64)], chunk: usize) -> Vec<f64> {
    let mut row = vec![ABSENT; plan.steps.count];
    let mut state = SeriesState::default();
    let meter = meter();
    let mut sweep = Sweep::new(plan, &meter).unwrap();
    for chunk in samples.chunks(chunk) {
        let times: Vec<i64> = chunk.iter().map(|(time, _)| *time).collect();
        let values: Vec<f64> = chunk.iter().map(|(_, value)| *value).collect();
        sweep.feed(&mut state, &times, &values, false, &mut row).unwrap();
    }
    sweep.finish(&mut state, &mut row).unwrap();
    row
}

proptest! {
    #[test]
    fn sliding_equals_looking_afresh(
        gaps in prop::collection::vec((1i64..40, prop_oneof![8 => 0.0..50.0f64, 1 => Just(ABSENT), 1 => Just(f64::NAN)]), 0..60),
        function in prop::sample::select(vec![
            LeafFunction::Latest,
            LeafFunction::Range(RangeFunction::Rate),
            LeafFunction::Range(RangeFunction::Increase),
            LeafFunction::Range(RangeFunction::Sum),
            LeafFunction::Range(RangeFunction::Resets),
            LeafFunction::Range(RangeFunction::Last),
        ]),
        start in 0i64..300, step in 1i64..50, count in 1usize..30, range_ms in 1i64..200, offset_ms in -50i64..50, chunk in 1usize..20,
    ) {
        let mut time = 0;
        let samples: Vec<(i64, f64)> = gaps.iter().map(|(gap, value)| { time += gap; (time, *value) }).collect();
        let plan = plan(function, Steps { start, step, count }, range_ms, offset_ms);
        let bits = |row: Vec<f64>| row.into_iter().map(f64::to_bits).collect::<Vec<_>>();
        prop_assert_eq!(bits(swept(&plan, &samples, chunk)), bits(naive(&plan, &samples)));
    }
}

#[test]
fn the_window_is_open_on_the_left() {
    let samples = [(1_000, 1.0), (2_000, 2.0), (3_000, 3.0)];
    let count = plan(
        LeafFunction::Range(RangeFunction::Count),
        Steps::instant(3_000),
        2_000,
        0,
    );
    assert_eq!(swept(&count, &samples, 3), [2.0]);
    let latest = plan(
        LeafFunction::Latest,
        Steps {
            start: 3_000,
            step: 2_000,
            count: 2,
        },
        2_000,
        0,
    );
    let row = swept(&latest, &samples, 1);
    assert_eq!(row[0], 3.0);
    assert!(is_absent(row[1]), "a sample exactly one lookback old is gone");
}

#[test]
fn a_change_of_temporality_ends_the_window_before_it() {
    let plan = plan(
        LeafFunction::Range(RangeFunction::Increase),
        Steps::instant(5_000),
        5_000,
        0,
    );
    let mut row = [ABSENT];
    let mut state = SeriesState::default();
    let meter = meter();
    let mut sweep = Sweep::new(&plan, &meter).unwrap();
    sweep
        .feed(&mut state, &[1_000, 2_000], &[100.0, 200.0], false, &mut row)
        .unwrap();
    sweep
        .feed(&mut state, &[3_000, 4_000], &[5.0, 6.0], true, &mut row)
        .unwrap();
    sweep.finish(&mut state, &mut row).unwrap();
    assert_eq!(row, [11.0]);
}
