//! The allocator's settings for a small resident set. The binary uses jemalloc; where another allocator is in use these
//! settings meet an idle one and change nothing.

use std::time::Duration;

use tikv_jemalloc_ctl::{Access as _, AsName as _};
use tokio_util::sync::CancellationToken;

/// Freed pages go back to the system after this time: long enough for the next request to find them.
const DIRTY_DECAY_MS: isize = 1_000;
/// How often pages of arenas that nobody works in are given back: an arena looks at its clock only when it is used.
const RELEASE_INTERVAL: Duration = Duration::from_secs(5);

/// Lets freed memory return soon, without a thread of its own for it.
pub(super) fn tune() {
    set("arenas.dirty_decay_ms\0", DIRTY_DECAY_MS);
    set("arenas.muzzy_decay_ms\0", 0);
    // The first arena exists already and does not look at the settings of new ones.
    set("arena.0.dirty_decay_ms\0", DIRTY_DECAY_MS);
    set("arena.0.muzzy_decay_ms\0", 0);
}

/// Gives freed pages back from time to time, until the stop.
pub(super) async fn release_until(stop: CancellationToken) {
    let mut ticks = tokio::time::interval(RELEASE_INTERVAL);
    loop {
        tokio::select! {
            _ = ticks.tick() => release(),
            () = stop.cancelled() => return,
        }
    }
}

/// A decay of no time gives back at once whatever is free; the setting that follows restores the usual patience.
fn release() {
    let arenas: u32 = "arenas.narenas\0".name().read().unwrap_or_default();
    for arena in 0..arenas {
        let name = format!("arena.{arena}.dirty_decay_ms\0");
        set(&name, 0);
        set(&name, DIRTY_DECAY_MS);
    }
}

fn set(name: &str, value: isize) {
    if let Err(error) = name.name().write(value) {
        tracing::trace!(name, %error, "the allocator refused a setting");
    }
}
