//! `has_token(body, 'words')`: whether a text has each of the words as a whole word, in any case. Parts of logs answer it
//! from their index; rows are checked again.

use std::sync::Arc;

use arrow::array::{Array, AsArray, BooleanArray, StringArray};
use arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};

/// The function's name.
pub(crate) const HAS_TOKEN: &str = "has_token";

/// The function.
pub(crate) fn has_token() -> Arc<ScalarUDF> {
    Arc::new(ScalarUDF::new_from_impl(HasToken {
        signature: Signature::user_defined(Volatility::Immutable),
    }))
}

/// The words of a text as the index of logs has them: runs of `[A-Za-z0-9_]`, lower-cased.
pub(crate) fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !is_word_char(c))
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_lowercase)
}

/// Whether a character belongs to a word.
pub(crate) fn is_word_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

fn has_all(text: &str, wanted: &[String]) -> bool {
    wanted.iter().all(|word| {
        text.split(|c: char| !is_word_char(c))
            .any(|have| have.eq_ignore_ascii_case(word))
    })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct HasToken {
    signature: Signature,
}

impl ScalarUDFImpl for HasToken {
    fn name(&self) -> &str {
        HAS_TOKEN
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        match arg_types {
            [_, _] => Ok(vec![DataType::Utf8; 2]),
            _ => plan_err!("has_token takes a text and the words to look for"),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = args.number_rows;
        let [text, wanted] = args.args.as_slice() else {
            return plan_err!("has_token takes a text and the words to look for");
        };
        let text = text.to_array(rows)?;
        let text: &StringArray = text.as_string();
        let found: BooleanArray = match wanted {
            ColumnarValue::Scalar(ScalarValue::Utf8(wanted)) => match wanted {
                Some(wanted) => {
                    let wanted: Vec<String> = words(wanted).collect();
                    text.iter()
                        .map(|text| text.map(|text| has_all(text, &wanted)))
                        .collect()
                }
                None => BooleanArray::new_null(text.len()),
            },
            other => {
                let wanted = other.to_array(rows)?;
                let wanted: &StringArray = wanted.as_string();
                text.iter()
                    .zip(wanted)
                    .map(|(text, wanted)| Some(has_all(text?, &words(wanted?).collect::<Vec<_>>())))
                    .collect()
            }
        };
        Ok(ColumnarValue::Array(Arc::new(found)))
    }
}
