//! A merge holds what its inputs hold, the later input's row where they say different things.

use proptest::collection::vec;
use proptest::prelude::*;

use super::rows::{Row, batch_of, row_options, rows_of, sorted, spans_of, write_rows};
use super::*;
use crate::part::merge::merge_parts;
use crate::time::TimeRange;

fn meta_of(signal: Signal, place: u64) -> PartMeta {
    PartMeta {
        first_lsn: Lsn::new(10 * place + 1),
        last_lsn: Lsn::new(10 * place + 10),
        ..meta(signal)
    }
}

/// What a merge of metrics should hold: later runs replace samples one by one.
fn merged(models: &[Model]) -> Model {
    let mut samples: BTreeMap<(i64, SeriesKey), BTreeMap<i64, (Temporality, Sample)>> = BTreeMap::new();
    for ((slice, key), run) in models.iter().flatten() {
        let series = samples.entry((*slice, key.clone())).or_default();
        for sample in &run.samples {
            series.insert(sample.timestamp, (run.temporality, sample.clone()));
        }
    }
    samples
        .into_iter()
        .map(|(place, series)| {
            let run = Run {
                // Compared sample by sample below.
                temporality: Temporality::Unspecified,
                samples: series.into_values().map(|(_, sample)| sample).collect(),
            };
            (place, run)
        })
        .collect()
}

fn without_temporality(mut model: Model) -> Model {
    model
        .values_mut()
        .for_each(|run| run.temporality = Temporality::Unspecified);
    model
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn metrics_merge_like_maps(models in vec(metrics::model(), 1..4), page_rows in 1usize..100, tile_rows in 10usize..300) {
        let folder = Folder::new();
        let options = metrics::options(page_rows, tile_rows);
        let mut parts: Vec<_> = models
            .iter()
            .zip(0..)
            .map(|(model, place)| {
                let mut options = options.clone();
                options.histograms = model.values().any(|run| run.samples.iter().any(|s| s.histogram.is_some()));
                let path = write_metrics(&folder, &place.to_string(), meta_of(Signal::Metrics, place), model, &options);
                folder.open(&path)
            })
            .collect();
        parts.reverse();
        let path = folder.file("merged");
        let summary = merge_parts(&folder.fs, &parts, &path, &options).unwrap();
        let part = folder.open(&path);
        let expected = merged(&models);
        prop_assert_eq!(without_temporality(read_model(&part).unwrap()), expected.clone());
        prop_assert_eq!(summary.rows, expected.values().map(|run| run.samples.len() as u64).sum::<u64>());
        prop_assert_eq!(part.meta().first_lsn, Lsn::new(1));
        prop_assert_eq!(part.meta().last_lsn, Lsn::new(10 * models.len() as u64));
        part.verify().unwrap();
        for name in ["__name__", "instance"] {
            let of = |part: &Arc<Part>| part.label_values(name, &[], TimeRange::ALL).unwrap();
            let all: std::collections::BTreeSet<String> = parts.iter().flat_map(of).collect();
            prop_assert_eq!(of(&part), all);
        }
    }

    #[test]
    fn rows_merge_like_lists(inputs in vec(vec(rows::row(), 1..40), 1..4), traces in any::<bool>()) {
        let signal = if traces { Signal::Traces } else { Signal::Logs };
        let inputs: Vec<Vec<Row>> = if traces { inputs.into_iter().map(spans_of).collect() } else { inputs };
        // A span that is sent again starts when it started.
        let inputs: Vec<Vec<Row>> = inputs
            .into_iter()
            .map(|rows| rows.into_iter().map(|mut row| {
                if traces {
                    row.timestamp = i64::from(row.span % 7) * 900_000_000;
                }
                row
            }).collect())
            .collect();
        let folder = Folder::new();
        let parts: Vec<_> = inputs
            .iter()
            .zip(0..)
            .map(|(rows, place)| {
                let batch = batch_of(signal, rows);
                folder.open(&write_rows(&folder, &place.to_string(), meta_of(signal, place), &[batch]))
            })
            .collect();
        let path = folder.file("merged");
        merge_parts(&folder.fs, &parts, &path, &row_options()).unwrap();
        let part = folder.open(&path);
        let all: Vec<Row> = inputs.concat();
        let read = rows_of(&part.batches(0..part.rows(), None, 1_000).unwrap());
        prop_assert_eq!(&read, &sorted(signal, &all));
        part.verify().unwrap();
        for trace in 0..6u8 {
            let pruned = part.prune(&IndexFilter::TraceId([trace; 16]), TimeRange::ALL).unwrap();
            for (place, row) in read.iter().enumerate() {
                let kept = pruned.row_ranges.iter().any(|rows| rows.contains(&(place as u64)));
                prop_assert!(kept || row.trace != Some(trace));
            }
        }
    }
}

/// The slices of two parts that meet in one: those of one part alone are copied as they are.
#[test]
fn slices_of_one_part_are_copied_byte_for_byte() {
    let folder = Folder::new();
    let options = metrics::options(64, 100_000);
    let model = |slices: std::ops::Range<i64>| -> Model {
        slices
            .flat_map(|slice| (0..20).map(move |host| (slice, host)))
            .map(|(slice, host)| {
                let key = series_key("cpu", &[("instance", &format!("host-{host}"))]);
                let samples = (0..30)
                    .map(|i| Sample {
                        timestamp: slice * 7_200_000 + i * 15_000,
                        bits: (i as f64).to_bits(),
                        start: 0,
                        histogram: None,
                    })
                    .collect();
                let temporality = Temporality::Unspecified;
                ((slice * 7_200, key), Run { temporality, samples })
            })
            .collect()
    };
    let parts: Vec<_> = [model(0..2), model(1..3)]
        .iter()
        .zip(0..)
        .map(|(model, place)| {
            folder.open(&write_metrics(
                &folder,
                &place.to_string(),
                meta_of(Signal::Metrics, place),
                model,
                &options,
            ))
        })
        .collect();
    let path = folder.file("merged");
    merge_parts(&folder.fs, &parts, &path, &options).unwrap();
    let part = folder.open(&path);
    assert_eq!(part.slices().unwrap(), [0, 7_200, 14_400]);
    let tile_bytes = |part: &Arc<Part>, tile: usize| {
        let metadata = part.parquet_metadata().unwrap();
        let columns = metadata.row_group(tile).columns().to_vec();
        let ranges = columns.iter().map(|column| column.byte_range());
        ranges
            .map(|(start, length)| part.read_verified(start..start + length).unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(tile_bytes(&part, 0), tile_bytes(&parts[0], 0));
    assert_eq!(tile_bytes(&part, 2), tile_bytes(&parts[1], 1));
    assert_eq!(read_model(&part).unwrap(), model(0..3));
}

#[test]
fn parts_of_different_partitions_do_not_merge() {
    let folder = Folder::new();
    let options = metrics::options(64, 1_000);
    let model = Model::new();
    let one = folder.open(&write_metrics(
        &folder,
        "1",
        meta_of(Signal::Metrics, 0),
        &model,
        &options,
    ));
    let other = PartMeta {
        window: Window::of(DAY_S, DAY_S),
        ..meta_of(Signal::Metrics, 1)
    };
    let two = folder.open(&write_metrics(&folder, "2", other, &model, &options));
    assert!(merge_parts(&folder.fs, &[one, two], &folder.file("merged"), &options).is_err());
    assert!(merge_parts(&folder.fs, &[], &folder.file("none"), &options).is_err());
}
