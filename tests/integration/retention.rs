//! Retention on the running server: whole day folders go, and what stays answers as before.

use std::fs;
use std::path::Path;

use serde_json::json;

use crate::support::{Server, now_s};

/// One OTLP/JSON request: a gauge of one series, a point every minute for an hour, `days` days ago.
fn hour_of_points(days: f64, now: f64) -> Vec<u8> {
    let start = now - days * 86_400.0;
    let points: Vec<_> = (0..60)
        .map(|minute| json!({"timeUnixNano": format!("{}", ((start + 60.0 * f64::from(minute)) * 1e9) as u64), "asDouble": f64::from(minute)}))
        .collect();
    json!({"resourceMetrics": [{"scopeMetrics": [{"metrics": [{"name": "level", "gauge": {"dataPoints": points}}]}]}]})
        .to_string()
        .into_bytes()
}

fn window_folders(folder: &Path) -> usize {
    let metrics = folder.join("data/tenant=default/class=default/signal=metrics");
    fs::read_dir(metrics).map_or(0, |entries| {
        entries.filter(|entry| entry.as_ref().unwrap().path().is_dir()).count()
    })
}

#[test]
fn days_beyond_retention_go_as_folders() {
    let folder = tempfile::tempdir().unwrap();
    let now = now_s();
    let server = Server::start(folder.path(), &["--retention-metrics", "30d"]);
    for days in [3.5, 2.5, 0.5] {
        let answer = server.post(
            "/v1/metrics",
            &[("Content-Type", "application/json")],
            &hour_of_points(days, now),
        );
        assert_eq!((answer.status, answer.text().as_str()), (200, "{}"));
    }
    server.flush();
    assert_eq!(server.sql_number("select count(*) from metrics"), 180.0);
    let half_a_day_ago = now - 0.5 * 86_400.0 + 3_540.0;
    let kept = server.promql("sum_over_time(level[59m])", half_a_day_ago);
    let before = window_folders(folder.path());
    assert!(before >= 3, "{before} folders");
    assert!(server.terminate().success());

    let server = Server::start(folder.path(), &["--retention-metrics", "2d"]);
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while window_folders(folder.path()) > before - 1 {
        assert!(std::time::Instant::now() < deadline, "no folder went");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    assert!(server.sql_number("select count(*) from metrics") <= 120.0);
    assert_eq!(server.promql("sum_over_time(level[59m])", half_a_day_ago), kept);
    let refused = server.post(
        "/v1/metrics",
        &[("Content-Type", "application/json")],
        &hour_of_points(3.5, now),
    );
    assert!(
        refused.text().contains("\"rejectedDataPoints\":\"60\""),
        "{}",
        refused.text()
    );
}
