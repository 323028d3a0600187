#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]
//! The frontier keeps worker and commit thread apart.

use std::path::Path;

use super::*;
use crate::fs::SimFs;
use crate::fs::sim::{Call, Fault, FaultError};

fn supply(fs: &SimFs, mode: ZeroFill) -> ZeroSupply {
    fs.create_dir_all(Path::new("/wal")).unwrap();
    ZeroSupply::start(Arc::new(fs.clone()), Path::new("/wal"), 1 << 16, mode, Arc::default()).unwrap()
}

#[test]
fn nobody_gets_what_the_other_has() {
    let frontier = Frontier::new(100);
    assert_eq!(frontier.reach(80, 64), 0);
    assert_eq!(frontier.claim(300), Some(100));
    assert_eq!(
        frontier.reach(100, 64),
        0,
        "up to the frontier the claim does not matter"
    );
    frontier.unclaim(Some(164));
    assert_eq!(frontier.reach(200, 64), 56, "the next multiple of the step is 256");
    assert_eq!(frontier.claim(300), Some(256));
    frontier.unclaim(None);
    assert_eq!(frontier.zeroed(), 256, "a failed fill moves nothing");
    frontier.close();
    assert_eq!(frontier.claim(300), None);
}

#[test]
fn passing_the_frontier_waits_for_the_worker() {
    let frontier = Frontier::new(0);
    assert_eq!(frontier.claim(64), Some(0));
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| frontier.reach(10, 64));
        std::thread::yield_now();
        frontier.unclaim(Some(64));
        assert_eq!(waiting.join().unwrap(), 0, "the worker's zeros are used");
    });
}

#[test]
fn a_spare_is_zeros_and_goes_when_it_is_not_used() {
    let fs = SimFs::new();
    let supply = supply(&fs, ZeroFill::Worker);
    supply.ask_for_spare();
    while fs.calls_of(Call::Sync) == 0 {
        std::thread::yield_now();
    }
    drop(supply);
    assert!(fs.files().is_empty());
    assert_eq!(fs.calls_of(Call::Remove), 1);
}

#[test]
fn a_worker_that_fails_is_counted_and_leaves_nothing() {
    let fs = SimFs::new();
    let errors = Arc::new(AtomicU64::new(0));
    fs.create_dir_all(Path::new("/wal")).unwrap();
    fs.fail(Fault::new(Call::Write, 1, FaultError::ENOSPC));
    let shared: Arc<dyn Fs> = Arc::new(fs.clone());
    let supply = ZeroSupply::start(
        shared,
        Path::new("/wal"),
        1 << 16,
        ZeroFill::Worker,
        Arc::clone(&errors),
    )
    .unwrap();
    supply.ask_for_spare();
    drop(supply);
    assert_eq!(errors.load(Ordering::Relaxed), 1);
    assert!(fs.files().is_empty());
}
