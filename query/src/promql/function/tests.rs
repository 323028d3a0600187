//! The table is sorted, whole and true to its own types.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use super::*;

#[test]
fn the_table_is_sorted_so_that_every_name_is_found() {
    for info in FUNCTIONS {
        let found = FunctionInfo::of(info.name).unwrap();
        assert_eq!(found.name, info.name);
        if let Some(function) = found.function {
            assert_eq!(function.returns(), found.returns, "{}", info.name);
        }
    }
    assert!(FunctionInfo::of("holt_winters").is_none());
}

#[test]
fn variadic_functions_take_what_prometheus_takes() {
    let round = FunctionInfo::of("round").unwrap();
    assert_eq!(
        (round.args_min(), round.arg_type(1), round.arg_type(2)),
        (1, Some(Scalar), None)
    );
    let join = FunctionInfo::of("label_join").unwrap();
    assert_eq!((join.args_min(), join.arg_type(9)), (3, Some(String)));
}
