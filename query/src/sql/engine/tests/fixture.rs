//! A small fleet in a folder of its own, and a way to ask it.

use std::time::Duration;

use icecore_engine::batch::{LogRow, SpanEvent, SpanLink, SpanRow};
use icecore_engine::options::{EngineOptions, PerSignal};
use icecore_engine::schema::Temporality;
use tempfile::TempDir;

use super::super::*;
use crate::sql::render::{Encoder, Format};

/// 2024-01-01T00:00:00Z
pub(super) const START_S: i64 = 1_704_067_200;
pub(super) const SERVICES: [&str; 3] = ["cart", "checkout", "front-end"];

pub(super) struct Fixture {
    pub(super) folder: TempDir,
    pub(super) engine: Arc<Engine>,
    pub(super) sql: SqlEngine,
    pub(super) tenant: TenantId,
}

impl Fixture {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = EngineOptions {
            background: false,
            memory_bytes_max: 256 << 20,
            retention: PerSignal::all(Duration::from_secs(200 * 365 * 86_400)),
            ..EngineOptions::default()
        };
        let engine = Arc::new(Engine::open(folder.path().join("data"), options).unwrap());
        let spill = folder.path().join("spill");
        let options = SqlOptions {
            spill_dir: Some(spill),
            ..SqlOptions::default()
        };
        let sql = SqlEngine::new(Arc::clone(&engine), options).unwrap();
        Self {
            folder,
            engine,
            sql,
            tenant: TenantId::default(),
        }
    }

    /// A fixture with `steps` steps of everything, 15 s apart, from step `first` on.
    pub(super) fn fill(&self, first: i64, steps: i64) {
        for step in first..first + steps {
            self.samples(step);
            self.logs(step);
            self.spans(step);
        }
    }

    /// `up` and `requests_total` of each service at a step.
    pub(super) fn samples(&self, step: i64) {
        let at_ms = (START_S + 15 * step) * 1_000;
        for (number, service) in SERVICES.iter().enumerate() {
            self.sample("up", &[("job", service)], at_ms, 1.0);
            for code in ["200", "500"] {
                let value = step as f64 * 1.5 + number as f64;
                self.sample(
                    "requests_total",
                    &[("job", service), ("code", code), ("timestamp", "x")],
                    at_ms,
                    value,
                );
            }
        }
    }

    pub(super) fn sample(&self, metric: &str, labels: &[(&str, &str)], at_ms: i64, value: f64) {
        let mut batch = self.engine.metrics_batch(&self.tenant).unwrap();
        let text = format!("{metric}{labels:?}");
        let key = xxhash_rust::xxh3::xxh3_128_with_seed(text.as_bytes(), batch.arrival_seed());
        let slot = batch.series(key, |builder| {
            builder.metric(metric);
            for (name, value) in labels {
                builder.label(name, value);
            }
            Ok(())
        });
        batch.sample(slot, at_ms, value, 0, Temporality::Cumulative);
        let outcome = self.engine.append_metrics(batch).unwrap();
        assert_eq!(outcome.stored, 1, "{outcome:?}");
    }

    /// One log line of each service.
    pub(super) fn logs(&self, step: i64) {
        let mut batch = self.engine.logs_batch(&self.tenant).unwrap();
        for (number, service) in SERVICES.iter().enumerate() {
            let resource = batch.resource(
                &format!("{{\"service.name\":\"{service}\",\"host.name\":\"host-{number}\"}}"),
                service,
            );
            let scope = batch.scope("{\"name\":\"test\"}");
            let row = number as i64 + 3 * step;
            let body = format!("Request {row} from user_{} took {}ms", row % 7, row * 3 % 100);
            let attributes = format!("{{\"http.status\":{},\"user\":\"u{}\"}}", 200 + row % 5, row % 7);
            batch.push(&LogRow {
                resource,
                scope,
                timestamp_ns: (START_S + 15 * step) * 1_000_000_000 + number as i64,
                observed_timestamp_ns: None,
                severity_number: if row % 10 == 0 { 17 } else { 9 },
                severity_text: if row % 10 == 0 { "ERROR" } else { "INFO" },
                body: Some(&body),
                body_is_json: false,
                event_name: "",
                attributes: &attributes,
                trace_id: Some(trace_id(step)),
                span_id: Some(span_id(step, number)),
                flags: 1,
                dropped_attributes_count: 0,
            });
        }
        let outcome = self.engine.append_logs(batch).unwrap();
        assert_eq!(outcome.stored, SERVICES.len() as u64, "{outcome:?}");
    }

    /// One span of each service, all in one trace.
    pub(super) fn spans(&self, step: i64) {
        let mut batch = self.engine.spans_batch(&self.tenant).unwrap();
        for (number, service) in SERVICES.iter().enumerate() {
            let resource = batch.resource(&format!("{{\"service.name\":\"{service}\"}}"), service);
            let scope = batch.scope("{}");
            let start_ns = (START_S + 15 * step) * 1_000_000_000;
            batch.push(&SpanRow {
                resource,
                scope,
                trace_id: trace_id(step),
                span_id: span_id(step, number),
                parent_span_id: (number > 0).then(|| span_id(step, number - 1)),
                trace_state: "",
                flags: 0,
                name: ["GET /", "POST /pay", "SELECT"][number],
                kind: 2 + i32::from(number > 1),
                timestamp_ns: start_ns,
                duration_ns: 1_000_000 * (number as i64 + 1),
                status_code: if step % 5 == 0 && number == 2 { 2 } else { 0 },
                status_message: "",
                attributes: "{\"http.method\":\"GET\"}",
                events: &[SpanEvent {
                    timestamp_ns: start_ns,
                    name: "start",
                    attributes: "{}",
                    dropped_attributes_count: 0,
                }],
                links: &[SpanLink {
                    trace_id: trace_id(0),
                    span_id: span_id(0, 0),
                    trace_state: "",
                    flags: 0,
                    attributes: "{}",
                    dropped_attributes_count: 0,
                }],
                dropped_attributes_count: 0,
                dropped_events_count: 0,
                dropped_links_count: 0,
            });
        }
        let outcome = self.engine.append_spans(batch).unwrap();
        assert_eq!(outcome.stored, SERVICES.len() as u64, "{outcome:?}");
    }

    pub(super) fn try_ask_within(&self, sql: &str, limits: SqlLimits) -> Result<String, SqlError> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut stream = self.sql.query(&self.tenant, sql, limits).await?;
            let mut encoder = Encoder::new(Format::Csv, stream.schema())?;
            let mut text = encoder.start().to_vec();
            while let Some(batch) = stream.next().await {
                text.extend(encoder.batch(&batch?)?);
            }
            text.extend(encoder.finish()?);
            Ok(String::from_utf8(text).unwrap())
        })
    }

    pub(super) fn try_ask(&self, sql: &str) -> Result<String, SqlError> {
        self.try_ask_within(sql, SqlLimits::default())
    }

    /// The answer as CSV without the header.
    pub(super) fn ask(&self, sql: &str) -> String {
        let text = self.try_ask(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
        text.split_once('\n').unwrap().1.trim_end().to_owned()
    }
}

pub(super) fn trace_id(step: i64) -> [u8; 16] {
    (0xabc0_0000_0000_0000_0000_0000_0000_0000_u128 + step as u128 + 1).to_be_bytes()
}

pub(super) fn span_id(step: i64, number: usize) -> [u8; 8] {
    (0xdef0_0000_0000_0000_u64 + 16 * step as u64 + number as u64 + 1).to_be_bytes()
}
