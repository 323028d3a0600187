//! Remote write bodies as a sender writes them, and what is stored of them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use icecore_engine::reason::Reason;

use super::*;
use crate::otlp::test_support::{NOW_MS, admit, batch, tenant};
use crate::protobuf::write::{bytes_field, fixed64_field, varint_field};

fn message(fill: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    fill(&mut out);
    out
}

fn label_bytes(name: &str, value: &str) -> Vec<u8> {
    message(|out| {
        bytes_field(out, 1, name.as_bytes());
        bytes_field(out, 2, value.as_bytes());
    })
}

fn sample_bytes(value: f64, time_ms: i64) -> Vec<u8> {
    message(|out| {
        fixed64_field(out, 1, value.to_bits());
        varint_field(out, 2, time_ms.cast_unsigned());
    })
}

fn series_bytes(labels: &[(&str, &str)], samples: &[Vec<u8>]) -> Vec<u8> {
    message(|out| {
        labels
            .iter()
            .for_each(|(name, value)| bytes_field(out, 1, &label_bytes(name, value)));
        samples.iter().for_each(|sample| bytes_field(out, 2, sample));
    })
}

fn request(series: &[Vec<u8>]) -> Vec<u8> {
    message(|out| series.iter().for_each(|series| bytes_field(out, 1, series)))
}

fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> 63).cast_unsigned()
}

#[test]
fn samples_keep_every_bit_of_their_value() {
    let tenant = tenant(10);
    let mut batch = batch(&tenant);
    let stale = f64::from_bits(STALE);
    let body = request(&[
        series_bytes(
            &[("__name__", "up"), ("job", "node")],
            &[sample_bytes(1.0, NOW_MS), sample_bytes(stale, NOW_MS + 1)],
        ),
        series_bytes(
            &[("__name__", "z"), ("b", "2"), ("a", "1")],
            &[sample_bytes(-0.0, NOW_MS)],
        ),
    ]);
    let contents = decode(&body, &mut batch).unwrap();
    assert_eq!(contents.samples, 3);
    let stored = admit(&tenant, batch);
    assert_eq!(
        stored.rows,
        [
            "up{\"job\":\"node\"} 1.0 @0",
            "up{\"job\":\"node\"} NaN:7ff0000000000002 @1",
            "z{\"a\":\"1\",\"b\":\"2\"} -0.0 @0",
        ]
    );
    assert_eq!(stored.outcome.stored, 3);
}

const STALE: u64 = 0x7ff0_0000_0000_0002;

#[test]
fn a_known_series_is_found_by_its_bytes_and_by_other_bytes_of_the_same_labels() {
    let tenant = tenant(1);
    for labels in [
        [("__name__", "up"), ("a", "1"), ("b", "2")],
        [("__name__", "up"), ("a", "1"), ("b", "2")],
        [("b", "2"), ("__name__", "up"), ("a", "1")],
    ] {
        let mut batch = batch(&tenant);
        decode(
            &request(&[series_bytes(&labels, &[sample_bytes(1.0, NOW_MS)])]),
            &mut batch,
        )
        .unwrap();
        let stored = admit(&tenant, batch);
        assert_eq!(stored.rows, ["up{\"a\":\"1\",\"b\":\"2\"} 1.0 @0"]);
        assert_eq!(stored.outcome.rejected, []);
    }
}

#[test]
fn labels_behind_the_samples_count_too() {
    let tenant = tenant(10);
    let mut batch = batch(&tenant);
    let series = message(|out| {
        bytes_field(out, 1, &label_bytes("__name__", "up"));
        bytes_field(out, 2, &sample_bytes(1.0, NOW_MS));
        bytes_field(out, 1, &label_bytes("a", "1"));
    });
    decode(&request(&[series]), &mut batch).unwrap();
    assert_eq!(admit(&tenant, batch).rows, ["up{\"a\":\"1\"} 1.0 @0"]);
}

#[test]
fn labels_that_name_no_series_are_refused_sample_by_sample() {
    let tenant = tenant(10);
    let mut batch = batch(&tenant);
    let two = [sample_bytes(1.0, NOW_MS), sample_bytes(2.0, NOW_MS)];
    let body = request(&[
        series_bytes(&[], &two),
        series_bytes(&[("a", "1"), ("a", "2")], &two),
        series_bytes(&[("__name__", "ok")], &two[..1]),
    ]);
    decode(&body, &mut batch).unwrap();
    let outcome = admit(&tenant, batch).outcome;
    assert_eq!(
        outcome.rejected,
        [(Reason::InvalidLabels, 2), (Reason::LabelConflict, 2)]
    );
    assert_eq!(outcome.stored, 1);
}

#[test]
fn metadata_and_exemplars_are_kept() {
    let tenant = tenant(10);
    let mut batch = batch(&tenant);
    let exemplar = message(|out| {
        bytes_field(out, 1, &label_bytes("trace_id", "0102030405060708090a0B0c0d0e0f10"));
        bytes_field(out, 1, &label_bytes("user", "7"));
        fixed64_field(out, 2, 0.5_f64.to_bits());
        varint_field(out, 3, NOW_MS.cast_unsigned());
    });
    let mut series = series_bytes(&[("__name__", "up")], &[sample_bytes(1.0, NOW_MS)]);
    bytes_field(&mut series, 3, &exemplar);
    let mut body = request(&[series]);
    let metadata = message(|out| {
        varint_field(out, 1, 2);
        bytes_field(out, 2, b"up");
        bytes_field(out, 4, b"Whether it is up.");
        bytes_field(out, 5, b"s");
    });
    bytes_field(&mut body, 3, &metadata);
    assert_eq!(decode(&body, &mut batch).unwrap().exemplars, 1);
    let stored = admit(&tenant, batch);
    assert_eq!(stored.metadata, ["up gauge s Whether it is up."]);
    assert_eq!(
        stored.exemplars,
        ["up{} 0.5 @0 0102030405060708090a0b0c0d0e0f10 - {\"user\":\"7\"}"]
    );
}

fn histogram_bytes(spans: &[(i64, u64)], deltas: &[i64]) -> Vec<u8> {
    message(|out| {
        varint_field(out, 1, 9);
        fixed64_field(out, 3, 4.5_f64.to_bits());
        varint_field(out, 4, zigzag(2));
        fixed64_field(out, 5, 0.001_f64.to_bits());
        varint_field(out, 6, 1);
        for (offset, length) in spans {
            let span = message(|out| {
                varint_field(out, 1, zigzag(*offset));
                varint_field(out, 2, *length);
            });
            bytes_field(out, 11, &span);
        }
        let packed = message(|out| {
            deltas
                .iter()
                .for_each(|delta| crate::protobuf::write::varint(out, zigzag(*delta)))
        });
        bytes_field(out, 12, &packed);
        varint_field(out, 15, NOW_MS.cast_unsigned());
    })
}

fn store_histogram(histogram: &[u8]) -> crate::otlp::test_support::Stored {
    let tenant = tenant(10);
    let mut batch = batch(&tenant);
    let mut series = series_bytes(&[("__name__", "h")], &[]);
    bytes_field(&mut series, 4, histogram);
    decode(&request(&[series]), &mut batch).unwrap();
    admit(&tenant, batch)
}

#[test]
fn a_native_histogram_has_its_spans_laid_out() {
    let stored = store_histogram(&histogram_bytes(&[(-2, 2), (1, 1)], &[2, 1, -2]));
    assert_eq!(
        stored.rows,
        [
            "h{} NativeHistogram { schema: 2, zero_threshold: 0.001, zero_count: 1, count: 9, sum: Some(4.5), \
          min: None, max: None, positive: Buckets { offset: -3, counts: [2, 3, 0, 1] }, \
          negative: Buckets { offset: 0, counts: [] }, custom_bounds: [] } @0"
        ]
    );
}

#[test]
fn histograms_that_do_not_add_up_or_claim_too_much_are_refused() {
    for (spans, deltas) in [
        (&[(0, 3)][..], &[1_i64][..]),
        (&[(0, 1)], &[1, 1]),
        (&[(0, 1)], &[-1]),
        (&[(0, 1), (-5, 1)], &[1, 1]),
        (&[(0, 1), (1_000_000_000, 1)], &[1, 1]),
        (&[(0, 4_000_000_000)], &[1]),
    ] {
        let outcome = store_histogram(&histogram_bytes(spans, deltas)).outcome;
        assert_eq!(
            outcome.rejected,
            [(Reason::InvalidHistogram, 1)],
            "{spans:?} {deltas:?}"
        );
    }
}

#[test]
fn what_is_no_write_request_is_refused_whole() {
    let tenant = tenant(10);
    let mut body = request(&[series_bytes(&[("__name__", "up")], &[sample_bytes(1.0, NOW_MS)])]);
    body.pop();
    let error = decode(&body, &mut batch(&tenant)).unwrap_err();
    assert!(error.to_string().contains("WriteRequest"));
}
