//! Bounds on functions whose answer can be much larger than what they are given: `repeat('x', 1e9)` would end the
//! process by an allocation that nobody accounted. The size is estimated from the arguments before the call.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::kernels::concat_elements::concat_elements_utf8;
use arrow::compute::{cast, max};
use arrow::datatypes::{DataType, Int64Type};
use datafusion::common::{DFSchema, Result, ScalarValue, exec_err, plan_err, resources_err};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::sqlparser::ast::BinaryOperator;
use datafusion::logical_expr::{
    ColumnarValue, Documentation, Expr, ExprSchemable, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl,
    Signature, Volatility,
};

use crate::limits::SQL_FUNCTION_RESULT_BYTES_MAX;

/// How large the answer can be, from the arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Growth {
    /// All arguments together, times a factor.
    Sum(usize),
    /// The text times the count in argument 1.
    Repeat,
    /// The length in argument 1, for each row.
    Pad,
    /// Each byte of argument 0 may become argument `by`.
    Replace {
        /// Position of the text that is put in.
        by: usize,
    },
}

/// The function, bounded if it can grow.
pub(crate) fn bounded(inner: Arc<ScalarUDF>) -> Arc<ScalarUDF> {
    let growth = match inner.name() {
        "concat" | "concat_ws" | "make_array" | "array_concat" | "array_append" | "array_prepend" | "overlay" => {
            Growth::Sum(1)
        }
        "to_char" | "string_to_array" => Growth::Sum(16),
        "repeat" => Growth::Repeat,
        "lpad" | "rpad" => Growth::Pad,
        "array_to_string" => Growth::Replace { by: 1 },
        "replace" | "regexp_replace" => Growth::Replace { by: 2 },
        _ => return inner,
    };
    Arc::new(ScalarUDF::new_from_impl(Bounded { inner, growth }))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Bounded {
    inner: Arc<ScalarUDF>,
    growth: Growth,
}

impl ScalarUDFImpl for Bounded {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        self.inner.return_type(arg_types)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<arrow::datatypes::FieldRef> {
        self.inner.return_field_from_args(args)
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        self.inner.coerce_types(arg_types)
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.inner.documentation()
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        check(self.name(), self.growth, &args)?;
        self.inner.invoke_with_args(args)
    }
}

fn check(name: &str, growth: Growth, args: &ScalarFunctionArgs) -> Result<()> {
    let rows = args.number_rows.max(1);
    let sizes: Vec<usize> = args.args.iter().map(|argument| bytes_of(argument, rows)).collect();
    let size = |at: usize| sizes.get(at).copied().unwrap_or_default();
    let estimate = match growth {
        Growth::Sum(factor) => sizes
            .iter()
            .fold(0_usize, |sum, size| sum.saturating_add(*size))
            .saturating_mul(factor),
        Growth::Repeat => size(0).saturating_mul(largest(args.args.get(1))?),
        Growth::Pad => rows.saturating_mul(largest(args.args.get(1))?).saturating_mul(4),
        Growth::Replace { by } => size(0)
            .saturating_add(rows)
            .saturating_mul(longest(args.args.get(by), rows)),
    };
    if estimate > SQL_FUNCTION_RESULT_BYTES_MAX {
        return resources_err!(
            "{name} could make {estimate} bytes in one batch; at most {SQL_FUNCTION_RESULT_BYTES_MAX} are made: ask for less"
        );
    }
    Ok(())
}

/// Bytes of an argument, written out for every row.
fn bytes_of(argument: &ColumnarValue, rows: usize) -> usize {
    match argument {
        ColumnarValue::Array(array) => array
            .to_data()
            .get_slice_memory_size()
            .unwrap_or_else(|_| array.get_array_memory_size()),
        ColumnarValue::Scalar(scalar) => scalar_bytes(scalar).saturating_mul(rows),
    }
}

fn scalar_bytes(scalar: &ScalarValue) -> usize {
    match scalar.try_as_str() {
        Some(text) => text.map_or(0, str::len),
        None => scalar.size(),
    }
}

/// Bytes of an argument's longest row at most.
fn longest(argument: Option<&ColumnarValue>, rows: usize) -> usize {
    match argument {
        Some(ColumnarValue::Scalar(scalar)) => scalar_bytes(scalar),
        Some(array) => bytes_of(array, rows),
        None => 0,
    }
}

/// The largest number of an argument, 0 when it has none.
fn largest(argument: Option<&ColumnarValue>) -> Result<usize> {
    let number = match argument {
        Some(ColumnarValue::Scalar(scalar)) => match scalar.cast_to(&DataType::Int64)? {
            ScalarValue::Int64(number) => number,
            _ => None,
        },
        Some(ColumnarValue::Array(array)) => max(cast(array, &DataType::Int64)?.as_primitive::<Int64Type>()),
        None => None,
    };
    Ok(number.map_or(0, |number| usize::try_from(number).unwrap_or_default()))
}

/// Plans `||` between texts as a bounded function; lists keep DataFusion's.
#[derive(Debug)]
pub(crate) struct ConcatPlanner {
    function: Arc<ScalarUDF>,
}

impl ConcatPlanner {
    pub(crate) fn new() -> Self {
        Self {
            function: Arc::new(ScalarUDF::new_from_impl(ConcatTexts {
                signature: Signature::user_defined(Volatility::Immutable),
            })),
        }
    }
}

impl ExprPlanner for ConcatPlanner {
    fn plan_binary_op(&self, expr: RawBinaryExpr, schema: &DFSchema) -> Result<PlannerResult<RawBinaryExpr>> {
        let is_list = |side: &Expr| side.get_type(schema).is_ok_and(|data_type| data_type.is_nested());
        if expr.op != BinaryOperator::StringConcat || is_list(&expr.left) || is_list(&expr.right) {
            return Ok(PlannerResult::Original(expr));
        }
        Ok(PlannerResult::Planned(Expr::ScalarFunction(ScalarFunction {
            func: Arc::clone(&self.function),
            args: vec![expr.left, expr.right],
        })))
    }
}

/// `a || b`: null when either is.
#[derive(Debug, PartialEq, Eq, Hash)]
struct ConcatTexts {
    signature: Signature,
}

impl ScalarUDFImpl for ConcatTexts {
    fn name(&self) -> &str {
        "concat_texts"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        match arg_types {
            [left, right] if !left.is_nested() && !right.is_nested() => Ok(vec![DataType::Utf8; 2]),
            _ => plan_err!("|| joins two texts"),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        check("||", Growth::Sum(1), &args)?;
        let arrays: Vec<ArrayRef> = ColumnarValue::values_to_arrays(&args.args)?;
        let [left, right] = arrays.as_slice() else {
            return exec_err!("|| joins two texts");
        };
        Ok(ColumnarValue::Array(Arc::new(concat_elements_utf8(
            left.as_string::<i32>(),
            right.as_string::<i32>(),
        )?)))
    }
}
