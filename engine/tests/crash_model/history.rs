//! Random histories, drawn from a seed: what is done, and what is known of it at each moment.

use std::collections::BTreeMap;

use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};

use crate::model::{Found, Identity, Model};
use crate::store::{Row, Store};

const DAY_S: i64 = 86_400;
pub(crate) const NOW_S: i64 = 1_795_651_200 + 3_600;
/// Yesterday's rows are taken, and gone when a day has passed.
pub(crate) const RETENTION_S: i64 = 25 * 3_600;

/// One step.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// One request's rows.
    Append(Vec<Row>),
    Flush,
    Compact,
    /// A day passes and what is due is done.
    Day,
    /// The process ends in good order and starts again.
    Reopen,
}

/// A seed's steps.
pub(crate) struct History {
    steps: Vec<Step>,
    more: Vec<Step>,
    end_s: i64,
}

/// What is known while a history runs.
#[derive(Debug)]
pub(crate) struct Progress {
    acknowledged: Model,
    /// The step whose answer never came.
    open_step: Option<Step>,
    pub(crate) now_s: i64,
}

impl History {
    pub(crate) fn new(seed: u64) -> Self {
        let mut dice = SmallRng::seed_from_u64(seed);
        let mut draw = Draw {
            number: 0,
            now_s: NOW_S,
        };
        let length = dice.random_range(8..16);
        let steps = (0..length).map(|_| draw.step(&mut dice)).collect();
        let more = vec![
            draw.append(&mut dice),
            Step::Flush,
            draw.append(&mut dice),
            Step::Compact,
        ];
        Self {
            steps,
            more,
            end_s: draw.now_s,
        }
    }

    /// Runs all steps, or as many as the disk allows.
    pub(crate) fn run(&self, store: &mut Store) -> Progress {
        let mut progress = Progress {
            acknowledged: Model::default(),
            open_step: None,
            now_s: NOW_S,
        };
        if store.try_open(&progress).is_err() {
            progress.open_step = Some(Step::Reopen);
            return progress;
        }
        for step in &self.steps {
            if !progress.take(store, step) {
                break;
            }
        }
        progress
    }

    /// Goes on after a recovery.
    pub(crate) fn go_on(&self, store: &mut Store, progress: &mut Progress) {
        progress.now_s = self.end_s;
        store.set_time(self.end_s);
        for step in &self.more {
            assert!(progress.take(store, step), "a healthy disk refuses {step:?}");
        }
    }
}

struct Draw {
    number: i64,
    now_s: i64,
}

impl Draw {
    fn step(&mut self, dice: &mut SmallRng) -> Step {
        match dice.random_range(0..14) {
            0..=6 => self.append(dice),
            7 | 8 => Step::Flush,
            9 => Step::Compact,
            10 | 11 => {
                self.now_s += DAY_S;
                Step::Day
            }
            _ => Step::Reopen,
        }
    }

    fn append(&mut self, dice: &mut SmallRng) -> Step {
        let signal = ["metrics", "logs", "traces"][dice.random_range(0..crate::store::SIGNALS)];
        let tenant = ["default", "other"][dice.random_range(0..2)];
        let rows = dice.random_range(1..5);
        let rows = (0..rows).map(|_| {
            // Now and then a row that was sent before, with another value.
            let number = if self.number > 0 && dice.random_range(0..6) == 0 {
                dice.random_range(0..self.number)
            } else {
                self.number += 1;
                self.number - 1
            };
            Row {
                tenant,
                signal,
                number,
                day: -(number % 2),
                today_s: self.now_s.div_euclid(DAY_S) * DAY_S,
                version: dice.random_range(0..1_000_000),
            }
        });
        let mut rows: Vec<Row> = rows.collect();
        // One request does not name a row twice, and logs have no identity: each is sent once.
        rows.sort_by_key(|row| row.number);
        rows.dedup_by_key(|row| row.number);
        if signal == "logs" {
            for row in &mut rows {
                row.number = self.number;
                self.number += 1;
            }
        }
        Step::Append(rows)
    }
}

impl Progress {
    pub(crate) fn is_whole(&self) -> bool {
        self.open_step.is_none()
    }

    pub(crate) fn model(&self) -> &Model {
        &self.acknowledged
    }

    /// Does one step; `false` when the disk failed.
    fn take(&mut self, store: &mut Store, step: &Step) -> bool {
        if matches!(step, Step::Day) {
            self.now_s += DAY_S;
            store.set_time(self.now_s);
        }
        let done = match step {
            Step::Append(rows) => store.append(rows),
            Step::Flush => store.flush(),
            Step::Compact => store.compact(),
            Step::Day => store.tick(),
            Step::Reopen => store.try_reopen(self),
        };
        if done {
            apply(&mut self.acknowledged, step, self.now_s);
        } else {
            self.open_step = Some(step.clone());
        }
        done
    }

    /// Decides from what is in the store whether the step without an answer happened: wholly or not at all, for each
    /// tenant and window.
    pub(crate) fn settle(&mut self, found: &BTreeMap<Identity, Found>, story: &str) {
        let Some(step) = self.open_step.take() else {
            return;
        };
        let mut after = self.acknowledged.clone();
        apply(&mut after, &step, self.now_s);
        match step {
            Step::Append(_) => {
                let changed: Vec<_> = after
                    .rows
                    .iter()
                    .filter(|(identity, row)| self.acknowledged.rows.get(identity) != Some(row))
                    .collect();
                let there = |(identity, row): &(&Identity, &crate::model::Expected)| {
                    found.get(identity).is_some_and(|found| found.value == row.value)
                };
                let happened = changed.iter().filter(|row| there(row)).count();
                assert!(
                    happened == 0 || happened == changed.len(),
                    "{story}: {happened} of the {} rows of one request are there",
                    changed.len()
                );
                if happened > 0 {
                    self.acknowledged = after;
                }
            }
            // A drop goes partition by partition, each wholly or not at all.
            Step::Day => {
                let mut partitions: BTreeMap<(String, &str, i64), Vec<&Identity>> = BTreeMap::new();
                for identity in self.acknowledged.rows.keys() {
                    if !after.rows.contains_key(identity) {
                        let partition = (identity.tenant.clone(), identity.signal, identity.window);
                        partitions.entry(partition).or_default().push(identity);
                    }
                }
                let mut gone = Vec::new();
                for (partition, identities) in partitions {
                    let left = identities
                        .iter()
                        .filter(|identity| found.contains_key(identity))
                        .count();
                    assert!(
                        left == 0 || left == identities.len(),
                        "{story}: {left} of the {} rows of a dropped partition are there: {partition:?}",
                        identities.len()
                    );
                    if left == 0 {
                        gone.extend(identities.into_iter().cloned());
                    }
                }
                for identity in gone {
                    self.acknowledged.rows.remove(&identity);
                }
            }
            Step::Flush | Step::Compact | Step::Reopen => {}
        }
    }
}

/// What a step does to the model.
fn apply(model: &mut Model, step: &Step, now_s: i64) {
    match step {
        Step::Append(rows) => {
            for row in rows {
                let (identity, value) = row.expected();
                model.write(identity, value);
            }
        }
        Step::Day => model.drop_windows(now_s - RETENTION_S),
        Step::Flush | Step::Compact | Step::Reopen => {}
    }
}
