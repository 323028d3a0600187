//! Remote write: what is dropped, what comes again, what is counted.

use prost::Message;
use serde_json::json;

use crate::testing::TestServer;
use crate::testing::telemetry::now_ns;

#[derive(Clone, PartialEq, Message)]
struct WriteRequest {
    #[prost(message, repeated, tag = "1")]
    timeseries: Vec<TimeSeries>,
}

#[derive(Clone, PartialEq, Message)]
struct TimeSeries {
    #[prost(message, repeated, tag = "1")]
    labels: Vec<Label>,
    #[prost(message, repeated, tag = "2")]
    samples: Vec<Sample>,
}

#[derive(Clone, PartialEq, Message)]
struct Label {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    value: String,
}

#[derive(Clone, PartialEq, Message)]
struct Sample {
    #[prost(double, tag = "1")]
    value: f64,
    #[prost(int64, tag = "2")]
    timestamp: i64,
}

fn body(series: usize) -> Vec<u8> {
    let label = |name: &str, value: &str| Label {
        name: name.to_owned(),
        value: value.to_owned(),
    };
    let timestamp = i64::try_from(now_ns() / 1_000_000).unwrap();
    let timeseries = (0..series)
        .map(|number| TimeSeries {
            labels: vec![label("__name__", "up"), label("instance", &number.to_string())],
            samples: vec![Sample { value: 1.0, timestamp }],
        })
        .collect();
    let bytes = WriteRequest { timeseries }.encode_to_vec();
    snap::raw::Encoder::new().compress_vec(&bytes).unwrap()
}

const HEADERS: [(&str, &str); 3] = [
    ("Content-Type", "application/x-protobuf"),
    ("Content-Encoding", "snappy"),
    ("X-Prometheus-Remote-Write-Version", "0.1.0"),
];

#[test]
fn samples_are_stored_and_counted() {
    let server = TestServer::start(&[]);
    let answer = server.post("/api/v1/write", &HEADERS, &body(3));
    assert_eq!(answer.status, 204, "{}", answer.text());
    assert_eq!(answer.header("x-prometheus-remote-write-samples-written"), Some("3"));
    let counted = server.get("/api/v1/query?query=count(up)").json();
    assert_eq!(counted["data"]["result"][0]["value"][1], json!("3"));
}

#[test]
fn a_breached_cap_is_a_success_with_the_true_count() {
    let server = TestServer::start(&[("series-max", "10")]);
    let answer = server.post("/api/v1/write", &HEADERS, &body(15));
    assert_eq!(answer.status, 204);
    assert_eq!(answer.header("x-prometheus-remote-write-samples-written"), Some("10"));
    assert_eq!(answer.header("x-icecore-samples-rejected"), Some("5"));
}

#[test]
fn what_cannot_be_read_is_a_400_and_other_forms_a_415() {
    let server = TestServer::start(&[]);
    let status = |headers: &[(&str, &str)], body: &[u8]| server.post("/api/v1/write", headers, body).status;
    assert_eq!(status(&HEADERS, b"no snappy"), 400);
    assert_eq!(
        status(
            &HEADERS,
            &snap::raw::Encoder::new().compress_vec(b"\xff\xff\xff").unwrap()
        ),
        400
    );
    assert_eq!(status(&[("Content-Encoding", "zstd")], &body(1)), 415);
    assert_eq!(
        status(
            &[(
                "Content-Type",
                "application/x-protobuf;proto=io.prometheus.write.v2.Request"
            )],
            &body(1)
        ),
        415
    );
    assert_eq!(status(&[("Content-Type", "application/json")], &body(1)), 415);
    assert_eq!(
        status(
            &[("Content-Type", "application/x-protobuf;proto=prometheus.WriteRequest")],
            &body(1)
        ),
        204
    );
}

#[test]
fn a_claimed_length_beyond_the_limit_allocates_nothing_and_is_refused() {
    let server = TestServer::start(&[]);
    // A snappy block begins with its length as a varint: this one claims a terabyte.
    let answer = server.post("/api/v1/write", &HEADERS, b"\x80\x80\x80\x80\x80\x20");
    assert!(matches!(answer.status, 400 | 413), "{}", answer.status);
}
