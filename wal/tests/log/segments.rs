//! Segments: when one ends, what a suffix of them needs, what truncation keeps, and how few fsyncs a group takes.

use std::path::Path;
use std::sync::{Arc, Barrier};
use std::time::Duration;

use icecore_wal::fs::sim::Call;
use icecore_wal::fs::{Fs, OsFs, SimFs};
use icecore_wal::{Lsn, Recovery, SyncPolicy, WalOptions, ZeroFill};

use crate::harness::{DIR, body, open, options, read, record, replay, start};

#[test]
fn segments_end_at_their_size_and_any_suffix_replays_by_itself() {
    let fs = SimFs::new();
    let shared: Arc<dyn Fs> = Arc::new(fs.clone());
    let (_, wal, _) = open(&shared, &options());
    for id in 0..100 {
        wal.append(record(id)).unwrap().wait().unwrap();
    }
    let stats = wal.stats();
    assert!(stats.segments > 5);
    assert_eq!(
        (stats.records, stats.next_lsn, stats.durable_lsn),
        (100, Lsn::new(101), Lsn::new(100))
    );
    let mut left = stats.segments;
    let mut below = 1;
    while left > 1 {
        below += 1;
        left -= wal.truncate_below(Lsn::new(below)).unwrap() as u64;
        assert_eq!(wal.stats().segments, left);
        let survivor: Arc<dyn Fs> = Arc::new(fs.survivor(below));
        let seen = read(&survivor, &options());
        assert!(seen.report.is_whole(), "{:?}", seen.report);
        assert_eq!(seen.undefined, 0);
        let oldest = wal.stats().oldest_lsn;
        assert!(oldest <= Lsn::new(below), "nothing at or above the limit is removed");
        let lsns: Vec<_> = seen.records.keys().map(|lsn| lsn.get()).collect();
        assert_eq!(lsns, (oldest.get()..=100).collect::<Vec<_>>());
    }
    assert_eq!(wal.truncate_below(Lsn::MAX).unwrap(), 0, "the newest segment stays");
}

#[test]
fn the_next_number_survives_truncation_and_any_number_of_empty_openings() {
    let fs: Arc<dyn Fs> = Arc::new(SimFs::new());
    let (_, wal, _) = open(&fs, &options());
    for id in 0..7 {
        wal.append(record(id)).unwrap().wait().unwrap();
    }
    assert_eq!(wal.rotate().unwrap(), Lsn::new(8));
    assert_eq!(wal.rotate().unwrap(), Lsn::new(8), "an empty segment is kept as it is");
    assert_eq!(wal.truncate_below(Lsn::MAX).unwrap(), 1);
    wal.close().unwrap();
    for _ in 0..3 {
        let (seen, wal, _) = open(&fs, &options());
        assert!(seen.records.is_empty() && seen.report.is_whole(), "{:?}", seen.report);
        assert_eq!(seen.report.next_lsn, Lsn::new(8));
        wal.close().unwrap();
    }
    let (_, wal, _) = open(&fs, &options());
    assert_eq!(wal.append(record(8)).unwrap().wait().unwrap(), Lsn::new(8));
    wal.close().unwrap();
    assert_eq!(read(&fs, &options()).records.len(), 1);
}

#[test]
fn the_caller_can_raise_the_next_number() {
    let fs: Arc<dyn Fs> = Arc::new(SimFs::new());
    for (raise, expected) in [(50, 50), (10, 51), (100, 100)] {
        let mut recovery = Recovery::open(Arc::clone(&fs), Path::new(DIR), options()).unwrap();
        replay(&mut recovery).unwrap();
        recovery.raise_next_lsn(Lsn::new(raise));
        let (wal, _) = start(recovery).unwrap();
        assert_eq!(wal.append(record(raise)).unwrap().wait().unwrap(), Lsn::new(expected));
        wal.close().unwrap();
    }
    let seen = read(&fs, &options());
    assert_eq!(seen.records.len(), 3);
    assert!(seen.report.is_whole(), "a declared gap is none: {:?}", seen.report);
}

#[test]
fn a_record_larger_than_a_segment_gets_one_of_its_own() {
    let fs: Arc<dyn Fs> = Arc::new(SimFs::new());
    let (_, wal, _) = open(&fs, &options());
    let mut large = record(1);
    let mut bytes = body(1);
    bytes.resize(100_000, 1);
    large.body = vec![bytes.into()];
    wal.append(record(0)).unwrap().wait().unwrap();
    wal.append(large).unwrap().wait().unwrap();
    wal.append(record(2)).unwrap().wait().unwrap();
    assert_eq!(wal.stats().segments, 3);
    wal.close().unwrap();
    let mut recovery = Recovery::open(fs, Path::new(DIR), options()).unwrap();
    assert_eq!(recovery.replay(&mut |_| Ok(())).unwrap().records, 3);
}

#[test]
fn a_segment_grows_with_its_definitions() {
    let fs: Arc<dyn Fs> = Arc::new(SimFs::new());
    let mut recovery = Recovery::open(fs, Path::new(DIR), options()).unwrap();
    recovery.replay(&mut |_| Ok(())).unwrap();
    let wal = recovery
        .start(|_, _, out| out.extend_from_slice(&[1; 1000]), |_, _: u64| {})
        .unwrap();
    for id in 0..100 {
        let mut record = record(id);
        record.space = 0;
        record.refs = (0..100).collect();
        wal.append(record).unwrap().wait().unwrap();
    }
    let stats = wal.stats();
    assert_eq!(
        stats.definitions, 100,
        "eight times the definitions fit all the records"
    );
    assert_eq!(stats.segments, 1);
}

#[test]
fn one_sync_serves_many_appends() {
    let dir = tempfile::tempdir().unwrap();
    let fs: Arc<dyn Fs> = Arc::new(OsFs);
    let mut recovery = Recovery::open(fs, &dir.path().join("wal"), WalOptions::new([1; 16])).unwrap();
    replay(&mut recovery).unwrap();
    let (wal, commits) = start(recovery).unwrap();
    let threads = 16;
    let each = 20;
    let barrier = Barrier::new(threads);
    std::thread::scope(|scope| {
        for thread in 0..threads as u64 {
            let (wal, barrier) = (&wal, &barrier);
            scope.spawn(move || {
                barrier.wait();
                for i in 0..each {
                    wal.append(record(thread * each + i)).unwrap().wait().unwrap();
                }
            });
        }
    });
    let stats = wal.stats();
    let appends = threads as u64 * each;
    assert_eq!(stats.records, appends);
    assert!(
        stats.fsync.count() < appends,
        "{} fsyncs for {appends} appends",
        stats.fsync.count()
    );
    assert!(stats.groups <= stats.fsync.count());
    let lsns: Vec<_> = commits.lock().unwrap().iter().map(|(lsn, _)| lsn.get()).collect();
    assert_eq!(lsns, (1..=appends).collect::<Vec<_>>());
}

#[test]
fn appends_that_wait_share_one_write_and_one_sync() {
    let sim = SimFs::new();
    let fs: Arc<dyn Fs> = Arc::new(sim.clone());
    let (inside, hold) = (Arc::new(Barrier::new(2)), Arc::new(Barrier::new(2)));
    let mut recovery = Recovery::open(
        fs,
        Path::new(DIR),
        WalOptions {
            segment_bytes: 1 << 20,
            ..options()
        },
    )
    .unwrap();
    recovery.replay(&mut |_| Ok(())).unwrap();
    let (in_commit, held) = (Arc::clone(&inside), Arc::clone(&hold));
    let wal = recovery
        .start(
            |_, _, _| {},
            move |_, id: u64| {
                if id == 0 {
                    in_commit.wait();
                    held.wait();
                }
            },
        )
        .unwrap();
    let first = wal.append(record(0)).unwrap();
    inside.wait();
    // The commit thread is held: these ten wait and become one group.
    let (writes, syncs) = (sim.calls_of(Call::Write), sim.calls_of(Call::Sync));
    let tickets: Vec<_> = (1..=10).map(|id| wal.append(record(id)).unwrap()).collect();
    hold.wait();
    assert_eq!(first.wait().unwrap(), Lsn::FIRST);
    for (lsn, ticket) in (2..).zip(tickets) {
        assert_eq!(ticket.wait().unwrap(), Lsn::new(lsn));
    }
    assert_eq!(
        (sim.calls_of(Call::Write) - writes, sim.calls_of(Call::Sync) - syncs),
        (1, 1)
    );
    assert_eq!((wal.stats().groups, wal.stats().records), (2, 11));
}

#[test]
fn policies_decide_when_a_sync_happens() {
    let syncs = |sync, wait: bool| {
        let sim = SimFs::new();
        let fs: Arc<dyn Fs> = Arc::new(sim.clone());
        let options = WalOptions {
            sync,
            segment_bytes: 1 << 20,
            ..options()
        };
        let (_, wal, _) = open(&fs, &options);
        for id in 0..20 {
            wal.append(record(id)).unwrap().wait().unwrap();
        }
        while wait && wal.stats().durable_lsn < Lsn::new(20) {
            std::thread::sleep(Duration::from_millis(1));
        }
        let counted = sim.calls_of(Call::Sync);
        wal.sync().unwrap();
        assert_eq!(wal.stats().durable_lsn, Lsn::new(20));
        let survivor: Arc<dyn Fs> = Arc::new(sim.survivor_with(&icecore_wal::fs::sim::CrashPolicy::LOSE_ALL));
        assert_eq!(read(&survivor, &options).records.len(), 20);
        counted
    };
    assert_eq!(syncs(SyncPolicy::EveryCommit, false), 20);
    assert_eq!(syncs(SyncPolicy::Os, false), 1, "only the one that names the segment");
    let timed = syncs(SyncPolicy::Every(Duration::from_millis(5)), true);
    assert!((2..20).contains(&timed), "{timed}");
}

#[test]
fn the_worker_keeps_zeros_ahead_of_the_writes() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("wal");
    let fs: Arc<dyn Fs> = Arc::new(OsFs);
    let options = WalOptions {
        segment_bytes: 300 << 10,
        zero_fill: ZeroFill::Worker,
        ..options()
    };
    let mut recovery = Recovery::open(Arc::clone(&fs), &path, options.clone()).unwrap();
    replay(&mut recovery).unwrap();
    let (wal, _) = start(recovery).unwrap();
    for id in 0..1500 {
        wal.append(record(id)).unwrap().wait().unwrap();
    }
    let stats = wal.stats();
    assert!(stats.segments > 1);
    assert_eq!(stats.zero_fill_errors, 0);
    let on_disk: u64 = fs
        .list(&path)
        .unwrap()
        .iter()
        .filter(|e| e.name.ends_with(".wal"))
        .map(|e| e.len)
        .sum();
    assert!(on_disk >= stats.written_bytes);
    wal.close().unwrap();
    assert!(
        fs.list(&path).unwrap().iter().all(|e| !e.name.ends_with(".tmp")),
        "no file is left over"
    );
    let mut recovery = Recovery::open(fs, &path, options).unwrap();
    let seen = replay(&mut recovery).unwrap();
    assert_eq!(seen.records.len(), 1500);
    assert!(seen.report.is_whole());
}
