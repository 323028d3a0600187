//! A process that is killed while it appends: what it was told is durable is there when the next one opens.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use icecore_wal::fs::OsFs;
use icecore_wal::{Lsn, Recovery, WalOptions, ZeroFill};

use crate::harness::{options, record, replay, start};

const CHILD_DIR: &str = "ICECORE_WAL_TEST_DIR";

fn killed_options() -> WalOptions {
    WalOptions {
        segment_bytes: 128 << 10,
        zero_fill: ZeroFill::Worker,
        ..options()
    }
}

/// The number in a whole line; one that the kill cut short counts for nothing.
fn acked(line: &str) -> Option<u64> {
    line.strip_prefix("acked ")?.strip_suffix('.')?.parse().ok()
}

#[test]
fn ten_kills_in_a_row_lose_nothing_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let mut told = Vec::new();
    for round in 0..10 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--ignored", "--nocapture", "kill::append_until_killed"])
            .env(CHILD_DIR, dir.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let wanted = told.len() + 20 + round * 7;
        while told.len() < wanted {
            let line = lines.next().expect("the child ended by itself").unwrap();
            told.extend(acked(&line));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        told.extend(lines.map_while(Result::ok).filter_map(|line| acked(&line)));
        let mut recovery = Recovery::open(Arc::new(OsFs), dir.path(), killed_options()).unwrap();
        let seen = replay(&mut recovery).unwrap();
        assert!(seen.report.is_whole(), "{:?}", seen.report);
        told.iter()
            .for_each(|lsn| assert!(seen.records.contains_key(&Lsn::new(*lsn)), "record {lsn}"));
        assert!(seen.records.iter().all(|(lsn, id)| lsn.get() == *id), "each its own");
    }
}

#[test]
#[ignore = "run by the test above, in a process of its own"]
fn append_until_killed() {
    let dir = std::env::var(CHILD_DIR).expect("the folder to append to");
    let mut recovery = Recovery::open(Arc::new(OsFs), Path::new(&dir), killed_options()).unwrap();
    let next = replay(&mut recovery).unwrap().report.next_lsn.get();
    let (wal, _) = start(recovery).unwrap();
    let mut out = std::io::stdout();
    for first in (next..).step_by(3) {
        let tickets: Vec<_> = (first..first + 3)
            .map(|id| (id, wal.append(record(id)).unwrap()))
            .collect();
        for (id, ticket) in tickets {
            assert_eq!(ticket.wait().unwrap(), Lsn::new(id));
            writeln!(out, "acked {id}.").unwrap();
        }
    }
}
