//! The cap on active series: exact, named, counted, and the same after a kill.

use opentelemetry_proto::tonic::collector::metrics::v1::{ExportMetricsServiceRequest, ExportMetricsServiceResponse};
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::{
    Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, metric, number_data_point,
};
use prost::Message;

use crate::support::{Server, now_s};

const PROTOBUF: &[(&str, &str)] = &[("Content-Type", "application/x-protobuf")];

/// One gauge point a series, without a resource, so that a point is a series and no `target_info` joins them.
fn gauge_points(series: std::ops::Range<usize>, time_s: f64) -> Vec<u8> {
    let points = series
        .map(|i| NumberDataPoint {
            attributes: vec![KeyValue {
                key: "shard".to_owned(),
                value: Some(AnyValue {
                    value: Some(any_value::Value::StringValue(format!("s{i:03}"))),
                }),
                ..Default::default()
            }],
            time_unix_nano: (time_s * 1e9) as u64,
            value: Some(number_data_point::Value::AsInt(i as i64)),
            ..Default::default()
        })
        .collect();
    let metric = Metric {
        name: "depth".to_owned(),
        data: Some(metric::Data::Gauge(Gauge { data_points: points })),
        ..Default::default()
    };
    let request = ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics {
            scope_metrics: vec![ScopeMetrics {
                metrics: vec![metric],
                ..Default::default()
            }],
            ..Default::default()
        }],
    };
    request.encode_to_vec()
}

fn rejected(server: &Server, series: std::ops::Range<usize>, time_s: f64) -> i64 {
    let answer = server.post("/v1/metrics", PROTOBUF, &gauge_points(series, time_s));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let response = ExportMetricsServiceResponse::decode(&answer.body[..]).unwrap();
    response.partial_success.map_or(0, |partial| {
        assert!(
            partial.rejected_data_points == 0 || partial.error_message.contains("100"),
            "{partial:?}"
        );
        partial.rejected_data_points
    })
}

#[test]
fn a_hundred_of_a_hundred_and_fifty_series_pass_also_after_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let start = now_s().floor() - 60.0;
    let arguments = ["--series-max", "100"];
    let server = Server::start(folder.path(), &arguments);
    let refused = rejected(&server, 0..80, start) + rejected(&server, 40..150, start + 1.0);
    assert_eq!(refused, 50);
    check(&server, start + 1.0);
    assert_eq!(
        server.metric(
            "icecore_items_rejected_total",
            &["tenant=\"default\"", "reason=\"series_cap\""]
        ),
        50.0
    );
    server.kill();

    let server = Server::start(folder.path(), &arguments);
    check(&server, start + 1.0);
    assert_eq!(
        rejected(&server, 0..150, start + 2.0),
        50,
        "the 100 go on, the others stay out"
    );
    check(&server, start + 2.0);
    server.flush();
    server.kill();

    let server = Server::start(folder.path(), &arguments);
    assert_eq!(rejected(&server, 0..150, start + 3.0), 50, "from parts as from the log");
    check(&server, start + 3.0);
}

fn check(server: &Server, time_s: f64) {
    assert_eq!(server.promql_number("count(depth)", time_s), 100.0);
    assert_eq!(
        server.promql_number("sum(depth)", time_s),
        (0..100).sum::<usize>() as f64
    );
    assert_eq!(
        server.sql_number("select count(distinct labels) from metrics where metric = 'depth'"),
        100.0
    );
}
