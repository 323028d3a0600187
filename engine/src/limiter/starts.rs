//! Notices two senders that share one series: their start times take turns, where a restart changes them once.

/// The last two start times of a series, in milliseconds; 0 is none.
#[derive(Debug, Clone, Copy, Default)]
struct Starts {
    last: i64,
    before: i64,
}

/// Start times by ref. Takes memory only once a sample has a start time.
#[derive(Debug, Default)]
pub(crate) struct StartTimes {
    by_ref: Vec<Starts>,
}

impl StartTimes {
    /// Notes a cumulative sample's start; true when the series goes back to the start before its last one, which a
    /// single sender never does.
    #[inline]
    pub(crate) fn interleaves(&mut self, series: u32, start_ms: i64) -> bool {
        let at = series as usize;
        if at >= self.by_ref.len() {
            self.by_ref.resize(at + 1, Starts::default());
        }
        let Some(starts) = self.by_ref.get_mut(at) else {
            return false;
        };
        if starts.last == start_ms {
            return false;
        }
        let back = starts.before == start_ms;
        starts.before = starts.last;
        starts.last = start_ms;
        back
    }

    pub(crate) fn memory_bytes(&self) -> u64 {
        (self.by_ref.len() * size_of::<Starts>()) as u64
    }
}
