//! The demo notices a wrong answer.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use super::super::fleet::{Fleet, STEP_NS};
use super::*;
use serde_json::json;

fn question() -> Question {
    Question {
        words: "?",
        language: Language::Sql,
        query: String::new(),
        answer: vec![vec![text("a"), Cell::Number(0.1 + 0.2)]],
    }
}

#[test]
fn answers_agree_but_for_the_last_digits_of_numbers() {
    assert!(question().agrees(&sql_rows(&json!({"rows": [["a", 0.3]]}))));
    for wrong in [
        json!([["a", 0.31]]),
        json!([["b", 0.3]]),
        json!([]),
        json!([["a", 0.3], ["a", 0.3]]),
        json!([["a"]]),
    ] {
        assert!(!question().agrees(&sql_rows(&json!({"rows": wrong}))), "{wrong}");
    }
    assert!(!question().agrees(&sql_rows(&json!({"error": {"code": "x"}}))));
}

#[test]
fn vectors_become_sorted_rows() {
    let answer = json!({"data": {"result": [
        {"metric": {"s": "b"}, "value": [1, "2"]},
        {"metric": {"s": "a"}, "value": [1, "NaN"]},
    ]}});
    let rows = vector_rows(&answer);
    assert_eq!(rows[1], [text("b"), Cell::Number(2.0)]);
    assert_eq!(rows[0][0], text("a"));
    assert!(!rows[0][1].agrees(&Cell::Number(2.0)), "NaN agrees with nothing");
}

#[test]
fn there_is_something_to_find_in_the_demo_s_own_past() {
    let mut fleet = Fleet::new(super::super::SEED, 0);
    let steps: Vec<_> = (0..super::super::PAST_STEPS).map(|_| fleet.step()).collect();
    let truth = Truth::of(&steps);
    let until_ns = STEP_NS * super::super::PAST_STEPS;
    let past = Past {
        from_ns: 0,
        until_ns,
        quiet_ns: until_ns + STEP_NS,
    };
    for question in questions(&truth, past) {
        assert!(!question.answer.is_empty(), "{}", question.words);
    }
    let quantile = truth.slow_quantile_s(0.95, &BOUNDS_S);
    let exact = truth.slow_ns[truth.slow_ns.len() * 95 / 100] as f64 / 1e9;
    assert!((quantile - exact).abs() < 0.25, "{quantile} is near {exact}");
    let ends = steps
        .iter()
        .flat_map(|step| &step.spans)
        .map(|span| span.end_ns)
        .max()
        .unwrap();
    assert!(ends < past.quiet_ns, "nothing of the past reaches into what is live");
}
