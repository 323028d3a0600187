//! Runs the scripts of `tests/promql/`, in the text language of Prometheus's own tests, against a real engine: once from
//! the heads, once from parts after a flush, and once with the data in both.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "tests"
)]

mod check;
mod golden;
mod script;
mod series;
mod store;

use std::path::PathBuf;

use store::{Place, Store};

fn scripts() -> Vec<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/promql");
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "test"))
        .collect();
    paths.sort();
    paths
}

fn run_all(place: Place) {
    let mut failures = Vec::new();
    let mut checks = 0;
    for path in scripts() {
        let text = std::fs::read_to_string(&path).unwrap();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let mut store = Store::new(place);
        for command in script::parse(&text).unwrap_or_else(|error| panic!("{name}: {error}")) {
            checks += usize::from(command.is_check());
            if let Err(failure) = command.run(&mut store) {
                failures.push(format!("{name}:{}: {failure}", command.line));
            }
        }
    }
    assert!(checks > 50, "the scripts hold checks");
    assert!(
        failures.is_empty(),
        "{} of {checks} checks failed:\n{}",
        failures.len(),
        failures.join("\n")
    );
}

#[test]
fn scripts_hold_over_heads() {
    run_all(Place::Heads);
}

#[test]
fn scripts_hold_over_parts() {
    run_all(Place::Parts);
}

#[test]
fn scripts_hold_over_parts_and_heads_together() {
    run_all(Place::Both);
}

#[test]
fn generated_queries_answer_as_prometheus_answered() {
    let (count, differences) = golden::differences();
    assert!(count >= 1_000, "only {count} recorded answers");
    assert!(
        differences.is_empty(),
        "{} of {count} differ:\n{}",
        differences.len(),
        differences.join("\n")
    );
}
