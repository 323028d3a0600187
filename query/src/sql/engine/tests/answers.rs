//! What statements answer.

use super::Fixture;
use super::fixture::SERVICES;

#[test]
fn rows_in_heads_are_part_of_every_answer() {
    let fixture = Fixture::new();
    fixture.fill(0, 4);
    assert_eq!(fixture.ask("select count(*) from metrics"), "36");
    assert_eq!(fixture.ask("select count(*) from logs"), "12");
    assert_eq!(fixture.ask("select count(*) from spans"), "12");
    assert_eq!(fixture.ask("select count(*), max(value) from metric.up"), "12,1.0");
}

#[test]
fn a_metric_has_its_labels_as_columns() {
    let fixture = Fixture::new();
    fixture.fill(0, 2);
    assert_eq!(
        fixture.ask("select job, code, label_timestamp, value from metric.requests_total where timestamp > '2024-01-01T00:00:00Z' order by job, code"),
        "cart,200,x,1.5\ncart,500,x,1.5\ncheckout,200,x,2.5\ncheckout,500,x,2.5\nfront-end,200,x,3.5\nfront-end,500,x,3.5"
    );
    assert_eq!(
        fixture.ask("select labels->>'job' as j, count(*) from metrics where metric = 'up' group by j order by j"),
        "cart,2\ncheckout,2\nfront-end,2"
    );
    assert!(fixture.try_ask("select * from metric.no_such").is_err());
}

#[test]
fn ids_read_and_compare_as_hex() {
    let fixture = Fixture::new();
    fixture.fill(0, 3);
    let id = fixture.ask("select distinct trace_id from spans order by trace_id limit 1");
    assert_eq!(id, "abc00000000000000000000000000001");
    assert_eq!(
        fixture.ask(&format!(
            "select span_id, parent_span_id, name from spans where trace_id = '{id}' order by name"
        )),
        "def0000000000001,,GET /\ndef0000000000002,def0000000000001,POST /pay\ndef0000000000003,def0000000000002,SELECT"
    );
    assert_eq!(
        fixture.ask(&format!(
            "select count(*) from logs where trace_id in ('{id}', 'no id')"
        )),
        "3"
    );
    for no_id in ["ABC00000000000000000000000000001", "abc", ""] {
        assert_eq!(
            fixture.ask(&format!("select count(*) from spans where trace_id = '{no_id}'")),
            "0"
        );
    }
    assert_eq!(
        fixture.ask("select events[1]['name'], links[1]['trace_id'] from spans limit 1"),
        "start,abc00000000000000000000000000001"
    );
}

#[test]
fn json_is_read_with_arrows() {
    let fixture = Fixture::new();
    fixture.fill(0, 2);
    assert_eq!(
        fixture.ask("select resource->>'host.name' as host, count(*) from logs group by host order by host"),
        "host-0,2\nhost-1,2\nhost-2,2"
    );
    assert_eq!(
        fixture.ask("select count(*) from logs where (attributes->>'http.status')::bigint >= 203"),
        "2"
    );
    assert_eq!(
        fixture
            .ask("select count(*) from logs where resource->>'service.name' = 'cart' and attributes->>'user' = 'u3'"),
        "1"
    );
    assert_eq!(
        fixture.ask("select json_get_int(attributes, 'http.status') as s from logs order by s limit 2"),
        "200\n200"
    );
}

#[test]
fn words_are_found_in_bodies() {
    let fixture = Fixture::new();
    fixture.fill(0, 5);
    assert_eq!(
        fixture.ask("select count(*) from logs where has_token(body, 'request')"),
        "15"
    );
    assert_eq!(
        fixture.ask("select body from logs where has_token(body, 'USER_3 10')"),
        "Request 10 from user_3 took 30ms"
    );
    assert_eq!(
        fixture.ask("select count(*) from logs where has_token(body, 'user')"),
        "0"
    );
    assert_eq!(fixture.ask("select count(*) from logs where body like '%user_3%'"), "2");
    assert_eq!(fixture.ask("select count(*) from logs where body ~ 'user_[36] '"), "4");
}

#[test]
fn small_tables_tell_what_is_there() {
    let fixture = Fixture::new();
    fixture.fill(0, 3);
    assert_eq!(
        fixture.ask("select metric, labels->>'job', first_timestamp, last_timestamp, samples from series where metric = 'up' order by 2"),
        SERVICES
            .map(|service| format!("up,{service},2024-01-01T00:00:00.000Z,2024-01-01T00:00:30.000Z,3"))
            .join("\n")
    );
    assert_eq!(fixture.ask("select count(*) from exemplars"), "0");
    assert_eq!(fixture.ask("select count(*) from metric_metadata"), "0");
    let tables = fixture.ask("select table_schema, table_name from information_schema.tables where table_schema <> 'information_schema' order by 1, 2");
    assert_eq!(
        tables,
        "metric,requests_total\nmetric,up\npublic,exemplars\npublic,logs\npublic,metric_metadata\npublic,metrics\npublic,series\npublic,spans"
    );
    assert!(fixture.ask("show tables").contains("logs"));
    assert!(fixture.ask("describe logs").contains("body"));
    assert!(fixture.try_ask("select * from information_schema.df_settings").is_err());
}

#[test]
fn tenants_see_only_their_own() {
    let mut fixture = Fixture::new();
    fixture.fill(0, 2);
    fixture.tenant = icecore_engine::ids::TenantId::new("other").unwrap();
    for table in ["metrics", "logs", "spans", "series", "exemplars"] {
        assert_eq!(fixture.ask(&format!("select count(*) from {table}")), "0", "{table}");
    }
    assert!(fixture.try_ask("select * from metric.up").is_err());
    fixture.samples(7);
    assert_eq!(fixture.ask("select count(*) from metrics"), "9");
}

#[test]
fn every_statement_of_the_guide_has_rows() {
    let guide = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/sql.md"));
    let fixture = Fixture::new();
    fixture.fill(0, 10);
    fixture.engine.flush().unwrap();
    fixture.fill(10, 2);
    let statements: Vec<&str> = guide
        .split("```sql\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap())
        .collect();
    assert!(statements.len() > 5);
    for statement in statements {
        assert_ne!(fixture.ask(statement), "", "{statement}");
    }
}
