//! What the gate lets through and what it stops.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use proptest::prelude::*;

use super::*;

fn code(statement: &str) -> Option<SqlErrorCode> {
    check(statement).err().map(|error| error.code)
}

#[test]
fn reading_statements_pass() {
    for statement in [
        "select 1",
        "SELECT count(*) FROM metrics WHERE labels->>'job' = 'api' -- comment",
        "with a as (select 1 as x), b as (select 2 as x) select * from a union all select * from b;",
        "(select 1) union (select 2)",
        "explain analyze select 1",
        "explain format tree select 1",
        "show tables",
        "show columns from logs",
        "describe spans",
        "values (1, 'a'), (2, 'b')",
        "select 'it''s; drop table logs' as \"a;b\"",
        "select /* a /* nested */ comment */ 1",
        "select E'a\\'b; c' from logs;",
        "select case when 1 = 1 then 'a' else 'b' end, 1e-5, x.y[1] from t as x",
    ] {
        assert_eq!(check(statement), Ok(()), "{statement}");
    }
}

#[test]
fn writing_and_settings_are_refused() {
    for statement in [
        "insert into logs values (1)",
        "create external table x stored as csv location '/etc/passwd'",
        "copy logs to '/tmp/x'",
        "set datafusion.execution.batch_size = 1",
        "drop table logs",
        "explain insert into logs values (1)",
        "explain analyze copy logs to '/tmp/x'",
        "show all",
        "show datafusion.execution.batch_size",
        "prepare p as select 1",
        "execute p",
        "delete from logs",
        "update logs set body = ''",
        "load '/x.so'",
        "with recursive t as (select 1) select * from t",
        "select 1; select 2",
        "select 1; ;drop table logs",
        "'a'",
    ] {
        assert_eq!(code(statement), Some(SqlErrorCode::NotAllowed), "{statement}");
    }
}

#[test]
fn bombs_are_refused_before_planning() {
    let repeated = |part: &str, times: usize| part.repeat(times);
    for statement in [
        format!("select 1{}", repeated("+1", 600)),
        format!("select {}1", repeated("-", 600).replace('-', "- ")),
        format!("select {}1", repeated("not ", 600)),
        format!("select 1 where 1=1{}", repeated(" or 1=1", 300)),
        format!("select {}1{}", repeated("(", 60), repeated(")", 60)),
        format!(
            "select {}1{}",
            repeated("case when true then ", 60),
            repeated(" end", 60)
        ),
        format!("select 1{}", repeated(" union select 1", 100)),
        format!("select * from logs{}", repeated(", logs", 40)),
        format!("select * from logs{}", repeated(" join logs on true", 40)),
        format!("select 1 in ({}1)", repeated("1,", 15_000)),
        format!("select '{}'", repeated("x", SQL_BYTES_MAX)),
        format!("select '{}'", repeated("x", SQL_LITERAL_BYTES_MAX + 1)),
    ] {
        let head: String = statement.chars().take(60).collect();
        assert_eq!(code(&statement), Some(SqlErrorCode::StatementTooLarge), "{head}");
    }
}

#[test]
fn commas_count_as_joins_only_in_from() {
    let columns = vec!["body"; 500].join(", ");
    assert_eq!(check(&format!("select {columns} from logs")), Ok(()));
    assert_eq!(check(&format!("select 1 from logs group by {columns}")), Ok(()));
}

#[test]
fn what_has_no_end_is_invalid() {
    for statement in [
        "select 'a",
        "select \"a",
        "select /* a",
        "select $$a$$",
        "select $1",
        "",
        "  -- nothing",
        "select \0",
    ] {
        assert_eq!(code(statement), Some(SqlErrorCode::InvalidStatement), "{statement}");
    }
}

proptest! {
    #[test]
    fn any_text_is_answered(statement in "\\PC{0,200}") {
        let _ = check(&statement);
    }

    #[test]
    fn the_operator_bound_is_exact(count in 1_usize..1_200) {
        let statement = format!("select 1{}", "+1".repeat(count));
        prop_assert_eq!(check(&statement).is_ok(), count <= SQL_OPERATORS_MAX);
    }
}
