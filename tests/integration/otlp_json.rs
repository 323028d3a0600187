//! OTLP/JSON in the shapes of the specification's examples: accepted, and read back exact.

use serde_json::{Value, json};

use crate::support::{Server, now_s};

const JSON: &[(&str, &str)] = &[("Content-Type", "application/json; charset=utf-8")];

fn post(server: &Server, path: &str, body: &Value) {
    let answer = server.post(path, JSON, body.to_string().as_bytes());
    assert_eq!((answer.status, answer.text().as_str()), (200, "{}"), "{path}");
    assert!(answer.header("content-type").unwrap().starts_with("application/json"));
}

/// Nanoseconds as the text that JSON carries 64-bit integers in.
fn nanos(time_s: f64) -> String {
    format!("{}", (time_s * 1e6) as u64 * 1_000)
}

fn resource() -> Value {
    json!({"attributes": [{"key": "service.name", "value": {"stringValue": "my.service"}}], "notInTheSchema": [1, {"a": null}]})
}

fn scope() -> Value {
    json!({"name": "my.library", "version": "1.0.0", "attributes": [{"key": "my.scope.attribute", "value": {"stringValue": "some scope attribute"}}]})
}

#[test]
fn a_span_reads_back_exact() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let start = now_s() - 10.0;
    post(
        &server,
        "/v1/traces",
        &json!({"resourceSpans": [{"resource": resource(), "scopeSpans": [{"scope": scope(), "spans": [{
            "traceId": "5B8EFFF798038103D269B633813FC60C", "spanId": "EEE19B7EC3C1B174", "parentSpanId": "eee19b7ec3c1b173",
            "name": "I'm a server span", "startTimeUnixNano": nanos(start), "endTimeUnixNano": nanos(start + 1.0), "kind": 2,
            "droppedAttributesCount": 3, "traceState": "vendor=1", "events": null, "links": [],
            "attributes": [
                {"key": "my.span.attr", "value": {"stringValue": "some value"}},
                {"key": "int", "value": {"intValue": "-9223372036854775808"}},
                {"key": "double", "value": {"doubleValue": 1}},
                {"key": "nan", "value": {"doubleValue": "NaN"}},
                {"key": "bytes", "value": {"bytesValue": "AAEC"}},
                {"key": "list", "value": {"arrayValue": {"values": [{"boolValue": true}, {}, {"intValue": 7}]}}},
                {"key": "map", "value": {"kvlistValue": {"values": [{"key": "a", "value": {"stringValue": "b"}}]}}},
                {"key": "none", "value": {"arrayValue": {}}},
            ],
        }]}]}]}),
    );
    for _ in 0..2 {
        let rows = server.sql(
            "select trace_id, span_id, parent_span_id, name, kind, duration_ns, trace_state, dropped_attributes_count, attributes, resource, scope \
             from spans where trace_id = '5b8efff798038103d269b633813fc60c'",
        );
        assert_eq!(rows.len(), 1);
        let row = &rows[0];
        assert_eq!(row[0], "5b8efff798038103d269b633813fc60c");
        assert_eq!(row[1], "eee19b7ec3c1b174");
        assert_eq!(row[2], "eee19b7ec3c1b173");
        assert_eq!(row[3], "I'm a server span");
        assert_eq!(row[4], "server");
        assert!((row[5].as_f64().unwrap() - 1e9).abs() <= 1_000.0);
        assert_eq!(row[6], "vendor=1");
        assert_eq!(row[7], 3);
        let attributes = row[8].as_str().unwrap();
        for member in [
            r#""my.span.attr":"some value""#,
            r#""int":-9223372036854775808"#,
            r#""double":1.0"#,
            r#""nan":{"$double":"NaN"}"#,
            r#""bytes":{"$bytes":"AAEC"}"#,
            r#""list":[true,null,7]"#,
            r#""map":{"a":"b"}"#,
            r#""none":[]"#,
        ] {
            assert!(attributes.contains(member), "{member} is not in {attributes}");
        }
        let resource: Value = serde_json::from_str(row[9].as_str().unwrap()).unwrap();
        assert_eq!(resource["service.name"], "my.service");
        let scope: Value = serde_json::from_str(row[10].as_str().unwrap()).unwrap();
        assert_eq!(
            (&scope["name"], &scope["version"]),
            (&json!("my.library"), &json!("1.0.0"))
        );
        server.flush();
    }
}

#[test]
fn a_log_record_and_every_kind_of_metric_read_back_exact() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let at = now_s() - 10.0;
    post(
        &server,
        "/v1/logs",
        &json!({"resourceLogs": [{"resource": resource(), "scopeLogs": [{"scope": scope(), "logRecords": [
            {"timeUnixNano": nanos(at), "observedTimeUnixNano": nanos(at), "severityNumber": 10, "severityText": "Information",
             "traceId": "5B8EFFF798038103D269B633813FC60C", "spanId": "EEE19B7EC3C1B174", "body": {"stringValue": "Example log record"}},
            {"observedTimeUnixNano": nanos(at + 1.0), "eventName": "browser.page_view", "traceId": "", "body": {"kvlistValue": {"values": [
                {"key": "type", "value": {"intValue": 0}}, {"key": "url", "value": {"stringValue": "https://www.example.com"}}]}}},
        ]}]}]}),
    );
    let rows = server.sql(
        "select body, severity_number, severity_text, trace_id, event_name, body_is_json from logs order by timestamp",
    );
    assert_eq!(rows.len(), 2);
    assert_eq!(
        rows[0][..4],
        [
            json!("Example log record"),
            json!(10),
            json!("Information"),
            json!("5b8efff798038103d269b633813fc60c")
        ]
    );
    assert_eq!(
        (&rows[1][0], &rows[1][3]),
        (&json!(r#"{"type":0,"url":"https://www.example.com"}"#), &Value::Null)
    );
    assert_eq!((&rows[1][4], &rows[1][5]), (&json!("browser.page_view"), &json!(true)));

    let point = |more: Value| {
        let mut point = json!({"startTimeUnixNano": nanos(at - 60.0), "timeUnixNano": nanos(at),
            "attributes": [{"key": "my.attr", "value": {"stringValue": "some value"}}]});
        point.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!([point])
    };
    post(
        &server,
        "/v1/metrics",
        &json!({"resourceMetrics": [{"resource": resource(), "scopeMetrics": [{"scope": scope(), "metrics": [
            {"name": "my.counter", "unit": "1", "sum": {"aggregationTemporality": 2, "isMonotonic": true, "dataPoints": point(json!({"asDouble": 5}))}},
            {"name": "my.gauge", "unit": "1", "gauge": {"dataPoints": point(json!({"asInt": "10"}))}},
            {"name": "my.histogram", "unit": "s", "histogram": {"aggregationTemporality": 2,
                "dataPoints": point(json!({"count": 2, "sum": 2, "bucketCounts": ["1", "1"], "explicitBounds": [1], "min": 0, "max": 2}))}},
            {"name": "my.summary", "summary": {"dataPoints": point(json!({"count": "4", "sum": 8, "quantileValues": [{"quantile": 0.5, "value": 3}]}))}},
            {"name": "my.exponential", "exponentialHistogram": {"aggregationTemporality": 2, "dataPoints": point(json!({"count": 3, "sum": 10,
                "scale": 0, "zeroCount": 1, "positive": {"offset": 1, "bucketCounts": [0, 2]}, "min": 0, "max": 5, "zeroThreshold": 0}))}},
        ]}]}]}),
    );
    for _ in 0..2 {
        for (series, value) in [
            (r#"my_counter_total{my_attr="some value",job="my.service"}"#, 5.0),
            (r#"my_gauge_ratio{service_name="my.service"}"#, 10.0),
            (r#"my_histogram_seconds_bucket{le="1"}"#, 1.0),
            (r#"my_histogram_seconds_bucket{le="+Inf"}"#, 2.0),
            ("my_histogram_seconds_sum", 2.0),
            ("my_histogram_seconds_count", 2.0),
            (r#"my_summary{quantile="0.5"}"#, 3.0),
            ("my_summary_sum", 8.0),
            ("my_summary_count", 4.0),
        ] {
            assert_eq!(server.promql_number(series, at + 5.0), value, "{series}");
        }
        let stored =
            server.sql("select count(*) from metrics where metric = 'my_exponential' and histogram is not null");
        assert_eq!(stored[0][0], 1);
        server.flush();
    }
}
