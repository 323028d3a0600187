//! OTLP/HTTP: what is stored, what is refused, and how.

use std::io::Write as _;

use icecore_engine::budget::MemoryClass;
use icecore_engine::ids::Signal;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceResponse;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceResponse;
use prost::Message as _;
use serde_json::json;

use crate::limits::REQUEST_BYTES_MAX;
use crate::testing::TestServer;
use crate::testing::telemetry::{logs, metrics, now_ns, traces};

const PROTO: (&str, &str) = ("Content-Type", "application/x-protobuf");
const JSON: (&str, &str) = ("Content-Type", "application/json");

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn stored(server: &TestServer, table: &str) -> i64 {
    let answer = server.post("/api/v1/sql", &[], format!("SELECT count(*) FROM {table}").as_bytes());
    answer.json()["rows"][0][0]
        .as_i64()
        .unwrap_or_else(|| panic!("{}", answer.text()))
}

#[test]
fn full_success_is_an_empty_answer_of_the_request_s_type() {
    let server = TestServer::start(&[]);
    for path in ["/v1/metrics", "/v1/logs", "/v1/traces"] {
        let answer = server.post(path, &[PROTO], b"");
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (200, Some("application/x-protobuf")),
            "{path}"
        );
        assert!(answer.body.is_empty());
        let answer = server.post(path, &[("Content-Type", "application/json; charset=utf-8")], b"{}");
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (200, Some("application/json")),
            "{path}"
        );
        assert_eq!(answer.json(), json!({}));
    }
}

#[test]
fn every_encoding_stores_the_same() {
    let server = TestServer::start(&[]);
    let plain = logs(3, now_ns()).encode_to_vec();
    let bodies = [
        (None, plain.clone()),
        (Some("identity"), plain.clone()),
        (Some("gzip"), gzip(&plain)),
        (Some("zstd"), zstd::encode_all(plain.as_slice(), 1).unwrap()),
    ];
    let mut expected = 0;
    for (encoding, body) in bodies {
        let mut headers = vec![PROTO];
        headers.extend(encoding.map(|encoding| ("Content-Encoding", encoding)));
        let answer = server.post("/v1/logs", &headers, &body);
        assert_eq!(answer.status, 200, "{encoding:?}: {}", answer.text());
        expected += 3;
        assert_eq!(stored(&server, "logs"), expected, "{encoding:?}");
    }
}

#[test]
fn json_and_protobuf_store_all_three_signals() {
    let server = TestServer::start(&[]);
    let now = now_ns();
    assert_eq!(
        server
            .post("/v1/traces", &[PROTO], &traces(&[1, 2], now).encode_to_vec())
            .status,
        200
    );
    assert_eq!(
        server
            .post("/v1/metrics", &[PROTO], &metrics(5, now).encode_to_vec())
            .status,
        200
    );
    let record = json!({"resourceLogs": [{"scopeLogs": [{"logRecords": [
        {"timeUnixNano": now.to_string(), "body": {"stringValue": "from json"}, "unknownField": 1},
    ]}]}]});
    let answer = server.post("/v1/logs", &[JSON], record.to_string().as_bytes());
    assert_eq!((answer.status, answer.json()), (200, json!({})));
    assert_eq!(stored(&server, "spans"), 2);
    assert_eq!(stored(&server, "metrics"), 5);
    assert_eq!(stored(&server, "logs"), 1);
}

#[test]
fn undecodable_bytes_are_a_400_with_a_status_in_the_request_s_encoding() {
    let server = TestServer::start(&[]);
    for path in ["/v1/metrics", "/v1/logs", "/v1/traces"] {
        let answer = server.post(path, &[PROTO], b"\xff\xff\xff\xff");
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (400, Some("application/x-protobuf")),
            "{path}"
        );
        let status = tonic_types::Status::decode(answer.body.as_slice()).unwrap();
        assert_eq!(status.code, 3);
        assert!(status.details[0].type_url.ends_with("BadRequest"));
        let answer = server.post(path, &[JSON], b"{");
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (400, Some("application/json")),
            "{path}"
        );
        assert_eq!(answer.json()["code"], 3);
    }
    let broken = [PROTO, ("Content-Encoding", "gzip")];
    assert_eq!(server.post("/v1/logs", &broken, b"no gzip").status, 400);
}

#[test]
fn types_and_encodings_that_are_not_served_are_a_415() {
    let server = TestServer::start(&[]);
    assert_eq!(
        server.post("/v1/logs", &[("Content-Type", "text/plain")], b"x").status,
        415
    );
    assert_eq!(server.post("/v1/logs", &[], b"x").status, 415);
    assert_eq!(
        server
            .post("/v1/logs", &[PROTO, ("Content-Encoding", "br")], b"x")
            .status,
        415
    );
    assert_eq!(server.request("GET", "/v1/logs", &[], b"").status, 405);
    assert_eq!(server.post("/v1development/profiles", &[PROTO], b"").status, 404);
}

#[test]
fn requests_above_the_limit_are_a_413_before_and_after_decompression() {
    let server = TestServer::start(&[("memory-limit", "1GiB")]);
    let length = (REQUEST_BYTES_MAX + 1).to_string();
    let answer = server.post("/v1/logs", &[PROTO, ("Content-Length", &length)], b"");
    assert_eq!((answer.status, answer.header("retry-after")), (413, None));
    let bomb = zstd::encode_all(vec![0; REQUEST_BYTES_MAX + 1].as_slice(), 1).unwrap();
    let answer = server.post("/v1/logs", &[PROTO, ("Content-Encoding", "zstd")], &bomb);
    assert_eq!(answer.status, 413);
    assert_eq!(tonic_types::Status::decode(answer.body.as_slice()).unwrap().code, 8);
}

#[test]
fn without_memory_a_request_is_told_to_come_again_and_later_taken() {
    let server = TestServer::start(&[]);
    let body = logs(3, now_ns()).encode_to_vec();
    let budget = server.app().engine.budget();
    let mut all = budget.try_reserve(MemoryClass::Decode(Signal::Logs), 0).unwrap();
    let mut step = 1 << 30;
    while step > 0 {
        if all.try_grow(step).is_err() {
            step /= 2;
        }
    }
    let answer = server.post("/v1/logs", &[PROTO], &body);
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert!(answer.header("retry-after").unwrap().parse::<u64>().unwrap() >= 1);
    assert_eq!(tonic_types::Status::decode(answer.body.as_slice()).unwrap().code, 14);
    drop(all);
    assert_eq!(server.post("/v1/logs", &[PROTO], &body).status, 200);
    assert_eq!(stored(&server, "logs"), 3);
}

#[test]
fn a_breached_cap_is_a_success_with_the_exact_count() {
    let server = TestServer::start(&[("series-max", "100")]);
    let answer = server.post("/v1/metrics", &[PROTO], &metrics(150, now_ns()).encode_to_vec());
    assert_eq!(answer.status, 200);
    let partial = ExportMetricsServiceResponse::decode(answer.body.as_slice())
        .unwrap()
        .partial_success
        .unwrap();
    assert_eq!(partial.rejected_data_points, 50);
    assert!(partial.error_message.contains("series"), "{}", partial.error_message);
    assert_eq!(stored(&server, "metrics"), 100);
    let text = server.get("/metrics").text();
    let line = "icecore_items_rejected_total{tenant=\"default\",signal=\"metrics\",reason=\"series_cap\"} 50";
    assert!(text.contains(line), "{text}");
}

#[test]
fn rows_that_can_never_be_stored_are_counted_in_a_success() {
    let server = TestServer::start(&[]);
    let old = now_ns() - 40 * 86_400 * 1_000_000_000;
    let answer = server.post("/v1/logs", &[PROTO], &logs(7, old).encode_to_vec());
    assert_eq!(answer.status, 200);
    let partial = ExportLogsServiceResponse::decode(answer.body.as_slice())
        .unwrap()
        .partial_success
        .unwrap();
    assert_eq!(partial.rejected_log_records, 7);
    let answer = server.post("/v1/traces", &[PROTO], &traces(&[1, 0, 2], now_ns()).encode_to_vec());
    assert_eq!(answer.status, 200);
    assert_eq!(stored(&server, "spans"), 2);
}

#[test]
fn tenants_are_told_apart_and_invalid_ones_refused() {
    let server = TestServer::start(&[("tenants-max", "2")]);
    let body = logs(2, now_ns()).encode_to_vec();
    let send = |headers: &[(&str, &str)]| {
        let headers: Vec<_> = [PROTO].into_iter().chain(headers.iter().copied()).collect();
        server.post("/v1/logs", &headers, &body)
    };
    assert_eq!(send(&[("X-Scope-OrgID", "a")]).status, 200);
    assert_eq!(send(&[("X-Tenant-ID", "b")]).status, 200);
    assert_eq!(send(&[("X-Tenant-ID", "b"), ("X-Scope-OrgID", "a")]).status, 400);
    assert_eq!(send(&[("X-Tenant-ID", "../b")]).status, 400);
    let refused = send(&[("X-Tenant-ID", "one-too-many")]);
    assert_eq!(refused.status, 400);
    assert!(refused.text().contains("one-too-many"), "{}", refused.text());
    let metrics = server.get("/metrics").text();
    assert!(!metrics.contains("one-too-many"));
    assert!(metrics.contains("icecore_tenants_refused_total 1"), "{metrics}");
    let counted = server.post("/api/v1/sql", &[("X-Scope-OrgID", "a")], b"SELECT count(*) FROM logs");
    assert_eq!(counted.json()["rows"], json!([[2]]));
}

#[test]
fn without_a_token_nothing_but_health_is_answered() {
    let folder = tempfile::tempdir().unwrap();
    let tokens = folder.path().join("tokens");
    std::io::Write::write_all(&mut tempfile_at(&tokens), b"secret\n").unwrap();
    let server = TestServer::start(&[("auth-token-file", tokens.to_str().unwrap())]);
    for headers in [vec![PROTO], vec![PROTO, ("Authorization", "Bearer wrong")]] {
        let answer = server.post("/v1/logs", &headers, b"");
        assert_eq!(
            (answer.status, answer.header("www-authenticate")),
            (401, Some("Bearer"))
        );
        assert_eq!(tonic_types::Status::decode(answer.body.as_slice()).unwrap().code, 16);
    }
    for path in ["/metrics", "/api/v1/labels", "/api/v1/query?query=1"] {
        assert_eq!(server.get(path).status, 401, "{path}");
    }
    assert_eq!(server.post("/api/v1/sql", &[], b"SELECT 1").status, 401);
    assert_eq!(server.post("/api/v1/admin/flush", &[], b"").status, 401);
    assert_eq!(server.post("/api/v1/write", &[], b"").status, 401);
    assert_eq!(server.get("/ready").status, 200);
    let token = ("Authorization", "Bearer secret");
    assert_eq!(server.post("/v1/logs", &[PROTO, token], b"").status, 200);
    assert_eq!(server.request("GET", "/metrics", &[token], b"").status, 200);
}

#[expect(clippy::disallowed_methods, reason = "a token file is no data file")]
fn tempfile_at(path: &std::path::Path) -> std::fs::File {
    std::fs::File::create(path).unwrap()
}
