#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]
//! A folder opens for one engine at a time, keeps its identity, and refuses what this build would misread.

use std::path::Path;
use std::sync::Arc;

use icecore_wal::fs::SimFs;

use super::*;
use crate::time::DAY_S;

fn open(fs: &dyn Fs) -> Result<Store, StoreError> {
    Store::open(fs, &Layout::new(Path::new("/d")), &PerSignal::all(DAY_S))
}

#[test]
fn a_folder_keeps_its_id_and_has_one_owner() {
    let fs: Arc<dyn Fs> = Arc::new(SimFs::new());
    let first = open(fs.as_ref()).unwrap();
    assert!(matches!(open(fs.as_ref()), Err(StoreError::Locked(_))));
    let id = first.id;
    drop(first);
    let again = open(fs.as_ref()).unwrap();
    assert_eq!(again.id, id);
}

#[test]
fn other_windows_and_newer_formats_are_refused_with_what_to_do() {
    let fs = SimFs::new();
    drop(open(&fs).unwrap());
    let layout = Layout::new(Path::new("/d"));
    let error = Store::open(&fs, &layout, &PerSignal::all(3600)).unwrap_err();
    assert!(error.to_string().contains("set window_length_s back"), "{error}");

    let mut bytes = fs.open_read(&layout.format()).unwrap().read_at(0, 48).unwrap().to_vec();
    bytes[8] = 9;
    let crc = crc32c::crc32c(&bytes[..44]);
    bytes[44..].copy_from_slice(&crc.to_le_bytes());
    fs.open_write(&layout.format()).unwrap().write_at(&bytes, 0).unwrap();
    assert!(matches!(open(&fs), Err(StoreError::TooNew { needed: 9 })));

    bytes[20] ^= 1;
    fs.open_write(&layout.format()).unwrap().write_at(&bytes, 0).unwrap();
    assert!(matches!(open(&fs), Err(StoreError::Format { .. })));
}

#[test]
fn data_without_a_format_is_not_taken_for_a_fresh_folder() {
    let fs = SimFs::new();
    drop(open(&fs).unwrap());
    fs.create(Path::new("/d/wal/x")).unwrap();
    fs.remove_file(Path::new("/d/FORMAT")).unwrap();
    assert!(matches!(open(&fs), Err(StoreError::Format { .. })));
}

#[test]
fn the_page_of_the_format_says_what_is_written() {
    let page = include_str!("../../../docs/data-folder-format.md");
    let fs = SimFs::new();
    let id = open(&fs).unwrap().id;
    let bytes = fs.content(Path::new("/d/FORMAT")).unwrap();
    let field = |name: &str| {
        let row = page.lines().find(|line| line.contains(&format!("| {name} |"))).unwrap();
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let (offset, length): (usize, usize) = (cells[1].parse().unwrap(), cells[2].parse().unwrap());
        bytes[offset..offset + length].to_vec()
    };
    assert_eq!(field("min reader"), FORMAT_VERSION.to_le_bytes());
    assert_eq!(field("writer"), FORMAT_VERSION.to_le_bytes());
    assert_eq!(field("store id"), id.0);
    assert_eq!(field("windows"), [86_400u32.to_le_bytes(); 3].concat());
    assert_eq!(bytes.len(), 48);
    let names = [
        "FORMAT",
        "LOCK",
        "wal/",
        "data/",
        "quarantine/",
        "tmp/",
        "metadata",
        "exemplars",
        ".void",
        ".parquet",
    ];
    assert!(names.iter().all(|name| page.contains(name)));
    assert!(page.contains(std::str::from_utf8(&MAGIC[..7]).unwrap()));
}
