//! The allocator's settings for a small resident set. The binary uses jemalloc; where another allocator is in use these
//! settings meet an idle one and change nothing.

use tikv_jemalloc_ctl::{Access as _, AsName as _};

/// Freed pages go back to the system after this time: long enough for the next request to find them.
const DIRTY_DECAY_MS: isize = 1_000;

/// Lets freed memory return soon, without a thread of its own for it.
pub(crate) fn tune() {
    let settings = [
        ("arenas.dirty_decay_ms\0", DIRTY_DECAY_MS),
        ("arenas.muzzy_decay_ms\0", 0),
        // The first arena exists already and does not look at the settings of new ones.
        ("arena.0.dirty_decay_ms\0", DIRTY_DECAY_MS),
        ("arena.0.muzzy_decay_ms\0", 0),
    ];
    for (name, value) in settings {
        if let Err(error) = name.name().write(value) {
            tracing::debug!(name, %error, "the allocator refused a setting");
        }
    }
}
