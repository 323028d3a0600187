//! The engine that scripts run against: a real one, in a folder of its own, with a clock that stands still.

use std::sync::Arc;
use std::time::Duration;

use icecore_engine::SyncPolicy;
use icecore_engine::clock::ManualClock;
use icecore_engine::engine::Engine;
use icecore_engine::fs::OsFs;
use icecore_engine::ids::TenantId;
use icecore_engine::options::{EngineOptions, PerSignal};
use icecore_engine::schema::Temporality;
use icecore_engine::time::TimestampNs;
use icecore_query::promql::{Labels, PromqlEngine, PromqlError, PromqlOptions, QueryLimits, QueryResult};

use crate::script::When;
use crate::series::Sequence;

/// Where the samples lie when queries come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Heads,
    Parts,
    Both,
}

/// An engine, and the tenant of the script's current data.
pub(crate) struct Store {
    engine: Arc<Engine>,
    promql: PromqlEngine,
    tenant: TenantId,
    tenants: usize,
    place: Place,
    _folder: tempfile::TempDir,
}

/// One sample of a script: series, time, value.
type Row<'a> = (&'a Labels, i64, f64);

impl Store {
    pub(crate) fn new(place: Place) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new(TimestampNs(86_400_000_000_000)));
        let days = Duration::from_secs(365 * 86_400);
        let options = EngineOptions {
            wal_sync: SyncPolicy::Os,
            retention: PerSignal::all(days),
            future_max: days,
            background: false,
            ..EngineOptions::default()
        };
        let engine = Arc::new(Engine::open_with(Arc::new(OsFs), clock, folder.path(), options).unwrap());
        let promql = PromqlEngine::new(Arc::clone(&engine), PromqlOptions { threads: 2 });
        Self {
            engine,
            promql,
            tenant: "t0".parse().unwrap(),
            tenants: 0,
            place,
            _folder: folder,
        }
    }

    /// Starts over: every stretch of a script has a tenant of its own.
    pub(crate) fn clear(&mut self) {
        self.tenants += 1;
        self.tenant = format!("t{}", self.tenants).parse().unwrap();
    }

    pub(crate) fn load(&mut self, step_ms: i64, delta: bool, series: &[(Labels, Sequence)]) {
        let rows: Vec<Row<'_>> = series
            .iter()
            .flat_map(|(labels, values)| {
                let samples = values.iter().enumerate();
                samples.filter_map(move |(index, value)| Some((labels, index as i64 * step_ms, (*value)?)))
            })
            .collect();
        match self.place {
            Place::Heads => self.append(&rows, delta),
            Place::Parts => {
                self.append(&rows, delta);
                self.engine.flush().unwrap();
            }
            Place::Both => {
                // Every third sample comes first and goes into a part, with a value that the second write corrects;
                // the rest, and those again, stay in the head.
                let early: Vec<Row<'_>> = rows
                    .iter()
                    .step_by(3)
                    .map(|(labels, at, value)| (*labels, *at, value + 1.0))
                    .collect();
                self.append(&early, delta);
                self.engine.flush().unwrap();
                self.append(&rows, delta);
            }
        }
    }

    fn append(&self, rows: &[Row<'_>], delta: bool) {
        let mut batch = self.engine.metrics_batch(&self.tenant).unwrap();
        let temporality = if delta {
            Temporality::Delta
        } else {
            Temporality::Cumulative
        };
        for (labels, at, value) in rows {
            let arrival = xxhash_rust::xxh3::xxh3_128(labels.to_string().as_bytes());
            let slot = batch.series(arrival, |builder| {
                labels.iter().for_each(|(name, value)| builder.label(name, value));
                Ok(())
            });
            batch.sample(slot, *at, *value, 0, temporality);
        }
        let outcome = self.engine.append_metrics(batch).unwrap();
        assert_eq!(outcome.rejected.len(), 0, "{outcome:?}");
    }

    pub(crate) fn ask(&self, query: &str, when: When) -> Result<QueryResult, PromqlError> {
        let limits = QueryLimits::default();
        match when {
            When::Instant(at) => self.promql.instant(&self.tenant, query, at, &limits),
            When::Range { start, end, step } => self.promql.range(&self.tenant, query, start, end, step, &limits),
        }
    }
}
