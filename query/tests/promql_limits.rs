//! Hostile queries, and the caller's limits: every one ends soon with an error that says what to change; answers do not
//! depend on threads.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use icecore_engine::engine::Engine;
use icecore_engine::ids::TenantId;
use icecore_engine::matcher::Matcher;
use icecore_engine::options::EngineOptions;
use icecore_engine::schema::Temporality;
use icecore_engine::time::TimeRange;
use icecore_query::promql::{ErrorKind, PromqlEngine, PromqlOptions, QueryLimits, Value, render};

const START_MS: i64 = 1_800_000_000_000;

struct Fixture {
    engine: Arc<Engine>,
    tenant: TenantId,
    _folder: tempfile::TempDir,
}

/// `series` counters of one metric, a sample every 15 s for ten minutes.
fn fixture(series: usize) -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(icecore_engine::clock::ManualClock::new(
        icecore_engine::time::TimestampMs(START_MS + 600_000).to_ns(),
    ));
    let options = EngineOptions {
        background: false,
        ..EngineOptions::default()
    };
    let fs = Arc::new(icecore_engine::fs::OsFs);
    let engine = Arc::new(Engine::open_with(fs, clock, folder.path(), options).unwrap());
    let tenant: TenantId = "default".parse().unwrap();
    let mut batch = engine.metrics_batch(&tenant).unwrap();
    for number in 0..series {
        let slot = batch.series(number as u128 + 1, |labels| {
            labels.metric("hits_total");
            labels.label("i", &format!("{number:05}"));
            labels.label("g", &format!("{}", number % 7));
            Ok(())
        });
        for step in 0..40 {
            let value = (step * (number as i64 % 13 + 1)) as f64 * 0.1;
            batch.sample(slot, START_MS + step * 15_000, value, 0, Temporality::Cumulative);
        }
    }
    engine.append_metrics(batch).unwrap();
    Fixture {
        engine,
        tenant,
        _folder: folder,
    }
}

impl Fixture {
    fn promql(&self, threads: usize) -> PromqlEngine {
        PromqlEngine::new(Arc::clone(&self.engine), PromqlOptions { threads })
    }

    fn refused(&self, query: &str, limits: &QueryLimits) -> (ErrorKind, String) {
        let error = self
            .promql(2)
            .range(&self.tenant, query, START_MS, START_MS + 600_000, 15_000, limits)
            .unwrap_err();
        (error.kind(), error.to_string())
    }
}

#[test]
fn hostile_texts_are_refused_by_name() {
    let fixture = fixture(1);
    let chain = vec!["hits_total"; 20_000].join("+");
    for query in [
        "abs(".repeat(6_250),
        "(".repeat(20_000),
        "-".repeat(30_000),
        chain,
        "hits_total{i=~\"(((a{1000}){1000}){1000}\"}".to_owned(),
        "hits_total[1m:1ms][1y:1ms]".to_owned(),
        "\u{0}".repeat(100),
        "{".to_owned(),
    ] {
        let (kind, message) = fixture.refused(&query, &QueryLimits::default());
        assert_eq!(kind, ErrorKind::BadData, "{message}");
    }
}

#[test]
fn the_deepest_queries_that_pass_the_gate_are_answered() {
    let fixture = fixture(1);
    let limits = QueryLimits::default();
    let promql = fixture.promql(2);
    let at = START_MS + 300_000;
    let nested = format!("{}hits_total{}", "abs(".repeat(128), ")".repeat(128));
    let chain = vec!["hits_total"; 1_000].join("+");
    let powers = vec!["1"; 1_000].join("^");
    for query in [nested, chain, powers] {
        promql.instant(&fixture.tenant, &query, at, &limits).unwrap();
    }
}

#[test]
fn the_callers_limits_hold_and_say_so() {
    let fixture = fixture(50);
    let query = "sum by (i) (rate(hits_total[5m]))";
    let (kind, message) = fixture.refused(
        query,
        &QueryLimits {
            samples_max: 100,
            ..QueryLimits::default()
        },
    );
    assert_eq!(kind, ErrorKind::Execution);
    assert!(
        message.contains("too many samples") && message.contains("100"),
        "{message}"
    );
    let little = QueryLimits {
        memory_bytes_max: 1_000,
        ..QueryLimits::default()
    };
    let (kind, message) = fixture.refused(query, &little);
    assert_eq!(kind, ErrorKind::Execution);
    assert!(message.contains("1000 bytes"), "{message}");
    let late = QueryLimits {
        deadline: Some(Instant::now()),
        ..QueryLimits::default()
    };
    assert_eq!(fixture.refused(query, &late).0, ErrorKind::Timeout);
    let gone = QueryLimits {
        canceled: Some(Arc::new(AtomicBool::new(true))),
        ..QueryLimits::default()
    };
    assert_eq!(fixture.refused(query, &gone).0, ErrorKind::Canceled);
}

#[test]
fn endless_work_ends_at_its_deadline_or_limit() {
    let fixture = fixture(20);
    let soon = || QueryLimits {
        deadline: Some(Instant::now() + Duration::from_millis(200)),
        memory_bytes_max: 64 << 20,
        ..QueryLimits::default()
    };
    for query in [
        "sum_over_time(hits_total[10m:1s])",
        "max_over_time(sum_over_time(hits_total[1d:1s])[1d:1s])",
        "quantile_over_time(0.5, vector(1)[10d:1s])",
        "sum_over_time((1+(1+(1+(1+(1+(1+(1+(1+vector(1)))))))))[30d:3s])",
        "count_over_time(hits_total[100y:1s])",
        &format!("hits_total{{i=~\"{}\"}}", "(a|b)".repeat(6_000)),
    ] {
        // Whether it is answered in time or not: it ends.
        let _ = fixture
            .promql(2)
            .range(&fixture.tenant, query, START_MS, START_MS + 600_000, 15_000, &soon());
    }
    let budget = fixture.engine.budget().usage();
    let promql = budget
        .classes
        .iter()
        .find(|class| class.class.as_str() == "promql")
        .unwrap();
    assert_eq!(promql.used_bytes, 0, "queries give back what they took");
}

#[test]
fn wrong_times_are_told() {
    let fixture = fixture(1);
    let promql = fixture.promql(1);
    let limits = QueryLimits::default();
    let ask = |start, end, step| {
        promql
            .range(&fixture.tenant, "1", start, end, step, &limits)
            .unwrap_err()
            .to_string()
    };
    assert!(ask(0, 10, 0).contains("zero or negative"));
    assert!(ask(10, 0, 1).contains("end timestamp must not be before start time"));
    assert!(ask(0, 11_001, 1).contains("exceeded maximum resolution of 11,000 points per timeseries"));
}

#[test]
fn answers_do_not_depend_on_threads_or_flushes() {
    let fixture = fixture(3_000);
    let limits = QueryLimits::default();
    let queries = [
        "sum by (g) (rate(hits_total[2m]))",
        "stddev(increase(hits_total[1m30s]))",
        "avg by (g) (hits_total)",
        "count(hits_total)",
        "quantile(0.9, rate(hits_total[5m]))",
    ];
    let ask = |threads: usize| -> Vec<String> {
        queries
            .iter()
            .map(|query| {
                let promql = fixture.promql(threads);
                let range = promql
                    .range(&fixture.tenant, query, START_MS, START_MS + 600_000, 30_000, &limits)
                    .unwrap();
                let instant = promql
                    .instant(&fixture.tenant, query, START_MS + 590_000, &limits)
                    .unwrap();
                assert!(matches!(&range.value, Value::Matrix(series) if !series.is_empty()));
                render::query_body(&range) + &render::query_body(&instant)
            })
            .collect()
    };
    let one = ask(1);
    assert_eq!(one, ask(4));
    fixture.engine.flush().unwrap();
    assert_eq!(one, ask(1), "the same bytes from parts");
    assert_eq!(one, ask(3), "and from parts by several threads");
}

#[test]
fn series_and_labels_are_listed() {
    let fixture = fixture(10);
    let promql = fixture.promql(1);
    let all = TimeRange::ALL;
    for place in ["heads", "parts"] {
        let selector = vec![Matcher::equal("__name__", "hits_total"), Matcher::equal("g", "3")];
        let series = promql
            .series(&fixture.tenant, std::slice::from_ref(&selector), all, 0)
            .unwrap();
        assert_eq!(series.items.len(), 1, "{place}: {series:?}");
        assert_eq!(series.items[0].get("i"), "00003");
        let names = promql.labels(&fixture.tenant, &[], all, 0).unwrap();
        assert_eq!(names.items, ["__name__", "g", "i"], "{place}");
        let values = promql.label_values(&fixture.tenant, "g", &[], all, 0).unwrap();
        assert_eq!(values.items, ["0", "1", "2", "3", "4", "5", "6"], "{place}");
        let some = promql.label_values(&fixture.tenant, "i", &[selector], all, 0).unwrap();
        assert_eq!(some.items, ["00003"], "{place}");
        let cut = promql.label_values(&fixture.tenant, "i", &[], all, 4).unwrap();
        assert_eq!(cut.items.len(), 4, "{place}");
        assert_eq!(cut.warnings, ["results truncated due to limit"]);
        fixture.engine.flush().unwrap();
    }
    assert!(promql.series(&fixture.tenant, &[], all, 0).is_err());
    let nobody: TenantId = "nobody".parse().unwrap();
    assert!(promql.labels(&nobody, &[], all, 0).unwrap().items.is_empty());
}

#[test]
fn samples_come_as_they_are_for_a_range_at_the_top() {
    let fixture = fixture(2);
    let at = START_MS + 60_000;
    let answer = fixture
        .promql(1)
        .instant(
            &fixture.tenant,
            "hits_total{i=\"00000\"}[30s]",
            at,
            &QueryLimits::default(),
        )
        .unwrap();
    let Value::Matrix(series) = answer.value else { panic!() };
    let times: Vec<i64> = series[0].points.iter().map(|(time, _)| time - START_MS).collect();
    assert_eq!(times, [45_000, 60_000], "the window is open on the left");
    assert_eq!(answer.samples_read, 2);
}

#[test]
fn long_answers_are_cut_where_the_caller_says() {
    let fixture = fixture(10);
    let limits = QueryLimits {
        results_max: 3,
        ..QueryLimits::default()
    };
    let answer = fixture
        .promql(1)
        .instant(&fixture.tenant, "hits_total", START_MS, &limits)
        .unwrap();
    let Value::Vector(samples) = answer.value else { panic!() };
    assert_eq!(samples.len(), 3);
    assert_eq!(answer.warnings, ["results truncated due to limit"]);
}
