//! What the system says of this process, in the names that every dashboard knows (`process_*`). Linux only.

use super::exposition::{Exposition, FamilyKind};

/// Clock ticks of `/proc` per second; the kernel fixes it for user space on every platform we run on.
const TICKS_PER_SECOND: f64 = 100.0;
/// Bytes of a page as `/proc/self/statm` counts them on x86-64 and on most arm64 systems.
const PAGE_BYTES: f64 = 4096.0;

/// Writes the families that can be read; what cannot is left out rather than shown as zero.
pub(crate) fn render(out: &mut Exposition) {
    if let Some(usage) = Usage::read() {
        out.single(
            "process_cpu_seconds_total",
            FamilyKind::Counter,
            "User and system time spent",
            usage.cpu_seconds,
        );
        out.single(
            "process_resident_memory_bytes",
            FamilyKind::Gauge,
            "Resident memory",
            usage.resident_bytes,
        );
        out.single(
            "process_virtual_memory_bytes",
            FamilyKind::Gauge,
            "Virtual memory",
            usage.virtual_bytes,
        );
        out.single("process_threads", FamilyKind::Gauge, "Threads", usage.threads);
        if let Some(boot) = boot_seconds() {
            let start = boot + usage.start_seconds_after_boot;
            out.single(
                "process_start_time_seconds",
                FamilyKind::Gauge,
                "When it started, since the Unix epoch",
                start,
            );
        }
    }
    if let Some(open) = open_fds() {
        out.single("process_open_fds", FamilyKind::Gauge, "Open file descriptors", open);
    }
    if let Some(max) = max_fds() {
        out.single(
            "process_max_fds",
            FamilyKind::Gauge,
            "File descriptors it may open",
            max,
        );
    }
}

struct Usage {
    cpu_seconds: f64,
    resident_bytes: f64,
    virtual_bytes: f64,
    threads: f64,
    start_seconds_after_boot: f64,
}

impl Usage {
    /// From `/proc/self/stat`: the fields after the command's closing parenthesis, which may itself hold anything.
    fn read() -> Option<Self> {
        let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
        let fields: Vec<f64> = stat
            .rsplit_once(')')?
            .1
            .split_whitespace()
            .skip(1)
            .map(|field| field.parse().unwrap_or(0.0))
            .collect();
        // Numbers of proc(5), less the three fields that were cut off.
        let field = |number: usize| fields.get(number - 4).copied();
        Some(Self {
            cpu_seconds: (field(14)? + field(15)?) / TICKS_PER_SECOND,
            threads: field(20)?,
            start_seconds_after_boot: field(22)? / TICKS_PER_SECOND,
            virtual_bytes: field(23)?,
            resident_bytes: field(24)? * PAGE_BYTES,
        })
    }
}

fn boot_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/stat").ok()?;
    stat.lines()
        .find_map(|line| line.strip_prefix("btime "))?
        .trim()
        .parse()
        .ok()
}

#[expect(
    clippy::disallowed_methods,
    reason = "counts descriptors in /proc; no data file is touched"
)]
fn open_fds() -> Option<f64> {
    std::fs::read_dir("/proc/self/fd")
        .ok()
        .map(|entries| entries.count() as f64)
}

fn max_fds() -> Option<f64> {
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find(|line| line.starts_with("Max open files"))?;
    line.split_whitespace().nth(3)?.parse().ok()
}
