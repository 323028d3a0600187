//! Keys are canonical: whatever order labels come in, one series has one key, and its labels read back.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn key(metric: &str, labels: &[(&str, &str)]) -> Result<SeriesKey, InvalidLabels> {
    let mut builder = LabelsBuilder::default();
    builder.metric(metric);
    for (name, value) in labels {
        builder.label(name, value);
    }
    builder.finish()
}

#[test]
fn order_of_arrival_does_not_matter() {
    let a = key("up", &[("job", "api"), ("instance", "a\"b\\\n\u{1}é")]).unwrap();
    let b = key("up", &[("instance", "a\"b\\\n\u{1}é"), ("job", "api"), ("empty", "")]).unwrap();
    assert_eq!(a, b);
    assert_eq!(
        a.as_str(),
        "up\0{\"instance\":\"a\\\"b\\\\\\n\\u0001é\",\"job\":\"api\"}"
    );
    assert_eq!(a.metric(), "up");
    assert_eq!(a.labels()[0].1, "a\"b\\\n\u{1}é");
    assert_eq!(SeriesKey::from_columns(a.metric(), a.labels_json()), a);
}

#[test]
fn keys_sort_as_metric_then_labels() {
    assert!(key("a", &[("z", "z")]).unwrap() < key("ab", &[]).unwrap());
}

#[test]
fn labels_that_name_no_series_are_refused() {
    assert_eq!(
        key("m", &[("a", "1"), ("a", "2")]),
        Err(InvalidLabels::Duplicate("a".into()))
    );
    assert_eq!(key("m", &[("", "1")]), Err(InvalidLabels::EmptyName));
    assert_eq!(key("m\0", &[]), Err(InvalidLabels::NulInMetric));
    let long = "x".repeat(SERIES_KEY_BYTES_MAX);
    assert!(matches!(key("m", &[("a", &long)]), Err(InvalidLabels::TooLong(_))));
}

proptest! {
    #[test]
    fn labels_read_back(labels in prop::collection::btree_map("[a-z_.é]{1,6}", "\\PC{1,8}|[\\x00-\\x1f\"\\\\]{1,4}", 0..8)) {
        let mut builder = LabelsBuilder::default();
        builder.metric("m");
        for (name, value) in labels.iter().rev() {
            builder.label(name, value);
        }
        let key = builder.finish().unwrap();
        let read: BTreeMap<String, String> = key.labels().into_iter().map(|(n, v)| (n.into_owned(), v.into_owned())).collect();
        prop_assert_eq!(&read, &labels);
        let json: BTreeMap<String, String> = serde_json::from_str(key.labels_json()).unwrap();
        prop_assert_eq!(&json, &labels);
    }
}
