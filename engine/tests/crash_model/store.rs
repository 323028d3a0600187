//! The engine under test, and how its rows are read back: source by source, without the query layers.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use icecore_engine::clock::ManualClock;
use icecore_engine::ids::{Signal, TenantId};
use icecore_engine::schema::Temporality;
use icecore_engine::time::{TimeRange, TimestampNs, Window};
use icecore_engine::{Engine, EngineOptions, PerSignal};
use icecore_wal::fs::{Fs, SimFs};

use crate::history::{NOW_S, Progress, RETENTION_DAYS};
use crate::model::{Found, Identity, Model};

/// How many of the signals take part.
pub(crate) const SIGNALS: usize = 1;

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

    pub(crate) fn expected(&self) -> (Identity, String) {
        let at_ms = self.at_ms();
        let identity = Identity {
            tenant: self.tenant.to_owned(),
            signal: self.signal,
            window: Window::of(at_ms.div_euclid(1000), 86_400).start_s,
            key: self.series(),
            at: at_ms,
        };
        (identity, f64::from(self.version).to_string())
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
            retention: PerSignal::all(Duration::from_secs(RETENTION_DAYS as u64 * 86_400)),
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
        let engine = self.engine();
        let outcome = {
            let mut batch = engine.metrics_batch(&tenant).unwrap();
            for row in rows {
                let slot = batch.series(1 + row.number as u128 % 3, |labels| {
                    labels.metric(&row.series());
                    Ok(())
                });
                batch.sample(slot, row.at_ms(), f64::from(row.version), 0, Temporality::Unspecified);
            }
            engine.append_metrics(batch)
        };
        match outcome {
            Ok(outcome) => {
                assert_eq!(outcome.stored, rows.len() as u64, "{:?}", outcome.message);
                true
            }
            Err(_) => false,
        }
    }

    /// All rows of all tenants, with the number of sources that hold each.
    pub(crate) fn rows(&self) -> BTreeMap<Identity, Found> {
        let mut found = BTreeMap::new();
        for tenant in self.engine().tenants() {
            self.samples(&tenant, &mut found);
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

    pub(crate) fn compare(&self, model: &Model, story: &str) {
        model.compare(&self.rows(), story);
    }
}

fn add(found: &mut BTreeMap<Identity, Found>, identity: Identity, value: String) {
    let row = found.entry(identity).or_insert(Found {
        value: String::new(),
        copies: 0,
    });
    row.value = value;
    row.copies += 1;
}
