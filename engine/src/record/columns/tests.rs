//! Columns keep their rows together whatever is cut out of them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use proptest::prelude::*;

use super::*;

type Row = (u32, i64, Option<u64>, i64, u8);

fn filled(rows: &[Row]) -> MetricColumns {
    let mut columns = MetricColumns::default();
    for (number, timestamp, histogram, start, temporality) in rows {
        let temporality = Temporality::from_u8(*temporality).unwrap();
        columns.push(*number, *timestamp, f64::from(*number), *start, temporality);
        if let Some(count) = histogram {
            columns.push_histogram(&NativeHistogram {
                count: *count,
                ..NativeHistogram::default()
            });
        }
    }
    columns
}

fn read(rows: &MetricRows) -> Vec<Row> {
    (0..rows.len())
        .map(|row| {
            let histogram = rows.histogram(row).map(|histogram| histogram.count);
            let temporality = rows.temporality(row) as u8;
            assert_eq!(rows.values[row], f64::from(rows.refs[row]));
            (
                rows.refs[row],
                rows.timestamps[row],
                histogram,
                rows.start_timestamp(row),
                temporality,
            )
        })
        .collect()
}

proptest! {
    #[test]
    fn what_is_left_is_what_was_not_cut(
        rows in prop::collection::vec((any::<u32>(), any::<i64>(), prop::option::weighted(0.3, any::<u64>()), 0..2_i64, 0..3_u8), 0..40),
        plain in 0..40_usize,
        cut in prop::collection::vec(any::<bool>(), 40),
        kept in 0..45_usize,
    ) {
        let mut rows = rows;
        for row in rows.iter_mut().take(plain) {
            (row.3, row.4) = (0, 0);
        }
        prop_assert_eq!(read(&filled(&rows).finish()), rows.clone());
        let mut shorter = filled(&rows);
        shorter.truncate(kept);
        prop_assert_eq!(read(&shorter.finish()), rows.iter().take(kept).copied().collect::<Vec<_>>());
        let gone: Vec<Range<usize>> = (0..rows.len()).filter(|row| cut[*row]).map(|row| row..row + 1).collect();
        let mut left = filled(&rows);
        left.remove(&gone);
        let expected: Vec<Row> = rows.iter().enumerate().filter(|(row, _)| !cut[*row]).map(|(_, row)| *row).collect();
        prop_assert_eq!(read(&left.finish()), expected);
    }
}
