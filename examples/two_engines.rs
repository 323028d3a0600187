//! Two engines in one process, inside a caller's current-thread runtime, on 64 MiB each: they never meet. Shows the cap
//! on series, retention, SQL and PromQL.
//!
//! `cargo run --release --example two_engines`

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use icecore::clock::{Clock, SystemClock};
use icecore::ids::TenantId;
use icecore::promql::{PromqlEngine, PromqlOptions, QueryLimits, Value};
use icecore::reason::Reason;
use icecore::sql::{SqlEngine, SqlLimits, SqlOptions};
use icecore::{Engine, EngineOptions, PerSignal, Temporality};

const DAY: Duration = Duration::from_secs(86_400);

/// One gauge a shard; the shards' number is what the cap bounds.
fn append_shards(engine: &Engine, tenant: &TenantId, shards: u64, at_ms: i64) -> Result<u64, Box<dyn Error>> {
    let mut batch = engine.metrics_batch(tenant)?;
    for shard in 0..shards {
        let series = batch.labelled("queue_depth", &[("shard", &format!("{shard:03}"))]);
        batch.sample(series, at_ms, shard as f64, 0, Temporality::Unspecified);
    }
    let outcome = engine.append_metrics(batch)?;
    let refused = outcome
        .rejected
        .iter()
        .filter(|(reason, _)| *reason == Reason::SeriesCap)
        .map(|(_, items)| items);
    Ok(refused.sum())
}

async fn run() -> Result<(), Box<dyn Error>> {
    let (left_folder, right_folder) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let options = EngineOptions {
        memory_bytes_max: 64 * 1024 * 1024,
        series_max: 100,
        retention: PerSignal::all(2 * DAY),
        ..EngineOptions::default()
    };
    let left = Arc::new(Engine::open(left_folder.path(), options.clone())?);
    let right = Arc::new(Engine::open(right_folder.path(), options)?);
    let tenant = TenantId::default();
    let now_ms = SystemClock.now().to_ms().0;

    // The cap is exact: of 150 shards, 100 are stored and 50 refused, by name.
    assert_eq!(append_shards(&left, &tenant, 150, now_ms)?, 50);
    assert_eq!(append_shards(&right, &tenant, 7, now_ms)?, 0);

    // Beyond retention nothing is taken, and it is said why.
    let mut old = left.metrics_batch(&tenant)?;
    let series = old.labelled("queue_depth", &[("shard", "000")]);
    old.sample(
        series,
        now_ms - 3 * DAY.as_millis() as i64,
        1.0,
        0,
        Temporality::Unspecified,
    );
    let outcome = left.append_metrics(old)?;
    assert_eq!(outcome.rejected, [(Reason::TooOld, 1)]);

    for (engine, shards) in [(&left, 100.0), (&right, 7.0)] {
        engine.flush()?;
        let promql = PromqlEngine::new(Arc::clone(engine), PromqlOptions::default());
        let count = promql.instant(&tenant, "count(queue_depth)", now_ms, &QueryLimits::default())?;
        let Value::Vector(samples) = count.value else {
            return Err("count gives a vector".into());
        };
        assert_eq!(samples.first().map(|sample| sample.value), Some(shards));

        let sql = SqlEngine::new(Arc::clone(engine), SqlOptions::default())?;
        let statement = "SELECT * FROM metric.queue_depth WHERE shard = '003'";
        let rows = sql
            .query(&tenant, statement, SqlLimits::default())
            .await?
            .collect_all()
            .await?;
        assert_eq!(rows.iter().map(|batch| batch.num_rows()).sum::<usize>(), 1);
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    tokio::runtime::Builder::new_current_thread().build()?.block_on(run())
}
