//! What the tests share: records that say who they are, an open log whose commits are recorded, and a reader that checks
//! every record against its definitions.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use icecore_wal::fs::Fs;
use icecore_wal::{Lsn, Record, Recovery, ReplayReport, Replayed, Wal, WalOptions, ZeroFill};

pub(crate) const DIR: &str = "/data/wal";

/// Small segments, one thread, quick retries.
pub(crate) fn options() -> WalOptions {
    WalOptions {
        segment_bytes: 8 << 10,
        zero_fill: ZeroFill::Inline,
        reopen_delay: Duration::from_millis(2),
        ..WalOptions::new(*b"test store id 16")
    }
}

/// What a reference means.
pub(crate) fn define(space: u32, reference: u32, out: &mut Vec<u8>) {
    out.extend_from_slice(format!("series {space}/{reference}").as_bytes());
}

/// The references that record `id` uses.
pub(crate) fn refs(id: u64) -> Vec<u32> {
    let count = id % 4;
    (0..count)
        .map(|i| ((id * 7 + i * 13) % 50) as u32)
        .collect::<HashSet<_>>()
        .into_iter()
        .collect()
}

/// The body of record `id`: its number, then bytes that follow from it, of a length that is rarely a multiple of 8.
pub(crate) fn body(id: u64) -> Vec<u8> {
    let mut body = id.to_le_bytes().to_vec();
    let len = (id.wrapping_mul(0x9e37_79b9) >> 7) % 700;
    body.extend((0..len).map(|i| (id + i) as u8 | 1));
    body
}

pub(crate) fn id_of(body: &[u8]) -> u64 {
    u64::from_le_bytes(body[..8].try_into().unwrap())
}

pub(crate) fn space(id: u64) -> u32 {
    (id % 2) as u32
}

pub(crate) fn record(id: u64) -> Record<u64> {
    let body = Bytes::from(body(id));
    let cut = body.len() / 3;
    Record {
        body: vec![body.slice(..cut), body.slice(cut..)],
        lane: (id % 4) as u8,
        space: space(id),
        refs: refs(id),
        attachment: id,
    }
}

/// What `on_commit` was called with.
pub(crate) type Commits = Arc<Mutex<Vec<(Lsn, u64)>>>;

/// What a replay gave.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) records: BTreeMap<Lsn, u64>,
    pub(crate) report: ReplayReport,
    /// Records that used a reference without a definition, which only a gap with lost definitions may cause.
    pub(crate) undefined: u64,
}

pub(crate) fn replay(recovery: &mut Recovery) -> Result<Seen, icecore_wal::WalError> {
    let mut records = BTreeMap::new();
    let mut defined = HashSet::new();
    let mut definitions_lost = false;
    let mut undefined = 0;
    let mut last = Lsn::ZERO;
    let report = recovery.replay(&mut |found| {
        match found {
            Replayed::Segment { .. } => {
                defined.clear();
                definitions_lost = false;
            }
            Replayed::Definition {
                space,
                reference,
                bytes,
            } => {
                let mut expected = Vec::new();
                define(space, reference, &mut expected);
                assert_eq!(bytes, expected);
                assert!(defined.insert((space, reference)), "defined once a segment");
            }
            Replayed::Gap { definitions, .. } => definitions_lost |= definitions > 0,
            Replayed::Record { lsn, body: found } => {
                assert_eq!(found.as_ptr().align_offset(8), 0);
                let id = id_of(&found);
                assert_eq!(found, body(id), "unaltered");
                assert!(lsn > last, "in order");
                last = lsn;
                records.insert(lsn, id);
                if !refs(id).iter().all(|r| defined.contains(&(space(id), *r))) {
                    assert!(definitions_lost, "record {lsn} uses what was never defined");
                    undefined += 1;
                }
            }
        }
        Ok(())
    })?;
    assert_eq!(report.records, records.len() as u64);
    Ok(Seen {
        records,
        report,
        undefined,
    })
}

/// Replays without starting the log.
pub(crate) fn read(fs: &Arc<dyn Fs>, options: &WalOptions) -> Seen {
    let mut recovery = Recovery::open(Arc::clone(fs), Path::new(DIR), options.clone()).unwrap();
    replay(&mut recovery).unwrap()
}

pub(crate) fn start(recovery: Recovery) -> Result<(Wal<u64>, Commits), icecore_wal::WalError> {
    let commits = Commits::default();
    let into = Arc::clone(&commits);
    let wal = recovery.start(define, move |lsn, id| into.lock().unwrap().push((lsn, id)))?;
    Ok((wal, commits))
}

/// Replays and starts the log.
pub(crate) fn open(fs: &Arc<dyn Fs>, options: &WalOptions) -> (Seen, Wal<u64>, Commits) {
    let mut recovery = Recovery::open(Arc::clone(fs), Path::new(DIR), options.clone()).unwrap();
    let seen = replay(&mut recovery).unwrap();
    let (wal, commits) = start(recovery).unwrap();
    (seen, wal, commits)
}
