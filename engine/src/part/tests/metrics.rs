//! Parts of metrics against a naive model: a map from series and slice to samples.

use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::histogram::Buckets;
use crate::matcher::Matcher;
use crate::time::TimeRange;

const SLICE_S: i64 = 7_200;

fn value() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => (-1_000_000i64..1_000_000, 0i32..7).prop_map(|(m, e)| m as f64 / 10f64.powi(e)),
        2 => any::<f64>(),
        1 => Just(f64::from_bits(STALE_NAN_BITS)),
        1 => Just(-0.0),
    ]
}

fn histogram() -> impl Strategy<Value = NativeHistogram> {
    (any::<i32>(), any::<u64>(), vec(any::<u64>(), 0..5)).prop_map(|(schema, count, counts)| NativeHistogram {
        schema,
        count,
        sum: Some(1.5),
        positive: Buckets { offset: -3, counts },
        ..NativeHistogram::default()
    })
}

fn run(slice: i64) -> impl Strategy<Value = Run> {
    let times = btree_set(0..SLICE_S * 1_000, 1..60);
    let extras = (
        0u8..3,
        option::weighted(0.3, 1i64..1_000),
        option::weighted(0.2, vec(option::of(histogram()), 60)),
    );
    (times, vec(value(), 60), vec(0i64..1_000_000, 60), any::<bool>(), extras).prop_map(
        move |(times, values, integers, short, (temporality, start, histograms))| Run {
            temporality: Temporality::from_u8(temporality).unwrap(),
            samples: times
                .into_iter()
                .enumerate()
                .map(|(i, time)| {
                    let histogram = histograms.as_ref().and_then(|all| all[i].clone());
                    let value = if short { integers[i] as f64 } else { values[i] };
                    Sample {
                        timestamp: slice * 1_000 + time,
                        bits: if histogram.is_some() { 0 } else { value.to_bits() },
                        start: start.map_or(0, |start| if i % 5 == 4 { 0 } else { start }),
                        histogram,
                    }
                })
                .collect(),
        },
    )
}

pub(super) fn model() -> impl Strategy<Value = Model> {
    let key = (0u8..4, option::of(0u8..4), option::of("[a\"\\\\\u{e9}\n]{0,3}")).prop_map(|(metric, host, odd)| {
        let host = host.map(|host| format!("host-{host}"));
        let labels = [("instance", host), ("odd", odd)];
        let labels: Vec<_> = labels
            .iter()
            .filter_map(|(name, value)| value.as_deref().map(|value| (*name, value)))
            .collect();
        series_key(["", "cpu", "mem", "up"][usize::from(metric)], &labels)
    });
    let slices = (0i64..4).prop_map(|slice| slice * SLICE_S);
    btree_map((slices, key), run(0), 1..12).prop_map(|model| {
        model
            .into_iter()
            .map(|((slice, key), mut run)| {
                run.samples
                    .iter_mut()
                    .for_each(|sample| sample.timestamp += slice * 1_000);
                ((slice, key), run)
            })
            .collect()
    })
}

pub(super) fn options(page_rows: usize, tile_rows_max: usize) -> PartOptions {
    PartOptions {
        slice_length_s: SLICE_S,
        histograms: true,
        page_rows,
        tile_rows_max,
        ..PartOptions::default()
    }
}

fn label(key: &SeriesKey, name: &str) -> String {
    if name == "__name__" {
        return key.metric().to_owned();
    }
    key.labels()
        .into_iter()
        .find(|(label, _)| label == name)
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

fn matcher() -> impl Strategy<Value = Matcher> {
    let name = prop_oneof![Just("__name__"), Just("instance"), Just("odd"), Just("absent")];
    let value = prop_oneof![
        Just(""),
        Just("cpu"),
        Just("up"),
        Just("host-1"),
        Just("host-.*"),
        Just(".*"),
        Just(".+"),
        Just("host-1|"),
        Just("c.*")
    ];
    (name, value, 0u8..4).prop_map(|(name, value, op)| match op {
        0 => Matcher::equal(name, value),
        1 => Matcher::not_equal(name, value),
        2 => Matcher::regex(name, value).unwrap(),
        _ => Matcher::not_regex(name, value).unwrap(),
    })
}

fn range() -> impl Strategy<Value = TimeRange> {
    prop_oneof![
        Just(TimeRange::ALL),
        (0i64..4 * SLICE_S * 1_000, 0i64..SLICE_S * 1_500)
            .prop_map(|(start, length)| TimeRange::new(start, start + length)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn all_rows_come_back(model in model(), page_rows in 1usize..100, tile_rows in 10usize..400) {
        let folder = Folder::new();
        let path = write_metrics(&folder, "a", meta(Signal::Metrics), &model, &options(page_rows, tile_rows));
        let part = folder.open(&path);
        prop_assert_eq!(read_model(&part).unwrap(), model.clone());
        prop_assert_eq!(part.meta(), &meta(Signal::Metrics));
        let keys: std::collections::BTreeSet<_> = model.keys().map(|(_, key)| key).collect();
        prop_assert_eq!(part.series_count().unwrap(), keys.len() as u64);
        let times = || model.values().flat_map(|run| run.samples.iter().map(|sample| sample.timestamp));
        prop_assert_eq!(part.time_range(), TimeRange::new(times().min().unwrap(), times().max().unwrap()));
    }

    #[test]
    fn select_is_a_filter_by_eye(model in model(), matchers in vec(matcher(), 0..3), range in range()) {
        let folder = Folder::new();
        let path = write_metrics(&folder, "a", meta(Signal::Metrics), &model, &options(64, 100_000));
        let part = folder.open(&path);
        let found = part.select(&matchers, range).unwrap();
        let expected: Vec<_> = model
            .iter()
            .filter(|((_, key), _)| matchers.iter().all(|matcher| matcher.matches(&label(key, &matcher.name))))
            .filter(|(_, run)| {
                let first = run.samples.first().unwrap().timestamp;
                let last = run.samples.last().unwrap().timestamp;
                TimeRange::new(first, last).overlaps(range)
            })
            .collect();
        prop_assert_eq!(found.len(), expected.len());
        for (group, ((_, key), run)) in found.iter().zip(&expected) {
            prop_assert_eq!(&group.key, key);
            prop_assert_eq!(group.rows as usize, run.samples.len());
            prop_assert_eq!(group.last_is_stale, run.samples.last().unwrap().bits == STALE_NAN_BITS);
            prop_assert_eq!(group.has_histograms, run.samples.iter().any(|sample| sample.histogram.is_some()));
        }
        let mut read = vec![Vec::new(); found.len()];
        part.read(&found, range, &mut |place, chunk| read[place] = chunk.timestamps.to_vec()).unwrap();
        for (times, (_, run)) in read.iter().zip(&expected) {
            let inside: Vec<i64> = run.samples.iter().map(|s| s.timestamp).filter(|t| range.contains(*t)).collect();
            prop_assert_eq!(times, &inside);
        }
        let names = part.label_names(&matchers, range).unwrap();
        let expected_names: std::collections::BTreeSet<String> = expected
            .iter()
            .flat_map(|((_, key), _)| {
                let name = (!key.metric().is_empty()).then(|| "__name__".to_owned());
                key.labels().into_iter().map(|(name, _)| name.into_owned()).chain(name).collect::<Vec<_>>()
            })
            .collect();
        prop_assert_eq!(names, expected_names);
        for name in ["__name__", "instance", "odd"] {
            let values = part.label_values(name, &matchers, range).unwrap();
            let expected: std::collections::BTreeSet<String> = expected
                .iter()
                .map(|((_, key), _)| label(key, name))
                .filter(|value| !value.is_empty())
                .collect();
            prop_assert_eq!(values, expected);
        }
    }
}

#[test]
fn rows_out_of_order_are_refused() {
    let folder = Folder::new();
    let path = folder.file("a");
    let mut writer = MetricsPartWriter::create(&folder.fs, &path, meta(Signal::Metrics), &options(64, 1_000)).unwrap();
    let run = |timestamps: &'static [i64]| SeriesRun {
        timestamps,
        values: &[1.0, 2.0][..timestamps.len()],
        start_timestamps: None,
        temporality: Temporality::Unspecified,
        histograms: None,
    };
    let [a, b] = ["a", "b"].map(|metric| series_key(metric, &[]));
    writer.series(0, &b, run(&[5, 6])).unwrap();
    assert!(writer.series(0, &a, run(&[5, 6])).is_err(), "a key before the last");
    assert!(writer.series(7_200, &a, run(&[6, 5])).is_err(), "times that descend");
    assert!(writer.series(0, &b, run(&[6])).is_err(), "a time that was there");
    writer.series(0, &b, run(&[7])).unwrap();
    assert_eq!(writer.finish().unwrap().rows, 3);
}

#[test]
fn the_parquet_library_reads_the_same_rows() {
    let folder = Folder::new();
    let key = series_key("cpu", &[("instance", "a")]);
    let mut run = Run::default();
    for i in 0..1_000 {
        let value = if i % 100 == 7 {
            f64::from(i) / 3.0
        } else {
            f64::from(i) / 4.0
        };
        run.samples.push(Sample {
            timestamp: i64::from(i) * 1_000,
            bits: value.to_bits(),
            start: 17,
            histogram: None,
        });
    }
    let model = Model::from([((0, key), run.clone())]);
    let mut options = options(100, 100_000);
    options.histograms = false;
    let path = write_metrics(&folder, "a", meta(Signal::Metrics), &model, &options);
    let part = folder.open(&path);
    let batches = part.batches(0..part.rows(), None, 10_000).unwrap();
    let batch = arrow::compute::concat_batches(&crate::schema::metrics(false), &batches).unwrap();
    assert_eq!(batch.schema(), crate::schema::metrics(false));
    assert_eq!(batch.num_rows(), 1_000);
    use arrow::array::{Array, AsArray};
    use arrow::datatypes::{Float64Type, Int8Type, Int32Type, Int64Type, TimestampMillisecondType};
    let times = batch.column(2).as_primitive::<TimestampMillisecondType>();
    let mantissas = batch.column(3).as_primitive::<Int64Type>();
    let scales = batch.column(4).as_primitive::<Int8Type>();
    let doubles = batch.column(5).as_primitive::<Float64Type>();
    let labels = batch.column(1).as_dictionary::<Int32Type>();
    for (row, sample) in run.samples.iter().enumerate() {
        assert_eq!(times.value(row), sample.timestamp);
        let value = if mantissas.is_valid(row) {
            crate::schema::value_of_mantissa(mantissas.value(row), scales.value(row) as u8).unwrap()
        } else {
            doubles.value(row)
        };
        assert_eq!(value.to_bits(), sample.bits);
        let label = labels
            .values()
            .as_string::<i32>()
            .value(labels.keys().value(row) as usize);
        assert_eq!(label, "{\"instance\":\"a\"}");
    }
}

/// What makes `metric` and `labels` nearly free, and cheap to group by for every reader: no page falls back to plain.
#[test]
fn names_are_dictionary_encoded_throughout() {
    use parquet::basic::{Encoding, PageType};
    let folder = Folder::new();
    let path = folder.file("a");
    let options = PartOptions::default();
    let mut writer = MetricsPartWriter::create(&folder.fs, &path, meta(Signal::Metrics), &options).unwrap();
    let padding = "x".repeat(200);
    for series in 0..60_000 {
        let key = series_key("cpu", &[("id", &format!("{series:06}{padding}"))]);
        let run = SeriesRun {
            timestamps: &[1, 2, 3],
            values: &[1.0, 2.0, 3.0],
            start_timestamps: None,
            temporality: Temporality::Unspecified,
            histograms: None,
        };
        writer.series(0, &key, run).unwrap();
    }
    writer.finish().unwrap();
    let part = folder.open(&path);
    let metadata = part.parquet_metadata().unwrap();
    assert!(
        metadata.num_row_groups() >= 2,
        "a tile ends before its dictionary grows without bound"
    );
    for row_group in metadata.row_groups() {
        for column in &row_group.columns()[..2] {
            // The reader keeps a mask of the encodings of data pages.
            let mask = column.page_encoding_stats_mask().copied();
            let only = mask.map(|mask| mask.is_only(Encoding::RLE_DICTIONARY));
            let full = column.page_encoding_stats().map(|stats| {
                let mut pages = stats.iter().filter(|page| page.page_type == PageType::DATA_PAGE);
                pages.all(|page| page.encoding == Encoding::RLE_DICTIONARY)
            });
            assert_eq!(only.or(full), Some(true), "{}", column.column_path());
            let dictionary_bytes = column.data_page_offset() - column.dictionary_page_offset().unwrap();
            assert!(dictionary_bytes > 0);
        }
    }
}
