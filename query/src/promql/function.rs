//! The one table of PromQL's functions: the parser's check of types, the evaluator's dispatch and `docs/promql.md` read it.

use super::expr::ValueType::{self, Matrix, Scalar, String, Vector};

/// A function Icecore answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "they are PromQL's own names")]
pub enum Function {
    Math(MathFunction),
    Time(TimeFunction),
    Range(RangeFunction),
    Histogram(HistogramFunction),
    Absent,
    AbsentOverTime,
    Clamp,
    ClampMax,
    ClampMin,
    LabelJoin,
    LabelReplace,
    Pi,
    Round,
    Scalar,
    Sort,
    SortDesc,
    SortByLabel,
    SortByLabelDesc,
    Timestamp,
    TimeNow,
    Vector,
    Start,
    End,
    QueryRange,
    Step,
    MinOf,
    MaxOf,
}

/// Functions of one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "they are PromQL's own names")]
pub enum MathFunction {
    Abs,
    Acos,
    Acosh,
    Asin,
    Asinh,
    Atan,
    Atanh,
    Ceil,
    Cos,
    Cosh,
    Deg,
    Exp,
    Floor,
    Ln,
    Log10,
    Log2,
    Rad,
    Sgn,
    Sin,
    Sinh,
    Sqrt,
    Tan,
    Tanh,
}

/// Parts of a date, in UTC, of a number of seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "they are PromQL's own names")]
pub enum TimeFunction {
    DayOfMonth,
    DayOfWeek,
    DayOfYear,
    DaysInMonth,
    Hour,
    Minute,
    Month,
    Year,
}

/// Functions of the samples in a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "they are PromQL's own names")]
pub enum RangeFunction {
    Avg,
    Changes,
    Count,
    Delta,
    Deriv,
    DoubleExponentialSmoothing,
    First,
    Idelta,
    Increase,
    Irate,
    Last,
    Mad,
    Max,
    Min,
    PredictLinear,
    Present,
    Quantile,
    Rate,
    Resets,
    Stddev,
    Stdvar,
    Sum,
    TsOfFirst,
    TsOfLast,
    TsOfMax,
    TsOfMin,
}

impl RangeFunction {
    /// Whether the result is still a sample of the metric, so that it keeps its name.
    pub const fn keeps_name(self) -> bool {
        matches!(self, Self::First | Self::Last)
    }
}

/// Functions of classic histogram buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "they are PromQL's own names")]
pub enum HistogramFunction {
    Quantile,
    Fraction,
}

/// One line of the table.
#[derive(Debug, Clone, Copy)]
pub struct FunctionInfo {
    /// As written in queries.
    pub name: &'static str,
    /// Which; `None` when Icecore does not answer it yet.
    pub function: Option<Function>,
    /// Types of the arguments; the last one repeats or is optional as `optional` says.
    pub args: &'static [ValueType],
    /// How many of the last arguments may be missing (`OPTIONAL_MANY`: the last may be missing or repeat).
    pub optional: usize,
    /// Its type.
    pub returns: ValueType,
}

/// The last argument may be missing, or occur any number of times.
pub(crate) const OPTIONAL_MANY: usize = usize::MAX;

const fn row(name: &'static str, function: Function, args: &'static [ValueType], returns: ValueType) -> FunctionInfo {
    FunctionInfo {
        name,
        function: Some(function),
        args,
        optional: 0,
        returns,
    }
}

const fn optional(info: FunctionInfo, optional: usize) -> FunctionInfo {
    FunctionInfo { optional, ..info }
}

const fn missing(name: &'static str) -> FunctionInfo {
    FunctionInfo {
        name,
        function: None,
        args: &[],
        optional: 0,
        returns: Vector,
    }
}

const fn math(name: &'static str, function: MathFunction) -> FunctionInfo {
    row(name, Function::Math(function), &[Vector], Vector)
}

const fn date(name: &'static str, function: TimeFunction) -> FunctionInfo {
    optional(row(name, Function::Time(function), &[Vector], Vector), 1)
}

const fn range(name: &'static str, function: RangeFunction) -> FunctionInfo {
    row(name, Function::Range(function), &[Matrix], Vector)
}

/// Every function of Prometheus 3.14's documentation, sorted by name.
pub const FUNCTIONS: &[FunctionInfo] = &[
    math("abs", MathFunction::Abs),
    row("absent", Function::Absent, &[Vector], Vector),
    row("absent_over_time", Function::AbsentOverTime, &[Matrix], Vector),
    math("acos", MathFunction::Acos),
    math("acosh", MathFunction::Acosh),
    math("asin", MathFunction::Asin),
    math("asinh", MathFunction::Asinh),
    math("atan", MathFunction::Atan),
    math("atanh", MathFunction::Atanh),
    range("avg_over_time", RangeFunction::Avg),
    math("ceil", MathFunction::Ceil),
    range("changes", RangeFunction::Changes),
    row("clamp", Function::Clamp, &[Vector, Scalar, Scalar], Vector),
    row("clamp_max", Function::ClampMax, &[Vector, Scalar], Vector),
    row("clamp_min", Function::ClampMin, &[Vector, Scalar], Vector),
    math("cos", MathFunction::Cos),
    math("cosh", MathFunction::Cosh),
    range("count_over_time", RangeFunction::Count),
    date("day_of_month", TimeFunction::DayOfMonth),
    date("day_of_week", TimeFunction::DayOfWeek),
    date("day_of_year", TimeFunction::DayOfYear),
    date("days_in_month", TimeFunction::DaysInMonth),
    math("deg", MathFunction::Deg),
    range("delta", RangeFunction::Delta),
    range("deriv", RangeFunction::Deriv),
    row(
        "double_exponential_smoothing",
        Function::Range(RangeFunction::DoubleExponentialSmoothing),
        &[Matrix, Scalar, Scalar],
        Vector,
    ),
    row("end", Function::End, &[], Scalar),
    math("exp", MathFunction::Exp),
    range("first_over_time", RangeFunction::First),
    math("floor", MathFunction::Floor),
    missing("histogram_avg"),
    missing("histogram_count"),
    row(
        "histogram_fraction",
        Function::Histogram(HistogramFunction::Fraction),
        &[Scalar, Scalar, Vector],
        Vector,
    ),
    row(
        "histogram_quantile",
        Function::Histogram(HistogramFunction::Quantile),
        &[Scalar, Vector],
        Vector,
    ),
    missing("histogram_quantiles"),
    missing("histogram_stddev"),
    missing("histogram_stdvar"),
    missing("histogram_sum"),
    date("hour", TimeFunction::Hour),
    range("idelta", RangeFunction::Idelta),
    range("increase", RangeFunction::Increase),
    missing("info"),
    range("irate", RangeFunction::Irate),
    optional(
        row(
            "label_join",
            Function::LabelJoin,
            &[Vector, String, String, String],
            Vector,
        ),
        OPTIONAL_MANY,
    ),
    row(
        "label_replace",
        Function::LabelReplace,
        &[Vector, String, String, String, String],
        Vector,
    ),
    range("last_over_time", RangeFunction::Last),
    math("ln", MathFunction::Ln),
    math("log10", MathFunction::Log10),
    math("log2", MathFunction::Log2),
    range("mad_over_time", RangeFunction::Mad),
    row("max_of", Function::MaxOf, &[Scalar, Scalar], Scalar),
    range("max_over_time", RangeFunction::Max),
    row("min_of", Function::MinOf, &[Scalar, Scalar], Scalar),
    range("min_over_time", RangeFunction::Min),
    date("minute", TimeFunction::Minute),
    date("month", TimeFunction::Month),
    row("pi", Function::Pi, &[], Scalar),
    row(
        "predict_linear",
        Function::Range(RangeFunction::PredictLinear),
        &[Matrix, Scalar],
        Vector,
    ),
    range("present_over_time", RangeFunction::Present),
    row(
        "quantile_over_time",
        Function::Range(RangeFunction::Quantile),
        &[Scalar, Matrix],
        Vector,
    ),
    math("rad", MathFunction::Rad),
    row("range", Function::QueryRange, &[], Scalar),
    range("rate", RangeFunction::Rate),
    range("resets", RangeFunction::Resets),
    optional(row("round", Function::Round, &[Vector, Scalar], Vector), 1),
    row("scalar", Function::Scalar, &[Vector], Scalar),
    math("sgn", MathFunction::Sgn),
    math("sin", MathFunction::Sin),
    math("sinh", MathFunction::Sinh),
    row("sort", Function::Sort, &[Vector], Vector),
    optional(
        row("sort_by_label", Function::SortByLabel, &[Vector, String], Vector),
        OPTIONAL_MANY,
    ),
    optional(
        row(
            "sort_by_label_desc",
            Function::SortByLabelDesc,
            &[Vector, String],
            Vector,
        ),
        OPTIONAL_MANY,
    ),
    row("sort_desc", Function::SortDesc, &[Vector], Vector),
    math("sqrt", MathFunction::Sqrt),
    row("start", Function::Start, &[], Scalar),
    missing("start_timestamp"),
    range("stddev_over_time", RangeFunction::Stddev),
    range("stdvar_over_time", RangeFunction::Stdvar),
    row("step", Function::Step, &[], Scalar),
    range("sum_over_time", RangeFunction::Sum),
    math("tan", MathFunction::Tan),
    math("tanh", MathFunction::Tanh),
    row("time", Function::TimeNow, &[], Scalar),
    row("timestamp", Function::Timestamp, &[Vector], Vector),
    range("ts_of_first_over_time", RangeFunction::TsOfFirst),
    range("ts_of_last_over_time", RangeFunction::TsOfLast),
    range("ts_of_max_over_time", RangeFunction::TsOfMax),
    range("ts_of_min_over_time", RangeFunction::TsOfMin),
    row("vector", Function::Vector, &[Scalar], Vector),
    date("year", TimeFunction::Year),
];

impl FunctionInfo {
    /// The line of a name.
    pub fn of(name: &str) -> Option<&'static Self> {
        FUNCTIONS
            .binary_search_by(|info| info.name.cmp(name))
            .ok()
            .and_then(|index| FUNCTIONS.get(index))
    }

    /// The type that the argument at `index` must have; `None` past the last.
    pub fn arg_type(&self, index: usize) -> Option<ValueType> {
        match self.args.get(index) {
            None if self.optional == OPTIONAL_MANY => self.args.last().copied(),
            found => found.copied(),
        }
    }

    /// Fewest arguments.
    pub const fn args_min(&self) -> usize {
        if self.optional == OPTIONAL_MANY {
            self.args.len() - 1
        } else {
            self.args.len() - self.optional
        }
    }
}

impl Function {
    /// Whether its value depends on the evaluation's own time, not on its arguments alone.
    pub const fn asks_for_time(self) -> bool {
        matches!(
            self,
            Self::Time(_) | Self::Range(RangeFunction::PredictLinear) | Self::TimeNow | Self::Timestamp
        )
    }

    /// Its type.
    pub const fn returns(self) -> ValueType {
        match self {
            Self::Pi
            | Self::Scalar
            | Self::TimeNow
            | Self::Start
            | Self::End
            | Self::QueryRange
            | Self::Step
            | Self::MinOf
            | Self::MaxOf => Scalar,
            _ => Vector,
        }
    }
}

#[cfg(test)]
mod tests;
