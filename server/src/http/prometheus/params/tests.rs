//! Times, durations and names as Grafana and others send them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use super::*;

#[test]
fn times_are_seconds_with_fractions_or_rfc_3339() {
    assert_eq!(parse_time_ms("1700000000.123"), Some(1_700_000_000_123));
    assert_eq!(parse_time_ms("1.7e9"), Some(1_700_000_000_000));
    assert_eq!(parse_time_ms("2023-11-14T22:13:20Z"), Some(1_700_000_000_000));
    assert_eq!(parse_time_ms("2023-11-14T23:13:20.5+01:00"), Some(1_700_000_000_500));
    // Milliseconds where seconds are meant must not overflow: the year 55000 holds no data, and that is all.
    assert_eq!(parse_time_ms("1700000000000"), Some(1_700_000_000_000_000));
    for wrong in ["", "now", "NaN", "Inf", "1e300"] {
        assert_eq!(parse_time_ms(wrong), None, "{wrong}");
    }
}

#[test]
fn durations_are_seconds_or_in_units() {
    assert_eq!(parse_duration_ms("15"), Some(15_000));
    assert_eq!(parse_duration_ms("0.5"), Some(500));
    assert_eq!(parse_duration_ms("1h30m"), Some(5_400_000));
    assert_eq!(parse_duration_ms("soon"), None);
}

#[test]
fn escaped_label_names_are_decoded_and_others_left_alone() {
    assert_eq!(unescape_label("job"), "job");
    assert_eq!(unescape_label("U__http_2e_route"), "http.route");
    assert_eq!(unescape_label("U__a__b"), "a_b");
    assert_eq!(unescape_label("U__broken_zz_"), "U__broken_zz_");
}

#[tokio::test]
async fn a_form_and_the_query_string_are_read_together() {
    let request = http::Request::post("/api/v1/query?time=2&query=b")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(axum::body::Body::from("query=a%2B1&match%5B%5D=x&match%5B%5D=y"))
        .unwrap();
    let params = Params::read(request).await.unwrap();
    assert_eq!(params.get("query"), Some("a+1"));
    assert_eq!(params.get("time"), Some("2"));
    assert_eq!(params.all("match[]").collect::<Vec<_>>(), ["x", "y"]);
    assert!(params.required("step").unwrap_err().message.contains("step"));
}
