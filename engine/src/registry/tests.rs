//! The table against a naive model: refs are stable and distinct, and the live index selects what the labels say.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use proptest::prelude::*;

use super::*;
use crate::budget::{MemoryBudget, MemoryClass};
use crate::labels::LabelsBuilder;

fn table() -> SeriesTable {
    let budget = MemoryBudget::new(256 << 20);
    SeriesTable::new(StoreId([7; 16]), budget.reserve_none(MemoryClass::Series))
}

fn key(metric: &str, labels: &[(&str, &str)]) -> SeriesKey {
    let mut builder = LabelsBuilder::default();
    builder.metric(metric);
    for (name, value) in labels {
        builder.label(name, value);
    }
    builder.finish().unwrap()
}

#[test]
fn a_series_known_by_its_id_gets_its_key_under_the_same_ref() {
    let mut table = table();
    let up = key("up", &[("job", "a")]);
    let by_id = table.intern_id(up.id(StoreId([7; 16])));
    assert_eq!(table.key(by_id), None);
    assert!(table.matching(&[]).is_empty());
    assert_eq!(table.intern(&up).unwrap(), by_id);
    assert_eq!(table.key(by_id), Some(&up));
    assert_eq!(table.matching(&[]).len(), 1);
}

#[test]
fn a_full_budget_refuses_new_series_and_keeps_the_known() {
    let budget = MemoryBudget::new(1 << 20);
    let mut table = SeriesTable::new(StoreId([0; 16]), budget.reserve_none(MemoryClass::Series));
    let known = table.intern(&key("first", &[])).unwrap();
    let refused = (0..100_000).find_map(|n| table.intern(&key("m", &[("n", &n.to_string())])).err());
    assert!(refused.is_some());
    assert_eq!(table.intern(&key("first", &[])).unwrap(), known);
    let before = budget.usage().used_bytes;
    table.intern_replayed(&key("replayed", &[]));
    assert!(budget.usage().used_bytes >= before);
    drop(table);
    assert_eq!(budget.usage().used_bytes, 0);
}

#[test]
fn published_arrivals_answer_without_the_table() {
    let mut table = table();
    let up = table.intern(&key("up", &[])).unwrap();
    table.remember_arrival(42, up);
    let before = table.arrival_map();
    assert_eq!(before.get(42), None);
    assert_eq!(table.by_arrival(42), Some(up));
    assert!(table.arrivals_due());
    table.publish_arrivals();
    assert_eq!(table.arrival_map().get(42), Some(up.0));
    assert_eq!(table.by_arrival(42), Some(up), "an older batch asks the table");
    table.forget(&[up.0].into_iter().collect(), |_| false);
    assert_eq!(table.arrival_map().get(42), None);
    assert_eq!(table.by_arrival(42), None);
}

#[test]
fn arrival_keys_are_bounded() {
    let mut table = table();
    let up = table.intern(&key("up", &[])).unwrap();
    for hash in 0..100_000 {
        table.remember_arrival(hash, up);
    }
    let kept = (0..100_000).filter(|hash| table.by_arrival(*hash).is_some()).count();
    assert!(kept <= 4096, "{kept}");
    assert_eq!(table.by_arrival(99_999), Some(up));
}

#[test]
fn a_forgotten_series_comes_back() {
    let mut table = table();
    let a = key("a", &[("x", "1")]);
    let counted = table.intern(&a).unwrap();
    let other = table.intern(&key("b", &[("x", "1")])).unwrap();
    table.forget(&[counted.0].into_iter().collect(), |_| true);
    assert_eq!(table.key(counted), None);
    assert_eq!(
        table
            .matching(&[Matcher::equal("x", "1")])
            .into_iter()
            .collect::<Vec<_>>(),
        [other.0]
    );
    assert_eq!(table.intern(&a).unwrap(), counted, "its id was still counted");
    table.forget(&[counted.0].into_iter().collect(), |_| false);
    let again = table.intern(&a).unwrap();
    assert_ne!(again, counted, "a ref is never reused");
    assert_eq!(table.len(), 2);
}

#[test]
fn refs_nobody_saw_are_taken_back() {
    let mut table = table();
    let kept = table.intern(&key("kept", &[("x", "1")])).unwrap();
    let memory = table.memory_bytes();
    let end = table.refs_end();
    table.intern(&key("gone", &[("x", "2")])).unwrap();
    table.truncate(end);
    assert_eq!(table.refs_end(), end);
    assert_eq!(table.memory_bytes(), memory);
    assert_eq!(table.matching(&[]).into_iter().collect::<Vec<_>>(), [kept.0]);
    assert_eq!(table.label_values("x", table.all()).len(), 1);
}

fn matcher() -> impl Strategy<Value = Matcher> {
    let name = prop::sample::select(vec!["__name__", "a", "b", "missing"]);
    (name, "[xy]{0,2}", 0..4).prop_map(|(name, value, op)| match op {
        0 => Matcher::equal(name, value),
        1 => Matcher::not_equal(name, value),
        2 => Matcher::regex(name, &format!("{value}.*")).unwrap(),
        _ => Matcher::not_regex(name, &format!("{value}|x")).unwrap(),
    })
}

proptest! {
    #[test]
    fn the_index_selects_as_a_look_at_every_series_would(
        series in prop::collection::vec(("[xy]{1,2}", "[xy]{0,2}", "[xy]{0,2}"), 0..40),
        forgotten in prop::collection::vec(any::<bool>(), 40),
        matchers in prop::collection::vec(matcher(), 0..4),
    ) {
        let mut table = table();
        let mut model = std::collections::BTreeMap::new();
        for (metric, a, b) in &series {
            let at = table.intern(&key(metric, &[("a", a), ("b", b)])).unwrap();
            model.insert(at.0, [("__name__", metric.as_str()), ("a", a.as_str()), ("b", b.as_str())]);
        }
        let gone: RoaringBitmap = model.keys().copied().filter(|at| forgotten[*at as usize]).collect();
        table.forget(&gone, |_| false);
        model.retain(|at, _| !gone.contains(*at));
        let value = |labels: &[(&str, &str); 3], name: &str| {
            labels.iter().find(|(n, _)| *n == name).map_or(String::new(), |(_, v)| (*v).to_owned())
        };
        let expected: Vec<u32> = model
            .iter()
            .filter(|(_, labels)| matchers.iter().all(|m| m.matches(&value(labels, &m.name))))
            .map(|(at, _)| *at)
            .collect();
        let found = table.matching(&matchers);
        prop_assert_eq!(found.iter().collect::<Vec<_>>(), expected.clone());
        let values = expected.iter().map(|at| value(&model[at], "a"));
        let values: BTreeSet<String> = values.filter(|v| !v.is_empty()).collect();
        prop_assert_eq!(table.label_values("a", &found), values.clone());
        prop_assert_eq!(table.label_names(&found).contains("a"), !values.is_empty());
        prop_assert_eq!(table.len(), model.len() as u64);
    }
}
