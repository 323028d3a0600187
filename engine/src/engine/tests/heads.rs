//! Views of heads against a naive model: a view shows the rows before it and none after, each time once.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// Samples by series.
type Samples = BTreeMap<u8, BTreeMap<i64, u64>>;

fn series_name(series: u8) -> String {
    format!("s{series}")
}

fn send(engine: &Engine, rows: &[(u8, i64, f64)]) {
    let mut batch = engine.metrics_batch(&TenantId::default()).unwrap();
    for (series, at, value) in rows {
        let slot = batch.series(u128::from(*series) + 1, |labels| {
            labels.metric(&series_name(*series));
            Ok(())
        });
        batch.sample(slot, NOW_S * 1000 + at, *value, 0, Temporality::Unspecified);
    }
    engine.append_metrics(batch).unwrap();
}

fn view_samples(snapshot: &Snapshot, range: TimeRange) -> Samples {
    let mut found = Samples::new();
    for head in snapshot.partitions.iter().flat_map(|partition| &partition.heads) {
        for series in head.refs_matching(&[]) {
            let number = head.key(series).unwrap().metric()[1..].parse().unwrap();
            head.read(series, range, &mut |chunk| {
                assert!(chunk.timestamps.is_sorted_by(|a, b| a < b));
                let samples = chunk
                    .timestamps
                    .iter()
                    .copied()
                    .zip(chunk.values.iter().map(|v| v.to_bits()));
                found.entry(number).or_default().extend(samples);
            });
        }
    }
    found
}

/// What the batches of a snapshot hold, which must tell the same.
fn batch_samples(snapshot: &Snapshot, range: TimeRange) -> Samples {
    let mut found = Samples::new();
    for head in snapshot.partitions.iter().flat_map(|partition| &partition.heads) {
        for batch in head.batches(range).unwrap() {
            let metric = batch.column(0).as_dictionary::<arrow::datatypes::Int32Type>();
            let names = metric.downcast_dict::<arrow::array::StringArray>().unwrap();
            let times = batch
                .column(2)
                .as_primitive::<arrow::datatypes::TimestampMillisecondType>();
            let values = batch.column(5).as_primitive::<arrow::datatypes::Float64Type>();
            for row in 0..batch.num_rows() {
                let name = arrow::array::ArrayAccessor::value(&names, row);
                let samples = found.entry(name[1..].parse().unwrap()).or_default();
                let before = samples.insert(times.value(row), values.value(row).to_bits());
                assert_eq!(before, None, "a time twice in one head");
            }
        }
    }
    found
}

/// Times spread over two windows, so that requests are cut by partition.
fn rows() -> impl Strategy<Value = Vec<(u8, i64, f64)>> {
    let at = prop_oneof![0i64..20, -90_000_000i64..-89_999_980];
    proptest::collection::vec((0u8..4, at, any::<f64>()), 1..8)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_view_shows_what_was_there_when_it_was_taken(
        requests in proptest::collection::vec(rows(), 1..12),
        range in (-90_000_000i64..20, 0i64..90_000_000),
    ) {
        let engine = Bench::new().open(Bench::options());
        let range = TimeRange::new(NOW_S * 1000 + range.0, NOW_S * 1000 + range.0 + range.1);
        let mut model = Samples::new();
        let mut views = Vec::new();
        for request in &requests {
            send(&engine, request);
            for (series, at, value) in request {
                model.entry(*series).or_default().insert(NOW_S * 1000 + at, value.to_bits());
            }
            views.push((engine.snapshot(&TenantId::default(), Signal::Metrics), model.clone()));
        }
        for (snapshot, model) in views {
            prop_assert_eq!(&view_samples(&snapshot, TimeRange::ALL), &model);
            prop_assert_eq!(&batch_samples(&snapshot, TimeRange::ALL), &model);
            let within: Samples = model
                .into_iter()
                .map(|(series, samples)| {
                    (series, samples.into_iter().filter(|(at, _)| range.contains(*at)).collect())
                })
                .filter(|(_, samples): &(u8, BTreeMap<_, _>)| !samples.is_empty())
                .collect();
            prop_assert_eq!(&view_samples(&snapshot, range), &within);
            prop_assert_eq!(&batch_samples(&snapshot, range), &within);
        }
    }
}

#[test]
fn a_view_outlives_the_flush_and_the_forgetting_of_its_series() {
    let bench = Bench::new();
    let engine = bench.open(Bench::options());
    send(&engine, &[(1, 0, 1.0), (2, 0, 2.0)]);
    let view = engine.snapshot(&TenantId::default(), Signal::Metrics);
    engine.flush().unwrap();
    bench.clock.set(TimestampNs((NOW_S + 4 * 3_600) * 1_000_000_000));
    assert_eq!(
        engine.tick().unwrap().series_forgotten,
        0,
        "a reader still holds their head"
    );
    assert_eq!(view_samples(&view, TimeRange::ALL).len(), 2);
    drop(view);
    assert_eq!(engine.tick().unwrap().series_forgotten, 2);
    assert_eq!(
        engine.snapshot(&TenantId::default(), Signal::Metrics).rows(),
        2,
        "rows are not forgotten"
    );
}
