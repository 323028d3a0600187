//! Attribute values as JSON: one form for each kind, nothing lost, nothing too deep.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue as Proto, ArrayValue, KeyValue, KeyValueList};
use prost::Message as _;

use super::*;

fn json(value: Value) -> String {
    let message = Proto { value: Some(value) }.encode_to_vec();
    let mut out = String::new();
    push_value(&mut out, &message, &mut Oddities::default()).unwrap();
    out
}

fn pair(key: &str, value: Value) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(Proto { value: Some(value) }),
        ..KeyValue::default()
    }
}

fn map(values: Vec<KeyValue>) -> Value {
    Value::KvlistValue(KeyValueList { values })
}

#[test]
fn each_kind_has_one_form() {
    let cases = [
        (
            Value::StringValue("a\"b\\\n\u{1}ü".to_owned()),
            "\"a\\\"b\\\\\\n\\u0001ü\"",
        ),
        (Value::BoolValue(true), "true"),
        (Value::IntValue(i64::MIN), "-9223372036854775808"),
        (Value::DoubleValue(1.0), "1.0"),
        (Value::DoubleValue(-0.0), "-0.0"),
        (Value::DoubleValue(1e300), "1e300"),
        (Value::DoubleValue(637.704), "637.704"),
        (Value::DoubleValue(f64::NAN), "{\"$double\":\"NaN\"}"),
        (Value::DoubleValue(f64::NEG_INFINITY), "{\"$double\":\"-Infinity\"}"),
        (Value::BytesValue(vec![0, 255]), "{\"$bytes\":\"AP8=\"}"),
        (Value::ArrayValue(ArrayValue::default()), "[]"),
        (map(vec![]), "{}"),
        (
            map(vec![pair("b", Value::IntValue(2)), pair("a", Value::IntValue(1))]),
            "{\"a\":1,\"b\":2}",
        ),
        (map(vec![pair("$bytes", Value::IntValue(1))]), "{\"$$bytes\":1}"),
        (
            map(vec![pair("$a", Value::IntValue(1)), pair("b", Value::IntValue(1))]),
            "{\"$a\":1,\"b\":1}",
        ),
    ];
    for (value, expected) in cases {
        assert_eq!(json(value), expected);
    }
    let mut out = String::new();
    push_value(&mut out, &[], &mut Oddities::default()).unwrap();
    assert_eq!(out, "null");
}

#[test]
fn the_last_of_equal_keys_holds_and_is_counted() {
    let message = Proto {
        value: Some(map(vec![
            pair("k", Value::IntValue(1)),
            pair("a", Value::IntValue(5)),
            pair("k", Value::IntValue(2)),
        ])),
    };
    let mut oddities = Oddities::default();
    let mut out = String::new();
    push_value(&mut out, &message.encode_to_vec(), &mut oddities).unwrap();
    assert_eq!(out, "{\"a\":5,\"k\":2}");
    assert_eq!(oddities.duplicate_keys, 1);
    assert!(oddities.sentences().any(|sentence| sentence.starts_with("1 attribute")));
}

/// `levels` arrays inside each other.
fn nested(levels: usize) -> Vec<u8> {
    let mut message = Vec::new();
    for _ in 0..levels {
        let mut list = Vec::new();
        crate::protobuf::write::bytes_field(&mut list, 1, &message);
        message.clear();
        crate::protobuf::write::bytes_field(&mut message, 5, &list);
    }
    message
}

#[test]
fn nesting_is_bounded() {
    let mut out = String::new();
    let mut oddities = Oddities::default();
    assert_eq!(
        push_value(&mut out, &nested(ANY_VALUE_DEPTH_MAX - 1), &mut oddities),
        Ok(())
    );
    assert_eq!(
        push_value(&mut out, &nested(5_000), &mut oddities),
        Err(ValueError::TooDeep)
    );
}

#[test]
fn bad_utf8_is_replaced_and_counted_in_json_and_refused_in_labels() {
    let mut message = Vec::new();
    crate::protobuf::write::bytes_field(&mut message, 1, b"a\xffb");
    let mut oddities = Oddities::default();
    let mut out = String::new();
    push_value(&mut out, &message, &mut oddities).unwrap();
    assert_eq!(out, "\"a\u{fffd}b\"");
    assert_eq!(oddities.invalid_utf8, 1);
    assert_eq!(label_text(&message, &mut oddities), Err(LabelError::Utf8));
}

#[test]
fn label_texts_are_prometheus_texts() {
    let cases = [
        (Value::StringValue("x".to_owned()), "x"),
        (Value::DoubleValue(1.0), "1"),
        (Value::DoubleValue(0.25), "0.25"),
        (Value::DoubleValue(1e-7), "1e-7"),
        (Value::DoubleValue(1e21), "1e+21"),
        (Value::DoubleValue(1e20), "100000000000000000000"),
        (Value::IntValue(-7), "-7"),
        (Value::BoolValue(false), "false"),
        (Value::BytesValue(vec![1, 2, 3]), "AQID"),
        (map(vec![pair("a", Value::DoubleValue(2.0))]), "{\"a\":2.0}"),
    ];
    for (value, expected) in cases {
        let message = Proto { value: Some(value) }.encode_to_vec();
        assert_eq!(label_text(&message, &mut Oddities::default()).as_deref(), Ok(expected));
    }
}

#[test]
fn a_resource_member_of_the_senders_never_looks_like_one_of_ours() {
    let key = b"$schema_url".as_slice();
    let mut value = Vec::new();
    crate::protobuf::write::bytes_field(&mut value, 1, b"x");
    let mut attributes: RawAttributes<'_> = [(key, value.as_slice()), (b"a", &[])].into_iter().collect();
    let mut out = "{".to_owned();
    push_resource_members(&mut out, &mut attributes, &mut Oddities::default()).unwrap();
    assert_eq!(out, "{\"$$schema_url\":\"x\",\"a\":null");
}

#[test]
fn integers_of_every_length() {
    for value in [0, 7, -7, 10, 99, 100, i64::MAX, i64::MIN, 1_000_000_007] {
        assert_eq!(json(Value::IntValue(value)), value.to_string());
    }
}
