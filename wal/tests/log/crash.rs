//! A crash after every call of the file system, with unsynced writes and names lost, torn and reordered: every
//! acknowledged record is there once, and nothing of another is half there.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use icecore_wal::fs::sim::{Call, CrashPolicy, Fault, FaultError};
use icecore_wal::fs::{Fs, SimFs};
use icecore_wal::{Lsn, Recovery, SyncPolicy, WalOptions, ZeroFill};
use proptest::prelude::*;

use crate::harness::{DIR, open, options, read, record, replay, start};

/// What a caller does with a log.
#[derive(Debug, Clone)]
enum Step {
    /// Appends so many records at once, then waits for all.
    Append(u64),
    Sync,
    Rotate,
    /// Truncates below the record that is so many before the last acknowledged one.
    Truncate(u64),
    Reopen,
}

/// What a caller knows when its process dies.
#[derive(Debug, Default, Clone)]
struct Known {
    /// Record by LSN, acknowledged and (under the weaker policies) synced.
    safe: BTreeMap<Lsn, u64>,
    /// Acknowledged and not synced.
    acked: BTreeMap<Lsn, u64>,
    /// Records below it may be gone.
    truncated_below: Lsn,
    /// Ids handed to the log so far.
    next_id: u64,
}

impl Known {
    /// A sync makes what was acknowledged safe; one that fails says that it may be lost.
    fn synced(&mut self, done: bool) {
        if done {
            self.safe.append(&mut self.acked);
        }
        self.acked.clear();
    }
}

/// Runs a history until it ends or the process dies.
fn run(fs: &SimFs, options: &WalOptions, steps: &[Step], known: &mut Known) {
    let shared: Arc<dyn Fs> = Arc::new(fs.clone());
    let launch = || {
        let mut recovery = Recovery::open(Arc::clone(&shared), Path::new(DIR), options.clone()).ok()?;
        replay(&mut recovery).ok()?;
        start(recovery).ok()
    };
    let Some((mut wal, _)) = launch() else { return };
    for step in steps {
        match step {
            Step::Append(count) => {
                let mut tickets = Vec::new();
                for id in known.next_id..known.next_id + count {
                    if let Ok(ticket) = wal.append(record(id)) {
                        tickets.push((id, ticket));
                    }
                }
                known.next_id += count;
                for (id, ticket) in tickets {
                    if let Ok(lsn) = ticket.wait() {
                        known.acked.insert(lsn, id);
                    }
                }
                if options.sync == SyncPolicy::EveryCommit {
                    known.synced(true);
                }
            }
            Step::Sync => {
                let synced = wal.sync();
                known.synced(synced.is_ok());
            }
            Step::Rotate => {
                let rotated = wal.rotate();
                known.synced(rotated.is_ok());
            }
            Step::Truncate(back) => {
                let last = known.safe.keys().next_back().map_or(0, |lsn| lsn.get());
                let below = Lsn::new(last.saturating_sub(*back));
                known.truncated_below = known.truncated_below.max(below);
                let _ = wal.truncate_below(below);
            }
            Step::Reopen => {
                let closed = wal.close();
                known.synced(closed.is_ok());
                match launch() {
                    Some((again, _)) => wal = again,
                    None => return,
                }
            }
        }
    }
    let closed = wal.close();
    known.synced(closed.is_ok());
}

/// What must hold of the log on a disk that survived.
fn check(disk: &SimFs, options: &WalOptions, known: &Known) {
    let shared: Arc<dyn Fs> = Arc::new(disk.clone());
    let (seen, wal, _) = open(&shared, options);
    assert!(seen.report.is_whole(), "a crash is no damage: {:?}", seen.report);
    for (lsn, id) in known.safe.range(known.truncated_below..) {
        assert_eq!(
            seen.records.get(lsn),
            Some(id),
            "acknowledged record {lsn} is there, unaltered"
        );
    }
    let mut ids: Vec<u64> = seen.records.values().copied().collect();
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count, "nothing is there twice");
    assert!(ids.iter().all(|id| *id < known.next_id), "nothing is invented");
    assert!(options.sync != SyncPolicy::EveryCommit || seen.undefined == 0 || seen.report.torn_tail_bytes > 0);

    // The log goes on, and never with a number that was acknowledged.
    let lsn = wal.append(record(known.next_id)).unwrap().wait().unwrap();
    assert!(lsn > known.safe.keys().next_back().copied().unwrap_or_default());
    assert!(lsn > seen.records.keys().next_back().copied().unwrap_or_default());
    wal.close().unwrap();
    let strict = WalOptions {
        strict: true,
        ..options.clone()
    };
    let after = read(&shared, &strict);
    assert!(after.report.is_whole(), "{:?} {:?}", after.report, seen.report);
    let mut expected = seen.records;
    expected.insert(lsn, known.next_id);
    assert_eq!(after.records, expected);
}

fn every_crash(options: &WalOptions, steps: &[Step], seeds: u64) {
    let mut after = 0;
    loop {
        let fs = SimFs::with_seed(after);
        fs.crash_after(after);
        let mut known = Known::default();
        run(&fs, options, steps, &mut known);
        let finished = !fs.is_crashed();
        check(&fs.survivor_with(&CrashPolicy::LOSE_ALL), options, &known);
        check(&fs.survivor_with(&CrashPolicy::KEEP_ALL), options, &known);
        for seed in 0..seeds {
            check(&fs.survivor(seed * 1_000_003 + after), options, &known);
        }
        if finished {
            return;
        }
        after += 1;
    }
}

const HISTORY: [Step; 12] = [
    Step::Append(1),
    Step::Append(5),
    Step::Append(1),
    Step::Rotate,
    Step::Append(12),
    Step::Truncate(3),
    Step::Append(30),
    Step::Sync,
    Step::Reopen,
    Step::Append(3),
    Step::Truncate(1),
    Step::Append(2),
];

#[test]
fn a_crash_after_every_call_loses_nothing_acknowledged() {
    every_crash(&options(), &HISTORY, 12);
}

#[test]
fn the_same_with_a_worker_that_fills_zeros() {
    let options = WalOptions {
        zero_fill: ZeroFill::Worker,
        ..options()
    };
    every_crash(&options, &HISTORY, 6);
}

#[test]
fn weaker_policies_keep_what_was_synced_and_nothing_half() {
    for sync in [
        SyncPolicy::Os,
        SyncPolicy::Every(Duration::from_secs(3600)),
        SyncPolicy::Every(Duration::ZERO),
    ] {
        every_crash(&WalOptions { sync, ..options() }, &HISTORY, 6);
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (1u64..12).prop_map(Step::Append),
        1 => Just(Step::Sync),
        1 => Just(Step::Rotate),
        2 => (0u64..20).prop_map(Step::Truncate),
        1 => Just(Step::Reopen),
    ];
    prop::collection::vec(step, 1..12)
}

#[test]
fn what_a_dead_process_left_in_memory_is_durable_before_the_next_builds_on_it() {
    let mut in_memory = 0;
    for seed in 0..20 {
        let fs = SimFs::with_seed(seed);
        let shared: Arc<dyn Fs> = Arc::new(fs.clone());
        let (_, wal, _) = open(&shared, &options());
        for id in 0..5 {
            wal.append(record(id)).unwrap().wait().unwrap();
        }
        fs.fail(Fault::new(Call::Sync, 1, FaultError::EIO).sticky());
        wal.append(record(5)).unwrap().wait().unwrap_err();
        drop(wal);
        fs.revive();

        let (seen, wal, _) = open(&shared, &options());
        in_memory += seen.records.len() - 5;
        let lsn = wal.append(record(6)).unwrap().wait().unwrap();
        let mut expected = seen.records;
        expected.insert(lsn, 6);
        let lost: Arc<dyn Fs> = Arc::new(fs.survivor_with(&CrashPolicy::LOSE_ALL));
        let after = read(&lost, &options());
        assert!(after.report.is_whole(), "{:?}", after.report);
        assert_eq!(after.records, expected);
    }
    assert!(in_memory > 0, "no record was in memory only");
}

/// One process: what it does, when it dies, how its disk fails before, and what the power loss leaves.
#[derive(Debug, Clone)]
struct Life {
    steps: Vec<Step>,
    calls: u64,
    fault: Option<(Call, Fault)>,
    sync: SyncPolicy,
    worker: bool,
    /// The seed of the power loss; without one only the process dies.
    power_loss: Option<u64>,
}

fn fault() -> impl Strategy<Value = Option<(Call, Fault)>> {
    let call = prop_oneof![
        3 => Just(Call::Write),
        3 => Just(Call::Sync),
        1 => Just(Call::SyncDir),
        1 => Just(Call::Rename),
        1 => Just(Call::Create),
        1 => Just(Call::Remove),
    ];
    let fault = (call, 1u64..12, any::<bool>(), any::<bool>()).prop_map(|(call, nth, sticky, short)| {
        let mut fault = Fault::new(call, nth, FaultError::EIO);
        if sticky {
            fault = fault.sticky();
        }
        if short {
            fault = fault.short();
        }
        (call, fault)
    });
    prop::option::of(fault)
}

fn life() -> impl Strategy<Value = Life> {
    let sync = prop_oneof![
        4 => Just(SyncPolicy::EveryCommit),
        1 => Just(SyncPolicy::Os),
        1 => Just(SyncPolicy::Every(Duration::ZERO)),
    ];
    (steps(), 0u64..80, fault(), sync, any::<bool>(), any::<Option<u64>>()).prop_map(
        |(steps, calls, fault, sync, worker, power_loss)| Life {
            steps,
            calls,
            fault,
            sync,
            worker,
            power_loss,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Crash after crash, on disks that fail in between: each process goes on with what the last one left.
    #[test]
    fn a_chain_of_crashes_and_faults_loses_nothing_acknowledged(lives in prop::collection::vec(life(), 1..6)) {
        let mut known = Known::default();
        let mut disk = SimFs::new();
        // An acknowledged record whose later sync fails is lost, and its loss is damage.
        let mut may_be_damaged = false;
        for life in lives {
            let options = WalOptions {
                sync: life.sync,
                zero_fill: if life.worker { ZeroFill::Worker } else { ZeroFill::Inline },
                ..options()
            };
            may_be_damaged |= life.fault.is_some() && life.sync != SyncPolicy::EveryCommit;
            disk.crash_after(disk.calls() + life.calls);
            if let Some((call, fault)) = life.fault {
                disk.fail(fault);
                // A name whose folder sync failed is seen by the next process, and no sync of that one makes it durable.
                may_be_damaged |= call == Call::SyncDir && life.power_loss.is_none();
            }
            run(&disk, &options, &life.steps, &mut known);
            known.acked.clear();
            match life.power_loss {
                Some(seed) => disk = disk.survivor(seed),
                None => disk.revive(),
            }
            let shared: Arc<dyn Fs> = Arc::new(disk.clone());
            let seen = read(&shared, &options);
            prop_assert!(may_be_damaged || seen.report.damaged_ranges == 0, "{:?}", seen.report);
            // A removal whose folder sync failed may come undone.
            let gone = seen.report.missing.iter().all(|missing| missing.last_lsn < known.truncated_below);
            prop_assert!(may_be_damaged || gone, "{:?}", seen.report);
            for (lsn, id) in known.safe.range(known.truncated_below..) {
                prop_assert_eq!(seen.records.get(lsn), Some(id));
            }
            let mut ids: Vec<_> = seen.records.values().collect();
            ids.sort_unstable();
            ids.dedup();
            prop_assert_eq!(ids.len(), seen.records.len(), "nothing twice");
        }
    }
}
