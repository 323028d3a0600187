//! Merged samples are those of the newest source for each time, whatever the sources hold.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn chunk<'a>(timestamps: &'a [i64], values: &'a [f64], temporality: Temporality) -> SamplesChunk<'a> {
    SamplesChunk {
        timestamps,
        values,
        start_timestamps: None,
        temporality,
        histograms: None,
    }
}

proptest! {
    #[test]
    fn the_newest_source_wins_each_time(
        sources in prop::collection::vec(prop::collection::btree_map(0i64..40, 0.0..9.0f64, 1..12), 2..4),
    ) {
        let mut overlaps = Overlaps::new(7..8);
        overlaps.begin(sources.iter().map(|_| 7));
        prop_assert!(!overlaps.is_single(7));
        let mut expected = BTreeMap::new();
        for (number, source) in sources.iter().enumerate() {
            let times: Vec<i64> = source.keys().copied().collect();
            let values: Vec<f64> = source.values().copied().collect();
            overlaps.keep(7, number, &chunk(&times, &values, Temporality::Cumulative));
            expected.extend(times.into_iter().zip(values));
        }
        let mut merged = Vec::new();
        overlaps.merge(&mut |series, chunk| {
            assert_eq!(series, 7);
            merged.extend(chunk.timestamps.iter().copied().zip(chunk.values.iter().copied()));
        });
        prop_assert_eq!(merged, expected.into_iter().collect::<Vec<_>>());
    }
}

#[test]
fn chunks_are_cut_where_the_temporality_changes() {
    let mut overlaps = Overlaps::new(0..1);
    overlaps.begin([0, 0].into_iter());
    overlaps.keep(0, 0, &chunk(&[1, 3, 9], &[1.0, 3.0, 9.0], Temporality::Cumulative));
    overlaps.keep(0, 1, &chunk(&[5, 6], &[5.0, 6.0], Temporality::Delta));
    let mut seen = Vec::new();
    overlaps.merge(&mut |_, chunk| seen.push((chunk.temporality, chunk.timestamps.to_vec())));
    assert_eq!(
        seen,
        [
            (Temporality::Cumulative, vec![1, 3]),
            (Temporality::Delta, vec![5, 6]),
            (Temporality::Cumulative, vec![9]),
        ]
    );
}
