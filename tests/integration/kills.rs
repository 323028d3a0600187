//! SIGKILL in the middle of ingest, again and again: every acked row is there once, and none was invented.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::json;

use crate::support::{Server, now_s};

const ROUNDS: usize = 10;
const LINES_A_REQUEST: usize = 20;

/// One OTLP/JSON request of log lines named by round, writer and number.
fn lines(round: usize, writer: usize, request: usize, time_s: f64) -> Vec<u8> {
    let records: Vec<_> = (0..LINES_A_REQUEST)
        .map(|line| {
            json!({
                "timeUnixNano": format!("{}", (time_s * 1e9) as u64 + line as u64),
                "severityNumber": 9,
                "body": {"stringValue": format!("r{round} w{writer} n{request} l{line}")},
            })
        })
        .collect();
    json!({"resourceLogs": [{
        "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "writer"}}]},
        "scopeLogs": [{"logRecords": records}],
    }]})
    .to_string()
    .into_bytes()
}

#[test]
fn ten_kills_lose_and_double_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut acked: Vec<(usize, usize, usize)> = Vec::new();
    for round in 0..ROUNDS {
        let server = Arc::new(Server::start(folder.path(), &["--memory-limit", "64MiB"]));
        let stop = Arc::new(AtomicBool::new(false));
        let writers: Vec<_> = (0..3)
            .map(|writer| {
                let (server, stop) = (Arc::clone(&server), Arc::clone(&stop));
                std::thread::spawn(move || {
                    let mut acked = Vec::new();
                    let mut request = 0;
                    while !stop.load(Ordering::Relaxed) {
                        let body = lines(round, writer, request, now_s());
                        let answer = server.try_post("/v1/logs", &[("Content-Type", "application/json")], &body);
                        if answer.is_some_and(|answer| answer.status == 200) {
                            acked.push((round, writer, request));
                        }
                        request += 1;
                    }
                    acked
                })
            })
            .collect();
        std::thread::sleep(Duration::from_millis(150 + 60 * round as u64));
        if round % 3 == 1 {
            server.flush();
        }
        let pid = server.pid().to_string();
        assert!(
            std::process::Command::new("kill")
                .args(["-9", &pid])
                .status()
                .unwrap()
                .success()
        );
        stop.store(true, Ordering::Relaxed);
        for writer in writers {
            acked.extend(writer.join().unwrap());
        }
    }
    assert!(acked.len() >= ROUNDS, "only {} requests were acked", acked.len());
    let server = Server::start(folder.path(), &["--memory-limit", "64MiB"]);
    let rows = server.sql("select body, count(*) from logs group by body");
    let doubled: Vec<_> = rows.iter().filter(|row| row[1] != 1).collect();
    assert!(
        doubled.is_empty(),
        "{} lines are there more than once, as {:?}",
        doubled.len(),
        doubled[0]
    );
    let found: std::collections::HashSet<&str> = rows.iter().map(|row| row[0].as_str().unwrap()).collect();
    for (round, writer, request) in &acked {
        for line in 0..LINES_A_REQUEST {
            let text = format!("r{round} w{writer} n{request} l{line}");
            assert!(found.contains(text.as_str()), "acked and lost: {text}");
        }
    }
    // A request without an ack may be there, but whole: none is there in part.
    assert_eq!(found.len() % LINES_A_REQUEST, 0, "a request is there in part");
}
