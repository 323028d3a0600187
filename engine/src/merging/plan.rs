//! Which parts of a partition to merge next. Pure: sizes in, a run of neighbours out.

use std::ops::Range;

use crate::limits::{LATE_ROWS_SHARE, MERGE_FANIN, MERGE_PARTS_MAX};

/// What planning knows of one part; parts are given in LSN order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    /// Whether it may merge with the one before it: the same store, and no unflushed row between.
    pub(crate) joins_previous: bool,
}

/// How eager to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Urgency {
    /// The window is still being written.
    Open,
    /// The window is over: few late rows come.
    Closed,
    /// The window is over and its late rows have waited long enough.
    Settled,
    /// All that can be merged (`compact`).
    Everything,
}

/// The next run to merge, at least two parts long; `None` when the partition is as it should be.
pub(crate) fn next_merge(parts: &[Candidate], urgency: Urgency) -> Option<Range<usize>> {
    let runs = joinable_runs(parts);
    match urgency {
        Urgency::Everything | Urgency::Settled => runs
            .into_iter()
            .find(|run| run.len() >= 2)
            .map(|run| run.start..run.end.min(run.start + MERGE_PARTS_MAX)),
        Urgency::Closed => runs
            .iter()
            .find_map(|run| closed_run(parts, run.clone()))
            .or_else(|| tiered(parts, &runs)),
        Urgency::Open => tiered(parts, &runs),
    }
}

/// Stretches whose parts are all neighbours.
fn joinable_runs(parts: &[Candidate]) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for (index, part) in parts.iter().enumerate() {
        match runs.last_mut() {
            Some(run) if part.joins_previous => run.end = index + 1,
            _ => runs.push(index..index + 1),
        }
    }
    runs
}

/// A closed window becomes one part as soon as what lies beside the largest part is worth rewriting it.
fn closed_run(parts: &[Candidate], run: Range<usize>) -> Option<Range<usize>> {
    let members = parts.get(run.clone())?;
    let largest = members.iter().map(|part| part.rows).max()?;
    let rows: u64 = members.iter().map(|part| part.rows).sum();
    let worth_it = members.len() >= 2 && (rows - largest).saturating_mul(LATE_ROWS_SHARE) >= largest;
    worth_it.then(|| run.start..run.end.min(run.start + MERGE_PARTS_MAX))
}

/// The cheapest run of `MERGE_FANIN` or more neighbours of which none outweighs the others: each row is rewritten a
/// number of times that grows with the logarithm of the partition.
fn tiered(parts: &[Candidate], runs: &[Range<usize>]) -> Option<Range<usize>> {
    let mut best: Option<(u64, Range<usize>)> = None;
    for run in runs {
        for start in run.clone() {
            let longest = run.end.min(start + MERGE_PARTS_MAX);
            for end in start + MERGE_FANIN..=longest {
                let Some(members) = parts.get(start..end) else {
                    continue;
                };
                let total: u64 = members.iter().map(|part| part.bytes).sum();
                let largest = members.iter().map(|part| part.bytes).max().unwrap_or(0);
                let balanced = largest.saturating_mul(2) <= total;
                if balanced
                    && best
                        .as_ref()
                        .is_none_or(|(cost, _)| total / (end - start) as u64 <= *cost)
                {
                    best = Some((total / (end - start) as u64, start..end));
                }
            }
        }
    }
    best.map(|(_, run)| run)
}

#[cfg(test)]
mod tests;
