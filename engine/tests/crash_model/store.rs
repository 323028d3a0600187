//! The engine under test, and how its rows are read back: source by source, without the query layers.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::TimestampNanosecondType;
use icecore_engine::batch::{LogRow, SpanRow};
use icecore_engine::clock::ManualClock;
use icecore_engine::ids::{Signal, TenantId};
use icecore_engine::outcome::{AppendError, Outcome};
use icecore_engine::schema::Temporality;
use icecore_engine::time::{TimeRange, TimestampNs, Window};
use icecore_engine::{Engine, EngineOptions, PerSignal};
use icecore_wal::fs::{Fs, SimFs};

use crate::history::{NOW_S, Progress, RETENTION_S};
use crate::model::{Found, Identity, Model};

/// How many of the signals take part.
pub(crate) const SIGNALS: usize = 3;

/// One row to send.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) tenant: &'static str,
    pub(crate) signal: &'static str,
    pub(crate) number: i64,
    /// Days from today.
    pub(crate) day: i64,
    pub(crate) today_s: i64,
    pub(crate) version: u32,
}

impl Row {
    fn at_ms(&self) -> i64 {
        (self.today_s + self.day * 86_400 + self.number * 7 % 3_000) * 1000 + self.number
    }

    fn series(&self) -> String {
        format!("s{}", self.number % 3)
    }

    fn span_id(&self) -> [u8; 8] {
        (self.at_ms() as u64 ^ 1 << 63).to_be_bytes()
    }

    /// Its identity, and the value that reading it back gives.
    pub(crate) fn expected(&self) -> (Identity, String) {
        let at_ms = self.at_ms();
        let identity = Identity {
            tenant: self.tenant.to_owned(),
            signal: self.signal,
            window: Window::of(at_ms.div_euclid(1000), 86_400).start_s,
            key: match self.signal {
                "metrics" => self.series(),
                "logs" => self.number.to_string(),
                _ => format!("{:?}", self.span_id()),
            },
            at: at_ms,
        };
        (identity, self.version.to_string())
    }
}

pub(crate) struct Store {
    fs: Arc<SimFs>,
    clock: Arc<ManualClock>,
    engine: Option<Engine>,
}

impl Store {
    pub(crate) fn new(fs: Arc<SimFs>) -> Self {
        Self {
            fs,
            clock: Arc::new(ManualClock::new(TimestampNs(NOW_S * 1_000_000_000))),
            engine: None,
        }
    }

    pub(crate) fn set_time(&mut self, now_s: i64) {
        self.clock.set(TimestampNs(now_s * 1_000_000_000));
    }

    pub(crate) fn try_open(&mut self, progress: &Progress) -> Result<(), String> {
        self.set_time(progress.now_s);
        let options = EngineOptions {
            background: false,
            memory_bytes_max: 32 << 20,
            wal_segment_bytes: Some(16 << 10),
            wal_bytes_max: 64 << 10,
            retention: PerSignal::all(Duration::from_secs(RETENTION_S as u64)),
            ..EngineOptions::default()
        };
        let fs = Arc::clone(&self.fs) as Arc<dyn Fs>;
        let engine = Engine::open_with(fs, Arc::clone(&self.clock) as _, Path::new("/store"), options);
        self.engine = Some(engine.map_err(|error| error.to_string())?);
        Ok(())
    }

    pub(crate) fn open(&mut self, progress: &Progress, story: &str) {
        if let Err(error) = self.try_open(progress) {
            panic!("{story}: does not open: {error}");
        }
        let recovery = self.engine().stats().recovery;
        assert_eq!(
            recovery.damage,
            Vec::<String>::new(),
            "{story}: a power cut looks like damage"
        );
    }

    pub(crate) fn try_reopen(&mut self, progress: &Progress) -> bool {
        let closed = self.engine.take().is_none_or(|engine| engine.close().is_ok());
        closed && self.try_open(progress).is_ok()
    }

    pub(crate) fn reopen(&mut self, progress: &Progress) {
        assert!(self.try_reopen(progress));
    }

    fn engine(&self) -> &Engine {
        self.engine.as_ref().unwrap()
    }

    pub(crate) fn flush(&mut self) -> bool {
        self.engine().flush().is_ok()
    }

    pub(crate) fn compact(&mut self) -> bool {
        self.engine().compact().is_ok()
    }

    pub(crate) fn tick(&mut self) -> bool {
        self.engine().tick().is_ok()
    }

    /// Sends one request; whether it was acknowledged.
    pub(crate) fn append(&mut self, rows: &[Row]) -> bool {
        let tenant = TenantId::new(rows[0].tenant).unwrap();
        let outcome = match rows[0].signal {
            "metrics" => self.append_metrics(&tenant, rows),
            "logs" => self.append_logs(&tenant, rows),
            _ => self.append_spans(&tenant, rows),
        };
        match outcome {
            Ok(outcome) => {
                assert_eq!(outcome.stored, rows.len() as u64, "{:?}", outcome.message);
                true
            }
            Err(_) => false,
        }
    }

    fn append_metrics(&self, tenant: &TenantId, rows: &[Row]) -> Result<Outcome, AppendError> {
        let mut batch = self.engine().metrics_batch(tenant)?;
        for row in rows {
            let slot = batch.series(1 + row.number as u128 % 3, |labels| {
                labels.metric(&row.series());
                Ok(())
            });
            batch.sample(slot, row.at_ms(), f64::from(row.version), 0, Temporality::Unspecified);
        }
        self.engine().append_metrics(batch)
    }

    fn append_logs(&self, tenant: &TenantId, rows: &[Row]) -> Result<Outcome, AppendError> {
        let mut batch = self.engine().logs_batch(tenant)?;
        let resource = batch.resource(r#"{"service.name":"api"}"#, "api");
        let scope = batch.scope("{}");
        for row in rows {
            batch.push(&LogRow {
                resource,
                scope,
                timestamp_ns: row.at_ms() * 1_000_000,
                observed_timestamp_ns: None,
                severity_number: 9,
                severity_text: "INFO",
                body: Some(&format!("{} {}", row.number, row.version)),
                body_is_json: false,
                event_name: "",
                attributes: "{}",
                trace_id: None,
                span_id: None,
                flags: 0,
                dropped_attributes_count: 0,
            });
        }
        self.engine().append_logs(batch)
    }

    fn append_spans(&self, tenant: &TenantId, rows: &[Row]) -> Result<Outcome, AppendError> {
        let mut batch = self.engine().spans_batch(tenant)?;
        let resource = batch.resource(r#"{"service.name":"api"}"#, "api");
        let scope = batch.scope("{}");
        for row in rows {
            batch.push(&SpanRow {
                resource,
                scope,
                trace_id: [1 + (row.number % 2) as u8; 16],
                span_id: row.span_id(),
                parent_span_id: None,
                trace_state: "",
                flags: 0,
                name: &row.version.to_string(),
                kind: 2,
                timestamp_ns: row.at_ms() * 1_000_000,
                duration_ns: 5,
                status_code: 0,
                status_message: "",
                attributes: "{}",
                events: &[],
                links: &[],
                dropped_attributes_count: 0,
                dropped_events_count: 0,
                dropped_links_count: 0,
            });
        }
        self.engine().append_spans(batch)
    }

    /// All rows of all tenants, with the number of sources that hold each.
    pub(crate) fn rows(&self) -> BTreeMap<Identity, Found> {
        let mut found = BTreeMap::new();
        for tenant in self.engine().tenants() {
            self.samples(&tenant, &mut found);
            self.log_records(&tenant, &mut found);
            self.spans(&tenant, &mut found);
        }
        found
    }

    fn samples(&self, tenant: &TenantId, found: &mut BTreeMap<Identity, Found>) {
        let mut add = |key: &str, window: i64, at: i64, value: f64| {
            let identity = Identity {
                tenant: tenant.as_str().to_owned(),
                signal: "metrics",
                window,
                key: key.to_owned(),
                at,
            };
            add(found, identity, value.to_string());
        };
        for partition in self.engine().snapshot(tenant, Signal::Metrics).partitions {
            let window = partition.window.start_s;
            for part in &partition.parts {
                let groups = part.select(&[], TimeRange::ALL).unwrap();
                part.read(&groups, TimeRange::ALL, &mut |group, chunk| {
                    for (at, value) in chunk.timestamps.iter().zip(chunk.values) {
                        add(groups[group].key.metric(), window, *at, *value);
                    }
                })
                .unwrap();
            }
            for head in &partition.heads {
                for series in head.refs_matching(&[]) {
                    let key = head.key(series).unwrap();
                    head.read(series, TimeRange::ALL, &mut |chunk| {
                        for (at, value) in chunk.timestamps.iter().zip(chunk.values) {
                            add(key.metric(), window, *at, *value);
                        }
                    });
                }
            }
        }
    }

    fn batches(&self, tenant: &TenantId, signal: Signal) -> Vec<(i64, RecordBatch)> {
        let mut all = Vec::new();
        for partition in self.engine().snapshot(tenant, signal).partitions {
            for part in &partition.parts {
                let batches = part.batches(0..part.rows(), None, 1024).unwrap();
                all.extend(batches.into_iter().map(|batch| (partition.window.start_s, batch)));
            }
            for head in &partition.heads {
                let batches = head.batches(TimeRange::ALL).unwrap();
                all.extend(batches.into_iter().map(|batch| (partition.window.start_s, batch)));
            }
        }
        all
    }

    fn log_records(&self, tenant: &TenantId, found: &mut BTreeMap<Identity, Found>) {
        for (window, batch) in self.batches(tenant, Signal::Logs) {
            let bodies = batch.column_by_name("body").unwrap().as_string::<i32>();
            for (body, at_ms) in bodies.iter().zip(times_ms(&batch)) {
                let (number, version) = body.unwrap().split_once(' ').unwrap();
                let identity = Identity {
                    tenant: tenant.as_str().to_owned(),
                    signal: "logs",
                    window,
                    key: number.to_owned(),
                    at: at_ms,
                };
                add(found, identity, version.to_owned());
            }
        }
    }

    fn spans(&self, tenant: &TenantId, found: &mut BTreeMap<Identity, Found>) {
        for (window, batch) in self.batches(tenant, Signal::Traces) {
            let names = batch.column_by_name("name").unwrap().as_string::<i32>();
            let ids = batch.column_by_name("span_id").unwrap().as_fixed_size_binary();
            for ((name, id), at_ms) in names.iter().zip(ids.iter()).zip(times_ms(&batch)) {
                let identity = Identity {
                    tenant: tenant.as_str().to_owned(),
                    signal: "traces",
                    window,
                    key: format!("{:?}", id.unwrap()),
                    at: at_ms,
                };
                add(found, identity, name.unwrap().to_owned());
            }
        }
    }

    pub(crate) fn compare(&self, model: &Model, story: &str) {
        model.compare(&self.rows(), story);
    }
}

fn times_ms(batch: &RecordBatch) -> Vec<i64> {
    let times = batch.column_by_name("timestamp").unwrap();
    let times = times.as_primitive::<TimestampNanosecondType>();
    times.values().iter().map(|at| at / 1_000_000).collect()
}

fn add(found: &mut BTreeMap<Identity, Found>, identity: Identity, value: String) {
    let row = found.entry(identity).or_insert(Found {
        value: String::new(),
        copies: 0,
    });
    row.value = value;
    row.copies += 1;
}
