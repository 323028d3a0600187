//! Groups read off key texts are the groups of the label sets.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use icecore_engine::labels::LabelsBuilder;
use proptest::prelude::*;

use super::*;

fn key(metric: &str, labels: &[(String, String)]) -> Option<SeriesKey> {
    let mut builder = LabelsBuilder::default();
    builder.metric(metric);
    for (name, value) in labels {
        builder.label(name, value);
    }
    builder.finish().ok()
}

proptest! {
    #[test]
    fn two_series_share_a_group_exactly_when_their_labels_say_so(
        a in prop::collection::vec(("[a-d\"\\\\é]{1,2}", "[xy\"\\\\\n]{0,2}"), 0..5),
        b in prop::collection::vec(("[a-d\"\\\\é]{1,2}", "[xy\"\\\\\n]{0,2}"), 0..5),
        names in prop::collection::vec("[a-d\"\\\\é]{1,2}", 0..3),
        without in any::<bool>(),
    ) {
        let (Some(a), Some(b)) = (key("m", &a), key("m", &b)) else { return Ok(()) };
        let grouping = if without { Grouping::Without(names) } else { Grouping::By(names) };
        let by_text = Group::of_key(&a, &grouping) == Group::of_key(&b, &grouping);
        let labels = |key: &SeriesKey| group_labels(&Labels::of_key(key), &grouping);
        prop_assert_eq!(by_text, labels(&a) == labels(&b));
    }
}

#[test]
fn the_metric_name_can_make_groups() {
    let grouping = Grouping::By(vec!["__name__".to_owned()]);
    let (a, b) = (key("a", &[]).unwrap(), key("b", &[]).unwrap());
    assert_ne!(Group::of_key(&a, &grouping), Group::of_key(&b, &grouping));
    assert_eq!(group_labels(&Labels::of_key(&a), &grouping).metric(), "a");
}
