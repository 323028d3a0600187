//! An outcome says in words what its counts say in numbers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use super::*;

#[test]
fn full_success_says_nothing() {
    let outcome = Outcome::new(7, &Rejections::default(), &[]);
    assert_eq!((outcome.stored, outcome.rejected_total()), (7, 0));
    assert_eq!(outcome.message, None);
}

#[test]
fn refusals_and_notes_are_named() {
    let mut rejections = Rejections::default();
    rejections.add(Reason::SeriesCap, 50, || "first refused series x".into());
    let outcome = Outcome::new(100, &rejections, &["two senders share a series".into()]);
    assert_eq!(outcome.rejected, [(Reason::SeriesCap, 50)]);
    assert_eq!(
        outcome.message.unwrap(),
        "50 rejected (series_cap): first refused series x; two senders share a series"
    );
}

#[test]
fn only_what_can_succeed_later_is_retryable() {
    let full = AppendError::LogFull { queue_bytes: 1 };
    assert!(full.retry_after_ms().is_some());
    let tenants = AppendError::TenantsMax {
        tenant: "x".into(),
        tenants_max: 1,
    };
    assert_eq!(tenants.retry_after_ms(), None);
    assert!(tenants.to_string().contains("--tenants-max"));
}
