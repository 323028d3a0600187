//! Natural order and the labels of absence.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use std::cmp::Ordering;

use super::*;

#[test]
fn numbers_in_texts_compare_as_numbers() {
    assert_eq!(natural("a2", "a10"), Ordering::Less);
    assert_eq!(natural("a02", "a2"), Ordering::Equal);
    assert_eq!(natural("b1", "a10"), Ordering::Greater);
    assert_eq!(natural("", "a"), Ordering::Less);
    assert_eq!(natural("10", "9"), Ordering::Greater);
}

#[test]
fn absence_is_labelled_by_single_equalities() {
    let matchers = [
        Matcher::equal("__name__", "up"),
        Matcher::equal("job", "a"),
        Matcher::equal("env", "x"),
        Matcher::equal("env", "y"),
        Matcher::not_equal("zone", "z"),
    ];
    assert_eq!(labels_of_absence(&matchers), Labels::from_pairs([("job", "a")]));
}
