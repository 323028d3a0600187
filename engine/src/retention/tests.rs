#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]
//! A leap of the clock drops nothing until it has stood for some ticks.

use super::*;

#[test]
fn a_clock_that_leaps_is_doubted_for_some_ticks() {
    let mut guard = ClockGuard::default();
    assert!(guard.trusts(1_000_000), "the first tick has nothing to compare with");
    assert!(guard.trusts(1_000_010));
    let leapt = 1_000_010 + CLOCK_JUMP_S + 1;
    assert!(!guard.trusts(leapt));
    assert!(!guard.trusts(leapt + 10));
    assert!(!guard.trusts(leapt + 20));
    assert!(guard.trusts(leapt + 30));
    assert!(guard.trusts(1_000_020), "a clock set back makes rows look younger");
}
