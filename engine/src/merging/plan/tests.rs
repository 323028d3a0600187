#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]
//! Few parts stay, each row is rewritten few times, and neighbours only are merged.

use proptest::prelude::*;

use super::*;

fn parts(rows: &[u64]) -> Vec<Candidate> {
    rows.iter()
        .enumerate()
        .map(|(index, &rows)| Candidate {
            rows,
            bytes: rows * 4,
            joins_previous: index > 0,
        })
        .collect()
}

fn merge_all(mut list: Vec<Candidate>, urgency: Urgency, rewritten: &mut u64) -> Vec<Candidate> {
    while let Some(run) = next_merge(&list, urgency) {
        assert!(run.len() >= 2 && run.len() <= MERGE_PARTS_MAX);
        assert!(list[run.start + 1..run.end].iter().all(|part| part.joins_previous));
        let rows = list[run.clone()].iter().map(|part| part.rows).sum();
        let joins_previous = list[run.start].joins_previous;
        *rewritten += rows;
        list.splice(
            run,
            [Candidate {
                rows,
                bytes: rows * 4,
                joins_previous,
            }],
        );
    }
    list
}

#[test]
fn a_day_of_equal_flushes_keeps_few_parts_and_rewrites_each_row_few_times() {
    let mut rewritten = 0;
    let mut list = Vec::new();
    let mut most = 0;
    for _ in 0..144 {
        list.push(Candidate {
            rows: 1000,
            bytes: 4000,
            joins_previous: !list.is_empty(),
        });
        list = merge_all(list, Urgency::Open, &mut rewritten);
        most = most.max(list.len());
    }
    assert!(most <= 12, "{most} parts at one time");
    assert!(rewritten <= 144_000 * 5, "{rewritten} rows rewritten of 144000");
    let list = merge_all(list, Urgency::Settled, &mut rewritten);
    assert_eq!(list.len(), 1);
}

#[test]
fn late_rows_reach_the_large_part_when_they_are_an_eighth_of_it() {
    assert_eq!(next_merge(&parts(&[80_000, 1000]), Urgency::Closed), None);
    assert_eq!(next_merge(&parts(&[80_000, 10_000]), Urgency::Closed), Some(0..2));
    assert_eq!(next_merge(&parts(&[80_000, 1000]), Urgency::Settled), Some(0..2));
    assert_eq!(next_merge(&parts(&[80_000]), Urgency::Settled), None);
}

#[test]
fn parts_that_are_no_neighbours_stay_apart() {
    let mut list = parts(&[10, 10, 10, 10]);
    list[2].joins_previous = false;
    let left = merge_all(list, Urgency::Everything, &mut 0);
    assert_eq!(left.iter().map(|part| part.rows).collect::<Vec<_>>(), [20, 20]);
}

proptest! {
    #[test]
    fn everything_leaves_one_part_a_run(
        list in proptest::collection::vec((1u64..10_000, any::<bool>()), 0..100)
    ) {
        let list: Vec<Candidate> = list
            .into_iter()
            .enumerate()
            .map(|(index, (rows, joins))| Candidate { rows, bytes: rows, joins_previous: joins && index > 0 })
            .collect();
        let runs = list.iter().filter(|part| !part.joins_previous).count();
        for urgency in [Urgency::Open, Urgency::Closed] {
            merge_all(list.clone(), urgency, &mut 0);
        }
        prop_assert_eq!(merge_all(list, Urgency::Everything, &mut 0).len(), runs);
    }
}
