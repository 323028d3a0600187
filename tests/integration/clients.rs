//! Real clients: what the SDK says it sent is what SQL, PromQL and foreign readers of the folder find.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::{Server, now_s, python, run_script};

const SDK: &[&str] = &[
    "opentelemetry.sdk",
    "opentelemetry.exporter.otlp.proto.grpc",
    "opentelemetry.exporter.otlp.proto.http",
];

#[test]
fn python_sdk_over_both_transports_loses_nothing() {
    let Some(python) = python(SDK) else { return };
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    for transport in ["grpc", "http"] {
        let port = if transport == "grpc" {
            server.grpc_port
        } else {
            server.http_port
        };
        let service = format!("shop-{transport}");
        let sent = run_script(&python, "sdk.py", &[transport, &port.to_string(), &service]);
        let sent = |name: &str| sent[name].as_f64().unwrap();
        let of = |table: &str, what: &str, more: &str| {
            server.sql_number(&format!(
                "select {what} from {table} where service_name = '{service}' {more}"
            ))
        };
        assert_eq!(of("spans", "count(*)", ""), sent("spans"));
        assert_eq!(of("spans", "count(distinct trace_id)", ""), sent("traces"));
        assert_eq!(
            of(
                "spans",
                "count(*)",
                "and status_code = 'error' and status_message = 'deadlock'"
            ),
            sent("error_spans")
        );
        assert_eq!(
            of(
                "spans",
                "count(*)",
                "and kind = 'client' and attributes->>'db.statement' = 'select * from tasks where id = $1'"
            ),
            sent("spans") / 2.0
        );
        assert_eq!(of("logs", "count(*)", ""), sent("logs"));
        assert_eq!(of("logs", "count(*)", "and severity_number = 17"), sent("error_logs"));
        assert_eq!(of("logs", "count(*)", "and has_token(body, 'needle0042')"), 1.0);
        let now = now_s() + 1.0;
        let prom = |query: &str| server.promql_number(query, now);
        assert_eq!(
            prom(&format!("sum(http_requests_total{{job=\"{service}\"}})")),
            sent("requests")
        );
        assert_eq!(
            prom(&format!(
                "sum(queue_level{{job=\"{service}\",instance=\"one\",host_name=\"h1\"}})"
            )),
            sent("level")
        );
        assert_eq!(
            prom(&format!("sum(http_latency_seconds_count{{job=\"{service}\"}})")),
            sent("requests")
        );
        assert!(
            (prom(&format!("sum(http_latency_seconds_sum{{job=\"{service}\"}})")) - sent("latency_sum")).abs() < 1e-9
        );
    }
    foreign_readers_agree(&server);
    assert!(server.terminate().success());
}

/// After flush and merge, DuckDB and pyarrow count what SQL counts.
fn foreign_readers_agree(server: &Server) {
    let Some(python) = python(&["duckdb", "pyarrow"]) else {
        return;
    };
    server.flush();
    server.compact();
    let read = run_script(&python, "foreign_readers.py", &[server.folder.to_str().unwrap()]);
    for (signal, table, sum) in [
        ("metrics", "metrics", "value"),
        ("logs", "logs", "severity_number"),
        ("traces", "spans", "duration_ns"),
    ] {
        let rows = server.sql(&format!("select count(*), sum({sum}) from {table}"));
        assert_eq!(read["arrow"][signal], rows[0][0], "{signal}");
        assert_eq!(read[signal][0], rows[0][0], "{signal}");
        let position = if signal == "metrics" { 1 } else { 2 };
        let (theirs, ours) = (read[signal][position].as_f64().unwrap(), rows[0][1].as_f64().unwrap());
        assert!((theirs - ours).abs() <= ours.abs() * 1e-12, "{signal}: {theirs} {ours}");
    }
}

#[test]
fn promtool_queries_as_it_would_prometheus() {
    if Command::new("promtool").arg("--version").output().is_err() {
        eprintln!("SKIPPED: promtool is not installed");
        return;
    }
    let Some(python) = python(SDK) else { return };
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    run_script(&python, "sdk.py", &["http", &server.http_port.to_string(), "shop"]);
    let promtool = |arguments: &[&str]| {
        let url = format!("http://127.0.0.1:{}", server.http_port);
        let output = Command::new("promtool")
            .args(["query", arguments[0], &url])
            .args(&arguments[1..])
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(promtool(&["instant", "sum by (route) (http_requests_total)"]).contains("route=\"/r1\"} => 25"));
    assert!(promtool(&["labels", "job"]).contains("shop"));
    assert!(promtool(&["range", "sum(http_requests_total)"]).contains("50"));
}

/// The last line a finished program printed, as JSON.
fn last_line_json(command: &mut Command) -> Value {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).unwrap();
    serde_json::from_str(text.lines().last().unwrap()).unwrap()
}

#[test]
fn node_sdk_json_exporters_lose_nothing() {
    let Ok(modules) = std::env::var("ICECORE_TEST_NODE_MODULES") else {
        eprintln!("SKIPPED: ICECORE_TEST_NODE_MODULES names no folder with the packages of tests/clients/node");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/node/send.mjs");
    let sent = last_line_json(
        Command::new("node")
            .env("ICECORE_TEST_NODE_MODULES", modules)
            .arg(script)
            .args([&server.http_port.to_string(), "node-shop"]),
    );
    let sent = |name: &str| sent[name].as_f64().unwrap();
    assert_eq!(
        server.sql_number("select count(*) from spans where service_name = 'node-shop'"),
        sent("spans")
    );
    assert_eq!(
        server.sql_number("select count(*) from spans where status_message = 'full'"),
        sent("errors")
    );
    assert_eq!(
        server.sql_number("select count(*) from spans where (attributes->>'big') = '9007199254740991' and (attributes->>'half') = '0.5'"),
        sent("spans") / 2.0
    );
    assert_eq!(
        server.sql_number(
            "select count(*) from spans c join spans p on c.parent_span_id = p.span_id and c.trace_id = p.trace_id where c.name = 'publish'"
        ),
        sent("spans") / 2.0
    );
    assert_eq!(
        server.sql_number("select count(*) from logs where severity_number = 13"),
        sent("logs")
    );
    assert_eq!(server.promql_number("sum(orders_total)", now_s() + 1.0), sent("orders"));
}

#[test]
fn go_sdk_with_a_token_finds_its_request_again() {
    let Ok(program) = std::env::var("ICECORE_TEST_GO_CLIENT") else {
        eprintln!("SKIPPED: ICECORE_TEST_GO_CLIENT names no build of tests/clients/go");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let tokens = folder.path().join("tokens");
    fs::write(&tokens, "other\nsecret-of-go\n").unwrap();
    let data = folder.path().join("data");
    let mut server = Server::start(&data, &["--auth-token-file", tokens.to_str().unwrap()]);
    assert_eq!(server.post("/api/v1/sql", &[], b"select 1").status, 401);
    server.token = Some("secret-of-go".to_owned());
    let sent = last_line_json(Command::new(program).args([&server.http_port.to_string(), "secret-of-go"]));
    let trace = sent["trace"].as_str().unwrap();
    let rows = server.sql(&format!(
        "select name, kind, attributes->>'db.statement' from spans where trace_id = '{trace}' order by timestamp"
    ));
    assert_eq!(rows[0][0], "GET /api/tasks/");
    assert_eq!(rows[0][1], "server");
    assert_eq!(rows[2][2], sent["statement"]);
    let now = now_s() + 1.0;
    assert_eq!(
        server.promql_number("http_request_duration_seconds_count", now),
        sent["requests"].as_f64().unwrap()
    );
    let quantile = server.promql_number(
        "histogram_quantile(0.95, sum by (route, le) (http_request_duration_seconds_bucket))",
        now,
    );
    // 200 requests spread evenly up to a second: 95 % of them lie below the last bound, so the answer is that bound.
    assert_eq!(quantile, 0.8);
    let error = server.sql(&format!(
        "select status_code, status_message from spans where trace_id = '{trace}' and name = 'SELECT tasks'"
    ));
    assert_eq!(error[0][0], "error");
}
