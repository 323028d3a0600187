//! The text is what Prometheus's parser reads.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use super::*;

#[test]
fn families_samples_and_histograms_have_their_lines() {
    let mut out = Exposition::default();
    out.single("icecore_up", FamilyKind::Gauge, "Whether it runs", 1.0);
    out.family("icecore_rejected_total", FamilyKind::Counter, "By reason");
    out.sample(&[("tenant", "a\"b\\c\nd"), ("reason", "too_old")], 3.0);
    out.family("icecore_wait_seconds", FamilyKind::Histogram, "Waits");
    out.histogram(&[("route", "/x")], [(0.001, 2), (1.0, 3)].into_iter(), 2.5, 6);
    assert_eq!(
        out.finish(),
        "# HELP icecore_up Whether it runs\n# TYPE icecore_up gauge\nicecore_up 1\n\
         # HELP icecore_rejected_total By reason\n# TYPE icecore_rejected_total counter\n\
         icecore_rejected_total{tenant=\"a\\\"b\\\\c\\nd\",reason=\"too_old\"} 3\n\
         # HELP icecore_wait_seconds Waits\n# TYPE icecore_wait_seconds histogram\n\
         icecore_wait_seconds_bucket{route=\"/x\",le=\"0.001\"} 2\n\
         icecore_wait_seconds_bucket{route=\"/x\",le=\"1\"} 5\n\
         icecore_wait_seconds_bucket{route=\"/x\",le=\"+Inf\"} 6\n\
         icecore_wait_seconds_sum{route=\"/x\"} 2.5\n\
         icecore_wait_seconds_count{route=\"/x\"} 6\n"
    );
}
