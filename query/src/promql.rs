//! PromQL as Prometheus 3 defines it, over one snapshot of the engine.
//!
//! `text -> gate -> parser -> typed tree -> leaves -> small matrices -> answer`. What costs is the leaves
//! `aggregate(range_function(selector[range]))`: each is one streaming pass over series in index order, run by run, and
//! only what the answer shows becomes labels. Everything above a leaf works on dense matrices of series x steps.
//!
//! | file | what it holds |
//! |---|---|
//! | `gate`, `parse`, `expr`, `function` | from text to the typed tree; the one table of functions |
//! | `engine` | [`PromqlEngine`]: instant, range, series, labels, label values |
//! | `eval` | the evaluator: leaves, aggregations, operators, functions |
//! | `labels`, `matrix` | label sets of results; dense values with absence |
//! | `value`, `render`, `number` | answers as plain data, and as Prometheus's JSON |
//!
//! What Icecore does not answer yet is refused by name; `docs/promql.md` is generated from the table.

mod annotations;
mod engine;
mod error;
mod eval;
mod expr;
mod function;
pub mod gate;
mod labels;
mod matrix;
mod meter;
mod number;
mod parse;
mod reference;
pub mod render;
mod value;
mod values;

pub use engine::{Listing, PromqlEngine, PromqlOptions};
pub use error::{ErrorKind, PromqlError};
pub use expr::{
    Aggregate, AggregateOp, At, Binary, BinaryOp, Call, Cardinality, Expr, Grouping, Matching, RangeExpr, Selector,
    Shift, ValueType,
};
pub use function::{FUNCTIONS, Function, FunctionInfo, HistogramFunction, MathFunction, RangeFunction, TimeFunction};
pub use labels::Labels;
pub use meter::QueryLimits;
pub use parse::{parse, parse_selector};
pub use reference::reference;
pub use value::{MatrixSeries, QueryResult, Value, VectorSample};
