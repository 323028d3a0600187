//! What a message should become, worked out from opentelemetry-proto's own decoding in the plainest way.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Proto;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use serde_json::{Map, Value, json};

/// An attribute value.
pub(crate) fn value(value: Option<&AnyValue>) -> Value {
    match value.and_then(|value| value.value.as_ref()) {
        None | Some(Proto::StringValueStrindex(_)) => Value::Null,
        Some(Proto::StringValue(text)) => json!(text),
        Some(Proto::BoolValue(value)) => json!(value),
        Some(Proto::IntValue(value)) => json!(value),
        Some(Proto::DoubleValue(value)) if value.is_nan() => json!({"$double": "NaN"}),
        Some(Proto::DoubleValue(f64::INFINITY)) => json!({"$double": "Infinity"}),
        Some(Proto::DoubleValue(f64::NEG_INFINITY)) => json!({"$double": "-Infinity"}),
        Some(Proto::DoubleValue(value)) => exact(*value),
        Some(Proto::BytesValue(bytes)) => json!({"$bytes": STANDARD.encode(bytes)}),
        Some(Proto::ArrayValue(list)) => list.values.iter().map(|element| self::value(Some(element))).collect(),
        Some(Proto::KvlistValue(list)) => attributes(&list.values),
    }
}

/// A double as its bits, because serde_json does not read all of them back exactly.
pub(crate) fn exact(value: f64) -> Value {
    json!(format!("double {:x}", value.to_bits()))
}

/// A set of attributes: the last of equal keys, and one `$` more for an only key that starts with one.
pub(crate) fn attributes(list: &[KeyValue]) -> Value {
    let mut map = Map::new();
    for pair in list {
        map.insert(pair.key.clone(), value(pair.value.as_ref()));
    }
    let escaped = map.len() == 1;
    Value::Object(
        map.into_iter()
            .map(|(key, value)| (dollar(key, escaped), value))
            .collect(),
    )
}

fn dollar(key: String, escaped: bool) -> String {
    if escaped && key.starts_with('$') {
        format!("${key}")
    } else {
        key
    }
}

fn put(map: &mut Map<String, Value>, key: &str, value: Value) {
    if ![json!(""), json!(0), json!([]), json!({})].contains(&value) {
        map.insert(key.to_owned(), value);
    }
}

/// A resource.
pub(crate) fn resource(resource: Option<&Resource>, schema_url: &str) -> Value {
    let empty = Resource::default();
    let resource = resource.unwrap_or(&empty);
    let mut map = Map::new();
    for pair in &resource.attributes {
        map.insert(dollar(pair.key.clone(), true), value(pair.value.as_ref()));
    }
    put(
        &mut map,
        "$dropped_attributes_count",
        json!(resource.dropped_attributes_count),
    );
    put(&mut map, "$schema_url", json!(schema_url));
    let entities: Vec<Value> = resource
        .entity_refs
        .iter()
        .map(|entity| {
            let mut map = Map::new();
            put(&mut map, "type", json!(entity.r#type));
            put(&mut map, "id_keys", json!(entity.id_keys));
            put(&mut map, "description_keys", json!(entity.description_keys));
            put(&mut map, "schema_url", json!(entity.schema_url));
            Value::Object(map)
        })
        .collect();
    put(&mut map, "$entity_refs", json!(entities));
    Value::Object(map)
}

/// A scope.
pub(crate) fn scope(scope: Option<&InstrumentationScope>, schema_url: &str) -> Value {
    let empty = InstrumentationScope::default();
    let scope = scope.unwrap_or(&empty);
    let mut map = Map::new();
    put(&mut map, "name", json!(scope.name));
    put(&mut map, "version", json!(scope.version));
    put(&mut map, "attributes", attributes(&scope.attributes));
    put(
        &mut map,
        "dropped_attributes_count",
        json!(scope.dropped_attributes_count),
    );
    put(&mut map, "schema_url", json!(schema_url));
    Value::Object(map)
}

/// Null for an empty text.
pub(crate) fn text(text: &str) -> Value {
    if text.is_empty() { Value::Null } else { json!(text) }
}

/// Hex of an id of the right length, else null.
pub(crate) fn id(bytes: &[u8], length: usize) -> Value {
    if bytes.len() == length {
        json!(super::hex(bytes))
    } else {
        Value::Null
    }
}
