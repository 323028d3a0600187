//! The functions statements may call: DataFusion's and the JSON ones, without those that have no bound, with those that
//! need one wrapped, and a few of our own.

mod columns;
mod dictionary;
mod growth;
mod token;

use std::sync::Arc;

use datafusion::execution::FunctionRegistry;
use datafusion::execution::SessionStateDefaults;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::ScalarUDF;

pub(crate) use columns::{hex_ids, hex_type, sample_value};
pub(crate) use dictionary::json_text;
pub(crate) use growth::ConcatPlanner;
pub(crate) use token::{HAS_TOKEN, has_token, is_word_char, words};

/// Scalar functions that are not there: they make rows or bytes out of nothing, double what they are given, or speak of
/// files and types inside.
const WITHHELD: [&str; 22] = [
    "array_add",
    "array_repeat",
    "array_resize",
    "arrow_field",
    "arrow_metadata",
    "array_union",
    "arrays_zip",
    "cosine_distance",
    "file_row_index",
    "generate_series",
    "input_file_name",
    "inner_product",
    "map",
    "map_entries",
    "map_extract",
    "map_keys",
    "map_values",
    "named_struct",
    "range",
    "struct",
    "union_tag",
    "with_metadata",
];

/// The scalar functions of DataFusion that are registered, bounded where they can grow, and our own.
pub(crate) fn scalar_functions() -> Vec<Arc<ScalarUDF>> {
    SessionStateDefaults::default_scalar_functions()
        .into_iter()
        .filter(|function| !WITHHELD.contains(&function.name()))
        .map(growth::bounded)
        .chain([has_token()])
        .collect()
}

/// Registers the JSON functions and operators, and their form over dictionaries.
pub(crate) fn register_json(state: &mut SessionState) -> datafusion::common::Result<()> {
    datafusion_functions_json::register_all(state)?;
    state.register_function_rewrite(Arc::new(dictionary::JsonOverDictionaries::new()))
}
