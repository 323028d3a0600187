//! Hostile query texts: what passes the gate is parsed without a crash within its bounds, and the tree is no deeper than the
//! gate's shape says. Raw bytes, and texts put together from PromQL's own words, which reach deeper into the grammar.

#![no_main]

use icecore_query::promql::{gate, parse, parse_selector};
use libfuzzer_sys::fuzz_target;

const WORDS: &[&str] = &[
    "a",
    "b{",
    "}",
    "(",
    ")",
    "[5m]",
    "[5m:1m]",
    "[",
    "]",
    "+",
    "-",
    "*",
    "/",
    "%",
    "^",
    "==",
    "!=",
    ">",
    "<=",
    "bool",
    "and",
    "or",
    "unless",
    "on(x)",
    "ignoring(",
    "group_left",
    "group_right(y)",
    "sum",
    "topk(1,",
    "by (x)",
    "without(",
    "rate(",
    "abs(",
    "offset 5m",
    "@ 1",
    "@ end()",
    "1",
    "0x1F",
    "1e3",
    "NaN",
    "'s'",
    "\"",
    "\\",
    "`",
    "#\n",
    ",",
    "=~\"(\"",
    "label_replace(",
];

fn check(text: &str) {
    let Ok(shape) = gate::check(text) else { return };
    assert!(shape.depth() <= 2 * icecore_query::limits::PROMQL_DEPTH_MAX);
    let _ = parse_selector(text);
    let text = text.to_owned();
    std::thread::Builder::new()
        .stack_size(icecore_query::limits::PROMQL_STACK_BYTES)
        .spawn(move || drop(parse(&text)))
        .expect("a thread")
        .join()
        .expect("no panic");
}

fuzz_target!(|input: &[u8]| {
    check(&String::from_utf8_lossy(input));
    let words: Vec<&str> = input
        .iter()
        .filter_map(|byte| WORDS.get(usize::from(*byte) % WORDS.len()).copied())
        .collect();
    check(&words.join(" "));
});
