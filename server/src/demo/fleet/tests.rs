//! The fleet is the same for the same seed, and its traces hang together.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use super::*;
use std::collections::HashMap;

fn steps(seed: u64, count: usize) -> Vec<Step> {
    let mut fleet = Fleet::new(seed, 1_700_000_000_000_000_000);
    (0..count).map(|_| fleet.step()).collect()
}

#[test]
fn a_seed_fixes_everything() {
    assert_eq!(format!("{:?}", steps(7, 20)), format!("{:?}", steps(7, 20)));
    assert_ne!(format!("{:?}", steps(7, 20)), format!("{:?}", steps(8, 20)));
}

#[test]
fn every_span_lies_within_its_parent_of_the_same_trace() {
    for step in steps(1, 50) {
        let by_id: HashMap<u64, &SpanEvent> = step.spans.iter().map(|span| (span.span_id, span)).collect();
        assert_eq!(by_id.len(), step.spans.len(), "span ids are distinct");
        for span in &step.spans {
            let Some(parent) = span.parent_id.map(|id| by_id[&id]) else {
                continue;
            };
            assert_eq!(parent.trace_id, span.trace_id);
            assert!(parent.start_ns <= span.start_ns && span.end_ns <= parent.end_ns);
            assert!(parent.failed || !span.failed, "a failure reaches the caller");
        }
    }
}

#[test]
fn every_service_works_and_some_requests_fail() {
    let steps = steps(1, 100);
    let spans = || steps.iter().flat_map(|step| &step.spans);
    for (number, service) in SERVICES.iter().enumerate() {
        let works = spans().any(|span| span.server && span.service == number);
        assert!(works, "{}", service.name);
    }
    let failed = spans().filter(|span| span.failed).count();
    assert!(failed > 0 && failed * 10 < spans().count());
    assert!(
        steps
            .iter()
            .flat_map(|step| &step.logs)
            .any(|log| log.level == Level::Error)
    );
}
