#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    missing_docs,
    reason = "tests"
)]
//! Short random histories of appends, flushes, merges, drops and reopens on a simulated disk, with the power cut after
//! every single call to the disk: unsynced writes are lost, torn and reordered, names that no folder sync covered are gone
//! or not. After each cut the store is opened again (and cut again while it recovers) and compared with a naive model:
//! every acknowledged row is there once, with its last value, and nothing else is.
//!
//! `ICECORE_CRASH_SEEDS=100 cargo test --release -p icecore-engine --test crash_model` runs more histories.

mod history;
mod model;
mod store;

use std::sync::Arc;

use icecore_wal::fs::SimFs;

use history::History;
use store::Store;

/// Histories in an ordinary run.
const SEEDS: u64 = 6;
/// Every so many crash points of an ordinary run are tried, beginning with another one for each seed.
const STRIDE: u64 = 7;

fn seeds() -> (u64, u64) {
    match std::env::var("ICECORE_CRASH_SEEDS")
        .ok()
        .and_then(|seeds| seeds.parse().ok())
    {
        Some(seeds) => (seeds, 1),
        None => (SEEDS, STRIDE),
    }
}

#[test]
fn every_acknowledged_row_is_there_once_after_a_power_cut_at_any_call() {
    let (seeds, stride) = seeds();
    let mut cuts = 0;
    for seed in 1..=seeds {
        let history = History::new(seed);
        let fs = Arc::new(SimFs::with_seed(seed));
        let mut whole = Store::new(Arc::clone(&fs));
        let progress = history.run(&mut whole);
        assert!(
            progress.is_whole(),
            "seed {seed}: a history without a cut fails: {progress:?}"
        );
        whole.compare(progress.model(), &format!("seed {seed}, no cut"));
        drop(whole);
        let calls = fs.calls();
        for cut in (seed % stride..calls).step_by(usize::try_from(stride).unwrap()) {
            cut_at(&history, seed, cut);
            cuts += 1;
        }
    }
    println!("{cuts} power cuts in {seeds} histories");
}

/// Runs a history until the power fails after `cut` calls, and checks what the next processes find.
fn cut_at(history: &History, seed: u64, cut: u64) {
    let fs = Arc::new(SimFs::with_seed(seed));
    fs.crash_after(cut);
    let mut store = Store::new(Arc::clone(&fs));
    let mut progress = history.run(&mut store);
    drop(store);
    let story = format!("seed {seed}, power cut after call {cut}");

    // The next process recovers, and the power fails again while it does; the one after it has to serve.
    let second = Arc::new(fs.survivor(seed ^ cut));
    second.crash_after(cut % 40);
    drop(Store::new(Arc::clone(&second)).try_open(&progress));
    let third = Arc::new(second.survivor(cut));
    let mut store = Store::new(third);
    store.open(&progress, &story);
    progress.settle(&store.rows(), &story);
    store.compare(progress.model(), &story);

    // And it goes on: more rows, a flush, a merge, another reopen.
    history.go_on(&mut store, &mut progress);
    store.compare(progress.model(), &format!("{story}, and went on"));
    store.reopen(&progress);
    store.compare(progress.model(), &format!("{story}, went on and was opened again"));
}

#[test]
fn the_simulation_is_deterministic() {
    let calls = |seed| {
        let fs = Arc::new(SimFs::with_seed(seed));
        let mut store = Store::new(Arc::clone(&fs));
        History::new(seed).run(&mut store);
        drop(store);
        fs.calls()
    };
    assert_eq!(calls(3), calls(3));
    assert_eq!(calls(4), calls(4));
}
