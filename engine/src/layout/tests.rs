#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]
//! Names are read back as they were written, and nothing else is taken for one.

use super::*;

fn range(first: u64, last: u64) -> LsnRange {
    LsnRange {
        first: Lsn::new(first),
        last: Lsn::new(last),
    }
}

#[test]
fn names_of_parts_and_voids_read_back() {
    for file in [
        PartitionFile::Part(range(1, 1)),
        PartitionFile::Part(range(0x1f, u64::MAX)),
        PartitionFile::Void(range(7, 4096)),
    ] {
        assert_eq!(PartitionFile::parse(&file.name()), Some(file));
    }
    assert_eq!(
        PartitionFile::Part(range(1, 0x2a)).name(),
        "0000000000000001-000000000000002a.parquet"
    );
}

#[test]
fn other_names_are_no_parts() {
    for name in [
        "x.parquet",
        "1-2.parquet",
        "0000000000000002-0000000000000001.parquet",
        "0000000000000001-0000000000000002.tmp",
        "+000000000000001-0000000000000002.void2",
    ] {
        assert_eq!(PartitionFile::parse(name), None, "{name}");
    }
}

#[test]
fn a_partition_lies_in_hive_style_folders() {
    let layout = Layout::new(Path::new("/d"));
    let window = Window::of(1_795_651_200, 86_400);
    let path = layout.partition(&TenantId::default(), Signal::Logs, window);
    assert_eq!(
        path,
        Path::new("/d/data/tenant=default/class=default/signal=logs").join(format!("window={window}"))
    );
    assert_eq!(
        Layout::parse_window_start_s(&format!("window={window}")),
        Some(window.start_s)
    );
}
