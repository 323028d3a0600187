//! Reasons are distinct words, and rejections add up.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use std::collections::BTreeSet;

use super::*;

#[test]
fn reasons_are_distinct_snake_case_words() {
    let words: BTreeSet<&str> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
    assert_eq!(words.len(), Reason::ALL.len());
    for (at, reason) in Reason::ALL.into_iter().enumerate() {
        assert_eq!(reason as usize, at);
        assert!(reason.as_str().bytes().all(|b| b.is_ascii_lowercase() || b == b'_'));
    }
}

#[test]
fn rejections_count_items_and_keep_the_first_example() {
    let mut rejections = Rejections::default();
    rejections.add(Reason::TooOld, 3, || "first".into());
    rejections.add(Reason::TooOld, 2, || unreachable!("asked once only"));
    rejections.add(Reason::NoValue, 1, || "second".into());
    assert_eq!(rejections.of(Reason::TooOld), 5);
    assert_eq!(rejections.total(), 6);
    assert_eq!(
        rejections.examples().collect::<Vec<_>>(),
        [(Reason::TooOld, "first"), (Reason::NoValue, "second")]
    );
    assert_eq!(
        rejections.iter().collect::<Vec<_>>(),
        [(Reason::TooOld, 5), (Reason::NoValue, 1)]
    );
}

#[test]
fn labels_that_clash_are_a_conflict() {
    assert_eq!(
        Reject::from(InvalidLabels::Duplicate("a".into())).reason,
        Reason::LabelConflict
    );
    assert_eq!(Reject::from(InvalidLabels::EmptyName).reason, Reason::InvalidLabels);
}
