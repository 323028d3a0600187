//! The export calls as gRPC clients make them, over HTTP/2 to a server in this process.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use std::io::Write as _;

use http::Request;
use hyper_util::rt::TokioExecutor;
use icecore_engine::budget::MemoryClass;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceResponse;
use prost::Message as _;
use tonic::Status;
use tonic_types::StatusExt as _;

use super::*;
use crate::testing::TestServer;
use crate::testing::telemetry::{logs, metrics, now_ns};

const LOGS: &str = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";
const METRICS: &str = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";

/// A frame around a message.
fn frame(flag: u8, message: &[u8]) -> Vec<u8> {
    let mut frame = vec![flag];
    frame.extend_from_slice(&u32::try_from(message.len()).unwrap().to_be_bytes());
    frame.extend_from_slice(message);
    frame
}

/// Makes one call; its status and the message of its answer.
fn call(server: &TestServer, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> (Status, Vec<u8>) {
    let to = server.server().grpc;
    let mut request = Request::post(format!("http://{to}{path}")).header("content-type", "application/grpc");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::new(Bytes::from(body))).unwrap();
    server.server().network().block_on(async {
        let client = hyper_util::client::legacy::Client::builder(TokioExecutor::new())
            .http2_only(true)
            .build_http::<Full<Bytes>>();
        let response = client.request(request).await.unwrap();
        assert_eq!(response.status(), 200, "gRPC says its status in its own header");
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap();
        let trailers = body.trailers().cloned();
        let status = Status::from_header_map(trailers.as_ref().unwrap_or(&head.headers)).expect("a status");
        let bytes = body.to_bytes();
        (status, bytes.get(FRAME_HEAD_BYTES..).unwrap_or_default().to_vec())
    })
}

fn stored(server: &TestServer) -> i64 {
    let answer = server.post("/api/v1/sql", &[], b"SELECT count(*) FROM logs");
    answer.json()["rows"][0][0].as_i64().unwrap()
}

#[test]
fn plain_gzip_and_zstd_messages_are_stored() {
    let server = TestServer::start(&[]);
    let message = logs(3, now_ns()).encode_to_vec();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&message).unwrap();
    let bodies = [
        ("identity", frame(0, &message)),
        ("gzip", frame(1, &gzip.finish().unwrap())),
        ("zstd", frame(1, &zstd::encode_all(message.as_slice(), 1).unwrap())),
        ("gzip", frame(0, &message)),
    ];
    let mut expected = 0;
    for (encoding, body) in bodies {
        let (status, answer) = call(&server, LOGS, &[("grpc-encoding", encoding)], body);
        assert_eq!((status.code(), answer.len()), (Code::Ok, 0), "{status:?}");
        expected += 3;
        assert_eq!(stored(&server), expected);
    }
}

#[test]
fn an_empty_request_succeeds_and_a_breached_cap_is_a_partial_success() {
    let server = TestServer::start(&[("series-max", "100")]);
    assert_eq!(call(&server, METRICS, &[], frame(0, b"")).0.code(), Code::Ok);
    let (status, answer) = call(&server, METRICS, &[], frame(0, &metrics(150, now_ns()).encode_to_vec()));
    assert_eq!(status.code(), Code::Ok);
    let partial = ExportMetricsServiceResponse::decode(answer.as_slice())
        .unwrap()
        .partial_success
        .unwrap();
    assert_eq!(partial.rejected_data_points, 50);
}

#[test]
fn what_cannot_be_decoded_is_an_invalid_argument() {
    let server = TestServer::start(&[]);
    for body in [
        frame(0, b"\xff\xff\xff"),
        frame(2, b""),
        frame(1, b"x"),
        b"\0\0".to_vec(),
        [frame(0, b""), frame(0, b"")].concat(),
    ] {
        let (status, _) = call(&server, LOGS, &[], body);
        assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
        assert!(status.get_error_details().bad_request().is_some());
    }
}

#[test]
fn an_unknown_compression_and_an_unknown_method_are_unimplemented() {
    let server = TestServer::start(&[]);
    let (status, _) = call(&server, LOGS, &[("grpc-encoding", "snappy")], frame(1, b"x"));
    assert_eq!(status.code(), Code::Unimplemented);
    let profiles = "/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export";
    assert_eq!(
        call(&server, profiles, &[], frame(0, b"")).0.code(),
        Code::Unimplemented
    );
}

#[test]
fn above_the_limit_is_exhausted_for_good() {
    let server = TestServer::start(&[("memory-limit", "1GiB")]);
    let bomb = zstd::encode_all(vec![0; REQUEST_BYTES_MAX + 1].as_slice(), 1).unwrap();
    let (status, _) = call(&server, LOGS, &[("grpc-encoding", "zstd")], frame(1, &bomb));
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert!(
        status.get_error_details().retry_info().is_none(),
        "a client would send it for ever"
    );
}

#[test]
fn without_memory_a_call_is_unavailable_with_a_delay() {
    let server = TestServer::start(&[]);
    let budget = server.app().engine.budget();
    let mut all = budget.try_reserve(MemoryClass::Decode(Signal::Logs), 0).unwrap();
    let mut step = 1 << 30;
    while step > 0 {
        if all.try_grow(step).is_err() {
            step /= 2;
        }
    }
    let (status, _) = call(&server, LOGS, &[], frame(0, &logs(1, now_ns()).encode_to_vec()));
    assert_eq!(status.code(), Code::Unavailable, "{status:?}");
    assert!(status.get_error_details().retry_info().unwrap().retry_delay.is_some());
}

#[test]
fn metadata_names_the_tenant_and_carries_the_token() {
    let folder = tempfile::tempdir().unwrap();
    let tokens = folder.path().join("tokens");
    #[expect(clippy::disallowed_methods, reason = "a token file is no data file")]
    std::fs::write(&tokens, "secret\n").unwrap();
    let server = TestServer::start(&[("auth-token-file", tokens.to_str().unwrap())]);
    let message = || frame(0, &logs(1, now_ns()).encode_to_vec());
    assert_eq!(call(&server, LOGS, &[], message()).0.code(), Code::Unauthenticated);
    let token = ("authorization", "Bearer secret");
    assert_eq!(
        call(&server, LOGS, &[token, ("x-tenant-id", "a")], message()).0.code(),
        Code::Ok
    );
    let both = [token, ("x-tenant-id", "a"), ("x-scope-orgid", "b")];
    assert_eq!(call(&server, LOGS, &both, message()).0.code(), Code::InvalidArgument);
    let headers = [("Authorization", "Bearer secret"), ("X-Tenant-ID", "a")];
    let counted = server
        .post("/api/v1/sql", &headers, b"SELECT count(*) FROM logs")
        .json();
    assert_eq!(counted["rows"][0][0], 1);
}

#[test]
fn the_health_service_serves() {
    let server = TestServer::start(&[]);
    let (status, answer) = call(&server, "/grpc.health.v1.Health/Check", &[], frame(0, b""));
    // HealthCheckResponse{status: SERVING}
    assert_eq!((status.code(), answer.as_slice()), (Code::Ok, &[8u8, 1][..]));
}
