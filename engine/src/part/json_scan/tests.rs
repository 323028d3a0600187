//! The scan sees what a JSON parser sees.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use proptest::prelude::*;
use serde_json::Value;

use super::*;

fn members(object: &str) -> (bool, Vec<(String, String)>) {
    let mut all = Vec::new();
    let whole = for_each_member(object, &mut |member| {
        all.push((member.key.into_owned(), member.value.into_owned()));
    });
    (whole, all)
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-c\"\\\\{}\\[\\], \u{e9}\n]{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-c\"}]{0,3}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn members_are_those_of_a_parser(value in json()) {
        let text = value.to_string();
        let (whole, found) = members(&text);
        prop_assert_eq!(whole, value.is_object());
        let expected: Vec<_> = value.as_object().into_iter().flatten()
            .filter(|(_, value)| !value.is_null())
            .map(|(key, value)| (key.clone(), value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
            .collect();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn other_texts_never_panic(text in "[{}\\[\\]\":,a\\\\ 1]{0,30}") {
        let _ = members(&text);
    }
}
