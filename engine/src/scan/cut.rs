//! Cuts single rows out of ranges of rows.

use std::ops::Range;

/// `ranges` (ascending, not touching) without `rows` (any order, repeats allowed).
pub(super) fn without(ranges: Vec<Range<u64>>, mut rows: Vec<u64>) -> Vec<Range<u64>> {
    if rows.is_empty() {
        return ranges;
    }
    rows.sort_unstable();
    rows.dedup();
    let mut rows = rows.into_iter().peekable();
    let mut kept = Vec::with_capacity(ranges.len());
    for range in ranges {
        let mut start = range.start;
        while let Some(row) = rows.next_if(|&row| row < range.end) {
            if row < start {
                continue;
            }
            if row > start {
                kept.push(start..row);
            }
            start = row + 1;
        }
        if start < range.end {
            kept.push(start..range.end);
        }
    }
    kept
}

#[cfg(test)]
mod tests;
