//! Each aggregation over rows with gaps, against its definition.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use super::*;

fn aggregate(op: AggregateOp, rows: &[[f64; 2]]) -> Vec<f64> {
    let mut cells = Cells::new(op).unwrap();
    cells.grow(2);
    for row in rows {
        cells.add(0, row);
    }
    cells.finish(op)
}

#[test]
fn gaps_count_for_nothing() {
    let rows = [[1.0, ABSENT], [2.0, ABSENT], [ABSENT, ABSENT], [6.0, ABSENT]];
    for (op, expected) in [
        (AggregateOp::Sum, 9.0),
        (AggregateOp::Avg, 3.0),
        (AggregateOp::Min, 1.0),
        (AggregateOp::Max, 6.0),
        (AggregateOp::Count, 3.0),
        (AggregateOp::Group, 1.0),
        (AggregateOp::Stdvar, 14.0 / 3.0),
    ] {
        let result = aggregate(op, &rows);
        assert!((result[0] - expected).abs() < 1e-12, "{op:?} gave {}", result[0]);
        assert!(is_absent(result[1]), "{op:?} of nothing");
    }
}

#[test]
fn not_a_number_yields_to_numbers_in_extremes_and_spoils_sums() {
    let rows = [[f64::NAN, f64::NAN], [2.0, f64::NAN]];
    assert_eq!(aggregate(AggregateOp::Min, &rows)[0], 2.0);
    assert_eq!(aggregate(AggregateOp::Max, &rows)[0], 2.0);
    assert!(aggregate(AggregateOp::Max, &rows)[1].is_nan());
    assert!(aggregate(AggregateOp::Sum, &rows)[0].is_nan());
    assert!(!is_absent(aggregate(AggregateOp::Max, &rows)[1]));
}
