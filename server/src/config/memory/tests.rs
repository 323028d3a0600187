//! The limit is found in both generations of cgroups, also when it stands on a parent group.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]
#![expect(
    clippy::disallowed_methods,
    reason = "a made-up /sys tree has no use for fault injection"
)]

use super::*;

fn tree(files: &[(&str, &str)], membership: &str) -> (tempfile::TempDir, std::path::PathBuf) {
    let root = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = root.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let own = root.path().join("membership");
    std::fs::write(&own, membership).unwrap();
    (root, own)
}

#[test]
fn version_two_takes_the_lowest_limit_on_the_way_up() {
    let (root, own) = tree(
        &[("a/memory.max", "536870912\n"), ("a/b/memory.max", "max\n")],
        "0::/a/b\n",
    );
    assert_eq!(memory_limit_of(root.path(), &own), Some(536_870_912));
}

#[test]
fn version_one_is_read_and_its_huge_number_means_no_limit() {
    let limited = tree(
        &[
            ("memory/x/memory.limit_in_bytes", "268435456\n"),
            ("memory/memory.limit_in_bytes", "9223372036854771712\n"),
        ],
        "5:cpu:/y\n4:hugetlb,memory:/x\n",
    );
    assert_eq!(memory_limit_of(limited.0.path(), &limited.1), Some(268_435_456));
    let free = tree(
        &[("memory/memory.limit_in_bytes", "9223372036854771712\n")],
        "4:memory:/\n",
    );
    assert_eq!(memory_limit_of(free.0.path(), &free.1), None);
}

#[test]
fn no_cgroup_is_no_limit() {
    let root = tempfile::tempdir().unwrap();
    assert_eq!(memory_limit_of(root.path(), &root.path().join("none")), None);
}
