//! Joins the series of many sources by key. Sources list their series sorted, and mostly the same ones, so the next key is
//! first looked for behind the last one found, and only then in the map.

use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::{Piece, SeriesSet, Source};
use crate::head::HeadView;
use crate::labels::SeriesKey;
use crate::matcher::Matcher;
use crate::part::{Part, SeriesGroup};
use crate::time::TimeRange;

/// Collects sources, then sorts.
#[derive(Debug, Default)]
pub(super) struct Joiner {
    sources: Vec<Source>,
    keys: Vec<SeriesKey>,
    index: HashMap<SeriesKey, u32, FixedState>,
    /// (series in order of first sight, piece)
    found: Vec<(u32, Piece)>,
    cursor: usize,
}

impl Joiner {
    pub(super) fn add_part(&mut self, part: &Arc<Part>, groups: Vec<SeriesGroup>) {
        let source = self.sources.len();
        for (item, group) in groups.iter().enumerate() {
            let piece = Piece {
                source,
                item: to_u32(item),
                time: TimeRange::new(group.min, group.max),
            };
            let series = self.number(&group.key);
            self.found.push((series, piece));
        }
        if !groups.is_empty() {
            self.sources.push(Source::Part {
                part: Arc::clone(part),
                groups,
            });
        }
    }

    pub(super) fn add_head(&mut self, head: &HeadView, matchers: &[Matcher]) {
        let mut series = head.keys(head.refs_matching(matchers));
        series.sort_unstable_by(|a, b| a.1.cmp(&b.1));
        let source = self.sources.len();
        for (item, key) in &series {
            let piece = Piece {
                source,
                item: *item,
                time: head.time_range(),
            };
            let series = self.number(key);
            self.found.push((series, piece));
        }
        if !series.is_empty() {
            self.sources.push(Source::Head(head.clone()));
        }
    }

    fn number(&mut self, key: &SeriesKey) -> u32 {
        if self.keys.get(self.cursor) == Some(key) {
            self.cursor += 1;
            return to_u32(self.cursor - 1);
        }
        let next = to_u32(self.keys.len());
        let number = *self.index.entry_ref(key).or_insert(next);
        if number == next {
            self.keys.push(key.clone());
        }
        self.cursor = number as usize + 1;
        number
    }

    pub(super) fn finish(self) -> SeriesSet {
        let Self {
            sources, keys, found, ..
        } = self;
        let mut order: Vec<u32> = (0..to_u32(keys.len())).collect();
        order.sort_by(|a, b| keys.get(*a as usize).cmp(&keys.get(*b as usize)));
        let mut rank = vec![0_usize; keys.len()];
        for (position, series) in order.iter().enumerate() {
            if let Some(rank) = rank.get_mut(*series as usize) {
                *rank = position;
            }
        }
        let ranked = |series: u32| rank.get(series as usize).copied().unwrap_or(0);
        // A counting sort that keeps each series' pieces in the order of sources, so in time and LSN order.
        let mut starts = vec![0_usize; keys.len() + 1];
        for (series, _) in &found {
            if let Some(count) = starts.get_mut(ranked(*series) + 1) {
                *count += 1;
            }
        }
        let mut total = 0;
        for start in &mut starts {
            total += *start;
            *start = total;
        }
        let mut next = starts.clone();
        let empty = Piece {
            source: 0,
            item: 0,
            time: TimeRange::new(0, 0),
        };
        let mut pieces = vec![empty; found.len()];
        for (series, piece) in found {
            let Some(position) = next.get_mut(ranked(series)) else {
                continue;
            };
            if let Some(slot) = pieces.get_mut(*position) {
                *slot = piece;
            }
            *position += 1;
        }
        let keys = order
            .iter()
            .filter_map(|series| keys.get(*series as usize).cloned())
            .collect();
        SeriesSet {
            sources,
            keys,
            starts,
            pieces,
        }
    }
}

fn to_u32(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
