//! SQL and Prometheus's API as their clients call them.

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use prost::Message as _;
use serde_json::{Value, json};

use crate::testing::TestServer;
use crate::testing::telemetry::{logs, metrics, now_ns};

const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");
const PROTO: (&str, &str) = ("Content-Type", "application/x-protobuf");

/// A server with five series `temperature` of one sample each; the time of the samples in seconds.
fn filled() -> (TestServer, u64) {
    let server = TestServer::start(&[]);
    let now = now_ns() / 1_000_000_000 * 1_000_000_000;
    let request: ExportMetricsServiceRequest = metrics(5, now);
    assert_eq!(
        server.post("/v1/metrics", &[PROTO], &request.encode_to_vec()).status,
        200
    );
    (server, now / 1_000_000_000)
}

#[test]
fn grafana_s_save_and_test_is_answered() {
    let server = TestServer::start(&[]);
    let answer = server.post("/api/v1/query", &[FORM], b"query=1%2B1&time=4");
    assert_eq!(
        answer.json(),
        json!({"status": "success", "data": {"resultType": "scalar", "result": [4, "2"]}})
    );
    let build = server.get("/api/v1/status/buildinfo").json();
    assert!(
        build["data"]["features"].is_null(),
        "features would make Grafana think of another server"
    );
    let version = build["data"]["version"].as_str().unwrap();
    let mut numbers = version.split('.').map(|number| number.parse::<u32>().unwrap());
    assert!(
        (numbers.next().unwrap(), numbers.next().unwrap()) >= (2, 24),
        "{version}"
    );
    assert_eq!(server.get("/api/v1/rules").json()["data"]["groups"], json!([]));
    assert_eq!(server.get("/api/v1/alerts").json()["data"]["alerts"], json!([]));
    let exemplars = server.get("/api/v1/query_exemplars?query=test&start=1700000000000&end=1700000100000");
    assert_eq!(exemplars.json(), json!({"status": "success", "data": []}));
}

#[test]
fn instant_and_range_queries_have_prometheus_s_shapes_under_both_prefixes() {
    let (server, now) = filled();
    for prefix in ["", "/prometheus"] {
        let form = format!("query=max(temperature)&time={now}");
        let answer = server
            .post(&format!("{prefix}/api/v1/query"), &[FORM], form.as_bytes())
            .json();
        assert_eq!(answer["data"]["resultType"], "vector");
        assert_eq!(answer["data"]["result"], json!([{"metric": {}, "value": [now, "4"]}]));
        let path = format!(
            "{prefix}/api/v1/query_range?query=sum(temperature)&start={now}&end={}&step=30",
            now + 60
        );
        let answer = server.get(&path).json();
        assert_eq!(answer["data"]["resultType"], "matrix");
        assert_eq!(
            answer["data"]["result"][0]["values"],
            json!([[now, "10"], [now + 30, "10"], [now + 60, "10"]])
        );
    }
}

#[test]
fn names_values_and_series_are_listed() {
    let (server, _) = filled();
    let labels = server.get("/api/v1/labels").json();
    assert!(labels["data"].as_array().unwrap().contains(&json!("room")));
    let rooms = server.get("/api/v1/label/room/values").json();
    assert_eq!(rooms["data"], json!(["0", "1", "2", "3", "4"]));
    let two = server.get("/api/v1/label/room/values?limit=2").json();
    assert_eq!(two["data"].as_array().unwrap().len(), 2);
    let form = b"match%5B%5D=temperature%7Broom%3D~%221%7C3%22%7D";
    let series = server.post("/api/v1/series", &[FORM], form).json();
    let rooms: Vec<&Value> = series["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|series| &series["room"])
        .collect();
    assert_eq!(rooms, [&json!("1"), &json!("3")]);
    let metadata = server.get("/api/v1/metadata?metric=temperature").json();
    assert_eq!(metadata["data"]["temperature"][0]["type"], "gauge");
}

#[test]
fn wrong_questions_have_prometheus_s_errors() {
    let server = TestServer::start(&[]);
    for path in [
        "/api/v1/query",
        "/api/v1/query?query=sum(",
        "/api/v1/query?query=1&time=soon",
        "/api/v1/query_range?query=1&start=1&end=2",
        "/api/v1/query_range?query=1&start=1&end=2&step=0",
        "/api/v1/series",
        "/api/v1/labels?match[]=%7B",
    ] {
        let answer = server.get(path);
        assert_eq!(answer.status, 400, "{path}: {}", answer.text());
        assert_eq!(
            (&answer.json()["status"], &answer.json()["errorType"]),
            (&json!("error"), &json!("bad_data"))
        );
    }
    assert_eq!(
        server
            .request("GET", "/api/v1/labels", &[("X-Scope-OrgID", "a/b")], b"")
            .status,
        400
    );
}

#[test]
fn a_tenant_sees_only_its_own() {
    let (server, now) = filled();
    let query = format!("/api/v1/query?query=temperature&time={now}");
    let other = server.request("GET", &query, &[("X-Scope-OrgID", "other")], b"").json();
    assert_eq!(other["data"]["result"], json!([]));
    assert_eq!(server.get(&query).json()["data"]["result"].as_array().unwrap().len(), 5);
}

#[test]
fn sql_answers_in_the_form_that_is_accepted() {
    let server = TestServer::start(&[]);
    server.post("/v1/logs", &[PROTO], &logs(2, now_ns()).encode_to_vec());
    let sql = b"SELECT body, severity_text FROM logs ORDER BY body";
    let ask = |accept: &str| server.post("/api/v1/sql", &[("Accept", accept)], sql);
    let json = server.post("/api/v1/sql", &[], sql).json();
    assert_eq!(json["columns"][0]["name"], "body");
    assert_eq!(json["rows"], json!([["line 0", "INFO"], ["line 1", "INFO"]]));
    assert_eq!(
        ask("text/csv").text().lines().collect::<Vec<_>>(),
        ["body,severity_text", "line 0,INFO", "line 1,INFO"]
    );
    assert_eq!(ask("application/x-ndjson").text().lines().count(), 2);
    assert!(ask("application/vnd.apache.parquet").body.starts_with(b"PAR1"));
    assert!(!ask("application/vnd.apache.arrow.stream").body.is_empty());
    assert_eq!(ask("text/html").status, 415);
    let question = json!({"query": "SELECT 1 AS one"}).to_string();
    let answer = server.post(
        "/api/v1/sql",
        &[("Content-Type", "application/json")],
        question.as_bytes(),
    );
    assert_eq!(answer.json()["rows"], json!([[1]]));
}

#[test]
fn statements_that_fail_are_a_400_with_a_code() {
    let server = TestServer::start(&[]);
    for sql in [
        "SELEC 1",
        "SELECT nothing FROM logs",
        "DROP TABLE logs",
        "SELECT 1; SELECT 2",
        "COPY logs TO '/tmp/x'",
        "",
    ] {
        let answer = server.post("/api/v1/sql", &[], sql.as_bytes());
        assert_eq!(answer.status, 400, "{sql}");
        let error = answer.json()["error"].clone();
        assert!(
            error["code"].is_string() && error["message"].is_string(),
            "{sql}: {error}"
        );
    }
}

#[test]
fn answers_are_packed_only_when_accepted() {
    let (server, _) = filled();
    let plain = server.get("/metrics");
    assert_eq!(plain.header("content-encoding"), None);
    let packed = server.request("GET", "/metrics", &[("Accept-Encoding", "gzip")], b"");
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    assert!(packed.body.starts_with(&[0x1f, 0x8b]));
}
