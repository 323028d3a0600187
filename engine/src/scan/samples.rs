//! Samples of one series and time in several sources: which are replaced by a newer source.

use std::collections::{HashMap, HashSet};

use super::{Source, Superseded, contested};
use crate::labels::SeriesKey;
use crate::matcher::Matcher;
use crate::part::{PartError, SeriesGroup};
use crate::time::TimeRange;

/// Series compared at one time: a bound on the timestamps held, not on what is compared.
const SERIES_PER_ROUND: usize = 4_096;

/// One series' rows in one source.
#[derive(Debug, Clone)]
enum Run {
    /// A group of a part.
    Group(SeriesGroup),
    /// A series' ref in a head.
    Series(u32),
}

/// For each source its replaced rows; empty when no two sources share a time.
pub(super) fn superseded(
    sources: &[Source],
    matchers: &[Matcher],
    range: TimeRange,
) -> Result<Vec<Superseded>, PartError> {
    let contested = contested(sources, range);
    let mut found: Vec<Superseded> = Vec::new();
    found.resize_with(sources.len(), Superseded::default);
    if contested.iter().all(|time| time.is_empty()) {
        return Ok(found);
    }
    let shared = shared_series(sources, matchers, &contested)?;
    for round in shared.chunks(SERIES_PER_ROUND) {
        compare(sources, &contested, round, &mut found)?;
    }
    Ok(found)
}

/// The series that more than one source has rows of in contested times: each with its runs, older sources first.
fn shared_series(
    sources: &[Source],
    matchers: &[Matcher],
    contested: &[TimeRange],
) -> Result<Vec<Vec<(usize, Run)>>, PartError> {
    let mut by_key: HashMap<SeriesKey, Vec<(usize, Run)>> = HashMap::new();
    for (at, (source, &time)) in sources.iter().zip(contested).enumerate() {
        if time.is_empty() {
            continue;
        }
        match source {
            Source::Part(piece) => {
                for group in piece.part.select(matchers, time)? {
                    by_key
                        .entry(group.key.clone())
                        .or_default()
                        .push((at, Run::Group(group)));
                }
            }
            Source::Head(view) => {
                for (series, key) in view.keys(view.refs_matching(matchers)) {
                    by_key.entry(key).or_default().push((at, Run::Series(series)));
                }
            }
        }
    }
    let several = |runs: &Vec<(usize, Run)>| {
        let mut sources = runs.iter().map(|(source, _)| source);
        let first = sources.next();
        sources.any(|source| Some(source) != first)
    };
    Ok(by_key.into_values().filter(several).collect())
}

/// Compares the series of one round.
fn compare(
    sources: &[Source],
    contested: &[TimeRange],
    round: &[Vec<(usize, Run)>],
    found: &mut [Superseded],
) -> Result<(), PartError> {
    // By series of the round: times that a newer source has.
    let mut newer: Vec<HashSet<i64>> = vec![HashSet::new(); round.len()];
    for (at, (source, &time)) in sources.iter().zip(contested).enumerate().rev() {
        let mut own: Vec<(usize, i64)> = Vec::new();
        let Some(found) = found.get_mut(at) else { continue };
        match source {
            Source::Part(piece) => {
                let mut runs_here: Vec<(usize, &SeriesGroup)> = Vec::new();
                for (series, runs) in round.iter().enumerate() {
                    runs_here.extend(runs.iter().filter_map(|(source, run)| match run {
                        Run::Group(group) if *source == at => Some((series, group)),
                        _ => None,
                    }));
                }
                runs_here.sort_by_key(|(_, group)| group.first_row);
                let groups: Vec<SeriesGroup> = runs_here.iter().map(|(_, group)| (*group).clone()).collect();
                let mut next_rows: Vec<u64> = groups.iter().map(|group| group.first_row).collect();
                // All of a group's rows, so that their positions are known.
                piece.part.read(&groups, TimeRange::ALL, &mut |group, chunk| {
                    let (Some((series, _)), Some(row)) = (runs_here.get(group), next_rows.get_mut(group)) else {
                        return;
                    };
                    for &at in chunk.timestamps {
                        if newer.get(*series).is_some_and(|times| times.contains(&at)) {
                            found.rows.push(*row);
                        } else if time.contains(at) {
                            own.push((*series, at));
                        }
                        *row += 1;
                    }
                })?;
            }
            Source::Head(view) => {
                let mut reader = view.reader();
                for (series, runs) in round.iter().enumerate() {
                    for (_, run) in runs.iter().filter(|(source, _)| *source == at) {
                        let Run::Series(reference) = run else { continue };
                        reader.read(*reference, time, &mut |chunk| {
                            for &at in chunk.timestamps {
                                if newer.get(series).is_some_and(|times| times.contains(&at)) {
                                    found.samples.entry(*reference).or_default().insert(at);
                                } else {
                                    own.push((series, at));
                                }
                            }
                        });
                    }
                }
            }
        }
        for (series, at) in own {
            if let Some(times) = newer.get_mut(series) {
                times.insert(at);
            }
        }
    }
    Ok(())
}
