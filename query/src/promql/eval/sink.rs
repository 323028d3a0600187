//! Where the rows of a leaf go: into a matrix with labels, or, aggregated at once, into the groups of an aggregation, so
//! that no series becomes a label set unless the answer shows it.

use std::borrow::Borrow;

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use hashbrown::HashSet;
use icecore_engine::labels::{METRIC_NAME_LABEL, SeriesKey, push_json_string};

use super::cells::Cells;
use crate::promql::error::PromqlError;
use crate::promql::expr::{AggregateOp, Grouping};
use crate::promql::labels::Labels;
use crate::promql::matrix::Matrix;
use crate::promql::meter::Meter;
use crate::promql::values::is_absent;

/// Takes rows of step values, series by series.
pub(crate) enum Sink {
    /// Keeps them.
    Rows(Rows),
    /// Aggregates them.
    Groups(Groups),
}

/// Rows kept with their labels.
pub(crate) struct Rows {
    matrix: Matrix,
    drop_name: bool,
    charged: u64,
}

impl Sink {
    /// Keeps rows of `steps` values; with their metric names or without.
    pub(crate) fn rows(steps: usize, drop_name: bool) -> Self {
        Self::Rows(Rows {
            matrix: Matrix::new(steps),
            drop_name,
            charged: 0,
        })
    }

    /// How series fall into groups, when they do.
    pub(crate) fn grouping(&self) -> Option<Grouping> {
        match self {
            Self::Rows(_) => None,
            Self::Groups(groups) => Some(groups.grouping.clone()),
        }
    }

    /// Takes the row of one series, which has a value somewhere.
    pub(crate) fn take(
        &mut self,
        key: &SeriesKey,
        group: Option<&Group>,
        row: &[f64],
        meter: &Meter,
    ) -> Result<(), PromqlError> {
        match self {
            Self::Rows(rows) => {
                let labels = Labels::of_key(key);
                rows.matrix
                    .push(if rows.drop_name { labels.without_name() } else { labels }, row);
                let bytes = rows.matrix.bytes();
                if bytes > rows.charged {
                    // What the matrix has taken is checked here and accounted by its owner once it is whole.
                    drop(meter.reserve(bytes)?);
                    rows.charged = bytes + (1 << 20);
                }
                Ok(())
            }
            Self::Groups(groups) => match group {
                Some(group) => groups.take(key, group, row, meter),
                None => Ok(()),
            },
        }
    }

    /// The matrix of what was taken. Two series that lost their names and became equal are Prometheus's error.
    pub(crate) fn finish(self) -> Result<Matrix, PromqlError> {
        match self {
            Self::Rows(rows) if rows.drop_name => {
                let mut seen = HashSet::with_capacity_and_hasher(rows.matrix.len(), FixedState::default());
                let distinct = rows.matrix.rows().all(|(labels, _)| seen.insert(labels));
                drop(seen);
                if distinct {
                    Ok(rows.matrix)
                } else {
                    Err(same_labelset())
                }
            }
            Self::Rows(rows) => Ok(rows.matrix),
            Self::Groups(groups) => Ok(groups.finish()),
        }
    }
}

fn same_labelset() -> PromqlError {
    PromqlError::Execution("vector cannot contain metrics with the same labelset".to_owned())
}

/// A group as text: the labels that make it, in the canonical form of series keys.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Group(String);

impl Borrow<str> for Group {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl Group {
    /// The group of a stored series, read off its key's text.
    pub(crate) fn of_key(key: &SeriesKey, grouping: &Grouping) -> Self {
        let mut text = String::new();
        match grouping {
            Grouping::By(names) if names.is_empty() => {}
            Grouping::By(names) => {
                if names.iter().any(|name| name == METRIC_NAME_LABEL) {
                    text.push_str(key.metric());
                    text.push('\0');
                }
                for (name, value) in raw_pairs(key.labels_json()) {
                    if names.iter().any(|listed| is_raw(listed, name)) {
                        push_raw(&mut text, name, value);
                    }
                }
            }
            Grouping::Without(names) => {
                for (name, value) in raw_pairs(key.labels_json()) {
                    if !names.iter().any(|listed| is_raw(listed, name)) {
                        push_raw(&mut text, name, value);
                    }
                }
            }
        }
        Self(text)
    }

    fn of_labels(labels: &Labels, grouping: &Grouping) -> Self {
        let mut text = String::new();
        for (name, value) in group_labels(labels, grouping).iter() {
            push_json_string(&mut text, name);
            push_json_string(&mut text, value);
        }
        Self(text)
    }
}

/// The labels of a series' group.
pub(crate) fn group_labels(labels: &Labels, grouping: &Grouping) -> Labels {
    match grouping {
        Grouping::By(names) => labels.signature(true, names),
        Grouping::Without(names) => labels.signature(false, names),
    }
}

fn push_raw(text: &mut String, name: &str, value: &str) {
    text.push('"');
    text.push_str(name);
    text.push('"');
    text.push_str(value);
}

/// Whether a label's name is written so in a key: names without escapes, which is nearly all, compare directly.
fn is_raw(name: &str, raw: &str) -> bool {
    if !raw.contains('\\') {
        return name == raw;
    }
    let mut escaped = String::new();
    push_json_string(&mut escaped, name);
    escaped.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) == Some(raw)
}

/// The pairs of a canonical JSON object of strings, as written between their quotes.
fn raw_pairs(json: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = json;
    std::iter::from_fn(move || {
        let name = next_text(&mut rest)?;
        let value = next_text(&mut rest)?;
        Some((name, value))
    })
}

/// The next quoted text; leaves `rest` behind its closing quote.
fn next_text<'a>(rest: &mut &'a str) -> Option<&'a str> {
    let start = rest.bytes().position(|byte| byte == b'"')? + 1;
    let text = rest.get(start..)?;
    let mut escaped = false;
    let end = text.bytes().position(|byte| {
        let closes = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        closes
    })?;
    *rest = text.get(end + 1..)?;
    text.get(..end)
}

/// Groups x steps of an aggregation that adds up in one pass.
pub(crate) struct Groups {
    op: AggregateOp,
    grouping: Grouping,
    steps: usize,
    index: HashMap<Group, usize, FixedState>,
    labels: Vec<Labels>,
    cells: Cells,
    charged: u64,
    /// Label sets seen, where series of several metrics may become equal once their names are dropped.
    distinct: Option<HashSet<Box<str>, FixedState>>,
}

impl Groups {
    /// No groups yet; `None` when the aggregation needs all values at once.
    pub(crate) fn new(op: AggregateOp, grouping: Grouping, steps: usize) -> Option<Self> {
        Some(Self {
            op,
            grouping,
            steps,
            index: HashMap::with_hasher(FixedState::default()),
            labels: Vec::new(),
            cells: Cells::new(op)?,
            charged: 0,
            distinct: None,
        })
    }

    /// Makes series that become equal without their metric names an error.
    pub(crate) fn refusing_equal_labels(mut self) -> Self {
        self.distinct = Some(HashSet::with_hasher(FixedState::default()));
        self
    }

    fn take(&mut self, key: &SeriesKey, group: &Group, row: &[f64], meter: &Meter) -> Result<(), PromqlError> {
        if let Some(distinct) = &mut self.distinct
            && !distinct.insert(key.labels_json().into())
        {
            return Err(same_labelset());
        }
        let group = match self.index.get(group) {
            Some(found) => *found,
            None => self.add_group(group.clone(), &Labels::of_key(key), meter)?,
        };
        self.cells.add(group * self.steps, row);
        Ok(())
    }

    /// Takes one row of a matrix.
    pub(crate) fn take_labels(&mut self, labels: &Labels, row: &[f64], meter: &Meter) -> Result<(), PromqlError> {
        if row.iter().all(|value| is_absent(*value)) {
            return Ok(());
        }
        let group = Group::of_labels(labels, &self.grouping);
        let group = match self.index.get(&group) {
            Some(found) => *found,
            None => self.add_group(group, labels, meter)?,
        };
        self.cells.add(group * self.steps, row);
        Ok(())
    }

    fn add_group(&mut self, group: Group, labels: &Labels, meter: &Meter) -> Result<usize, PromqlError> {
        let number = self.labels.len();
        self.labels.push(group_labels(labels, &self.grouping));
        self.index.insert(group, number);
        let bytes = ((number + 1) * (self.steps * self.cells.cell_bytes() + 256)) as u64;
        if bytes > self.charged {
            drop(meter.reserve(bytes * 2)?);
            self.charged = bytes * 2;
        }
        self.cells.grow((number + 1) * self.steps);
        Ok(number)
    }

    /// Groups x steps, with the groups in the order they were met.
    pub(crate) fn finish(self) -> Matrix {
        let mut matrix = Matrix::new(self.steps);
        let values = self.cells.finish(self.op);
        for (labels, row) in self.labels.into_iter().zip(values.chunks(self.steps.max(1))) {
            matrix.push(labels, row);
        }
        matrix
    }
}

#[cfg(test)]
mod tests;
