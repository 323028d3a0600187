//! Text to typed tree: gate, promql-parser, and the conversion that leaves that crate's tree behind. Beyond this file
//! nothing knows the parser, so that it can be extended or replaced.

use std::time::{Duration, SystemTime};

use icecore_engine::labels::METRIC_NAME_LABEL;
use icecore_engine::matcher::Matcher;
use promql_parser::label::{MatchOp, Matchers};
use promql_parser::parser::token::{
    T_ADD, T_ATAN2, T_AVG, T_BOTTOMK, T_COUNT, T_COUNT_VALUES, T_DIV, T_EQLC, T_GROUP, T_GTE, T_GTR, T_LAND,
    T_LIMIT_RATIO, T_LIMITK, T_LOR, T_LSS, T_LTE, T_LUNLESS, T_MAX, T_MIN, T_MOD, T_MUL, T_NEQ, T_POW, T_QUANTILE,
    T_STDDEV, T_STDVAR, T_SUB, T_SUM, T_TOPK, TokenType,
};
use promql_parser::parser::{
    AggregateExpr, AtModifier, BinaryExpr, Call as ParsedCall, Expr as Parsed, LabelModifier, Offset, SubqueryExpr,
    VectorMatchCardinality, VectorSelector,
};

use super::error::PromqlError;
use super::expr::{
    Aggregate, AggregateOp, At, Binary, BinaryOp, Call, Cardinality, Expr, Grouping, Matching, RangeExpr, Selector,
    Shift, ValueType,
};
use super::function::FunctionInfo;
use super::gate;
use crate::limits::PROMQL_DEPTH_MAX;

type Result<T> = std::result::Result<T, PromqlError>;

/// Longest range, offset or step that is accepted, in milliseconds: beyond it sums of times could overflow.
const DURATION_MS_MAX: i64 = 1 << 53;

/// Parses a query. Recurses as deep as the gate's shape says: call it with enough stack.
pub fn parse(query: &str) -> Result<Expr> {
    gate::check(query)?;
    let parsed = promql_parser::parser::parse(query).map_err(|reason| refused(&reason))?;
    convert(&parsed, PROMQL_DEPTH_MAX)
}

/// Parses a series selector such as a `match[]` parameter.
pub fn parse_selector(text: &str) -> Result<Vec<Matcher>> {
    let shape = gate::check(text)?;
    if shape.depth() > crate::limits::PROMQL_DEPTH_SHALLOW * 4 {
        return Err(bad("a series selector does not nest".to_owned()));
    }
    let parsed = promql_parser::parser::parse(text).map_err(|reason| refused(&reason))?;
    match parsed {
        Parsed::VectorSelector(selector) if selector.offset.is_none() && selector.at.is_none() => {
            matchers(selector.name.as_deref(), &selector.matchers)
        }
        _ => Err(bad(format!("expected a series selector, got {text:?}"))),
    }
}

/// The parser's reason, with Prometheus's names of types.
fn refused(reason: &str) -> PromqlError {
    let of_types = [
        "expected type ",
        "subquery is only allowed",
        "unary expression only allowed",
    ];
    let mut reason = reason.to_owned();
    if of_types.iter().any(|start| reason.starts_with(start)) {
        for (ours, theirs) in [(" vector", " instant vector"), (" matrix", " range vector")] {
            reason = reason.replace(ours, theirs);
        }
    }
    bad(format!("parse error: {reason}"))
}

fn bad(message: String) -> PromqlError {
    PromqlError::BadQuery(message)
}

fn convert(parsed: &Parsed, depth: usize) -> Result<Expr> {
    let depth = depth
        .checked_sub(1)
        .ok_or_else(|| bad(format!("the query is deeper than {PROMQL_DEPTH_MAX} levels: split it")))?;
    Ok(match parsed {
        Parsed::Paren(paren) => convert(&paren.expr, depth)?,
        Parsed::NumberLiteral(number) => Expr::Number(number.val),
        Parsed::StringLiteral(text) => Expr::Text(text.val.clone()),
        Parsed::VectorSelector(selector) => Expr::Selector(convert_selector(selector)?),
        Parsed::MatrixSelector(matrix) => Expr::Range(Box::new(RangeExpr::Selector {
            selector: convert_selector(&matrix.vs)?,
            range_ms: positive("range", matrix.range)?,
        })),
        Parsed::Subquery(subquery) => Expr::Range(Box::new(convert_subquery(subquery, depth)?)),
        Parsed::Call(call) => Expr::Call(convert_call(call, depth)?),
        Parsed::Aggregate(aggregate) => Expr::Aggregate(Box::new(convert_aggregate(aggregate, depth)?)),
        Parsed::Binary(binary) => Expr::Binary(Box::new(convert_binary(binary, depth)?)),
        Parsed::Unary(unary) => {
            let inner = convert(&unary.expr, depth)?;
            if !matches!(inner.value_type(), ValueType::Scalar | ValueType::Vector) {
                return Err(bad(format!(
                    "unary expression only allowed on expressions of type scalar or instant vector, got {}",
                    inner.value_type().name()
                )));
            }
            Expr::Negate(Box::new(inner))
        }
        Parsed::Extension(_) => return Err(PromqlError::NotSupported("extension expressions".to_owned())),
    })
}

fn convert_selector(selector: &VectorSelector) -> Result<Selector> {
    Ok(Selector {
        matchers: matchers(selector.name.as_deref(), &selector.matchers)?,
        shift: convert_shift(selector.at.as_ref(), selector.offset.as_ref())?,
    })
}

fn matchers(name: Option<&str>, parsed: &Matchers) -> Result<Vec<Matcher>> {
    if !parsed.or_matchers.is_empty() {
        return Err(PromqlError::NotSupported(
            "`or` between matchers (MetricsQL); write `{a=\"1\"} or {b=\"2\"}`".to_owned(),
        ));
    }
    let mut matchers: Vec<Matcher> = name
        .map(|name| Matcher::equal(METRIC_NAME_LABEL, name))
        .into_iter()
        .collect();
    for matcher in &parsed.matchers {
        let (name, value) = (matcher.name.as_str(), matcher.value.as_str());
        let converted = match &matcher.op {
            MatchOp::Equal => Ok(Matcher::equal(name, value)),
            MatchOp::NotEqual => Ok(Matcher::not_equal(name, value)),
            // The parser escapes what Go's syntax takes literally and Rust's does not (`a{b}c`): fall back to its form.
            MatchOp::Re(regex) => Matcher::regex(name, value).or_else(|_| Matcher::regex(name, regex.as_str())),
            MatchOp::NotRe(regex) => {
                Matcher::not_regex(name, value).or_else(|_| Matcher::not_regex(name, regex.as_str()))
            }
        };
        matchers.push(converted.map_err(|error| bad(error.to_string()))?);
    }
    if matchers.iter().all(Matcher::matches_absent) {
        return Err(bad(
            "parse error: vector selector must contain at least one non-empty matcher".to_owned(),
        ));
    }
    Ok(matchers)
}

fn convert_shift(at: Option<&AtModifier>, offset: Option<&Offset>) -> Result<Shift> {
    let at = match at {
        None => None,
        Some(AtModifier::Start) => Some(At::Start),
        Some(AtModifier::End) => Some(At::End),
        Some(AtModifier::At(time)) => Some(At::Time(match time.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(after) => duration_ms("@", after)?,
            Err(before) => -duration_ms("@", before.duration())?,
        })),
    };
    let offset_ms = match offset {
        None => 0,
        Some(Offset::Pos(duration)) => duration_ms("offset", *duration)?,
        Some(Offset::Neg(duration)) => -duration_ms("offset", *duration)?,
    };
    Ok(Shift { at, offset_ms })
}

fn duration_ms(what: &str, duration: Duration) -> Result<i64> {
    i64::try_from(duration.as_millis())
        .ok()
        .filter(|ms| *ms <= DURATION_MS_MAX)
        .ok_or_else(|| bad(format!("parse error: {what} {duration:?} is out of range")))
}

fn positive(what: &str, duration: Duration) -> Result<i64> {
    match duration_ms(what, duration)? {
        0 => Err(bad("parse error: duration must be greater than 0".to_owned())),
        ms => Ok(ms),
    }
}

fn convert_subquery(subquery: &SubqueryExpr, depth: usize) -> Result<RangeExpr> {
    let expr = convert(&subquery.expr, depth)?;
    if expr.value_type() != ValueType::Vector {
        return Err(bad(format!(
            "parse error: subquery is only allowed on instant vector, got {} instead",
            expr.value_type().name()
        )));
    }
    Ok(RangeExpr::Subquery {
        expr,
        range_ms: positive("range", subquery.range)?,
        step_ms: subquery.step.map(|step| positive("step", step)).transpose()?,
        shift: convert_shift(subquery.at.as_ref(), subquery.offset.as_ref())?,
    })
}

fn expect_type(expr: &Expr, wanted: ValueType, context: &str) -> Result<()> {
    if expr.value_type() == wanted {
        return Ok(());
    }
    Err(bad(format!(
        "parse error: expected type {} in {context}, got {}",
        wanted.name(),
        expr.value_type().name()
    )))
}

fn convert_call(call: &ParsedCall, depth: usize) -> Result<Call> {
    let name = call.func.name;
    let info =
        FunctionInfo::of(name).ok_or_else(|| bad(format!("parse error: unknown function with name {name:?}")))?;
    let function = info
        .function
        .ok_or_else(|| PromqlError::NotSupported(name.to_owned()))?;
    let count = call.args.args.len();
    if count < info.args_min() {
        return Err(bad(format!(
            "parse error: expected at least {} argument(s) in call to {name:?}, got {count}",
            info.args_min()
        )));
    }
    let mut args = Vec::with_capacity(count);
    for (index, arg) in call.args.args.iter().enumerate() {
        let wanted = info.arg_type(index).ok_or_else(|| {
            bad(format!(
                "parse error: expected at most {} argument(s) in call to {name:?}, got {count}",
                info.args.len()
            ))
        })?;
        let arg = convert(arg, depth)?;
        expect_type(&arg, wanted, &format!("call to function {name:?}"))?;
        args.push(arg);
    }
    Ok(Call { function, args })
}

fn aggregate_op(token: TokenType) -> Option<AggregateOp> {
    Some(match token.id() {
        T_SUM => AggregateOp::Sum,
        T_AVG => AggregateOp::Avg,
        T_MIN => AggregateOp::Min,
        T_MAX => AggregateOp::Max,
        T_COUNT => AggregateOp::Count,
        T_GROUP => AggregateOp::Group,
        T_STDDEV => AggregateOp::Stddev,
        T_STDVAR => AggregateOp::Stdvar,
        T_TOPK => AggregateOp::Topk,
        T_BOTTOMK => AggregateOp::Bottomk,
        T_QUANTILE => AggregateOp::Quantile,
        T_COUNT_VALUES => AggregateOp::CountValues,
        T_LIMITK => AggregateOp::Limitk,
        T_LIMIT_RATIO => AggregateOp::LimitRatio,
        _ => return None,
    })
}

fn convert_aggregate(aggregate: &AggregateExpr, depth: usize) -> Result<Aggregate> {
    let op = aggregate_op(aggregate.op).ok_or_else(|| PromqlError::NotSupported(aggregate.op.to_string()))?;
    let expr = convert(&aggregate.expr, depth)?;
    expect_type(&expr, ValueType::Vector, "aggregation expression")?;
    let param = aggregate
        .param
        .as_deref()
        .map(|param| convert(param, depth))
        .transpose()?;
    let wanted = match op {
        AggregateOp::CountValues => Some(ValueType::String),
        AggregateOp::Topk
        | AggregateOp::Bottomk
        | AggregateOp::Quantile
        | AggregateOp::Limitk
        | AggregateOp::LimitRatio => Some(ValueType::Scalar),
        _ => None,
    };
    match (&param, wanted) {
        (Some(param), Some(wanted)) => expect_type(param, wanted, "aggregation parameter")?,
        (None, None) => {}
        _ => {
            return Err(bad(
                "parse error: wrong number of arguments for aggregate expression".to_owned()
            ));
        }
    }
    let grouping = match &aggregate.modifier {
        None => Grouping::By(Vec::new()),
        Some(LabelModifier::Include(labels)) => Grouping::By(sorted(&labels.labels)),
        Some(LabelModifier::Exclude(labels)) => Grouping::Without(sorted(&labels.labels)),
    };
    Ok(Aggregate {
        op,
        param,
        expr,
        grouping,
    })
}

fn sorted(labels: &[String]) -> Vec<String> {
    let mut labels = labels.to_vec();
    labels.sort_unstable();
    labels.dedup();
    labels
}

fn binary_op(token: TokenType) -> Option<BinaryOp> {
    Some(match token.id() {
        T_ADD => BinaryOp::Add,
        T_SUB => BinaryOp::Sub,
        T_MUL => BinaryOp::Mul,
        T_DIV => BinaryOp::Div,
        T_MOD => BinaryOp::Mod,
        T_POW => BinaryOp::Pow,
        T_ATAN2 => BinaryOp::Atan2,
        T_EQLC => BinaryOp::Equal,
        T_NEQ => BinaryOp::NotEqual,
        T_GTR => BinaryOp::Greater,
        T_LSS => BinaryOp::Less,
        T_GTE => BinaryOp::GreaterOrEqual,
        T_LTE => BinaryOp::LessOrEqual,
        T_LAND => BinaryOp::And,
        T_LOR => BinaryOp::Or,
        T_LUNLESS => BinaryOp::Unless,
        _ => return None,
    })
}

fn convert_binary(binary: &BinaryExpr, depth: usize) -> Result<Binary> {
    let op = binary_op(binary.op).ok_or_else(|| PromqlError::NotSupported(format!("the operator {}", binary.op)))?;
    let (left, right) = (convert(&binary.lhs, depth)?, convert(&binary.rhs, depth)?);
    let types = (left.value_type(), right.value_type());
    let value_type = match types {
        (ValueType::Scalar, ValueType::Scalar) => ValueType::Scalar,
        (ValueType::Scalar | ValueType::Vector, ValueType::Scalar | ValueType::Vector) => ValueType::Vector,
        _ => {
            return Err(bad(
                "parse error: binary expression must contain only scalar and instant vector types".to_owned(),
            ));
        }
    };
    let return_bool = binary.return_bool();
    if value_type == ValueType::Scalar && op.is_comparison() && !return_bool {
        return Err(bad(
            "parse error: comparisons between scalars must use BOOL modifier".to_owned()
        ));
    }
    if op.is_set() && types != (ValueType::Vector, ValueType::Vector) {
        return Err(bad(
            "parse error: set operator not allowed in binary scalar expression".to_owned()
        ));
    }
    if return_bool && !op.is_comparison() {
        return Err(bad(
            "parse error: bool modifier can only be used on comparison operators".to_owned(),
        ));
    }
    Ok(Binary {
        op,
        left,
        right,
        return_bool,
        matching: convert_matching(binary, op),
        value_type,
    })
}

fn convert_matching(binary: &BinaryExpr, op: BinaryOp) -> Matching {
    let mut matching = Matching {
        on: false,
        labels: Vec::new(),
        cardinality: if op.is_set() {
            Cardinality::ManyToMany
        } else {
            Cardinality::OneToOne
        },
        include: Vec::new(),
        fill_left: None,
        fill_right: None,
    };
    let Some(modifier) = &binary.modifier else {
        return matching;
    };
    match &modifier.matching {
        None => {}
        Some(LabelModifier::Include(labels)) => {
            matching.on = true;
            matching.labels = sorted(&labels.labels);
        }
        Some(LabelModifier::Exclude(labels)) => matching.labels = sorted(&labels.labels),
    }
    match &modifier.card {
        VectorMatchCardinality::OneToOne => {}
        VectorMatchCardinality::ManyToOne(labels) => {
            matching.cardinality = Cardinality::ManyToOne;
            matching.include = labels.labels.clone();
        }
        VectorMatchCardinality::OneToMany(labels) => {
            matching.cardinality = Cardinality::OneToMany;
            matching.include = labels.labels.clone();
        }
        VectorMatchCardinality::ManyToMany => matching.cardinality = Cardinality::ManyToMany,
    }
    matching.fill_left = modifier.fill_values.lhs;
    matching.fill_right = modifier.fill_values.rhs;
    matching
}

#[cfg(test)]
mod tests;
