//! The disk fails: at the n-th call of each kind, once or from then on, with and without a piece of the write left behind.
//! What was acknowledged stays, what was refused was not applied, and the log goes on by itself when the disk does.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use icecore_wal::fs::sim::{Call, CrashPolicy, Fault, FaultError};
use icecore_wal::fs::{Fs, SimFs};
use icecore_wal::{AppendError, Lsn, SyncPolicy, Wal, WalError, WalOptions, ZeroFill};

use crate::harness::{Commits, open, options, read, record};

/// Appends until the log takes the record, as a client that retries does.
fn append_until_taken(wal: &Wal<u64>, id: u64) -> Lsn {
    for _ in 0..10_000 {
        match wal.append(record(id)) {
            Ok(ticket) => match ticket.wait() {
                Ok(lsn) => return lsn,
                Err(error) => assert!(error.is_retryable(), "{error}"),
            },
            Err(error) => assert!(error.is_retryable(), "{error}"),
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    panic!("the log did not recover by itself");
}

fn check_commits(commits: &Commits, acked: &BTreeMap<Lsn, u64>) {
    let commits = commits.lock().unwrap();
    let expected: Vec<_> = acked.iter().map(|(lsn, id)| (*lsn, *id)).collect();
    assert_eq!(
        *commits, expected,
        "on_commit ran once for each acknowledged record, in order, and for no other"
    );
}

fn check_disk(fs: &SimFs, options: &WalOptions, acked: &BTreeMap<Lsn, u64>, truncated_below: Lsn) {
    let mut survivors = vec![
        fs.survivor_with(&CrashPolicy::KEEP_ALL),
        fs.survivor_with(&CrashPolicy::LOSE_ALL),
    ];
    survivors.extend((0..8).map(|seed| fs.survivor(seed)));
    for survivor in survivors {
        let shared: Arc<dyn Fs> = Arc::new(survivor);
        let seen = read(&shared, options);
        assert_eq!(seen.report.damaged_ranges, 0, "{:?}", seen.report);
        // A removal whose folder sync failed may come undone; then an older segment is there and a newer one is not.
        assert!(
            seen.report
                .missing
                .iter()
                .all(|missing| missing.last_lsn < truncated_below)
        );
        for (lsn, id) in acked.range(truncated_below..) {
            assert_eq!(seen.records.get(lsn), Some(id), "record {lsn}");
        }
        let mut ids: Vec<_> = seen.records.values().collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), seen.records.len(), "nothing twice");
    }
}

/// A history of 40 records with a rotation and a truncation. The fault strikes somewhere in it; a sticky one is healed
/// after 10 refusals. Says whether the history made so many calls at all.
fn run_with(options: &WalOptions, call: Call, nth: u64, fault: Fault) -> bool {
    let fs = SimFs::with_seed(nth);
    let shared: Arc<dyn Fs> = Arc::new(fs.clone());
    let (_, wal, commits) = open(&shared, options);
    let before = fs.calls_of(call);
    fs.fail(fault);
    let mut acked = BTreeMap::new();
    let mut truncated_below = Lsn::ZERO;
    let mut refusals = 0;
    let mut id = 0;
    while acked.len() < 40 {
        let outcome = wal
            .append(record(id))
            .map_err(|error| assert!(matches!(error, AppendError::Poisoned { .. }), "{error}"))
            .and_then(|ticket| {
                ticket
                    .wait()
                    .map_err(|error| assert!(matches!(error, WalError::Poisoned { .. }), "{error}"))
            });
        match outcome {
            Ok(lsn) => {
                assert!(acked.insert(lsn, id).is_none());
                id += 1;
            }
            Err(()) => {
                refusals += 1;
                if refusals == 10 {
                    fs.heal();
                }
                // The refused record has another id from now on, so that it is seen if it comes back beside its retry.
                id += 1;
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        if acked.len() == 15 {
            let _ = wal.rotate();
        }
        if acked.len() == 20 {
            truncated_below = acked.keys().nth(17).copied().unwrap();
            let _ = wal.truncate_below(truncated_below);
        }
    }
    fs.heal();
    let lsn = append_until_taken(&wal, id);
    acked.insert(lsn, id);
    if options.sync != SyncPolicy::EveryCommit {
        // The first one may tell of what was lost.
        if let Err(error) = wal.sync() {
            assert!(wal.stats().unsynced_at_error > 0, "{error}");
        }
        wal.sync().unwrap();
    }
    check_commits(&commits, &acked);
    let stats = wal.stats();
    assert_eq!(stats.poisoned, None);
    assert_eq!((stats.queue_bytes, stats.queue_records), (0, 0));
    let reached = fs.calls_of(call) - before >= nth;
    if options.sync == SyncPolicy::EveryCommit || stats.unsynced_at_error == 0 {
        check_disk(&fs, options, &acked, truncated_below);
    }
    drop(wal);
    if options.sync == SyncPolicy::EveryCommit || stats.unsynced_at_error == 0 {
        check_disk(&fs, options, &acked, truncated_below);
    }
    reached
}

fn every_fault(options: &WalOptions) {
    let calls = [
        Call::Write,
        Call::Sync,
        Call::SyncDir,
        Call::Rename,
        Call::Create,
        Call::Remove,
    ];
    for call in calls {
        for nth in 1.. {
            let mut reached = false;
            for error in [FaultError::EIO, FaultError::ENOSPC] {
                let once = Fault::new(call, nth, error);
                reached |= run_with(options, call, nth, once.clone());
                run_with(options, call, nth, once.clone().sticky());
                if call == Call::Write {
                    run_with(options, call, nth, once.clone().short());
                    run_with(options, call, nth, once.short().sticky());
                }
            }
            if !reached {
                assert!(nth > 1, "{call:?} was never made");
                break;
            }
        }
    }
}

#[test]
fn the_nth_call_fails_once_or_from_then_on() {
    every_fault(&options());
}

#[test]
fn the_same_under_weaker_policies() {
    for sync in [SyncPolicy::Os, SyncPolicy::Every(Duration::from_millis(1))] {
        every_fault(&WalOptions { sync, ..options() });
    }
}

#[test]
fn the_same_with_a_worker_that_fills_zeros() {
    every_fault(&WalOptions {
        zero_fill: ZeroFill::Worker,
        ..options()
    });
}

#[test]
fn a_full_disk_refuses_and_takes_again_when_there_is_room() {
    let fs = SimFs::new();
    let shared: Arc<dyn Fs> = Arc::new(fs.clone());
    let (_, wal, commits) = open(&shared, &options());
    fs.set_capacity_bytes(Some(300 << 10));
    let mut acked = BTreeMap::new();
    let mut id = 0;
    let reason = loop {
        id += 1;
        match wal.append(record(id)).map(icecore_wal::Ticket::wait) {
            Ok(Ok(lsn)) => acked.insert(lsn, id),
            Ok(Err(error)) => break error.to_string(),
            Err(error) => break error.to_string(),
        };
        assert!(id < 10_000, "the disk never filled");
    };
    assert!(reason.contains("no storage space"), "{reason}");
    assert!(wal.stats().poisoned.is_some());
    check_disk(&fs, &options(), &acked, Lsn::ZERO);
    fs.set_capacity_bytes(None);
    id += 1;
    acked.insert(append_until_taken(&wal, id), id);
    assert!(wal.stats().poisoned.is_none());
    check_commits(&commits, &acked);
    check_disk(&fs, &options(), &acked, Lsn::ZERO);
}

#[test]
fn a_log_opens_on_a_full_disk_and_serves_what_is_there() {
    let fs = SimFs::new();
    let shared: Arc<dyn Fs> = Arc::new(fs.clone());
    let (_, wal, _) = open(&shared, &options());
    for id in 0..10 {
        append_until_taken(&wal, id);
    }
    wal.close().unwrap();
    fs.set_capacity_bytes(Some(0));
    let (seen, wal, _) = open(&shared, &options());
    assert_eq!(seen.records.len(), 10);
    let error = wal.append(record(10)).unwrap().wait().unwrap_err();
    assert!(error.is_retryable());
    wal.close().unwrap();
}
