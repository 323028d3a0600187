//! What a statement's conditions let the index leave out.
//!
//! Everything said to the index is at least as wide as the condition, and the condition is checked again on every row
//! that is left, except for ids: those become a comparison of the binary column, which is the condition itself.

use arrow::datatypes::DataType;
use datafusion::common::{Column, ScalarValue};
use datafusion::logical_expr::expr::{BinaryExpr, InList, Like};
use datafusion::logical_expr::{Expr, Operator};
use icecore_engine::ids::Signal;
use icecore_engine::labels::METRIC_NAME_LABEL;
use icecore_engine::matcher::REGEX_BYTES_MAX;
use icecore_engine::part::IndexFilter;
use icecore_engine::schema::{SPAN_ID_BYTES, TRACE_ID_BYTES, column};
use icecore_engine::time::TimeRange;
use regex::RegexBuilder;

use super::columns::{Role, TableColumn, TableColumns};
use crate::sql::functions::{HAS_TOKEN, is_word_char, words};

/// What is said to the index, and the conditions that are checked below the table.
#[derive(Debug, Clone)]
pub(crate) struct Pushdown {
    /// Rows that it does not match are left out where the index knows.
    pub(crate) index: IndexFilter,
    /// Rows outside of it are left out.
    pub(crate) range: TimeRange,
    /// Conditions over the columns of files that stand for a condition of the statement.
    pub(crate) exact: Vec<Expr>,
}

impl Pushdown {
    /// What the conditions, all of which hold, allow.
    pub(crate) fn of(table: &TableColumns, filters: &[Expr]) -> Self {
        let mut index = Vec::new();
        let mut range = TimeRange::ALL;
        let mut exact = Vec::new();
        for filter in filters {
            match index_filter(table, filter) {
                IndexFilter::All => {}
                narrower => index.push(narrower),
            }
            range = range.intersect(time_range(table, filter));
            exact.extend(binary_condition(table, filter));
        }
        Self {
            index: all_of(index),
            range,
            exact,
        }
    }

    /// Only rows of one metric. The table has no other condition for it, so every source must keep to it.
    pub(crate) fn of_metric(mut self, metric: &str) -> Self {
        let name = IndexFilter::Term {
            key: METRIC_NAME_LABEL.to_owned(),
            value: metric.to_owned(),
        };
        let column = Expr::Column(Column::new_unqualified(column::METRIC));
        let literal = ScalarValue::Dictionary(
            Box::new(DataType::Int32),
            Box::new(ScalarValue::Utf8(Some(metric.to_owned()))),
        );
        self.exact.push(column.eq(Expr::Literal(literal, None)));
        self.index = match self.index {
            IndexFilter::All => name,
            other => IndexFilter::And(vec![name, other]),
        };
        self
    }
}

fn all_of(mut filters: Vec<IndexFilter>) -> IndexFilter {
    match filters.len() {
        0 => IndexFilter::All,
        1 => filters.pop().unwrap_or(IndexFilter::All),
        _ => IndexFilter::And(filters),
    }
}

fn any_of(filters: Vec<IndexFilter>) -> IndexFilter {
    if filters.iter().any(|filter| matches!(filter, IndexFilter::All)) {
        return IndexFilter::All;
    }
    IndexFilter::Or(filters)
}

/// What the index is asked for a condition; `All` where it cannot help.
fn index_filter(table: &TableColumns, filter: &Expr) -> IndexFilter {
    match filter {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => match op {
            Operator::And => all_of(
                [left, right]
                    .into_iter()
                    .map(|side| index_filter(table, side))
                    .filter(|side| !matches!(side, IndexFilter::All))
                    .collect(),
            ),
            Operator::Or => any_of(vec![index_filter(table, left), index_filter(table, right)]),
            _ => comparison(table, left, *op, right),
        },
        Expr::InList(InList {
            expr,
            list,
            negated: false,
        }) => match target(table, expr) {
            Some(target) => any_of(list.iter().map(|value| target.equal(value)).collect()),
            None => IndexFilter::All,
        },
        Expr::Like(Like {
            negated: false,
            expr,
            pattern,
            escape_char: None,
            case_insensitive,
        }) => match (target(table, expr), text(pattern)) {
            (Some(target), Some(pattern)) => target.like(&pattern, *case_insensitive),
            _ => IndexFilter::All,
        },
        Expr::ScalarFunction(call) => match (call.func.name(), call.args.as_slice()) {
            ("starts_with", [expr, prefix]) => match (target(table, expr), text(prefix)) {
                (Some(Target::Term { key }), Some(prefix)) => IndexFilter::Prefix { key, prefix },
                _ => IndexFilter::All,
            },
            (HAS_TOKEN, [expr, wanted]) => match (target(table, expr), text(wanted)) {
                (Some(Target::Body), Some(wanted)) => all_of(words(&wanted).map(IndexFilter::Token).collect()),
                _ => IndexFilter::All,
            },
            _ => IndexFilter::All,
        },
        _ => IndexFilter::All,
    }
}

fn comparison(table: &TableColumns, left: &Expr, op: Operator, right: &Expr) -> IndexFilter {
    let (target, op, value) = match (target(table, left), target(table, right)) {
        (Some(target), None) => (target, op, right),
        (None, Some(target)) => match op.swap() {
            Some(op) => (target, op, left),
            None => return IndexFilter::All,
        },
        _ => return IndexFilter::All,
    };
    match op {
        Operator::Eq => target.equal(value),
        Operator::RegexMatch | Operator::RegexIMatch => match text(value) {
            Some(pattern) => target.regex(&pattern, op == Operator::RegexIMatch),
            None => IndexFilter::All,
        },
        Operator::Gt | Operator::GtEq | Operator::Lt | Operator::LtEq => target.ordered(op, value),
        _ => IndexFilter::All,
    }
}

/// The side of a condition that the index knows something about.
#[derive(Debug)]
enum Target {
    /// A text that is a term of this key.
    Term { key: String },
    /// A number that is a term of this key.
    Number { key: String },
    /// A trace id as hex text.
    TraceId,
    /// The body of a log record.
    Body,
}

fn target(table: &TableColumns, expr: &Expr) -> Option<Target> {
    match expr {
        Expr::Column(name) => match &table.find(&name.name)?.role {
            Role::Term(key) => Some(Target::Term { key: key.clone() }),
            Role::NumberTerm(key) => Some(Target::Number { key: key.clone() }),
            Role::TraceId => Some(Target::TraceId),
            Role::Body => Some(Target::Body),
            Role::Plain | Role::Time | Role::Id | Role::JsonTerms(_) => None,
        },
        // Between the encodings of text a cast changes nothing.
        Expr::Cast(cast) if is_text(cast.field.data_type()) => match target(table, &cast.expr)? {
            Target::Number { .. } => None,
            other => Some(other),
        },
        Expr::Alias(alias) => target(table, &alias.expr),
        Expr::ScalarFunction(call) if matches!(call.func.name(), "json_as_text" | "json_get_str") => {
            let [Expr::Column(name), key] = call.args.as_slice() else {
                return None;
            };
            match (&table.find(&name.name)?.role, text(key)) {
                (Role::JsonTerms(before), Some(key)) => Some(Target::Term {
                    key: format!("{before}{key}"),
                }),
                _ => None,
            }
        }
        _ => None,
    }
}

fn is_text(data_type: &DataType) -> bool {
    match data_type {
        DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8 => true,
        DataType::Dictionary(_, value) => is_text(value),
        _ => false,
    }
}

/// A literal text.
fn text(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Literal(value, _) => value.try_as_str().flatten().map(str::to_owned),
        Expr::Cast(cast) if is_text(cast.field.data_type()) => text(&cast.expr),
        Expr::Alias(alias) => text(&alias.expr),
        _ => None,
    }
}

/// A literal whole number.
fn number(expr: &Expr) -> Option<i64> {
    let Expr::Literal(value, _) = expr else {
        return None;
    };
    match value.cast_to(&DataType::Int64).ok()? {
        ScalarValue::Int64(number) => number,
        _ => None,
    }
}

impl Target {
    fn equal(&self, value: &Expr) -> IndexFilter {
        match self {
            Self::Term { key } => match text(value) {
                // An absent term may be kept as no term at all.
                Some(value) if !value.is_empty() => IndexFilter::Term {
                    key: key.clone(),
                    value,
                },
                _ => IndexFilter::All,
            },
            Self::Number { key } => number(value).map_or(IndexFilter::All, |number| IndexFilter::Term {
                key: key.clone(),
                value: number.to_string(),
            }),
            Self::TraceId => match text(value).map(|hex| id_of_hex(&hex)) {
                Some(Some(id)) => IndexFilter::TraceId(id),
                // No id has this text.
                Some(None) => IndexFilter::Or(Vec::new()),
                None => IndexFilter::All,
            },
            Self::Body => IndexFilter::All,
        }
    }

    fn regex(&self, pattern: &str, any_case: bool) -> IndexFilter {
        let Self::Term { key } = self else {
            return IndexFilter::All;
        };
        RegexBuilder::new(pattern)
            .case_insensitive(any_case)
            .size_limit(REGEX_BYTES_MAX)
            .build()
            .map_or(IndexFilter::All, |regex| IndexFilter::Regex {
                key: key.clone(),
                regex,
            })
    }

    fn like(&self, pattern: &str, any_case: bool) -> IndexFilter {
        // A backslash escapes in LIKE; such patterns are rare enough to be left to the rows.
        if pattern.contains('\\') {
            return IndexFilter::All;
        }
        if matches!(self, Self::Body) {
            return whole_tokens(pattern);
        }
        let mut regex = String::from("(?s)^");
        for character in pattern.chars() {
            match character {
                '%' => regex.push_str(".*"),
                '_' => regex.push('.'),
                other => regex.push_str(&regex::escape(other.encode_utf8(&mut [0; 4]))),
            }
        }
        regex.push('$');
        self.regex(&regex, any_case)
    }

    /// Ranges over the severity: the numbers are few, so each becomes a term.
    fn ordered(&self, op: Operator, value: &Expr) -> IndexFilter {
        const SEVERITY_NUMBERS: std::ops::RangeInclusive<i64> = 0..=24;
        let (Self::Number { key }, Some(bound)) = (self, number(value)) else {
            return IndexFilter::All;
        };
        let passes = |number: i64| match op {
            Operator::Gt => number > bound,
            Operator::GtEq => number >= bound,
            Operator::Lt => number < bound,
            Operator::LtEq => number <= bound,
            _ => true,
        };
        // A sender may have sent numbers outside of the scale; they lie beyond its ends.
        if passes(SEVERITY_NUMBERS.start() - 1) || key != column::SEVERITY_NUMBER {
            return IndexFilter::All;
        }
        IndexFilter::Or(
            SEVERITY_NUMBERS
                .filter(|number| passes(*number))
                .map(|number| IndexFilter::Term {
                    key: key.clone(),
                    value: number.to_string(),
                })
                .collect(),
        )
    }
}

/// Tokens that stand whole inside a LIKE pattern: those that touch neither `%`, `_` nor an end may be parts of longer ones.
fn whole_tokens(pattern: &str) -> IndexFilter {
    let mut tokens = Vec::new();
    for piece in pattern.split(['%', '_']) {
        let is_between = |c: char| !is_word_char(c);
        let (Some(start), Some(end)) = (piece.find(is_between), piece.rfind(is_between)) else {
            continue;
        };
        if let Some(inner) = piece.get(start..end) {
            tokens.extend(words(inner).map(IndexFilter::Token));
        }
    }
    all_of(tokens)
}

fn id_of_hex<const N: usize>(hex: &str) -> Option<[u8; N]> {
    if hex.len() != 2 * N || !hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    let mut id = [0_u8; N];
    for (at, byte) in id.iter_mut().enumerate() {
        *byte = u8::from_str_radix(hex.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(id)
}

/// The times that a condition leaves, in the signal's unit.
fn time_range(table: &TableColumns, filter: &Expr) -> TimeRange {
    match filter {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => match (op, is_time(table, left), is_time(table, right)) {
            (Operator::And, ..) => time_range(table, left).intersect(time_range(table, right)),
            (Operator::Or, ..) => hull(time_range(table, left), time_range(table, right)),
            (op, true, false) => times(*op, right, table.signal),
            (op, false, true) => op.swap().map_or(TimeRange::ALL, |op| times(op, left, table.signal)),
            _ => TimeRange::ALL,
        },
        Expr::Between(between) if !between.negated && is_time(table, &between.expr) => times(
            Operator::GtEq,
            &between.low,
            table.signal,
        )
        .intersect(times(Operator::LtEq, &between.high, table.signal)),
        Expr::InList(list) if !list.negated && is_time(table, &list.expr) => list
            .list
            .iter()
            .map(|value| times(Operator::Eq, value, table.signal))
            .reduce(hull)
            .unwrap_or(TimeRange::ALL),
        _ => TimeRange::ALL,
    }
}

fn hull(a: TimeRange, b: TimeRange) -> TimeRange {
    if a.is_empty() {
        b
    } else if b.is_empty() {
        a
    } else {
        TimeRange::new(a.start.min(b.start), a.end.max(b.end))
    }
}

/// The table's time, or a cast of it to another timestamp type: a coarser one rounds, which `times` allows for.
fn is_time(table: &TableColumns, expr: &Expr) -> bool {
    match expr {
        Expr::Column(name) => table.find(&name.name).is_some_and(|column| column.role == Role::Time),
        Expr::Cast(cast) if matches!(cast.field.data_type(), DataType::Timestamp(..)) => is_time(table, &cast.expr),
        _ => false,
    }
}

/// Times `t` for which `t op literal` may hold. Rounding, wherever it happens, is allowed for by a second at each end.
fn times(op: Operator, literal: &Expr, signal: Signal) -> TimeRange {
    let Some((low, high)) = instant(literal, signal) else {
        return TimeRange::ALL;
    };
    match op {
        Operator::Eq => TimeRange::new(low, high),
        Operator::Gt | Operator::GtEq => TimeRange::new(low, i64::MAX),
        Operator::Lt | Operator::LtEq => TimeRange::new(i64::MIN, high),
        _ => TimeRange::ALL,
    }
}

/// A literal timestamp in the signal's unit, as the first and last instant it may mean.
fn instant(literal: &Expr, signal: Signal) -> Option<(i64, i64)> {
    let Expr::Literal(value, _) = literal else {
        return None;
    };
    let (number, unit_ns) = match value {
        ScalarValue::TimestampSecond(Some(number), _) => (*number, 1_000_000_000_i128),
        ScalarValue::TimestampMillisecond(Some(number), _) => (*number, 1_000_000),
        ScalarValue::TimestampMicrosecond(Some(number), _) => (*number, 1_000),
        ScalarValue::TimestampNanosecond(Some(number), _) => (*number, 1),
        _ => return None,
    };
    let ours_ns: i128 = if signal == Signal::Metrics { 1_000_000 } else { 1 };
    let low = (i128::from(number) * unit_ns).div_euclid(ours_ns);
    let last_ns = i128::from(number) * unit_ns + (unit_ns - 1);
    let high = last_ns.div_euclid(ours_ns);
    let clamp = |at: i128| i64::try_from(at.clamp(i128::from(i64::MIN), i128::from(i64::MAX))).unwrap_or_default();
    Some((clamp(low), clamp(high)))
}

/// Whether the whole condition is on a binary id, so that `binary_condition` stands for it.
pub(crate) fn is_exact(table: &TableColumns, filter: &Expr) -> bool {
    binary_condition(table, filter).is_some()
}

/// `trace_id = 'hex'` or `trace_id IN (…)` as a condition on the binary column.
fn binary_condition(table: &TableColumns, filter: &Expr) -> Option<Expr> {
    match filter {
        Expr::BinaryExpr(BinaryExpr {
            left,
            op: Operator::Eq,
            right,
        }) => {
            let (column, value) = match (id_column(table, left), id_column(table, right)) {
                (Some(column), None) => (column, text(right)?),
                (None, Some(column)) => (column, text(left)?),
                _ => return None,
            };
            ids_condition(column, &[value])
        }
        Expr::InList(InList {
            expr,
            list,
            negated: false,
        }) => {
            let column = id_column(table, expr)?;
            let values: Option<Vec<String>> = list.iter().map(text).collect();
            ids_condition(column, &values?)
        }
        _ => None,
    }
}

fn id_column<'a>(table: &'a TableColumns, expr: &Expr) -> Option<&'a TableColumn> {
    let Expr::Column(name) = expr else {
        return None;
    };
    table
        .find(&name.name)
        .filter(|column| matches!(column.role, Role::TraceId | Role::Id))
}

fn ids_condition(column: &TableColumn, values: &[String]) -> Option<Expr> {
    let name = column.field.name();
    let literals: Vec<Expr> = values
        .iter()
        .filter_map(|hex| {
            if column.role == Role::TraceId {
                id_of_hex::<{ TRACE_ID_BYTES as usize }>(hex).map(|id| (TRACE_ID_BYTES, id.to_vec()))
            } else {
                id_of_hex::<{ SPAN_ID_BYTES as usize }>(hex).map(|id| (SPAN_ID_BYTES, id.to_vec()))
            }
        })
        .map(|(width, id)| Expr::Literal(ScalarValue::FixedSizeBinary(width, Some(id)), None))
        .collect();
    // An empty list is false for every row, as text that is no id equals none.
    Some(Expr::Column(Column::new_unqualified(name)).in_list(literals, false))
}
