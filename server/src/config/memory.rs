//! What this process may use of the machine: the cgroup's limits, never a share of the host.

use std::path::Path;

use crate::limits::{MEMORY_BYTES_DEFAULT, THREADS_DEFAULT_MAX};

/// Where the kernel shows cgroups.
const CGROUP_ROOT: &str = "/sys/fs/cgroup";
/// A v1 group without a limit shows a number near 2^63; nothing sold has this much memory.
const UNLIMITED_BYTES: u64 = 1 << 60;

/// 85 % of the cgroup's memory limit, else `MEMORY_BYTES_DEFAULT`.
pub(crate) fn default_memory_bytes() -> u64 {
    memory_limit_of(Path::new(CGROUP_ROOT), Path::new("/proc/self/cgroup"))
        .map_or(MEMORY_BYTES_DEFAULT, |limit| limit / 100 * 85)
}

/// The lowest memory limit on the way from this process's group to the root, in v2's files and in v1's.
fn memory_limit_of(root: &Path, membership: &Path) -> Option<u64> {
    let membership = std::fs::read_to_string(membership).unwrap_or_default();
    let v2 = group_of(&membership, |controllers| controllers.is_empty());
    let v1 = group_of(&membership, |controllers| {
        controllers.split(',').any(|name| name == "memory")
    });
    let v2 = lowest_on_the_way(root, v2, "memory.max");
    let v1 = lowest_on_the_way(&root.join("memory"), v1, "memory.limit_in_bytes");
    v2.into_iter().chain(v1).min()
}

/// The path of the line of `/proc/self/cgroup` (`id:controllers:path`) whose controllers pass.
fn group_of(membership: &str, wanted: impl Fn(&str) -> bool) -> &str {
    membership
        .lines()
        .filter_map(|line| line.split_once(':')?.1.split_once(':'))
        .find(|(controllers, _)| wanted(controllers))
        .map_or("/", |(_, path)| path)
}

fn lowest_on_the_way(root: &Path, group: &str, file: &str) -> Option<u64> {
    let group = root.join(group.trim_start_matches('/'));
    group
        .ancestors()
        .take_while(|folder| folder.starts_with(root))
        .filter_map(|folder| {
            let text = std::fs::read_to_string(folder.join(file)).ok()?;
            text.trim().parse::<u64>().ok()
        })
        .filter(|limit| *limit < UNLIMITED_BYTES)
        .min()
}

/// The CPU quota (which `available_parallelism` reads from the cgroup), at most `THREADS_DEFAULT_MAX`.
pub(crate) fn default_threads() -> usize {
    std::thread::available_parallelism().map_or(1, |count| count.get().min(THREADS_DEFAULT_MAX))
}

#[cfg(test)]
mod tests;
