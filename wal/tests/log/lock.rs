//! One owner per folder: a second one is refused at once, in the same process and from another, and a dead owner's lock
//! file is no obstacle.

use std::process::{Command, Stdio};
use std::sync::Arc;

use icecore_wal::fs::OsFs;
use icecore_wal::{Recovery, WalError};

use crate::harness::{options, record, replay, start};

const CHILD_DIR: &str = "ICECORE_WAL_TEST_DIR";

#[test]
fn a_second_owner_is_refused_and_the_first_is_unharmed() {
    let dir = tempfile::tempdir().unwrap();
    let open = || Recovery::open(Arc::new(OsFs), dir.path(), options());
    let mut recovery = open().unwrap();
    replay(&mut recovery).unwrap();
    assert!(matches!(open(), Err(WalError::Locked { .. })));
    let (wal, _) = start(recovery).unwrap();
    assert!(matches!(open(), Err(WalError::Locked { .. })));

    let child = || {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--ignored", "lock::open_as_another_process"])
            .env(CHILD_DIR, dir.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap()
    };
    assert!(!child().success(), "another process opened a log in use");
    wal.append(record(1)).unwrap().wait().unwrap();
    wal.close().unwrap();
    assert!(child().success(), "the lock outlived its owner");
    assert_eq!(replay(&mut open().unwrap()).unwrap().records.len(), 1);
}

#[test]
#[ignore = "run by the test above, in a process of its own"]
fn open_as_another_process() {
    let dir = std::env::var(CHILD_DIR).expect("the folder to open");
    Recovery::open(Arc::new(OsFs), dir.as_ref(), options()).unwrap();
}
