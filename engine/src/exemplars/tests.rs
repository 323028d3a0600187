#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]
//! Exemplars survive their sidecar, one sent twice is one, and matchers select them by series.

use super::*;
use crate::labels::LabelsBuilder;

fn exemplar(job: &str, timestamp_ms: i64) -> StoredExemplar {
    let mut labels = LabelsBuilder::default();
    labels.metric("latency");
    labels.label("job", job);
    StoredExemplar {
        series: labels.finish().unwrap(),
        timestamp_ms,
        value: 0.25,
        trace_id: Some([7; 16]),
        span_id: None,
        attributes: r#"{"user":"a"}"#.to_owned(),
    }
}

#[test]
fn a_sidecar_holds_them_and_repeats_are_one() {
    let exemplars = Exemplars::default();
    for at in [3, 1, 2, 1] {
        exemplars.add(exemplar("api", at));
    }
    let payload = exemplars.take_changed().unwrap();
    assert!(exemplars.take_changed().is_none(), "nothing changed since");
    let restored = Exemplars::default();
    assert!(restored.restore(&payload));
    restored.add(exemplar("api", 2));
    let found = restored.matching(&[], TimeRange::new(1, 2));
    assert_eq!(found, [exemplar("api", 1), exemplar("api", 2)]);
    assert!(!restored.restore(&payload[..payload.len() - 1]));
}

#[test]
fn matchers_and_age_select_them() {
    let exemplars = Exemplars::default();
    exemplars.add(exemplar("api", 1));
    exemplars.add(exemplar("db", 2));
    let found = exemplars.matching(
        &[Matcher::equal("job", "db"), Matcher::equal("__name__", "latency")],
        TimeRange::ALL,
    );
    assert_eq!(found, [exemplar("db", 2)]);
    exemplars.drop_before(2);
    assert_eq!(exemplars.len(), 1);
}
