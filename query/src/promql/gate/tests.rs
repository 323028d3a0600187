//! What the gate lets through, and what it stops.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use super::*;

#[test]
fn ordinary_queries_pass_with_their_shape() {
    let shape = check(r#"sum by (job) (rate(http_requests_total{code=~"5.."}[5m])) / 2 > bool 1"#).unwrap();
    assert_eq!(shape.nesting, 3);
    assert_eq!(shape.operators, 4, "=, /, > and bool (the ~ belongs to =)");
}

#[test]
fn strings_and_comments_count_for_nothing() {
    let shape = check("x{a=\"((((\\\"((((\", b='++++', c=`\\`} # (((((((\n").unwrap();
    assert_eq!(shape.nesting, 1);
    assert_eq!(shape.operators, 3);
}

#[test]
fn every_bound_names_itself() {
    for (query, named) in [
        ("a".repeat(PROMQL_BYTES_MAX + 1), "bytes"),
        ("abs(".repeat(5_000), "nests deeper"),
        ("-".repeat(20_000), "operators"),
        (vec!["a"; 1_500].join(" or "), "operators"),
        (format!("{}1", "- ".repeat(2_000)), "operators"),
    ] {
        let error = check(&query).unwrap_err();
        assert!(error.to_string().contains(named), "{error} should name {named}");
        assert_eq!(error.kind().as_str(), "bad_data");
    }
}

#[test]
fn unterminated_strings_end_the_pass() {
    assert!(check("x{a=\"").is_ok());
    assert!(check("\"\\").is_ok());
}
