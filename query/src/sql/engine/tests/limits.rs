//! Bounds on rows, time and memory, and everything that is refused.

use std::time::Duration;

use super::super::*;
use super::Fixture;

/// A statement that no machine finishes: 10 to the 16 rows, each of which must be looked at.
fn endless() -> String {
    let tables: String = (1..16).map(|at| format!("cross join ten t{at} ")).collect();
    let terms: Vec<String> = (0..16).map(|at| format!("t{at}.x")).collect();
    format!(
        "with ten as (select * from (values (1),(2),(3),(4),(5),(6),(7),(8),(9),(10)) a(x)) \
         select count(*) from ten t0 {tables} where {} > 3",
        terms.join(" + ")
    )
}

fn code(fixture: &Fixture, sql: &str, limits: SqlLimits) -> SqlErrorCode {
    fixture.try_ask_within(sql, limits).unwrap_err().code
}

#[test]
fn the_deadline_ends_what_would_never_end() {
    let fixture = Fixture::new();
    let limits = SqlLimits {
        timeout: Duration::from_millis(50),
        ..SqlLimits::default()
    };
    assert_eq!(code(&fixture, &endless(), limits), SqlErrorCode::TimeExceeded);
    // The threads are free again for others.
    assert_eq!(fixture.ask("select 1"), "1");
}

#[test]
fn a_deadline_of_nothing_is_met_at_once() {
    let fixture = Fixture::new();
    let limits = SqlLimits {
        timeout: Duration::ZERO,
        ..SqlLimits::default()
    };
    assert_eq!(code(&fixture, "select 1", limits), SqlErrorCode::TimeExceeded);
}

#[test]
fn one_row_too_many_is_an_error() {
    let fixture = Fixture::new();
    fixture.fill(0, 2);
    let limits = |rows_max| SqlLimits {
        rows_max,
        ..SqlLimits::default()
    };
    assert_eq!(
        code(&fixture, "select * from logs", limits(5)),
        SqlErrorCode::RowsExceeded
    );
    assert!(fixture.try_ask_within("select * from logs", limits(6)).is_ok());
}

#[test]
fn memory_is_bounded() {
    let fixture = Fixture::new();
    fixture.fill(0, 2);
    let limits = SqlLimits {
        memory_bytes_max: 100,
        ..SqlLimits::default()
    };
    assert_eq!(
        code(&fixture, "select body, count(*) from logs group by body", limits),
        SqlErrorCode::MemoryExceeded
    );
    assert_eq!(fixture.engine.budget().usage().classes[13].used_bytes, 0);
}

#[test]
fn functions_that_grow_are_bounded() {
    let fixture = Fixture::new();
    for sql in [
        "select repeat('x', 1000000000)",
        "select lpad('x', 1000000000)",
        "select rpad('x', 1000000000, 'y')",
        "select replace(repeat('x', 1000000), 'x', repeat('y', 1000))",
        "select length(a || a || a || a || a || a || a || a || a || a || a || a) from (select repeat('x', 10000000) as a) t",
        "select concat(a, a, a, a, a, a, a, a, a, a) from (select repeat('x', 10000000) as a) t",
    ] {
        assert_eq!(
            code(&fixture, sql, SqlLimits::default()),
            SqlErrorCode::MemoryExceeded,
            "{sql}"
        );
    }
    for sql in [
        "select * from generate_series(1, 100000000000)",
        "select range(100000000000)",
        "select array_repeat(1, 100000000000)",
        "select array_resize([1], 100000000000)",
        "select unnest(generate_series(1, 100000000000))",
    ] {
        assert_eq!(
            code(&fixture, sql, SqlLimits::default()),
            SqlErrorCode::InvalidStatement,
            "{sql}"
        );
    }
    assert_eq!(
        fixture.ask("select repeat('ab', 3) || 'c' || 1 || null is null"),
        "true"
    );
    assert_eq!(
        fixture.ask("select 'a' || 'b' || 1, lpad('x', 3, '-'), replace('aXa', 'X', 'bb')"),
        "ab1,--x,abba"
    );
}

#[test]
fn the_largest_statements_the_gate_passes_are_planned() {
    let fixture = Fixture::new();
    let sum = format!("select 1{}", "+1".repeat(499));
    assert_eq!(fixture.ask(&sum), "500");
    let ors = format!(
        "select count(*) from (values (1)) t(x) where x = 0{}",
        " or x = 1".repeat(240)
    );
    assert_eq!(fixture.ask(&ors), "1");
    let unions = format!("select count(*) from (select 1{}) t", " union all select 1".repeat(32));
    assert_eq!(fixture.ask(&unions), "33");
    let nested = format!("select {}1{}", "(".repeat(47), ")".repeat(47));
    assert_eq!(fixture.ask(&nested), "1");
    let list: Vec<String> = (0..9_000).map(|n| n.to_string()).collect();
    let list = format!("select count(*) from (values (1)) t(x) where x in ({})", list.join(","));
    assert_eq!(fixture.ask(&list), "1");
}

#[test]
fn no_statement_reaches_a_file_a_setting_or_a_table_of_its_own() {
    let fixture = Fixture::new();
    let secret = fixture.folder.path().join("secret.csv");
    std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&secret)
        .and_then(|mut file| std::io::Write::write_all(&mut file, b"a\nplanted\n"))
        .unwrap();
    let secret = secret.display();
    let out = fixture.folder.path().join("out.csv");
    for sql in [
        format!("select * from '{secret}'"),
        format!("select * from \"{secret}\""),
        format!("select * from \"file://{secret}\""),
        format!("select * from read_csv('{secret}')"),
        format!("select * from parquet_metadata('{secret}')"),
        format!("select pg_read_file('{secret}')"),
        format!("create external table t stored as csv location '{secret}'"),
        format!("copy (select 1) to '{}'", out.display()),
        format!("copy logs from '{secret}'"),
        format!("explain copy (select 1) to '{}'", out.display()),
        "insert into logs select * from logs".to_owned(),
        "with x as (insert into logs select * from logs) select * from x".to_owned(),
        "create table t as select 1".to_owned(),
        "create view v as select 1".to_owned(),
        "drop table logs".to_owned(),
        "set datafusion.execution.batch_size = 1".to_owned(),
        "explain set datafusion.execution.batch_size = 1".to_owned(),
        "show all".to_owned(),
        "select * from information_schema.df_settings".to_owned(),
        "select 1; select 2".to_owned(),
        "begin".to_owned(),
        "prepare p as select 1".to_owned(),
        "select input_file_name() from logs".to_owned(),
        "select * into t from logs".to_owned(),
    ] {
        let answer = fixture.try_ask(&sql);
        assert!(answer.is_err(), "{sql}: {answer:?}");
        let message = answer.unwrap_err().message;
        assert!(!message.contains("planted"), "{sql}: {message}");
    }
    assert!(!out.exists());
}

#[test]
fn dropping_the_stream_ends_the_statement() {
    let fixture = Fixture::new();
    fixture.fill(0, 1);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for _ in 0..2 * crate::limits::SQL_STATEMENTS_RUNNING_MAX {
        let stream = runtime
            .block_on(fixture.sql.query(&fixture.tenant, &endless(), SqlLimits::default()))
            .unwrap();
        drop(stream);
    }
    assert_eq!(fixture.ask("select 1"), "1");
}
