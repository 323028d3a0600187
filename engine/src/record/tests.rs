//! Records read back as they were written, and hostile bytes are an error, never a panic.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use proptest::prelude::*;

use super::*;
use crate::histogram::NativeHistogram;
use crate::ids::{SeriesRef, StoreId};
use crate::metadata::{Exemplar, MetricKind, MetricMetadata};
use crate::schema::Temporality;
use crate::tenant::{Tenant, TenantLimits};

fn tenant() -> std::sync::Arc<Tenant> {
    let limits = TenantLimits {
        series_max: 1,
        late_max_ms: crate::options::PerSignal::all(1),
        future_max_ms: 1,
    };
    let budget = crate::budget::MemoryBudget::new(1 << 25);
    Tenant::new(
        TenantId::new("a-tenant").unwrap(),
        StoreId([1; 16]),
        77,
        limits,
        &budget,
    )
}

fn sample_rows() -> MetricRows {
    let mut columns = MetricColumns::default();
    for row in 0..5 {
        columns.push(row, i64::from(row) * 1000, 0.5, i64::from(row), Temporality::Cumulative);
        if row % 2 == 1 {
            columns.push_histogram(&NativeHistogram {
                sum: Some(f64::from(row)),
                ..NativeHistogram::default()
            });
        }
    }
    columns.finish()
}

fn body() -> Vec<u8> {
    let metadata = MetricMetadata {
        metric: "m".into(),
        kind: MetricKind::Gauge,
        unit: "s".into(),
        help: "help".into(),
    };
    let exemplar = Exemplar {
        series: SeriesRef(3),
        timestamp_ms: 5,
        value: 1.5,
        trace_id: None,
        span_id: Some([4; 8]),
        attributes: "{}".into(),
    };
    encode_metrics(&tenant(), &sample_rows(), &[metadata], &[exemplar]).concat()
}

#[test]
fn every_section_begins_on_a_multiple_of_eight() {
    let pieces = encode_metrics(&tenant(), &sample_rows(), &[], &[]);
    let mut offset = 0;
    for piece in &pieces {
        assert!(offset % 8 == 0 || piece.iter().all(|byte| *byte == 0));
        offset += piece.len();
    }
    assert_eq!(offset % 8, 0);
}

#[test]
fn aligned_bytes_are_shared_and_others_copied() {
    for shift in [0, 8, 3] {
        let bytes: Vec<u8> = std::iter::repeat_n(0, shift).chain(body()).collect();
        let whole = frame::shared(arrow::buffer::Buffer::from(bytes.as_slice()));
        let record = Record::decode(&whole.slice(shift..)).unwrap();
        let RecordRows::Metrics(metrics) = record.rows else {
            panic!("metrics")
        };
        assert_eq!(metrics.rows.timestamps, sample_rows().timestamps);
        let inside = whole.as_ptr_range().contains(&metrics.rows.timestamps.inner().as_ptr());
        assert_eq!(inside, shift % 8 == 0);
    }
}

#[test]
fn a_newer_version_says_so() {
    let mut newer = body();
    newer[0] = 9;
    let error = Record::decode(&Bytes::from(newer)).unwrap_err();
    assert_eq!(error, InvalidRecord::Version(9));
}

#[test]
fn refs_are_mapped_and_unknown_ones_named() {
    let record = Record::decode(&Bytes::from(body())).unwrap();
    let RecordRows::Metrics(mut metrics) = record.rows else {
        panic!("metrics")
    };
    metrics.remap(|at| Some(SeriesRef(at + 100))).unwrap();
    assert_eq!(metrics.rows.refs[4], 104);
    assert_eq!(metrics.exemplars[0].series, SeriesRef(103));
    let error = metrics.remap(|at| (at != 102).then_some(SeriesRef(at))).unwrap_err();
    assert_eq!(error, InvalidRecord::UnknownSeries(102));
}

proptest! {
    #[test]
    fn hostile_bytes_never_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        cut in any::<prop::sample::Index>(),
        cuts in any::<bool>(),
    ) {
        let mut bytes = body();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if cuts {
            bytes.truncate(cut.index(bytes.len()));
        }
        if let Ok(record) = Record::decode(&Bytes::from(bytes))
            && let RecordRows::Metrics(metrics) = record.rows
        {
            for row in 0..metrics.rows.len() {
                metrics.rows.histogram(row);
                metrics.rows.temporality(row);
            }
        }
    }
}

#[test]
fn the_page_of_the_format_lists_every_section_and_a_body_begins_as_it_says() {
    let page = include_str!("../../../docs/record-format.md");
    for kind in frame::Kind::ALL {
        let row = format!("| {} | {kind:?} |", kind as u32);
        assert!(page.contains(&row), "{row}");
    }
    let rows = page
        .lines()
        .filter(|line| line.starts_with("| ") && line.split('|').count() == 5);
    assert_eq!(
        rows.count(),
        frame::Kind::ALL.len() + 1,
        "a header and one row a section"
    );
    let mut columns = MetricColumns::default();
    columns.push(6, 7, 0.0, 0, Temporality::Unspecified);
    let body = encode_metrics(&tenant(), &columns.finish(), &[], &[]).concat();
    let mut expected = vec![0, 0, 3, 0, 8, 0, 0, 0, 77, 0, 0, 0, 1, 0, 0, 0];
    expected.extend([0; 16]);
    for (kind, bytes) in [(1, 4), (2, 8), (3, 8)] {
        expected.extend([kind, 0, 0, 0, 0, 0, 0, 0, bytes, 0, 0, 0, 0, 0, 0, 0]);
    }
    expected.extend(b"a-tenant");
    expected.extend([6, 0, 0, 0, 0, 0, 0, 0]);
    expected.extend([7, 0, 0, 0, 0, 0, 0, 0]);
    expected.extend([0; 8]);
    assert_eq!(body, expected);
}
