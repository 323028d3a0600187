//! JSON functions over dictionary columns (`labels`, `resource`, `scope`): evaluated once for each text that occurs in a
//! batch. A tile's dictionary may hold a hundred thousand texts of which a batch has a handful.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int32Array};
use arrow::compute::{cast, take};
use arrow::datatypes::{DataType, Int32Type};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::expr_rewriter::FunctionRewrite;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ExprSchemable, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};
use datafusion_functions_json::udfs;
use hashbrown::HashMap;

/// A function of (JSON text, path...) that sees each distinct text of a dictionary column once a batch, and answers in
/// plain values.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct OverDictionary {
    inner: Arc<ScalarUDF>,
}

impl ScalarUDFImpl for OverDictionary {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        let plain: Vec<DataType> = arg_types.iter().map(plain_type).collect();
        self.inner.return_type(&plain)
    }

    fn invoke_with_args(&self, mut args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = args.number_rows;
        let path_is_constant = args
            .args
            .iter()
            .skip(1)
            .all(|path| matches!(path, ColumnarValue::Scalar(_)));
        let Some(first) = args.args.first_mut() else {
            return self.inner.invoke_with_args(args);
        };
        let positions = match &*first {
            ColumnarValue::Array(array) if is_dictionary(array.data_type()) => {
                if path_is_constant {
                    let (values, positions) = occurring(array)?;
                    args.number_rows = values.len();
                    *first = ColumnarValue::Array(values);
                    Some(positions)
                } else {
                    let values = cast(array, &plain_type(array.data_type()))?;
                    *first = ColumnarValue::Array(values);
                    None
                }
            }
            ColumnarValue::Scalar(ScalarValue::Dictionary(_, value)) => {
                let value = value.as_ref().clone();
                *first = ColumnarValue::Scalar(value);
                None
            }
            _ => None,
        };
        let result = self.inner.invoke_with_args(args)?;
        match positions {
            Some(positions) => {
                let values = result.to_array(rows)?;
                Ok(ColumnarValue::Array(take(&values, &positions, None)?))
            }
            None => Ok(result),
        }
    }
}

fn is_dictionary(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Dictionary(key, _) if **key == DataType::Int32)
}

fn plain_type(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Dictionary(_, value) => value.as_ref().clone(),
        other => other.clone(),
    }
}

/// The values that occur in a dictionary array, each once, and for each row the position of its value among them.
fn occurring(array: &ArrayRef) -> Result<(ArrayRef, Int32Array)> {
    let dictionary = array.as_dictionary::<Int32Type>();
    if dictionary.values().len() <= array.len() / 2 {
        return Ok((Arc::clone(dictionary.values()), dictionary.keys().clone()));
    }
    let mut seen: HashMap<i32, i32> = HashMap::new();
    let mut wanted: Vec<i32> = Vec::new();
    let mut last: Option<(i32, i32)> = None;
    let positions: Int32Array = dictionary
        .keys()
        .iter()
        .map(|key| {
            let key = key?;
            if let Some((last_key, position)) = last
                && last_key == key
            {
                return Some(position);
            }
            let position = *seen.entry(key).or_insert_with(|| {
                wanted.push(key);
                i32::try_from(wanted.len() - 1).unwrap_or(i32::MAX)
            });
            last = Some((key, position));
            Some(position)
        })
        .collect();
    let values = take(dictionary.values(), &Int32Array::from(wanted), None)?;
    Ok((values, positions))
}

/// `column ->> 'key'`, whatever the column's encoding.
pub(crate) fn json_text() -> Arc<ScalarUDF> {
    Arc::new(ScalarUDF::new_from_impl(OverDictionary {
        inner: udfs::json_as_text_udf(),
    }))
}

/// Puts `OverDictionary` around JSON functions whose first argument is a dictionary column.
#[derive(Debug)]
pub(crate) struct JsonOverDictionaries {
    wrapped: HashMap<String, Arc<ScalarUDF>>,
}

impl JsonOverDictionaries {
    pub(crate) fn new() -> Self {
        // `json_get` answers in a union that its own rewrites look for, so it stays as it is.
        let wrapped = [
            udfs::json_as_text_udf(),
            udfs::json_get_str_udf(),
            udfs::json_get_int_udf(),
            udfs::json_get_float_udf(),
            udfs::json_get_bool_udf(),
            udfs::json_get_json_udf(),
            udfs::json_contains_udf(),
            udfs::json_length_udf(),
        ]
        .into_iter()
        .map(|inner| {
            (
                inner.name().to_owned(),
                Arc::new(ScalarUDF::new_from_impl(OverDictionary { inner })),
            )
        })
        .collect();
        Self { wrapped }
    }
}

impl FunctionRewrite for JsonOverDictionaries {
    fn name(&self) -> &str {
        "json_over_dictionaries"
    }

    fn rewrite(&self, expr: Expr, schema: &DFSchema, _config: &ConfigOptions) -> Result<Transformed<Expr>> {
        let Expr::ScalarFunction(call) = expr else {
            return Ok(Transformed::no(expr));
        };
        let over_dictionary = call
            .args
            .first()
            .and_then(|json| json.get_type(schema).ok())
            .is_some_and(|data_type| is_dictionary(&data_type));
        match self.wrapped.get(call.func.name()) {
            Some(wrapped) if over_dictionary && call.func.inner().downcast_ref::<OverDictionary>().is_none() => {
                Ok(Transformed::yes(Expr::ScalarFunction(ScalarFunction {
                    func: Arc::clone(wrapped),
                    args: call.args,
                })))
            }
            _ => Ok(Transformed::no(Expr::ScalarFunction(call))),
        }
    }
}
