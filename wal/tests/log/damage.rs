//! Files that changed behind the log's back: cut, flipped, gone, unreadable, someone else's. Damage is found wherever it is,
//! costs what it hit and no more, and is reported; `strict` refuses it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use icecore_wal::fs::sim::{Call, Fault, FaultError};
use icecore_wal::fs::{Fs, SimFs};
use icecore_wal::{DamageReason, Lsn, MissingSegment, Recovery, Replayed, WalError, WalOptions};
use proptest::prelude::*;

use crate::harness::{DIR, Seen, id_of, open, options, read, record, replay};

/// A log of `count` records, each its own group, closed.
fn written(count: u64) -> (SimFs, BTreeMap<Lsn, u64>) {
    let fs = SimFs::new();
    let shared: Arc<dyn Fs> = Arc::new(fs.clone());
    let (_, wal, _) = open(&shared, &options());
    let mut records = BTreeMap::new();
    for id in 0..count {
        records.insert(wal.append(record(id)).unwrap().wait().unwrap(), id);
    }
    wal.close().unwrap();
    (fs, records)
}

fn segments(fs: &SimFs) -> Vec<PathBuf> {
    let mut files = fs.files();
    files.retain(|path| path.extension().is_some_and(|ending| ending == "wal"));
    files
}

fn shared(fs: &SimFs) -> Arc<dyn Fs> {
    Arc::new(fs.clone())
}

fn cut(fs: &SimFs, path: &Path, len: u64) {
    fs.open_write(path).unwrap().set_len(len).unwrap();
}

fn strict_refuses(fs: &SimFs) -> String {
    let options = WalOptions {
        strict: true,
        ..options()
    };
    let mut recovery = Recovery::open(shared(fs), Path::new(DIR), options).unwrap();
    match replay(&mut recovery) {
        Err(WalError::Damaged { detail }) => detail,
        other => panic!("strict recovery took a damaged log: {other:?}"),
    }
}

/// After any damage the log must still take records, and find them again.
fn goes_on(fs: &SimFs, before: &Seen) {
    let (_, wal, _) = open(&shared(fs), &options());
    let lsn = wal.append(record(1 << 40)).unwrap().wait().unwrap();
    assert!(before.records.keys().all(|old| *old < lsn));
    wal.close().unwrap();
    let after = read(&shared(fs), &options());
    assert_eq!(after.records.get(&lsn), Some(&(1 << 40)));
    assert!(
        before
            .records
            .iter()
            .all(|(lsn, id)| after.records.get(lsn) == Some(id))
    );
}

#[test]
fn every_prefix_of_the_newest_segment_replays_to_a_prefix() {
    let (fs, records) = written(12);
    let path = segments(&fs).pop().unwrap();
    let content = fs.content(&path).unwrap();
    let first = u64::from_str_radix(path.file_stem().unwrap().to_str().unwrap(), 16).unwrap();
    let older = records.range(..Lsn::new(first)).count();
    let mut counts = Vec::new();
    for len in (0..=content.len()).rev().step_by(8).chain([4096, 4095, 1, 0]) {
        cut(&fs, &path, len as u64);
        let seen = read(&shared(&fs), &options());
        let prefix: BTreeMap<_, _> = records.clone().into_iter().take(seen.records.len()).collect();
        assert_eq!(seen.records, prefix);
        assert!(seen.records.len() >= older);
        assert!(len < 4096 || seen.report.is_whole(), "a cut tail is no damage");
        counts.push(seen.records.len());
        fs.open_write(&path).unwrap().write_at(&content, 0).unwrap();
    }
    assert_eq!(counts.first(), Some(&12));
    assert_eq!(counts.last(), Some(&older));
}

#[test]
fn a_flipped_bit_anywhere_is_found_and_costs_one_record_at_most() {
    let (fs, records) = written(20);
    let files = segments(&fs);
    assert!(files.len() > 1);
    for (index, path) in files.iter().enumerate() {
        let len = fs.content(path).unwrap().len() as u64;
        let newest = index + 1 == files.len();
        for at in (0..len).step_by(7) {
            let mask = 1 << (at % 8);
            assert!(fs.flip(path, at, mask));
            let seen = read(&shared(&fs), &options());
            let lost: Vec<_> = records.keys().filter(|lsn| !seen.records.contains_key(lsn)).collect();
            let unused = !newest
                && fs.content(path).unwrap()[at as usize..]
                    .iter()
                    .filter(|b| **b != 0)
                    .count()
                    == 1;
            let noticed = !seen.report.is_whole() || seen.report.torn_tail_bytes > 0 || unused;
            assert!(noticed, "{} byte {at}: {:?}", path.display(), seen.report);
            assert!(lost.len() <= 1, "{} byte {at} costs {lost:?}", path.display());
            assert!(seen.records.iter().all(|(lsn, id)| records.get(lsn) == Some(id)));
            if let [lost] = lost[..] {
                let last = *lost == *records.keys().next_back().unwrap();
                let named = seen
                    .report
                    .damaged
                    .iter()
                    .any(|d| d.first_lsn <= *lost && *lost <= d.last_lsn);
                assert!(
                    named || (last && newest && seen.report.torn_tail_bytes > 0),
                    "{:?}",
                    seen.report
                );
            }
            assert!(fs.flip(path, at, mask));
        }
    }
}

#[test]
fn damage_in_the_middle_is_skipped_and_later_segments_are_kept() {
    let (fs, records) = written(40);
    let path = segments(&fs).remove(1);
    let content = fs.content(&path).unwrap();
    let used = content.iter().rposition(|byte| *byte != 0).unwrap();
    let middle = (4096 + used) / 2;
    for at in middle..middle + 600 {
        fs.flip(&path, at as u64, 0xff);
    }
    let seen = read(&shared(&fs), &options());
    assert_eq!(seen.report.damaged_ranges, 1, "{:?}", seen.report);
    let damage = &seen.report.damaged[0];
    assert_eq!((&damage.path, damage.reason), (&path, DamageReason::Checksum));
    assert!(damage.offset <= middle as u64 && damage.offset + damage.bytes >= middle as u64 + 600);
    let lost: Vec<_> = records.keys().filter(|lsn| !seen.records.contains_key(lsn)).collect();
    assert_eq!(**lost.first().unwrap(), damage.first_lsn);
    assert_eq!(**lost.last().unwrap(), damage.last_lsn);
    assert_eq!(lost.len() as u64, seen.report.damaged_records);
    assert!(strict_refuses(&fs).contains(path.to_str().unwrap()));
    goes_on(&fs, &seen);
}

#[test]
fn a_missing_segment_is_noticed_and_named() {
    let (fs, records) = written(60);
    let files = segments(&fs);
    assert!(files.len() > 4);
    for gone in 1..files.len() - 1 {
        let fs = fs.survivor(0);
        fs.remove_file(&files[gone]).unwrap();
        let seen = read(&shared(&fs), &options());
        let first_of = |path: &PathBuf| u64::from_str_radix(path.file_stem().unwrap().to_str().unwrap(), 16).unwrap();
        let missing = MissingSegment {
            first_lsn: Lsn::new(first_of(&files[gone])),
            last_lsn: Lsn::new(first_of(&files[gone + 1]) - 1),
        };
        assert_eq!(seen.report.missing, [missing]);
        assert_eq!(seen.report.damaged_ranges, 0);
        let expected: BTreeMap<_, _> = records
            .iter()
            .filter(|(lsn, _)| **lsn < missing.first_lsn || **lsn > missing.last_lsn)
            .map(|(lsn, id)| (*lsn, *id))
            .collect();
        assert_eq!(seen.records, expected);
        strict_refuses(&fs);
        goes_on(&fs, &seen);
    }
    // Two neighbours gone: one gap.
    fs.remove_file(&files[1]).unwrap();
    fs.remove_file(&files[2]).unwrap();
    let seen = read(&shared(&fs), &options());
    assert_eq!(seen.report.missing.len(), 1);
}

#[test]
fn a_damaged_header_is_reported_and_its_records_are_read() {
    let (fs, records) = written(24);
    for path in segments(&fs) {
        fs.flip(&path, 20, 1);
    }
    let seen = read(&shared(&fs), &options());
    assert_eq!(seen.records, records);
    assert!(
        seen.report
            .damaged
            .iter()
            .all(|damage| damage.reason == DamageReason::Header)
    );
    assert_eq!(seen.report.damaged_ranges, segments(&fs).len() as u64);
    goes_on(&fs, &seen);
}

#[test]
fn an_unreadable_sector_costs_its_records_only() {
    let (fs, records) = written(24);
    let path = segments(&fs).remove(0);
    let name = path.file_name().unwrap().to_str().unwrap();
    // The first read of replay covers the whole file; the second block of the reads around it is the bad one, both times.
    let mut recovery = Recovery::open(shared(&fs), Path::new(DIR), options()).unwrap();
    fs.fail(Fault::new(Call::Read, 1, FaultError::EIO).on(name));
    fs.fail(Fault::new(Call::Read, 3, FaultError::EIO).on(name));
    let seen = replay(&mut recovery).unwrap();
    assert!(
        seen.report
            .damaged
            .iter()
            .all(|damage| damage.reason == DamageReason::Unreadable)
    );
    assert_eq!(seen.report.damaged_ranges, 1, "{:?}", seen.report);
    assert!(seen.records.len() < records.len() && seen.records.len() > 10);
    drop(recovery);
    assert_eq!(
        read(&shared(&fs), &options()).records,
        records,
        "nothing was written because of it"
    );
}

#[test]
fn an_unreadable_sector_behind_the_last_record_is_reported_and_its_numbers_are_not_used() {
    let (fs, records) = written(2);
    let path = segments(&fs).remove(0);
    let name = path.file_name().unwrap().to_str().unwrap();
    let mut recovery = Recovery::open(shared(&fs), Path::new(DIR), options()).unwrap();
    fs.fail(Fault::new(Call::Read, 1, FaultError::EIO).on(name));
    fs.fail(Fault::new(Call::Read, 5, FaultError::EIO).on(name));
    let seen = replay(&mut recovery).unwrap();
    assert_eq!(seen.records, records);
    assert_eq!(seen.report.damaged.len(), 1);
    assert_eq!(seen.report.damaged[0].reason, DamageReason::Unreadable);
    assert!(seen.report.next_lsn > Lsn::new(3 + 4096 / 40), "{:?}", seen.report);
}

#[test]
fn a_disk_that_reads_nothing_is_an_error_and_not_an_empty_log() {
    let (fs, records) = written(3);
    fs.fail(Fault::new(Call::Read, 1, FaultError::EIO).sticky());
    let mut recovery = Recovery::open(shared(&fs), Path::new(DIR), options()).unwrap();
    assert!(matches!(
        replay(&mut recovery),
        Err(WalError::Io { action: "read", .. })
    ));
    drop(recovery);
    fs.heal();
    assert_eq!(read(&shared(&fs), &options()).records, records);
}

#[test]
fn a_map_that_fails_is_replaced_by_reads() {
    let (fs, records) = written(10);
    fs.fail(Fault::new(Call::Map, 1, FaultError::EMFILE).sticky());
    assert_eq!(read(&shared(&fs), &options()).records, records);
}

#[test]
fn segments_of_another_store_are_set_aside() {
    let (fs, _) = written(5);
    let other = WalOptions {
        store_id: [9; 16],
        ..options()
    };
    let foreign = segments(&fs);
    let (seen, wal, _) = open(&shared(&fs), &other);
    assert!(seen.records.is_empty());
    assert!(
        seen.report
            .damaged
            .iter()
            .all(|damage| damage.reason == DamageReason::ForeignStore)
    );
    wal.append(record(1)).unwrap().wait().unwrap();
    wal.truncate_below(Lsn::MAX).unwrap();
    wal.close().unwrap();
    assert!(
        foreign.iter().all(|path| fs.files().contains(path)),
        "not ours to remove"
    );
    assert_eq!(read(&shared(&fs), &other).records.len(), 1);
}

#[test]
fn a_newer_format_is_refused_and_nothing_is_touched() {
    let (fs, _) = written(5);
    let path = segments(&fs).pop().unwrap();
    let mut block = fs.content(&path).unwrap()[..4096].to_vec();
    block[8..12].copy_from_slice(&9u32.to_le_bytes());
    let checksum = crc32c::crc32c(&block[..4092]);
    block[4092..].copy_from_slice(&checksum.to_le_bytes());
    fs.open_write(&path).unwrap().write_at(&block, 0).unwrap();
    let before: Vec<_> = fs.files().into_iter().map(|path| fs.content(&path).unwrap()).collect();
    match Recovery::open(shared(&fs), Path::new(DIR), options()) {
        Err(WalError::FormatTooNew {
            found: 9, supported, ..
        }) => assert!(supported < 9),
        other => panic!("{other:?}"),
    }
    let after: Vec<_> = fs.files().into_iter().map(|path| fs.content(&path).unwrap()).collect();
    assert_eq!(before, after);
}

#[test]
fn a_visitor_stops_the_replay_with_its_own_error() {
    let (fs, _) = written(3);
    let mut recovery = Recovery::open(shared(&fs), Path::new(DIR), options()).unwrap();
    let error = recovery.replay(&mut |_| Err(WalError::visitor("enough"))).unwrap_err();
    assert_eq!(error.to_string(), "replay was stopped: enough");
}

#[test]
fn bytes_of_a_client_never_pass_for_a_frame() {
    // A body that holds a whole segment of this very store, valid frames and all, behind damage that makes replay search.
    let (fs, _) = written(8);
    let stolen = fs.content(&segments(&fs)[0]).unwrap();
    let fs = SimFs::new();
    let large = WalOptions {
        segment_bytes: 1 << 20,
        ..options()
    };
    let (_, wal, _) = open(&shared(&fs), &large);
    wal.append(record(0)).unwrap().wait().unwrap();
    wal.rotate().unwrap();
    let mut hostile = record(1);
    hostile.body = vec![stolen.into()];
    hostile.refs.clear();
    wal.append(hostile).unwrap().wait().unwrap();
    wal.append(record(2)).unwrap().wait().unwrap();
    wal.close().unwrap();
    let path = segments(&fs).pop().unwrap();
    let content = fs.content(&path).unwrap();
    let at = content.windows(4).position(|w| w == [0xF7, b'r', b'e', 0xC0]).unwrap();
    assert!(content.windows(4).filter(|w| *w == [0xF7, b'r', b'e', 0xC0]).count() > 8);
    fs.flip(&path, at as u64 + 9, 1);
    let mut recovery = Recovery::open(shared(&fs), Path::new(DIR), options()).unwrap();
    let mut ids = Vec::new();
    let report = recovery
        .replay(&mut |found| {
            if let Replayed::Record { body, .. } = found {
                ids.push(id_of(&body));
            }
            Ok(())
        })
        .unwrap();
    assert_eq!(ids, [0, 2]);
    assert_eq!(report.damaged_records, 1);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Any mess in any place: no panic, no altered or invented record (the reader asserts it), and the log goes on.
    #[test]
    fn garbage_alters_nothing(
        spots in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 1usize..3000, any::<u8>()), 1..6),
    ) {
        let (fs, records) = written(30);
        let files = segments(&fs);
        for (file, at, len, seed) in spots {
            let path = file.get(&files);
            let content = fs.content(path).unwrap();
            let start = at.index(content.len().max(1));
            for offset in start..(start + len).min(content.len()) {
                fs.flip(path, offset as u64, seed.wrapping_add(offset as u8));
            }
        }
        let seen = read(&shared(&fs), &options());
        prop_assert!(seen.records.iter().all(|(lsn, id)| records.get(lsn) == Some(id)));
        goes_on(&fs, &seen);
    }
}
