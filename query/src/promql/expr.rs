//! The typed tree of a query: every argument has the type its function wants, names are resolved, durations are milliseconds.

use icecore_engine::matcher::Matcher;

use super::function::Function;

/// What an expression gives at one instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueType {
    /// One number.
    Scalar,
    /// One text.
    String,
    /// One number per series.
    Vector,
    /// Samples per series.
    Matrix,
}

impl ValueType {
    /// As Prometheus's messages name it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::String => "string",
            Self::Vector => "instant vector",
            Self::Matrix => "range vector",
        }
    }
}

/// One node.
#[derive(Debug, Clone)]
pub enum Expr {
    /// A number.
    Number(f64),
    /// A text.
    Text(String),
    /// The latest sample of each series within the lookback.
    Selector(Selector),
    /// The samples of each series in a range; only at the top and as an argument.
    Range(Box<RangeExpr>),
    /// A function's call.
    Call(Call),
    /// An aggregation.
    Aggregate(Box<Aggregate>),
    /// An operator between two.
    Binary(Box<Binary>),
    /// Minus.
    Negate(Box<Expr>),
}

impl Expr {
    /// Its type.
    pub fn value_type(&self) -> ValueType {
        match self {
            Self::Number(_) => ValueType::Scalar,
            Self::Text(_) => ValueType::String,
            Self::Selector(_) | Self::Aggregate(_) => ValueType::Vector,
            Self::Range(_) => ValueType::Matrix,
            Self::Call(call) => call.function.returns(),
            Self::Binary(binary) => binary.value_type,
            Self::Negate(inner) => inner.value_type(),
        }
    }
}

impl Expr {
    /// Whether its value is the same whenever it is evaluated: all its selectors are fixed by `@`, and no function asks
    /// for the time. Numbers by themselves are too cheap to be worth it.
    pub fn is_steady(&self) -> bool {
        match self {
            Self::Number(_) | Self::Text(_) => false,
            other => other.ignores_time(),
        }
    }

    fn ignores_time(&self) -> bool {
        match self {
            Self::Number(_) | Self::Text(_) => true,
            Self::Selector(selector) => selector.shift.at.is_some(),
            Self::Range(range) => match range.as_ref() {
                RangeExpr::Selector { selector, .. } => selector.shift.at.is_some(),
                RangeExpr::Subquery { shift, .. } => shift.at.is_some(),
            },
            Self::Call(call) => !call.function.asks_for_time() && call.args.iter().all(Self::ignores_time),
            Self::Aggregate(aggregate) => {
                aggregate.expr.ignores_time() && aggregate.param.as_ref().is_none_or(Self::ignores_time)
            }
            Self::Binary(binary) => binary.left.ignores_time() && binary.right.ignores_time(),
            Self::Negate(inner) => inner.ignores_time(),
        }
    }
}

/// A fixed evaluation time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// `@ 1609746000`, in milliseconds.
    Time(i64),
    /// `@ start()`
    Start,
    /// `@ end()`
    End,
}

/// When a selector or subquery looks, relative to the evaluation time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Shift {
    /// `@`
    pub at: Option<At>,
    /// `offset`, in milliseconds; positive is back in time.
    pub offset_ms: i64,
}

/// Which series, and when.
#[derive(Debug, Clone)]
pub struct Selector {
    /// Conditions, the metric name's first when there is one.
    pub matchers: Vec<Matcher>,
    /// `@` and `offset`.
    pub shift: Shift,
}

/// A range of samples.
#[derive(Debug, Clone)]
pub enum RangeExpr {
    /// `selector[range]`
    Selector {
        /// Which series.
        selector: Selector,
        /// Length in milliseconds; left-open.
        range_ms: i64,
    },
    /// `expr[range:step]`
    Subquery {
        /// What is evaluated.
        expr: Expr,
        /// Length in milliseconds; left-open.
        range_ms: i64,
        /// The step, in milliseconds; the default when absent.
        step_ms: Option<i64>,
        /// `@` and `offset`.
        shift: Shift,
    },
}

/// A function and its arguments (types and count are right).
#[derive(Debug, Clone)]
pub struct Call {
    /// Which.
    pub function: Function,
    /// With what; optional arguments may be missing.
    pub args: Vec<Expr>,
}

/// The aggregation operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "they are PromQL's own names")]
pub enum AggregateOp {
    Sum,
    Avg,
    Min,
    Max,
    Count,
    Group,
    Stddev,
    Stdvar,
    Topk,
    Bottomk,
    Quantile,
    CountValues,
    Limitk,
    LimitRatio,
}

impl AggregateOp {
    /// Whether the values do not matter, only which series have one.
    pub const fn needs_presence_only(self) -> bool {
        matches!(self, Self::Count | Self::Group)
    }
}

/// Which labels make a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grouping {
    /// `by (...)`; nothing named: one group of all.
    By(Vec<String>),
    /// `without (...)`: all labels but these and the metric name.
    Without(Vec<String>),
}

/// An aggregation.
#[derive(Debug, Clone)]
pub struct Aggregate {
    /// Which.
    pub op: AggregateOp,
    /// The parameter of topk, bottomk, quantile, limitk, limit_ratio (scalar) and count_values (text).
    pub param: Option<Expr>,
    /// Over what.
    pub expr: Expr,
    /// Into which groups.
    pub grouping: Grouping,
}

/// The operators between two expressions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "they are PromQL's own operators")]
pub enum BinaryOp {
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    Pow,
    Atan2,
    Equal,
    NotEqual,
    Greater,
    Less,
    GreaterOrEqual,
    LessOrEqual,
    And,
    Or,
    Unless,
}

impl BinaryOp {
    /// Whether it compares.
    pub const fn is_comparison(self) -> bool {
        matches!(
            self,
            Self::Equal | Self::NotEqual | Self::Greater | Self::Less | Self::GreaterOrEqual | Self::LessOrEqual
        )
    }

    /// Whether it combines sets of series.
    pub const fn is_set(self) -> bool {
        matches!(self, Self::And | Self::Or | Self::Unless)
    }
}

/// How series of two sides find each other.
#[derive(Debug, Clone, PartialEq)]
pub struct Matching {
    /// `on` (true) or `ignoring`.
    pub on: bool,
    /// The labels of `on` or `ignoring`.
    pub labels: Vec<String>,
    /// Which side may have many.
    pub cardinality: Cardinality,
    /// Labels that `group_left` or `group_right` copies from the one side.
    pub include: Vec<String>,
    /// Stands for a missing left side.
    pub fill_left: Option<f64>,
    /// Stands for a missing right side.
    pub fill_right: Option<f64>,
}

/// How many series of each side may meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cardinality {
    /// One and one.
    OneToOne,
    /// `group_left`: many on the left.
    ManyToOne,
    /// `group_right`: many on the right.
    OneToMany,
    /// Set operators.
    ManyToMany,
}

/// An operator and its sides.
#[derive(Debug, Clone)]
pub struct Binary {
    /// Which.
    pub op: BinaryOp,
    /// Left side, scalar or vector.
    pub left: Expr,
    /// Right side, scalar or vector.
    pub right: Expr,
    /// `bool`
    pub return_bool: bool,
    /// Between two vectors.
    pub matching: Matching,
    /// Scalar when both sides are.
    pub value_type: ValueType,
}
