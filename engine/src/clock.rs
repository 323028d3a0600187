//! The clock seam: the only place that asks the machine for the time, so that tests can move it.

use std::fmt::Debug;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::time::TimestampNs;

/// Where the engine learns the time of day. It orders nothing by it: order comes from LSNs.
pub trait Clock: Send + Sync + Debug {
    /// Now, in nanoseconds since the Unix epoch; it may jump either way.
    fn now(&self) -> TimestampNs;
}

/// The machine's clock.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the seam itself")]
    fn now(&self) -> TimestampNs {
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |elapsed| elapsed.as_nanos());
        TimestampNs(i64::try_from(since_epoch).unwrap_or(i64::MAX))
    }
}

/// A clock that stands still until it is set.
#[derive(Debug, Default)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that shows `now`.
    pub fn new(now: TimestampNs) -> Self {
        Self(AtomicI64::new(now.0))
    }

    /// Moves it, either way.
    pub fn set(&self, now: TimestampNs) {
        self.0.store(now.0, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> TimestampNs {
        TimestampNs(self.0.load(Ordering::SeqCst))
    }
}
