//! What becomes of query texts: the tree, or the reason why not.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use super::*;

fn refused(query: &str) -> String {
    parse(query).unwrap_err().to_string()
}

#[test]
fn selectors_carry_matchers_offset_and_at() {
    let Expr::Selector(selector) = parse(r#"up{job!="a",i=~"x|y"} @ 12.5 offset -2m"#).unwrap() else {
        panic!()
    };
    assert_eq!(selector.matchers.len(), 3);
    assert!(selector.matchers[0].matches("up"));
    assert!(selector.matchers[2].matches("y") && !selector.matchers[2].matches("xy"));
    assert_eq!(
        selector.shift,
        Shift {
            at: Some(At::Time(12_500)),
            offset_ms: -120_000
        }
    );
}

#[test]
fn go_flavoured_repetition_in_regular_expressions_is_literal() {
    let Expr::Selector(selector) = parse(r#"up{job=~"a{b}c"}"#).unwrap() else {
        panic!()
    };
    assert!(selector.matchers[1].matches("a{b}c"));
}

#[test]
fn operators_bind_as_in_prometheus() {
    let Expr::Binary(sum) = parse("1 + 2 * 3 ^ 2 ^ 1").unwrap() else {
        panic!()
    };
    assert_eq!(sum.op, BinaryOp::Add);
    let Expr::Binary(product) = &sum.right else { panic!() };
    assert_eq!(product.op, BinaryOp::Mul);
    let Expr::Negate(_) = parse("-1 ^ 2").unwrap() else {
        panic!("minus binds weaker than the power")
    };
}

#[test]
fn wrong_types_are_named() {
    assert!(refused("rate(up)").contains("range vector") || refused("rate(up)").contains("matrix"));
    assert!(refused("sum(1)").contains("expected type"));
    assert!(refused("1 > 2").contains("BOOL"));
    assert!(refused("{job=~\".*\"}").contains("non-empty"));
    assert!(refused("up and 1").contains("set operator"));
    assert!(refused("topk(\"a\", up)").contains("expected type"));
    assert!(
        refused("limitk(\"a\", up)").contains("expected type"),
        "the parser itself lets this pass"
    );
}

#[test]
fn what_is_missing_is_named() {
    assert_eq!(refused("histogram_avg(x)"), "not supported: histogram_avg");
    assert!(refused("{a=\"1\" or b=\"2\"}").starts_with("not supported: `or`"));
}

#[test]
fn the_longest_chain_that_the_gate_lets_through_becomes_a_tree() {
    let query = vec!["a"; 1_000].join("+");
    std::thread::Builder::new()
        .stack_size(crate::limits::PROMQL_STACK_BYTES)
        .spawn(move || assert!(parse(&query).is_ok()))
        .unwrap()
        .join()
        .unwrap();
}

#[test]
fn match_parameters_are_selectors_only() {
    assert_eq!(parse_selector("up{a=\"b\"}").unwrap().len(), 2);
    assert!(parse_selector("sum(up)").is_err());
    assert!(parse_selector("up offset 5m").is_err());
}
