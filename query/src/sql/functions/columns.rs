//! Columns of the tables that files hold in another form: ids as hex text, a sample's value from its parts.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Builder, ListArray, StringBuilder, StructArray};
use arrow::datatypes::{DataType, Field, Float64Type, Int8Type, Int64Type};
use datafusion::common::{Result, exec_datafusion_err, exec_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature, Volatility,
};
use icecore_engine::schema::value_of_mantissa;

/// Binary ids as lower-case hex text, also inside the structs of lists (`links`).
pub(crate) fn hex_ids() -> Arc<ScalarUDF> {
    Arc::new(ScalarUDF::new_from_impl(HexIds {
        signature: Signature::any(1, Volatility::Immutable),
    }))
}

/// The value of a sample from its three columns.
pub(crate) fn sample_value() -> Arc<ScalarUDF> {
    Arc::new(ScalarUDF::new_from_impl(SampleValue {
        signature: Signature::new(
            TypeSignature::Exact(vec![DataType::Int64, DataType::Int8, DataType::Float64]),
            Volatility::Immutable,
        ),
    }))
}

/// The type that a column has once its ids are text.
pub(crate) fn hex_type(data_type: &DataType) -> DataType {
    match data_type {
        DataType::FixedSizeBinary(_) => DataType::Utf8,
        DataType::List(item) => DataType::List(Arc::new(hex_field(item))),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(|field| Arc::new(hex_field(field))).collect()),
        other => other.clone(),
    }
}

fn hex_field(field: &Field) -> Field {
    field.clone().with_data_type(hex_type(field.data_type()))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct HexIds {
    signature: Signature,
}

impl ScalarUDFImpl for HexIds {
    fn name(&self) -> &str {
        "hex_ids"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        match arg_types {
            [data_type] => Ok(hex_type(data_type)),
            _ => exec_err!("hex_ids takes one column"),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        match args.args.as_slice() {
            [column] => Ok(ColumnarValue::Array(hex_array(&column.to_array(args.number_rows)?)?)),
            _ => exec_err!("hex_ids takes one column"),
        }
    }
}

fn hex_array(array: &ArrayRef) -> Result<ArrayRef> {
    Ok(match array.data_type() {
        DataType::FixedSizeBinary(width) => {
            const DIGITS: [char; 16] = [
                '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
            ];
            let width = usize::try_from(*width).unwrap_or_default();
            let mut out = StringBuilder::with_capacity(array.len(), array.len() * width * 2);
            let mut text = String::with_capacity(width * 2);
            for id in array.as_fixed_size_binary() {
                match id {
                    Some(id) => {
                        text.clear();
                        text.extend(id.iter().flat_map(|byte| {
                            [byte >> 4, byte & 15].map(|digit| DIGITS.get(usize::from(digit)).copied().unwrap_or('0'))
                        }));
                        out.append_value(&text);
                    }
                    None => out.append_null(),
                }
            }
            Arc::new(out.finish())
        }
        DataType::List(item) => {
            let list = array.as_list::<i32>();
            Arc::new(ListArray::try_new(
                Arc::new(hex_field(item)),
                list.offsets().clone(),
                hex_array(list.values())?,
                list.nulls().cloned(),
            )?)
        }
        DataType::Struct(fields) => {
            let rows = array.as_struct();
            let columns = rows.columns().iter().map(hex_array).collect::<Result<Vec<_>>>()?;
            Arc::new(StructArray::try_new(
                fields.iter().map(|field| Arc::new(hex_field(field))).collect(),
                columns,
                rows.nulls().cloned(),
            )?)
        }
        _ => Arc::clone(array),
    })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct SampleValue {
    signature: Signature,
}

impl ScalarUDFImpl for SampleValue {
    fn name(&self) -> &str {
        "sample_value"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let columns = ColumnarValue::values_to_arrays(&args.args)?;
        let [mantissas, scales, doubles] = columns.as_slice() else {
            return exec_err!("sample_value takes three columns");
        };
        if mantissas.null_count() == mantissas.len() {
            return Ok(ColumnarValue::Array(Arc::clone(doubles)));
        }
        let (mantissas, scales, doubles) = (
            mantissas.as_primitive::<Int64Type>(),
            scales.as_primitive::<Int8Type>(),
            doubles.as_primitive::<Float64Type>(),
        );
        let mut out = Float64Builder::with_capacity(mantissas.len());
        for ((mantissa, scale), double) in mantissas.iter().zip(scales).zip(doubles) {
            match (mantissa, scale) {
                (Some(mantissa), Some(scale)) => {
                    let value = u8::try_from(scale)
                        .ok()
                        .and_then(|scale| value_of_mantissa(mantissa, scale))
                        .ok_or_else(|| exec_datafusion_err!("a sample has the unknown scale {scale}"))?;
                    out.append_value(value);
                }
                _ => out.append_option(double),
            }
        }
        Ok(ColumnarValue::Array(Arc::new(out.finish())))
    }
}
