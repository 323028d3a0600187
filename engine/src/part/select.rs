//! Asking a part's index: which series, which labels, which rows may match.

use std::collections::{BTreeSet, HashSet};

use roaring::RoaringBitmap;

use super::filter::IndexFilter;
use super::filter_eval::GroupSet;
use super::format::{GROUPS_PER_BLOCK, Group, TileEntry, group_flag, units_per_index_unit, units_per_second};
use super::groups::GroupsReader;
use super::reader::Part;
use super::types::{PartError, Pruned, SeriesGroup};
use crate::ids::Signal;
use crate::labels::{METRIC_NAME_LABEL, SeriesKey};
use crate::matcher::Matcher;
use crate::time::TimeRange;

/// A group as the index shows it.
pub(crate) struct GroupView<'a> {
    pub(crate) ordinal: u32,
    pub(crate) tile: u32,
    pub(crate) first_row: u64,
    pub(crate) group: Group,
    /// Metrics only.
    pub(crate) key: &'a str,
}

/// The public form of a group of metrics; `None` where its key is none.
pub(crate) fn series_group(view: &GroupView<'_>) -> Option<SeriesGroup> {
    let has = |flag: u8| view.group.flags & flag != 0;
    Some(SeriesGroup {
        ordinal: view.ordinal,
        tile: view.tile,
        key: SeriesKey::from_text(view.key)?,
        min: view.group.min,
        max: view.group.max,
        rows: view.group.rows,
        first_row: view.first_row,
        last_is_stale: has(group_flag::LAST_IS_STALE),
        has_histograms: has(group_flag::HAS_HISTOGRAMS),
        has_start_timestamps: has(group_flag::HAS_START_TIMESTAMPS),
        has_temporality: has(group_flag::HAS_TEMPORALITY),
    })
}

impl Part {
    /// A range of the signal's time in the index's unit, so wide that nothing is missed.
    fn index_range(&self, range: TimeRange) -> TimeRange {
        let unit = units_per_index_unit(self.meta().signal);
        TimeRange::new(range.start.div_euclid(unit), range.end.div_euclid(unit))
    }

    /// Group times of a tile are written relative to this.
    pub(crate) fn tile_base(&self, tile: &TileEntry) -> i64 {
        let signal = self.meta().signal;
        tile.slice_start_s
            .saturating_mul(units_per_second(signal) / units_per_index_unit(signal))
    }

    /// Visits the groups of `set` that share an instant with `range`, in row order.
    pub(crate) fn visit_groups(
        &self,
        set: &GroupSet,
        range: TimeRange,
        visit: &mut dyn FnMut(&GroupView<'_>) -> Result<(), PartError>,
    ) -> Result<(), PartError> {
        if range.is_empty() || set.is_empty() {
            return Ok(());
        }
        let tiles = self.tiles()?;
        for (number, tile) in tiles.iter().enumerate() {
            if tile.time_range().overlaps(range) {
                self.visit_tile(number as u32, tile, set, range, visit)?;
            }
        }
        Ok(())
    }

    fn visit_tile(
        &self,
        number: u32,
        tile: &TileEntry,
        set: &GroupSet,
        range: TimeRange,
        visit: &mut dyn FnMut(&GroupView<'_>) -> Result<(), PartError>,
    ) -> Result<(), PartError> {
        let mut wanted = match set {
            GroupSet::All => None,
            GroupSet::Some(groups) => {
                let mut inside = groups.range(tile.first_group..tile.end_group()).peekable();
                if inside.peek().is_none() {
                    return Ok(());
                }
                Some(inside)
            }
        };
        let range = self.index_range(range);
        let directory = self.tile_directory(tile)?;
        let with_keys = self.meta().signal == Signal::Metrics;
        let base = self.tile_base(tile);
        for block in 0..tile.group_blocks as usize {
            let first_group = tile.first_group + (block * GROUPS_PER_BLOCK) as u32;
            let end_group = first_group
                .saturating_add(GROUPS_PER_BLOCK as u32)
                .min(tile.end_group());
            if let Some(wanted) = &mut wanted
                && wanted.peek().is_none_or(|group| *group >= end_group)
            {
                continue;
            }
            let (bytes, first_row) = self.group_block(tile, &directory, block)?;
            let mut reader = GroupsReader::new(&bytes, base, with_keys);
            let mut row = tile.first_row + u64::from(first_row);
            for ordinal in first_group..end_group {
                let group = reader
                    .next_group()
                    .ok_or_else(|| self.damaged(tile.index_offset, "a group block"))?;
                let first_row = row;
                row += u64::from(group.rows);
                let named = match &mut wanted {
                    None => true,
                    Some(wanted) => wanted.next_if(|next| *next == ordinal).is_some(),
                };
                if named && TimeRange::new(group.min, group.max).overlaps(range) {
                    visit(&GroupView {
                        ordinal,
                        tile: number,
                        first_row,
                        group,
                        key: reader.key(),
                    })?;
                }
            }
        }
        Ok(())
    }

    /// The series that pass every matcher and have a sample in `range` (as far as first and last sample tell), one entry
    /// per slice, in the order of (slice, key).
    pub fn select(&self, matchers: &[Matcher], range: TimeRange) -> Result<Vec<SeriesGroup>, PartError> {
        let set = self.groups_matching(matchers)?;
        let mut found = Vec::new();
        self.visit_groups(&set, range, &mut |view| {
            let group = series_group(view);
            found.push(group.ok_or_else(|| self.damaged(view.first_row, "a series key in the index"))?);
            Ok(())
        })?;
        Ok(found)
    }

    /// Whether the file has the column `histogram`.
    pub(crate) fn has_histograms(&self) -> Result<bool, PartError> {
        let metadata = self.parquet_metadata()?;
        let root = metadata.file_metadata().schema_descr().root_schema();
        Ok(root
            .get_fields()
            .iter()
            .any(|field| field.name() == crate::schema::column::HISTOGRAM))
    }

    /// Distinct series: exact for metrics (it reads every key), groups otherwise.
    pub fn series_count(&self) -> Result<u64, PartError> {
        if self.meta().signal != Signal::Metrics {
            return Ok(self.group_count());
        }
        let mut ids = HashSet::new();
        self.visit_groups(&GroupSet::All, TimeRange::ALL, &mut |view| {
            ids.insert(xxhash_rust::xxh3::xxh3_128(view.key.as_bytes()));
            Ok(())
        })?;
        Ok(ids.len() as u64)
    }

    /// The groups that matchers and range leave: `All` only when both leave everything.
    fn groups_in(&self, matchers: &[Matcher], range: TimeRange) -> Result<GroupSet, PartError> {
        let set = self.groups_matching(matchers)?;
        let own = self.time_range();
        if range.start <= own.start && own.end <= range.end {
            return Ok(set);
        }
        let mut inside = RoaringBitmap::new();
        self.visit_groups(&set, range, &mut |view| {
            inside.insert(view.ordinal);
            Ok(())
        })?;
        Ok(GroupSet::Some(inside))
    }

    /// Names of labels that series passing the matchers have in `range`, `__name__` among them.
    pub fn label_names(&self, matchers: &[Matcher], range: TimeRange) -> Result<BTreeSet<String>, PartError> {
        let set = self.groups_in(matchers, range)?;
        let mut names = BTreeSet::new();
        for (number, key) in self.keys()?.iter().enumerate() {
            if key.terms > 0 && self.any_term(number as u32, &set)? {
                names.insert(key.name.clone());
            }
        }
        Ok(names)
    }

    fn any_term(&self, key: u32, set: &GroupSet) -> Result<bool, PartError> {
        let mut any = false;
        self.visit_terms(key, &[], &mut |_, postings| {
            any = match set {
                GroupSet::All => true,
                GroupSet::Some(groups) => !self.bitmap(&postings)?.is_disjoint(groups),
            };
            Ok(!any)
        })?;
        Ok(any)
    }

    /// Values of one label over the series that pass the matchers and have a sample in `range`.
    pub fn label_values(
        &self,
        name: &str,
        matchers: &[Matcher],
        range: TimeRange,
    ) -> Result<BTreeSet<String>, PartError> {
        let mut values = BTreeSet::new();
        let name = if name.is_empty() { METRIC_NAME_LABEL } else { name };
        let Some((key, _)) = self.find_key(name)? else {
            return Ok(values);
        };
        let set = self.groups_in(matchers, range)?;
        self.visit_terms(key, &[], &mut |value, postings| {
            let there = match &set {
                GroupSet::All => true,
                GroupSet::Some(groups) => !self.bitmap(&postings)?.is_disjoint(groups),
            };
            if there {
                values.insert(String::from_utf8_lossy(value).into_owned());
            }
            Ok(true)
        })?;
        Ok(values)
    }

    /// Rows that may pass `filter` in `range`: whole groups, joined where they touch. Never too few.
    pub fn prune(&self, filter: &IndexFilter, range: TimeRange) -> Result<Pruned, PartError> {
        let set = self.groups_of_filter(filter)?;
        let mut pruned = Pruned {
            groups_total: self.group_count(),
            ..Pruned::default()
        };
        let own = self.time_range();
        if set == GroupSet::All && range.start <= own.start && own.end <= range.end {
            pruned.groups_kept = pruned.groups_total;
            if self.rows() > 0 {
                pruned.row_ranges.push(0..self.rows());
            }
            return Ok(pruned);
        }
        self.visit_groups(&set, range, &mut |view| {
            pruned.groups_kept += 1;
            let end = view.first_row + u64::from(view.group.rows);
            match pruned.row_ranges.last_mut() {
                Some(last) if last.end == view.first_row => last.end = end,
                _ => pruned.row_ranges.push(view.first_row..end),
            }
            Ok(())
        })?;
        Ok(pruned)
    }
}
