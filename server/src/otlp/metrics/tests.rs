//! OTLP metrics as series, point by point, and the rules by which points are refused.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use icecore_engine::reason::Reason;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::summary_data_point::ValueAtQuantile;
use opentelemetry_proto::tonic::metrics::v1::{
    Exemplar, ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram, HistogramDataPoint, Metric,
    NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, Summary, SummaryDataPoint, exemplar, number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message as _;

use super::*;
use crate::otlp::test_support::{NOW_NS, Stored, admit, batch, tenant};
use crate::translate::TranslationOptions;

mod losslessness;

const CUMULATIVE: i32 = 2;
const DELTA: i32 = 1;

fn text(key: &str, value: &str) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue {
            value: Some(Value::StringValue(value.to_owned())),
        }),
        ..KeyValue::default()
    }
}

fn metric(name: &str, unit: &str, data: Data) -> Metric {
    Metric {
        name: name.to_owned(),
        description: "help".to_owned(),
        unit: unit.to_owned(),
        data: Some(data),
        ..Metric::default()
    }
}

fn number(value: f64) -> NumberDataPoint {
    NumberDataPoint {
        time_unix_nano: NOW_NS,
        value: Some(number_data_point::Value::AsDouble(value)),
        ..NumberDataPoint::default()
    }
}

fn gauge(points: Vec<NumberDataPoint>) -> Data {
    Data::Gauge(Gauge { data_points: points })
}

fn request(resource: Vec<KeyValue>, metrics: Vec<Metric>) -> ExportMetricsServiceRequest {
    ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics {
            resource: Some(Resource {
                attributes: resource,
                ..Resource::default()
            }),
            scope_metrics: vec![ScopeMetrics {
                scope: Some(InstrumentationScope {
                    name: "lib".to_owned(),
                    version: "1".to_owned(),
                    ..InstrumentationScope::default()
                }),
                metrics,
                schema_url: String::new(),
            }],
            schema_url: String::new(),
        }],
    }
}

fn store(request: &ExportMetricsServiceRequest) -> Stored {
    let tenant = tenant(10_000);
    let mut batch = batch(&tenant);
    decode(&request.encode_to_vec(), &mut batch, &Translation::default()).unwrap();
    admit(&tenant, batch)
}

fn stored_of(name: &str, unit: &str, data: Data) -> Stored {
    store(&request(vec![], vec![metric(name, unit, data)]))
}

#[test]
fn a_gauge_is_one_sample_and_its_metadata() {
    let mut point = number(0.5);
    point.attributes = vec![text("cpu.mode", "idle")];
    let stored = stored_of("system.cpu.utilization", "1", gauge(vec![point]));
    assert_eq!(
        stored.rows,
        ["system_cpu_utilization_ratio{\"cpu_mode\":\"idle\"} 0.5 @0"]
    );
    assert_eq!(stored.metadata, ["system_cpu_utilization_ratio gauge 1 help"]);
    assert_eq!((stored.outcome.stored, stored.outcome.message), (1, None));
}

#[test]
fn sums_keep_their_temporality_and_start() {
    let mut point = number(7.0);
    point.start_time_unix_nano = NOW_NS - 60_000_000_000;
    for (temporality, word) in [(CUMULATIVE, "cumulative"), (DELTA, "delta")] {
        let stored = stored_of(
            "http.requests",
            "{request}",
            Data::Sum(Sum {
                data_points: vec![point.clone()],
                aggregation_temporality: temporality,
                is_monotonic: true,
            }),
        );
        assert_eq!(
            stored.rows,
            [format!("http_requests_total{{}} 7.0 @0 from -60000 {word}")]
        );
        assert_eq!(stored.metadata, ["http_requests_total counter {request} help"]);
    }
}

#[test]
fn integers_are_doubles_and_rounding_is_told() {
    let mut points = vec![number(0.0); 2];
    points[0].value = Some(number_data_point::Value::AsInt(-3));
    points[1].value = Some(number_data_point::Value::AsInt(i64::MAX));
    points[1].attributes = vec![text("big", "yes")];
    let stored = stored_of("n", "", gauge(points));
    assert_eq!(
        stored.rows,
        ["n{\"big\":\"yes\"} 9.223372036854776e18 @0", "n{} -3.0 @0"]
    );
    assert!(stored.outcome.message.unwrap().starts_with("1 integers beyond 2^53"));
}

#[test]
fn a_histogram_becomes_cumulative_buckets_and_totals() {
    let point = HistogramDataPoint {
        time_unix_nano: NOW_NS,
        start_time_unix_nano: NOW_NS - 1_000_000,
        count: 10,
        sum: Some(4.5),
        bucket_counts: vec![1, 2, 7],
        explicit_bounds: vec![0.005, 2.0],
        min: Some(0.001),
        max: Some(3.0),
        ..HistogramDataPoint::default()
    };
    let stored = stored_of(
        "latency",
        "s",
        Data::Histogram(Histogram {
            data_points: vec![point],
            aggregation_temporality: CUMULATIVE,
        }),
    );
    assert_eq!(
        stored.rows,
        [
            "latency_seconds_bucket{\"le\":\"+Inf\"} 10.0 @0 from -1 cumulative",
            "latency_seconds_bucket{\"le\":\"0.005\"} 1.0 @0 from -1 cumulative",
            "latency_seconds_bucket{\"le\":\"2\"} 3.0 @0 from -1 cumulative",
            "latency_seconds_count{} 10.0 @0 from -1 cumulative",
            "latency_seconds_max{} 3.0 @0 from -1 cumulative",
            "latency_seconds_min{} 0.001 @0 from -1 cumulative",
            "latency_seconds_sum{} 4.5 @0 from -1 cumulative",
        ]
    );
    assert_eq!(stored.outcome.stored, 1);
    assert_eq!(stored.metadata, ["latency_seconds histogram s help"]);
}

#[test]
fn histograms_that_do_not_add_up_are_refused_by_name() {
    let point = |counts: &[u64], bounds: &[f64]| HistogramDataPoint {
        time_unix_nano: NOW_NS,
        bucket_counts: counts.to_vec(),
        explicit_bounds: bounds.to_vec(),
        ..HistogramDataPoint::default()
    };
    let stored = stored_of(
        "latency",
        "s",
        Data::Histogram(Histogram {
            data_points: vec![
                point(&[1], &[1.0]),
                point(&[1, 1, 1], &[2.0, 1.0]),
                point(&[1, 1], &[f64::NAN]),
                point(&[], &[1.0]),
                point(&[], &[]),
            ],
            aggregation_temporality: CUMULATIVE,
        }),
    );
    assert_eq!(stored.outcome.rejected, [(Reason::InvalidHistogram, 4)]);
    assert_eq!(stored.outcome.stored, 1);
    assert!(stored.outcome.message.unwrap().contains("1 bucket counts for 1 bounds"));
    assert_eq!(
        stored.rows,
        [
            "latency_seconds_bucket{\"le\":\"+Inf\"} 0.0 @0 cumulative",
            "latency_seconds_count{} 0.0 @0 cumulative",
        ]
    );
}

#[test]
fn an_exponential_histogram_is_one_native_histogram() {
    let point = ExponentialHistogramDataPoint {
        time_unix_nano: NOW_NS,
        count: 6,
        sum: Some(10.0),
        scale: -1,
        zero_count: 1,
        zero_threshold: 0.25,
        positive: Some(Buckets {
            offset: -2,
            bucket_counts: vec![0, 3],
        }),
        negative: Some(Buckets {
            offset: 1,
            bucket_counts: vec![2],
        }),
        min: Some(-5.0),
        max: Some(5.0),
        ..ExponentialHistogramDataPoint::default()
    };
    let stored = stored_of(
        "size",
        "By",
        Data::ExponentialHistogram(ExponentialHistogram {
            data_points: vec![point],
            aggregation_temporality: DELTA,
        }),
    );
    assert_eq!(
        stored.rows,
        [
            "size_bytes{} NativeHistogram { schema: -1, zero_threshold: 0.25, zero_count: 1, count: 6, \
          sum: Some(10.0), min: Some(-5.0), max: Some(5.0), positive: Buckets { offset: -2, counts: [0, 3] }, \
          negative: Buckets { offset: 1, counts: [2] }, custom_bounds: [] } @0 delta"
        ]
    );
}

#[test]
fn a_summary_becomes_quantiles_sum_and_count() {
    let point = SummaryDataPoint {
        time_unix_nano: NOW_NS,
        count: 3,
        sum: 1.5,
        quantile_values: vec![
            ValueAtQuantile {
                quantile: 0.5,
                value: 0.25,
            },
            ValueAtQuantile {
                quantile: 1.0,
                value: 1.0,
            },
        ],
        ..SummaryDataPoint::default()
    };
    let stored = stored_of(
        "rpc",
        "",
        Data::Summary(Summary {
            data_points: vec![point],
        }),
    );
    assert_eq!(
        stored.rows,
        [
            "rpc_count{} 3.0 @0",
            "rpc_sum{} 1.5 @0",
            "rpc{\"quantile\":\"0.5\"} 0.25 @0",
            "rpc{\"quantile\":\"1\"} 1.0 @0",
        ]
    );
}

#[test]
fn no_recorded_value_is_the_stale_marker() {
    let mut point = number(3.0);
    point.flags = 1;
    point.value = None;
    let stored = stored_of("up", "", gauge(vec![point]));
    assert_eq!(stored.rows, ["up{} NaN:7ff0000000000002 @0"]);
    let histogram = HistogramDataPoint {
        time_unix_nano: NOW_NS,
        flags: 1,
        explicit_bounds: vec![1.0],
        ..HistogramDataPoint::default()
    };
    let stored = stored_of(
        "h",
        "",
        Data::Histogram(Histogram {
            data_points: vec![histogram],
            aggregation_temporality: CUMULATIVE,
        }),
    );
    assert_eq!(stored.rows.len(), 4);
    assert!(
        stored.rows.iter().all(|row| row.contains("NaN:7ff0000000000002")),
        "{:?}",
        stored.rows
    );
}

#[test]
fn points_without_a_value_and_metrics_without_temporality_are_refused() {
    let mut empty = number(0.0);
    empty.value = None;
    let stored = store(&request(
        vec![],
        vec![
            metric("a", "", gauge(vec![empty, number(1.0)])),
            metric(
                "b",
                "",
                Data::Sum(Sum {
                    data_points: vec![number(1.0); 3],
                    ..Sum::default()
                }),
            ),
            Metric {
                name: "c".to_owned(),
                ..Metric::default()
            },
        ],
    ));
    assert_eq!(
        stored.outcome.rejected,
        [(Reason::NoValue, 1), (Reason::UnspecifiedTemporality, 3)]
    );
    assert_eq!(stored.outcome.stored, 1);
    let message = stored.outcome.message.unwrap();
    assert!(message.contains("metric \"b\" does not say"), "{message}");
    assert!(message.contains("1 metrics of no known type"), "{message}");
}

#[test]
fn exemplars_go_to_the_series_their_value_belongs_to() {
    let exemplar = Exemplar {
        time_unix_nano: NOW_NS,
        span_id: vec![2; 8],
        trace_id: vec![1; 16],
        value: Some(exemplar::Value::AsDouble(1.5)),
        filtered_attributes: vec![text("user", "7")],
    };
    let point = HistogramDataPoint {
        time_unix_nano: NOW_NS,
        count: 1,
        bucket_counts: vec![0, 1, 0],
        explicit_bounds: vec![1.0, 2.0],
        exemplars: vec![exemplar],
        ..HistogramDataPoint::default()
    };
    let stored = stored_of(
        "h",
        "",
        Data::Histogram(Histogram {
            data_points: vec![point],
            aggregation_temporality: CUMULATIVE,
        }),
    );
    assert_eq!(
        stored.exemplars,
        ["h_bucket{\"le\":\"2\"} 1.5 @0 01010101010101010101010101010101 0202020202020202 {\"user\":\"7\"}"]
    );
}

#[test]
fn a_resource_names_its_series_and_has_target_info() {
    let resource = vec![
        text("service.name", "shop"),
        text("service.namespace", "prod"),
        text("service.instance.id", "i1"),
        text("os.type", "linux"),
    ];
    let stored = store(&request(resource, vec![metric("up", "", gauge(vec![number(1.0)]))]));
    assert_eq!(
        stored.rows,
        [
            "target_info{\"instance\":\"i1\",\"job\":\"prod/shop\",\"os_type\":\"linux\"} 1.0 @0",
            "up{\"instance\":\"i1\",\"job\":\"prod/shop\",\"service_name\":\"shop\",\"service_namespace\":\"prod\"} 1.0 @0",
        ]
    );
    assert_eq!(stored.outcome.stored, 1, "target_info is no item");
    let anonymous = store(&request(
        vec![text("os.type", "linux")],
        vec![metric("up", "", gauge(vec![number(1.0)]))],
    ));
    assert_eq!(anonymous.rows, ["up{} 1.0 @0"]);
}

#[test]
fn scopes_become_labels_when_promoted() {
    let tenant = tenant(10);
    let mut batch = batch(&tenant);
    let translation = Translation::new(TranslationOptions {
        promote_scope_metadata: true,
        ..TranslationOptions::default()
    });
    let mut request = request(vec![], vec![metric("up", "", gauge(vec![number(1.0)]))]);
    let scope = request.resource_metrics[0].scope_metrics[0].scope.as_mut().unwrap();
    scope.attributes = vec![text("team", "blue")];
    decode(&request.encode_to_vec(), &mut batch, &translation).unwrap();
    assert_eq!(
        admit(&tenant, batch).rows,
        ["up{\"otel_scope_name\":\"lib\",\"otel_scope_team\":\"blue\",\"otel_scope_version\":\"1\"} 1.0 @0"]
    );
}

#[test]
fn a_cap_of_100_leaves_exactly_100_of_150_series() {
    let tenant = tenant(100);
    let points = (0..150)
        .map(|id| {
            let mut point = number(1.0);
            point.attributes = vec![text("id", &id.to_string())];
            point
        })
        .collect();
    let body = request(vec![], vec![metric("m", "", gauge(points))]).encode_to_vec();
    for _ in 0..2 {
        let mut batch = batch(&tenant);
        let decoded = decode(&body, &mut batch, &Translation::default()).unwrap();
        assert_eq!(decoded.items, 150);
        let stored = admit(&tenant, batch);
        assert_eq!(stored.rows.len(), 100);
        assert_eq!(stored.outcome.rejected, [(Reason::SeriesCap, 50)]);
    }
}

#[test]
fn a_changed_description_is_noticed_though_the_series_is_known() {
    let tenant = tenant(10);
    let mut changed = request(vec![], vec![metric("m", "", gauge(vec![number(1.0)]))]);
    let store = |request: &ExportMetricsServiceRequest| {
        let mut batch = batch(&tenant);
        decode(&request.encode_to_vec(), &mut batch, &Translation::default()).unwrap();
        admit(&tenant, batch).metadata
    };
    assert_eq!(store(&changed).len(), 1);
    assert!(store(&changed).is_empty());
    changed.resource_metrics[0].scope_metrics[0].metrics[0].description = "new".to_owned();
    assert_eq!(store(&changed), ["m gauge  new"]);
}

#[test]
fn what_is_no_protobuf_is_refused_whole() {
    let tenant = tenant(10);
    let mut batch = batch(&tenant);
    let mut body = request(vec![], vec![metric("m", "", gauge(vec![number(1.0)]))]).encode_to_vec();
    body.truncate(body.len() - 3);
    let error = decode(&body, &mut batch, &Translation::default()).unwrap_err();
    assert!(error.to_string().contains("ExportMetricsServiceRequest"));
    assert_eq!(
        decode(&[], &mut batch, &Translation::default()),
        Ok(Decoded { items: 0 })
    );
}
