//! The cap against a naive model of hour sets, over random samples, failures and overlapping batches.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

const REFS: u32 = 40;

fn admit(limiter: &mut Limiter, series: u32, hour: i32) -> Verdict {
    let mut claim = limiter.claim(REFS);
    let verdict = limiter.admit(&mut claim, series, hour);
    limiter.confirm(claim);
    verdict
}

#[test]
fn hours_before_1970_and_at_the_ends_of_time() {
    assert_eq!(hour_of(-1), -1);
    assert_eq!(hour_of(HOUR_MS), 1);
    assert!(hour_of(i64::MIN) > FORGOTTEN + 1);
    assert!(hour_of(i64::MAX) < i32::MAX);
}

#[test]
fn a_series_stays_active_for_the_hour_after_its_last_sample() {
    let mut limiter = Limiter::new(1);
    assert_eq!(admit(&mut limiter, 0, 10), Verdict::Admitted);
    assert_eq!(admit(&mut limiter, 1, 10), Verdict::Full);
    assert_eq!(admit(&mut limiter, 1, 11), Verdict::Full);
    assert_eq!(admit(&mut limiter, 1, 9), Verdict::Full, "hour 10 would hold two");
    assert_eq!(admit(&mut limiter, 1, 12), Verdict::Admitted);
    assert_eq!((limiter.active(11), limiter.active(12), limiter.active(14)), (1, 1, 0));
}

#[test]
fn a_lowered_cap_lets_the_counted_finish_their_hour() {
    let mut limiter = Limiter::new(2);
    limiter.make_room(REFS);
    for series in 0..5 {
        limiter.restore(series, 7);
    }
    assert_eq!(limiter.active(7), 5);
    for series in 0..5 {
        assert_eq!(admit(&mut limiter, series, 7), Verdict::Admitted);
    }
    assert_eq!(admit(&mut limiter, 6, 7), Verdict::Full);
    let go_on = (0..5).filter(|series| admit(&mut limiter, *series, 8) == Verdict::Admitted);
    assert_eq!(go_on.count(), 2, "hour 9 may hold two");
    assert_eq!((limiter.active(8), limiter.active(9)), (5, 2));
}

#[test]
fn a_failed_batch_gives_back_only_what_no_other_shares() {
    let mut limiter = Limiter::new(2);
    let mut first = limiter.claim(REFS);
    assert_eq!(limiter.admit(&mut first, 0, 5), Verdict::Admitted);
    assert_eq!(limiter.admit(&mut first, 1, 5), Verdict::Admitted);
    let mut second = limiter.claim(REFS);
    assert_eq!(limiter.admit(&mut second, 0, 5), Verdict::Admitted);
    assert_eq!(limiter.admit(&mut second, 2, 5), Verdict::Full);
    limiter.undo(first);
    assert_eq!(limiter.active(5), 1);
    limiter.confirm(second);
    assert_eq!(limiter.active(5), 1);
    let mut third = limiter.claim(REFS);
    assert_eq!(limiter.admit(&mut third, 0, 5), Verdict::Admitted);
    limiter.undo(third);
    assert_eq!(
        limiter.active(5),
        1,
        "a confirmed series stays when a later batch fails"
    );
}

#[test]
fn only_idle_series_are_taken_and_their_batches_start_again() {
    let mut limiter = Limiter::new(100);
    admit(&mut limiter, 0, 10);
    admit(&mut limiter, 1, 19);
    let mut flying = limiter.claim(REFS);
    limiter.admit(&mut flying, 2, 3);
    limiter.first_use(&flying, 2);
    let in_flight = limiter.settled();
    let mut later = limiter.claim(REFS);
    limiter.admit(&mut later, 3, 3);
    limiter.first_use(&later, 3);
    limiter.confirm(later);
    assert_eq!(limiter.settled(), in_flight);
    limiter.confirm(flying);
    let all: RoaringBitmap = (0..4).collect();
    let taken = |limiter: &mut Limiter, settled| limiter.take_idle(&all, 20, settled).iter().collect::<Vec<_>>();
    assert_eq!(
        taken(&mut limiter, in_flight),
        [0],
        "2 and 3 may have reached the heads since"
    );
    let settled = limiter.settled();
    assert_eq!(taken(&mut limiter, settled), [2, 3]);
    assert_eq!(admit(&mut limiter, 0, 20), Verdict::Forgotten);
    limiter.revive(0);
    assert_eq!(admit(&mut limiter, 0, 20), Verdict::Admitted);
}

#[test]
fn start_times_that_take_turns_are_noticed_and_restarts_are_not() {
    let mut starts = StartTimes::default();
    assert!([10, 10, 20, 20, 30].iter().all(|start| !starts.interleaves(3, *start)));
    assert!(starts.interleaves(3, 20));
    assert!(starts.interleaves(3, 30));
    assert!(!starts.interleaves(4, 20));
}

/// Hour sets and nothing else.
#[derive(Default, Clone)]
struct Model(BTreeMap<i32, BTreeSet<u32>>);

impl Model {
    fn active(&self, hour: i32) -> u64 {
        let of = |hour| self.0.get(&hour).cloned().unwrap_or_default();
        of(hour).union(&of(hour - 1)).count() as u64
    }

    fn admits(&self, series: u32, hour: i32, cap: u64) -> bool {
        let mut after = self.clone();
        after.0.entry(hour).or_default().insert(series);
        [hour, hour + 1]
            .iter()
            .all(|h| after.active(*h) == self.active(*h) || after.active(*h) <= cap)
    }
}

/// A batch on its way, and its admitted rows.
type Flying = (Claim, Vec<(u32, i32)>);

proptest! {
    #[test]
    fn decides_as_the_model_does(
        cap in 0..12_u64,
        steps in prop::collection::vec((0..REFS, 0..8_i32, any::<bool>()), 1..300),
    ) {
        let mut limiter = Limiter::new(cap);
        let mut model = Model::default();
        for (series, hour, fails) in steps {
            let expected = model.admits(series, hour, cap);
            let mut claim = limiter.claim(REFS);
            let verdict = limiter.admit(&mut claim, series, hour);
            prop_assert_eq!(verdict == Verdict::Admitted, expected);
            if fails {
                limiter.undo(claim);
            } else {
                limiter.confirm(claim);
                if expected {
                    model.0.entry(hour).or_default().insert(series);
                }
            }
            for hour in -1..10 {
                prop_assert_eq!(limiter.active(hour), model.active(hour));
                prop_assert!(limiter.active(hour) <= cap);
            }
        }
    }

    #[test]
    fn overlapping_batches_never_pass_the_cap_and_leave_what_was_confirmed(
        cap in 1..10_u64,
        steps in prop::collection::vec((0..4_usize, 0..REFS, 0..4_i32, 0..6_u8), 1..300),
    ) {
        let mut limiter = Limiter::new(cap);
        let mut flying: [Option<Flying>; 4] = Default::default();
        let mut model = Model::default();
        for (batch, series, hour, step) in steps {
            if step == 0 {
                if let Some((claim, _)) = flying[batch].take() {
                    limiter.undo(claim);
                }
            } else if step == 1 {
                if let Some((claim, rows)) = flying[batch].take() {
                    limiter.confirm(claim);
                    for (series, hour) in rows {
                        model.0.entry(hour).or_default().insert(series);
                    }
                }
            } else {
                let (claim, rows) = flying[batch].get_or_insert_with(|| (limiter.claim(REFS), Vec::new()));
                if limiter.admit(claim, series, hour) == Verdict::Admitted {
                    rows.push((series, hour));
                }
            }
            for hour in 0..6 {
                prop_assert!(limiter.active(hour) <= cap);
                prop_assert!(limiter.active(hour) >= model.active(hour));
            }
        }
        for (claim, _) in flying.into_iter().flatten() {
            limiter.undo(claim);
        }
        for hour in 0..6 {
            prop_assert_eq!(limiter.active(hour), model.active(hour));
        }
    }
}
