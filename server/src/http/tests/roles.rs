//! Each listener answers its roles and nothing else; health is answered everywhere.

use crate::testing::{TestServer, request};

const PROTO: (&str, &str) = ("Content-Type", "application/x-protobuf");

#[test]
fn a_listener_answers_only_its_roles() {
    let server = TestServer::start(&[("http-listen", "ingest@127.0.0.1:0 query@127.0.0.1:0 admin@127.0.0.1:0")]);
    let [ingest, query, admin] = server.server().http[..] else {
        panic!("three listeners")
    };
    for (listener, expected) in [
        (ingest, [200, 404, 404]),
        (query, [404, 200, 404]),
        (admin, [404, 404, 200]),
    ] {
        let statuses = [
            request(listener, "POST", "/v1/logs", &[PROTO], b"").status,
            request(listener, "GET", "/api/v1/labels", &[], b"").status,
            request(listener, "POST", "/api/v1/admin/flush", &[], b"").status,
        ];
        assert_eq!(statuses, expected);
        for path in [
            "/ready",
            "/live",
            "/-/ready",
            "/-/healthy",
            "/health",
            "/livez",
            "/readyz",
        ] {
            assert_eq!(request(listener, "GET", path, &[], b"").status, 200, "{path}");
        }
    }
    assert_eq!(request(ingest, "GET", "/metrics", &[], b"").status, 404);
    assert_eq!(request(query, "GET", "/metrics", &[], b"").status, 200);
}

#[test]
fn a_path_as_sent_never_becomes_a_label() {
    let server = TestServer::start(&[]);
    assert_eq!(server.get("/secret-path").status, 404);
    assert_eq!(server.get("/api/v1/label/secret-label/values").status, 200);
    let text = server.get("/metrics").text();
    assert!(!text.contains("secret"), "{text}");
    assert!(text.contains("route=\"other\""));
    assert!(text.contains("route=\"/api/v1/label/{name}/values\""));
    assert!(text.contains("icecore_wal_fsync_seconds_bucket"));
    assert!(text.contains("process_resident_memory_bytes"));
}

#[test]
fn flush_and_compact_say_when_they_are_done() {
    let server = TestServer::start(&[]);
    for path in ["/api/v1/admin/flush", "/api/v1/admin/compact"] {
        let answer = server.post(path, &[], b"");
        assert_eq!(
            (answer.status, answer.json()["status"].clone()),
            (200, "success".into())
        );
    }
    assert_eq!(server.get("/api/v1/admin/flush").status, 405);
}
