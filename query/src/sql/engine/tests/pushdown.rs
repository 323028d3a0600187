//! Pushed down or not, from heads, parts or both, answers are the same.

use proptest::prelude::*;

use super::Fixture;
use super::fixture::{START_S, trace_id};

/// Rows in two parts and a head that overlap: samples and spans of some steps were sent twice.
fn overlapping() -> Fixture {
    let fixture = Fixture::new();
    fixture.fill(0, 40);
    fixture.engine.flush().unwrap();
    fixture.fill(30, 30);
    fixture.engine.flush().unwrap();
    fixture.fill(50, 20);
    fixture
}

/// Rows of overlapping steps: samples and spans once, log records as often as they were sent.
const STEPS: usize = 70;
const LOG_STEPS: usize = 40 + 30 + 20;

/// The same condition where nothing can be pushed below it: a LIMIT stands between.
fn both_ways(fixture: &Fixture, shown: &str, table: &str, condition: &str) -> (String, String) {
    (
        fixture.ask(&format!("select {shown} from {table} where {condition}")),
        fixture.ask(&format!(
            "select {shown} from (select * from {table} limit 1000000000) t where {condition}"
        )),
    )
}

#[test]
fn what_was_sent_twice_is_there_once() {
    let fixture = overlapping();
    let counts = |fixture: &Fixture| {
        ["metrics", "spans", "logs"].map(|table| fixture.ask(&format!("select count(*) from {table}")))
    };
    let expected = [STEPS * 9, STEPS * 3, LOG_STEPS * 3].map(|rows| rows.to_string());
    assert_eq!(counts(&fixture), expected);
    fixture.engine.flush().unwrap();
    assert_eq!(counts(&fixture), expected);
    fixture.engine.compact().unwrap();
    assert_eq!(counts(&fixture), expected);
}

#[test]
fn the_last_write_of_a_sample_is_the_answer() {
    let fixture = overlapping();
    let at_ms = (START_S + 15 * 35) * 1_000;
    let ask = |fixture: &Fixture| {
        fixture.ask("select value, count(*) from metric.up where job = 'cart' and timestamp = '2024-01-01T00:08:45Z' group by value")
    };
    assert_eq!(ask(&fixture), "1.0,1");
    fixture.sample("up", &[("job", "cart")], at_ms, 0.25);
    assert_eq!(ask(&fixture), "0.25,1");
    assert_eq!(
        fixture.ask("select samples from series where metric = 'up' and labels->>'job' = 'cart'"),
        "70"
    );
    fixture.engine.flush().unwrap();
    assert_eq!(ask(&fixture), "0.25,1");
    fixture.sample("up", &[("job", "cart")], at_ms, f64::NAN);
    assert_eq!(ask(&fixture), "NaN,1");
    fixture.engine.compact().unwrap();
    assert_eq!(ask(&fixture), "NaN,1");
    assert_eq!(
        fixture.ask("select samples from series where metric = 'up' and labels->>'job' = 'cart'"),
        "70"
    );
}

#[test]
fn values_survive_the_split_into_columns() {
    let fixture = Fixture::new();
    let values = [0.1, -0.0, 1e300, f64::INFINITY, 12_345.678_9, 3.0, f64::NAN, 1.0 / 3.0];
    for (step, value) in values.into_iter().enumerate() {
        fixture.sample("odd", &[("n", "1")], (START_S + step as i64) * 1_000, value);
    }
    let sql = "select value from metric.odd order by timestamp";
    let heads = fixture.ask(sql);
    assert_eq!(
        heads,
        "0.1\n-0.0\n1e300\nInfinity\n12345.6789\n3.0\nNaN\n0.3333333333333333"
    );
    fixture.engine.flush().unwrap();
    assert_eq!(fixture.ask(sql), heads);
}

#[test]
fn explain_tells_what_was_left_out() {
    let fixture = overlapping();
    fixture.engine.flush().unwrap();
    let line = |sql: &str| {
        let plan = fixture.ask(&format!("explain format indent {sql}"));
        let line = plan.lines().find(|line| line.contains("PrunedScan")).map(str::trim);
        line.unwrap_or_else(|| panic!("no PrunedScan in {plan}")).to_owned()
    };
    let sample_rows = (40 + 30 + 20) * 9;
    assert_eq!(
        line("select * from metrics"),
        format!(
            "PrunedScan: partitions=1/1, parts=3/3, groups=27/27, rows={}/{sample_rows}",
            70 * 9
        )
    );
    assert_eq!(
        line("select * from metric.up where job = 'cart'"),
        format!("PrunedScan: partitions=1/1, parts=3/3, groups=3/27, rows=70/{sample_rows}")
    );
    assert_eq!(
        line("select * from metrics where metric = 'up' and timestamp < '2024-01-01T00:01:00Z'"),
        format!("PrunedScan: partitions=1/1, parts=1/3, groups=3/9, rows=120/{sample_rows}")
            .replace("groups=3/9", "groups=3/27")
    );
    assert_eq!(
        line("select * from logs where service_name = 'nobody'"),
        "PrunedScan: partitions=0/1, parts=0/3, groups=0/3, rows=0/270"
    );
    assert_eq!(
        line("select * from metrics where timestamp < '2023-01-01T00:00:00Z'"),
        format!("PrunedScan: partitions=0/1, parts=0/3, groups=0/27, rows=0/{sample_rows}")
    );
}

/// Conditions on a table, each true for some rows and false for others.
fn conditions(table: &'static str) -> Vec<String> {
    let trace: String = trace_id(33).iter().map(|byte| format!("{byte:02x}")).collect();
    let common = [
        "timestamp >= '2024-01-01T00:08:00Z'".to_owned(),
        "timestamp < '2024-01-01T00:12:30Z'".to_owned(),
        "timestamp between '2024-01-01T00:05:00Z' and '2024-01-01T00:09:00Z'".to_owned(),
        "timestamp = '2024-01-01T00:08:45Z'".to_owned(),
        "cast(timestamp as timestamp(0)) > '2024-01-01T00:10:00'".to_owned(),
    ];
    let mut all: Vec<String> = common
        .into_iter()
        .chain(own_conditions(table).iter().map(|&text| text.to_owned()))
        .collect();
    if matches!(table, "logs" | "spans") {
        all.push(format!("trace_id = '{trace}'"));
        all.push(format!("trace_id in ('{trace}', 'abc00000000000000000000000000002')"));
        all.push("trace_id <> ''".to_owned());
        all.push("span_id = 'def0000000000212'".to_owned());
    }
    all
}

/// Conditions on columns that the table has for itself.
fn own_conditions(table: &str) -> &'static [&'static str] {
    match table {
        "metrics" => &[
            "metric = 'up'",
            "metric in ('up', 'none')",
            "metric ~ '^req'",
            "metric like 'req%total'",
            "labels->>'job' = 'cart'",
            "labels->>'job' in ('cart', 'front-end')",
            "labels->>'job' ~ 'c[ah]'",
            "labels->>'job' ~* 'CART'",
            "labels->>'job' like '%end'",
            "labels->>'code' = '500'",
            "labels->>'code' is null",
            "labels->>'code' <> '500'",
            "starts_with(labels->>'job', 'ch')",
            "value > 30",
        ],
        "metric.requests_total" => &[
            "job = 'cart'",
            "'checkout' = job",
            "job in ('cart', 'front-end')",
            "code ~ '^5'",
            "job like 'c%'",
            "label_timestamp = 'x'",
            "value > 30",
        ],
        "logs" => &[
            "service_name = 'cart'",
            "service_name like '%end'",
            "service_name ~ 'out$'",
            "severity_number >= 17",
            "severity_number = 9",
            "severity_number < 10",
            "severity_text = 'ERROR'",
            "has_token(body, 'user_3')",
            "has_token(body, 'request 30')",
            "has_token(body, 'a')",
            "body like '%from user_3 took%'",
            "body ilike '%FROM USER_3 %'",
            "body like '%er_3%'",
            "body ~ 'took 9[0-9]ms'",
            "resource->>'host.name' = 'host-1'",
            "resource->>'host.name' in ('host-1', 'host-2')",
            "attributes->>'user' = 'u4'",
            "attributes->>'http.status' = '203'",
            "attributes->>'http.status' like '%3'",
            "attributes->>'user' ~ '^u[12]$'",
            "json_get_int(attributes, 'http.status') = 203",
            "attributes->>'none' is null",
        ],
        _ => &[
            "service_name in ('cart', 'checkout')",
            "name = 'SELECT'",
            "name like 'POST%'",
            "kind = 'client'",
            "status_code = 'error'",
            "duration_ns > 1000000",
            "attributes->>'http.method' = 'GET'",
            "parent_span_id is null",
            "parent_span_id = 'def0000000000211'",
        ],
    }
}

const TABLES: [(&str, &str); 4] = [
    (
        "metrics",
        "count(*), sum(value), min(timestamp), count(distinct labels)",
    ),
    (
        "metric.requests_total",
        "count(*), sum(value), max(timestamp), count(distinct job)",
    ),
    ("logs", "count(*), min(body), max(body), min(timestamp)"),
    ("spans", "count(*), min(span_id), max(span_id), sum(duration_ns)"),
];

#[test]
fn every_condition_alone_answers_as_without_pruning() {
    let fixture = overlapping();
    for (table, shown) in TABLES {
        for condition in conditions(table) {
            let (pruned, whole) = both_ways(&fixture, shown, table, &condition);
            assert_eq!(pruned, whole, "{table}: {condition}");
            assert!(
                condition.contains("has_token(body, 'a')") || !whole.starts_with("0,"),
                "{table}: {condition} matches nothing"
            );
        }
    }
}

#[test]
fn combined_conditions_answer_as_without_pruning() {
    let fixture = overlapping();
    let strategy = (
        0..TABLES.len(),
        prop::collection::vec((any::<prop::sample::Index>(), 0..4_u8), 2..5),
    );
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(64));
    runner
        .run(&strategy, |(table, picks)| {
            let (table, shown) = TABLES[table];
            let all = conditions(table);
            let mut condition = String::new();
            for (pick, how) in picks {
                let next = pick.get(&all);
                condition = match how {
                    _ if condition.is_empty() => next.clone(),
                    0 => format!("({condition}) or {next}"),
                    1 => format!("({condition}) and not ({next})"),
                    _ => format!("({condition}) and {next}"),
                };
            }
            let (pruned, whole) = both_ways(&fixture, shown, table, &condition);
            prop_assert_eq!(pruned, whole, "{}: {}", table, condition);
            Ok(())
        })
        .unwrap();
}
