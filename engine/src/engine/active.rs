//! Which series of parts were active in an hour: what makes the cap exact again after a restart.

use std::sync::Weak;

use crate::ids::{SeriesId, StoreId};
use crate::limiter::{HOUR_MS, hour_of};
use crate::limits::SLICE_LENGTH_S;
use crate::partition::SignalState;
use crate::tenant::ActiveIds;
use crate::time::TimeRange;

// A group is one series in one slice. In a slice of two hours its first and last sample tell exactly which of the hours
// have one, without a look at the rows.
const _: () = assert!(SLICE_LENGTH_S * 1000 <= 2 * HOUR_MS);

/// Tells the series that the parts of `state` hold in the hours asked for.
pub(crate) fn active_ids(state: Weak<SignalState>, store: StoreId) -> ActiveIds {
    Box::new(move |hours: &[i32], tell: &mut dyn FnMut(i32, SeriesId)| {
        let (Some(state), Some(first), Some(last)) = (state.upgrade(), hours.iter().min(), hours.iter().max()) else {
            return;
        };
        let range = TimeRange::new(
            i64::from(*first) * HOUR_MS,
            i64::from(*last).saturating_add(1) * HOUR_MS - 1,
        );
        for part in state.parts_within(range) {
            // A part that cannot be read now answers no query either; its series count again once it does.
            let Ok(groups) = part.select(&[], range) else {
                continue;
            };
            for group in groups {
                let (start, end) = (hour_of(group.min), hour_of(group.max));
                for hour in hours.iter().filter(|hour| **hour == start || **hour == end) {
                    tell(*hour, group.key.id(store));
                }
            }
        }
    })
}
