//! The reference page of PromQL, written from the tables that the parser and the evaluator use, so that it cannot promise
//! what is not there.

use std::fmt::Write as _;

use super::expr::ValueType;
use super::function::{FUNCTIONS, FunctionInfo, OPTIONAL_MANY};
use crate::limits;

const HEAD: &str = "# PromQL

Icecore answers PromQL as Prometheus 3 defines it. This page is generated from the tables in `query/src/promql/function.rs`
and `query/src/limits.rs`; a test compares them (`UPDATE_DOCS=1 cargo test -p icecore-query --no-default-features` writes it anew).

## The language

* Compared with Prometheus 3.16 on thousands of generated queries: `tests/promql/golden/`.
* Selectors with all four kinds of matchers (regular expressions are anchored; their syntax is Rust's `regex`, which is RE2's but
  for details), names and labels in UTF-8 (`{\"http.requests\", \"a.b\"=\"c\"}`), `offset` either way, `@` with a time, `start()` and `end()`.
* Lookback 5 minutes. Lookback and ranges are open on the left: `(t - range, t]`. Stale markers end a series at once.
* Operators `+ - * / % ^ atan2`, `== != > < >= <=` with and without `bool`, `and or unless`, unary minus; `on`, `ignoring`,
  `group_left`, `group_right`, and `fill`, `fill_left`, `fill_right` for missing sides.
* Aggregations `sum avg min max count group stddev stdvar topk bottomk quantile count_values limitk limit_ratio` with `by` and
  `without`. Sums are compensated as in Prometheus.
* Subqueries `expr[range:step]`; without a step it is one minute.
* Warnings and infos in Prometheus's words, without its positions in the text.
* `start()`, `end()`, `range()` and `step()` as functions give the query's own bounds in seconds.
";

const TAIL: &str = "
## Delta temporality

Samples that OTLP sent as delta are increments. `increase` is the sum of those in the window, `rate` is that sum divided by the
length of the range, `irate` is the last increment divided by its distance from the one before. Nothing is extrapolated, and a
smaller value is no reset. Where a series changes its temporality, a window begins anew at the change. All other functions
take the increments as plain values; `sum_over_time` is the increase. Cumulative samples get Prometheus's numbers.

## What differs from Prometheus

* Native histograms are stored but not evaluated yet: a query that meets one answers `not supported: native histogram samples`.
* Duration expressions (`[5m + 1m]`), `anchored`, `smoothed` and the histogram trim operators `</` and `>/` are refused by the parser.
* `limit_ratio` keeps the right share of the series, but not the same series as Prometheus: the hash is another one.
* `or` between the matchers of one selector is MetricsQL and refused; write `{a=\"1\"} or {b=\"2\"}`.
* Annotations carry no positions.
* Parts of a date of NaN are NaN (in Prometheus an undefined conversion gives some number).
* Which of equal values `topk`, `bottomk` and `limitk` keep depends on the order of series: here that of metric name and labels.
* Series created as cumulative without a start time are treated as Prometheus treats them; start times are not used yet.
* Texts of syntax errors are the parser's own.
";

/// The whole page as Markdown.
pub fn reference() -> String {
    let mut page = String::from(HEAD);
    page.push_str("\n## Functions\n\n| function | gives | answered |\n|---|---|---|\n");
    for info in FUNCTIONS {
        let (returns, answered) = match info.function {
            Some(_) => (info.returns.name(), "yes"),
            None => ("", "not supported"),
        };
        let _ = writeln!(page, "| `{}` | {returns} | {answered} |", signature(info));
    }
    page.push_str(TAIL);
    page.push_str("\n## Limits\n\n| limit | value |\n|---|---|\n");
    for (what, value) in [
        ("bytes of a query", limits::PROMQL_BYTES_MAX as u64),
        (
            "parentheses, brackets and braces open at one place",
            limits::PROMQL_NESTING_MAX as u64,
        ),
        ("operators, signs and modifiers", limits::PROMQL_OPERATORS_MAX as u64),
        (
            "samples read (default of the caller's limit)",
            limits::PROMQL_SAMPLES_MAX,
        ),
        (
            "bytes of intermediate results (default of the caller's limit)",
            limits::PROMQL_MEMORY_BYTES_MAX,
        ),
        ("points of a series in a range query", limits::PROMQL_STEPS_MAX as u64),
        ("steps of a subquery", limits::PROMQL_SUBQUERY_STEPS_MAX as u64),
    ] {
        let _ = writeln!(page, "| {what} | {value} |");
    }
    page
}

fn signature(info: &FunctionInfo) -> String {
    let required = info.args_min();
    let mut text = format!("{}(", info.name);
    for (index, arg) in info.args.iter().enumerate() {
        if index > 0 {
            text.push_str(", ");
        }
        let name = match arg {
            ValueType::Scalar => "scalar",
            ValueType::String => "text",
            ValueType::Vector => "vector",
            ValueType::Matrix => "range",
        };
        let _ = if index >= required {
            write!(text, "[{name}]")
        } else {
            write!(text, "{name}")
        };
    }
    if info.optional == OPTIONAL_MANY {
        text.push_str("...");
    }
    if info.function.is_none() {
        text.push_str("...");
    }
    text.push(')');
    text
}

#[cfg(test)]
mod tests;
