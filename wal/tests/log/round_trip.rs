#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]
//! A log written, closed and replayed on the operating system's file system.

use std::path::Path;
use std::sync::{Arc, Mutex};

use icecore_wal::fs::{Fs, OsFs, SimFs};
use icecore_wal::{Lsn, Record, Recovery, Replayed, WalOptions, ZeroFill};

fn round_trip(fs: Arc<dyn Fs>, dir: &Path) {
    let mut options = WalOptions::new([7; 16]);
    options.segment_bytes = 64 << 10;
    options.zero_fill = ZeroFill::Inline;
    let committed = Arc::new(Mutex::new(Vec::new()));
    for round in 0..3u64 {
        let mut seen = Vec::new();
        let mut recovery = Recovery::open(Arc::clone(&fs), dir, options.clone()).unwrap();
        let report = recovery
            .replay(&mut |found| {
                if let Replayed::Record { lsn, body } = found {
                    assert_eq!(body.as_ptr().align_offset(8), 0);
                    seen.push((lsn, body.len()));
                }
                Ok(())
            })
            .unwrap();
        assert!(report.is_whole(), "{report:?}");
        assert_eq!(report.torn_tail_bytes, 0);
        let expected: Vec<_> = (1..=round * 100)
            .map(|i| (Lsn::new(i), 1000 + (i as usize % 100)))
            .collect();
        assert_eq!(seen, expected);
        let into = Arc::clone(&committed);
        let wal = recovery
            .start(
                |space, r, out| out.extend_from_slice(format!("{space}/{r}").as_bytes()),
                move |lsn, n: u64| {
                    into.lock().unwrap().push((lsn, n));
                },
            )
            .unwrap();
        for i in round * 100 + 1..=round * 100 + 100 {
            let record = Record {
                body: vec![vec![1; 500].into(), vec![2; 500 + (i as usize % 100)].into()],
                lane: 0,
                space: 1,
                refs: vec![i as u32 % 17],
                attachment: i,
            };
            assert_eq!(wal.append(record).unwrap().wait().unwrap(), Lsn::new(i));
        }
        wal.close().unwrap();
    }
    let committed = committed.lock().unwrap();
    assert!(committed.iter().all(|(lsn, n)| lsn.get() == *n));
    assert_eq!(committed.len(), 300);
}

#[test]
fn what_was_written_is_replayed() {
    let dir = tempfile::tempdir().unwrap();
    round_trip(Arc::new(OsFs), &dir.path().join("wal"));
    round_trip(Arc::new(SimFs::new()), Path::new("/data/wal"));
}
