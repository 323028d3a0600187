//! Checking a whole part: every checksum, and the index against the rows.

use std::sync::Arc;

use arrow::array::{Array, AsArray};
use arrow::datatypes::{Int32Type, TimestampMillisecondType, TimestampNanosecondType};
use arrow::record_batch::RecordBatch;

use super::filter_eval::GroupSet;
use super::format::units_per_index_unit;
use super::reader::Part;
use super::types::PartError;
use crate::ids::Signal;
use crate::schema::column;
use crate::time::TimeRange;

/// Bytes verified at a time.
const VERIFY_BYTES: u64 = 1024 * 1024;
/// Rows decoded at a time.
const VERIFY_ROWS: u64 = 65_536;

/// What `verify` went through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct VerifyReport {
    /// Bytes under checksums: the whole file.
    pub bytes: u64,
    /// Rows that were decoded.
    pub rows: u64,
    /// Groups that were compared with their rows.
    pub groups: u64,
}

/// A group as the index has it, without its rows.
struct Expected {
    rows: u64,
    min: i64,
    max: i64,
    key: String,
}

impl Part {
    /// Reads the whole part: every block against its checksum, every group's rows, times and key against the rows.
    pub fn verify(self: &Arc<Self>) -> Result<VerifyReport, PartError> {
        let mut start = 0;
        while start < self.body_bytes() {
            let end = self.body_bytes().min(start + VERIFY_BYTES);
            self.read_verified(start..end)?;
            start = end;
        }
        self.read_verified(self.body_bytes()..self.bytes())?;
        let mut report = VerifyReport {
            bytes: self.bytes(),
            ..VerifyReport::default()
        };
        self.verify_tiles()?;
        self.verify_terms()?;
        let mut groups = Vec::new();
        let mut next_row = 0;
        self.visit_groups(&GroupSet::All, TimeRange::ALL, &mut |view| {
            if view.first_row != next_row {
                return Err(self.damaged(0, "groups that leave out a row"));
            }
            next_row += u64::from(view.group.rows);
            groups.push(Expected {
                rows: u64::from(view.group.rows),
                min: view.group.min,
                max: view.group.max,
                key: view.key.to_owned(),
            });
            if next_row >= report.rows + VERIFY_ROWS {
                self.verify_rows(&mut groups, &mut report)?;
            }
            Ok(())
        })?;
        self.verify_rows(&mut groups, &mut report)?;
        if report.rows != self.rows() || report.groups != self.group_count() {
            return Err(self.damaged(0, "groups that do not cover the rows"));
        }
        Ok(report)
    }

    /// Each tile is a row group of as many rows (that tiles follow one another is checked whenever they are read).
    fn verify_tiles(&self) -> Result<(), PartError> {
        let metadata = self.parquet_metadata()?;
        let tiles = self.tiles()?;
        let rows = metadata.row_groups().iter().map(|row_group| row_group.num_rows());
        if !rows.eq(tiles.iter().map(|tile| i64::from(tile.rows))) {
            return Err(self.damaged(0, "tiles that are not the row groups"));
        }
        Ok(())
    }

    /// Terms ascend, and name groups that are there.
    fn verify_terms(&self) -> Result<(), PartError> {
        for number in 0..self.keys()?.len() as u32 {
            let mut last: Option<Vec<u8>> = None;
            self.visit_terms(number, &[], &mut |value, postings| {
                let groups = self.bitmap(&postings)?;
                let in_order = last.as_deref().is_none_or(|last| last < value);
                let inside = groups.max().is_some_and(|group| u64::from(group) < self.group_count());
                if !in_order || !inside || groups.len() != postings.count() {
                    return Err(self.damaged(0, "a term that is out of order or names no group"));
                }
                last = Some(value.to_vec());
                Ok(true)
            })?;
        }
        Ok(())
    }

    /// Compares groups with their rows, which follow those that the report counts.
    fn verify_rows(self: &Arc<Self>, groups: &mut Vec<Expected>, report: &mut VerifyReport) -> Result<(), PartError> {
        let rows: u64 = groups.iter().map(|group| group.rows).sum();
        if rows == 0 {
            return Ok(());
        }
        let columns: &[&str] = match self.meta().signal {
            Signal::Metrics => &[column::METRIC, column::LABELS, column::TIMESTAMP],
            _ => &[column::TIMESTAMP],
        };
        let batches = self.batches(report.rows..report.rows + rows, Some(columns), rows as usize)?;
        let mut found = batches
            .iter()
            .flat_map(|batch| (0..batch.num_rows()).map(move |row| (batch, row)));
        for group in groups.drain(..) {
            let (mut min, mut max) = (i64::MAX, i64::MIN);
            for (batch, row) in found.by_ref().take(group.rows as usize) {
                let time = self.index_time(batch, row).ok_or_else(|| self.damaged(0, "no times"))?;
                min = min.min(time);
                max = max.max(time);
                if key_of(batch, row).is_some_and(|key| key != group.key) {
                    return Err(self.damaged(0, "a row of another series than its group's"));
                }
            }
            if (min, max) != (group.min, group.max) {
                return Err(self.damaged(0, "times of a group that are not its rows'"));
            }
            report.groups += 1;
            report.rows += group.rows;
        }
        Ok(())
    }

    fn index_time(&self, batch: &RecordBatch, row: usize) -> Option<i64> {
        let times = batch.column_by_name(column::TIMESTAMP)?;
        let time = match self.meta().signal {
            Signal::Metrics => times.as_primitive_opt::<TimestampMillisecondType>()?.values().get(row),
            _ => times.as_primitive_opt::<TimestampNanosecondType>()?.values().get(row),
        };
        Some(time?.div_euclid(units_per_index_unit(self.meta().signal)))
    }
}

/// The series key of a row of metrics.
fn key_of(batch: &RecordBatch, row: usize) -> Option<String> {
    let text = |name: &str| {
        let dictionary = batch.column_by_name(name)?.as_dictionary_opt::<Int32Type>()?;
        let key = usize::try_from(*dictionary.keys().values().get(row)?).ok()?;
        let values = dictionary.values().as_string_opt::<i32>()?;
        (key < values.len()).then(|| values.value(key))
    };
    Some(format!("{}\0{}", text(column::METRIC)?, text(column::LABELS)?))
}
