#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]
//! Both file systems keep the same contract; the simulated one keeps its promises about crashes and faults.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::sim::{Call, CrashPolicy, Fault, FaultError};
use super::{Fs, OsFs, SimFs};

fn both(check: impl Fn(&dyn Fs, &Path)) {
    let dir = tempfile::tempdir().unwrap();
    check(&OsFs, dir.path());
    let sim = SimFs::new();
    sim.create_dir_all(Path::new("/store")).unwrap();
    check(&sim, Path::new("/store"));
}

#[test]
fn a_written_file_reads_back_through_every_door() {
    both(|fs, dir| {
        let path = dir.join("a");
        let mut file = fs.create(&path).unwrap();
        file.write_at(b"world", 6).unwrap();
        file.write_at(b"hello ", 0).unwrap();
        file.sync_all().unwrap();
        assert_eq!(file.len().unwrap(), 11);
        let read = fs.open_read(&path).unwrap();
        assert_eq!(&read.read_at(0, 11).unwrap()[..], b"hello world");
        assert_eq!(&read.read_at(6, 5).unwrap()[..], b"world");
        assert_eq!(read.read_at(7, 5).unwrap_err().kind(), ErrorKind::UnexpectedEof);
        let map = fs.map(&path).unwrap();
        assert_eq!(&map[..], b"hello world");
        assert_eq!(map.as_ptr().align_offset(8), 0);
        fs.open_write(&path).unwrap().set_len(5).unwrap();
        assert_eq!(read.len().unwrap(), 5);
    });
}

#[test]
fn names_behave_alike() {
    both(|fs, dir| {
        let (a, b, c) = (dir.join("a"), dir.join("b"), dir.join("c"));
        fs.create(&a).unwrap().write_at(b"a", 0).unwrap();
        assert_eq!(fs.create(&a).err().unwrap().kind(), ErrorKind::AlreadyExists);
        assert_eq!(fs.open_read(&b).unwrap_err().kind(), ErrorKind::NotFound);
        fs.hard_link(&a, &b).unwrap();
        assert_eq!(fs.hard_link(&a, &b).unwrap_err().kind(), ErrorKind::AlreadyExists);
        fs.create(&c).unwrap();
        fs.rename(&a, &c).unwrap();
        let entries = fs.list(dir).unwrap();
        let names: Vec<_> = entries.iter().map(|e| (e.name.as_str(), e.len)).collect();
        assert_eq!(names, [("b", 1), ("c", 1)]);
        let deep = dir.join("d").join("e");
        fs.create_dir_all(&deep).unwrap();
        fs.create_dir_all(&deep).unwrap();
        assert!(fs.list(dir).unwrap().iter().any(|e| e.name == "d" && e.is_dir));
        assert_eq!(
            fs.remove_dir(&dir.join("d")).unwrap_err().kind(),
            ErrorKind::DirectoryNotEmpty
        );
        fs.remove_dir(&deep).unwrap();
        assert!(!fs.exists(&deep).unwrap());
        let open = fs.open_read(&b).unwrap();
        fs.remove_file(&b).unwrap();
        assert_eq!(&open.read_at(0, 1).unwrap()[..], b"a");
        fs.sync_dir(dir).unwrap();
        assert!(fs.free_bytes(dir).unwrap() > 0);
    });
}

#[test]
fn a_lock_has_one_owner_until_it_is_dropped() {
    both(|fs, dir| {
        let path = dir.join("LOCK");
        let first = fs.lock(&path).unwrap();
        assert_eq!(fs.lock(&path).err().unwrap().kind(), ErrorKind::WouldBlock);
        drop(first);
        fs.lock(&path).unwrap();
    });
}

#[test]
fn an_unsynced_name_can_be_lost_with_its_synced_content() {
    let fs = SimFs::new();
    let mut file = fs.create(Path::new("a")).unwrap();
    file.write_at(b"x", 0).unwrap();
    file.sync_all().unwrap();
    assert!(fs.survivor_with(&CrashPolicy::LOSE_ALL).files().is_empty());
    fs.sync_dir(Path::new("")).unwrap();
    fs.rename(Path::new("a"), Path::new("b")).unwrap();
    let lost = fs.survivor_with(&CrashPolicy::LOSE_ALL);
    assert_eq!(lost.files(), [PathBuf::from("a")]);
    let kept = fs.survivor_with(&CrashPolicy::KEEP_ALL);
    assert_eq!(kept.files(), [PathBuf::from("b")]);
}

#[test]
fn a_file_in_a_lost_folder_is_lost() {
    let fs = SimFs::new();
    fs.create_dir_all(Path::new("/d")).unwrap();
    fs.create(Path::new("/d/a")).unwrap();
    fs.sync_dir(Path::new("/d")).unwrap();
    assert!(fs.survivor_with(&CrashPolicy::LOSE_ALL).files().is_empty());
    fs.sync_dir(Path::new("/")).unwrap();
    assert_eq!(
        fs.survivor_with(&CrashPolicy::LOSE_ALL).files(),
        [PathBuf::from("/d/a")]
    );
}

#[test]
fn unsynced_writes_are_lost_torn_and_reordered_by_some_seed() {
    let fs = SimFs::new();
    let path = Path::new("a");
    let mut file = fs.create(path).unwrap();
    file.write_at(&[1; 2048], 0).unwrap();
    file.sync_all().unwrap();
    fs.sync_dir(Path::new("")).unwrap();
    file.write_at(&[2; 1024], 0).unwrap();
    file.write_at(&[3; 1024], 1024).unwrap();
    let (mut lost, mut torn, mut reordered, mut whole) = (false, false, false, false);
    for seed in 0..500 {
        let content = fs.survivor(seed).content(path).unwrap();
        assert_eq!(content, fs.survivor(seed).content(path).unwrap(), "repeatable");
        assert_eq!(content.len(), 2048);
        let sectors: Vec<u8> = content.chunks(512).map(|sector| sector[0]).collect();
        assert!(content.chunks(512).all(|s| s.iter().all(|b| *b == s[0])));
        lost |= sectors == [1, 1, 1, 1];
        torn |= sectors[0] != sectors[1];
        reordered |= sectors[..2] == [1, 1] && sectors[2..] == [3, 3];
        whole |= sectors == [2, 2, 3, 3];
    }
    assert!(lost && torn && reordered && whole);
}

#[test]
fn a_failed_sync_is_not_mended_by_a_second_one() {
    let mut forgotten = false;
    for seed in 0..20 {
        let fs = SimFs::with_seed(seed);
        let path = Path::new("a");
        let mut file = fs.create(path).unwrap();
        fs.sync_dir(Path::new("")).unwrap();
        file.write_at(b"x", 0).unwrap();
        fs.fail(Fault::new(Call::Sync, 1, FaultError::EIO));
        assert_eq!(file.sync_data().unwrap_err().raw_os_error(), Some(5));
        file.sync_data().unwrap();
        assert_eq!(fs.content(path).unwrap(), b"x", "the page cache still has it");
        let survivor = fs.survivor_with(&CrashPolicy::KEEP_ALL);
        forgotten |= survivor.content(path).unwrap().is_empty();
    }
    assert!(forgotten);
}

#[test]
fn faults_hit_the_nth_call_once_or_from_then_on() {
    let fs = SimFs::new();
    let mut file = fs.create(Path::new("a.wal")).unwrap();
    fs.fail(Fault::new(Call::Write, 2, FaultError::ENOSPC).short().on(".wal"));
    file.write_at(b"1234", 0).unwrap();
    assert_eq!(file.write_at(b"5678", 4).unwrap_err().kind(), ErrorKind::StorageFull);
    assert_eq!(fs.content(Path::new("a.wal")).unwrap(), b"123456");
    file.write_at(b"5678", 4).unwrap();
    fs.fail(Fault::new(Call::Write, 1, FaultError::Kind(ErrorKind::TimedOut)).sticky());
    for _ in 0..3 {
        assert_eq!(file.write_at(b"x", 0).unwrap_err().kind(), ErrorKind::TimedOut);
    }
    fs.heal();
    file.write_at(b"x", 0).unwrap();
    assert_eq!(fs.calls_of(Call::Write), 7);
}

#[test]
fn the_dead_do_nothing() {
    let fs = SimFs::new();
    fs.crash_after(2);
    let mut file = fs.create(Path::new("a")).unwrap();
    file.write_at(b"x", 0).unwrap();
    assert!(fs.is_crashed());
    assert!(file.write_at(b"y", 0).is_err());
    assert!(file.sync_data().is_err());
    assert!(fs.create(Path::new("b")).is_err());
    assert_eq!(fs.calls(), 2);
    assert_eq!(fs.content(Path::new("a")).unwrap(), b"x");

    fs.revive();
    assert_eq!(fs.content(Path::new("a")).unwrap(), b"x", "the power stayed on");
    assert!(
        fs.survivor_with(&CrashPolicy::LOSE_ALL).files().is_empty(),
        "and nothing became durable"
    );
    file.sync_data().unwrap();
}

#[test]
fn a_full_disk_refuses_growth_and_nothing_else() {
    let fs = SimFs::new();
    let mut file = fs.create(Path::new("a")).unwrap();
    fs.set_capacity_bytes(Some(4));
    file.write_at(b"1234", 0).unwrap();
    assert_eq!(fs.free_bytes(Path::new("a")).unwrap(), 0);
    assert_eq!(file.write_at(b"5", 4).unwrap_err().kind(), ErrorKind::StorageFull);
    file.write_at(b"9", 0).unwrap();
    file.set_len(2).unwrap();
    file.write_at(b"56", 2).unwrap();
}

#[test]
fn a_failed_sync_is_reported_once_by_every_open_handle() {
    let fs = SimFs::new();
    let path = Path::new("a");
    let mut first = fs.create(path).unwrap();
    let mut second = fs.open_write(path).unwrap();
    first.write_at(b"x", 0).unwrap();
    fs.fail(Fault::new(Call::Sync, 1, FaultError::EIO));
    assert!(second.sync_data().is_err());
    assert!(first.sync_data().is_err());
    first.sync_data().unwrap();
    second.sync_data().unwrap();
}

#[test]
fn listing_skips_what_is_deeper_and_sees_every_neighbour() {
    both(|fs, dir| {
        for folder in ["a", "a/b", "a/b/c", "a.b", "a-b", "b"] {
            fs.create_dir_all(&dir.join(folder)).unwrap();
        }
        for file in ["a/x", "a/b/x", "a.b/x", "aa", "z"] {
            fs.create(&dir.join(file)).unwrap();
        }
        let names = |path: &Path| -> Vec<String> { fs.list(path).unwrap().into_iter().map(|e| e.name).collect() };
        assert_eq!(names(dir), ["a", "a-b", "a.b", "aa", "b", "z"]);
        assert_eq!(names(&dir.join("a")), ["b", "x"]);
        assert_eq!(names(&dir.join("a/b/c")), Vec::<String>::new());
    });
}
