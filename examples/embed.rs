//! The shortest useful program: append samples, ask PromQL and SQL, all in this process.
//!
//! `cargo run --release --example embed`

use std::error::Error;
use std::sync::Arc;

use icecore::clock::{Clock, SystemClock};
use icecore::ids::TenantId;
use icecore::promql::{PromqlEngine, PromqlOptions, QueryLimits, Value};
use icecore::sql::{SqlEngine, SqlLimits, SqlOptions};
use icecore::{Engine, EngineOptions, Temporality};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let engine = Arc::new(Engine::open(folder.path(), EngineOptions::default())?);
    let tenant = TenantId::default();
    let now_ms = SystemClock.now().to_ms().0;

    // A minute of two counters, a sample every five seconds. When `append_metrics` returns, they are on the disk.
    let mut batch = engine.metrics_batch(&tenant)?;
    for (instance, per_second) in [("a", 2.0), ("b", 3.0)] {
        let series = batch.labelled("requests_total", &[("job", "api"), ("instance", instance)]);
        for second in (0..=60).step_by(5) {
            let at_ms = now_ms - 60_000 + second * 1_000;
            batch.sample(series, at_ms, per_second * second as f64, 0, Temporality::Cumulative);
        }
    }
    let outcome = engine.append_metrics(batch)?;
    assert_eq!((outcome.stored, outcome.rejected_total()), (26, 0));

    let promql = PromqlEngine::new(Arc::clone(&engine), PromqlOptions::default());
    let answer = promql.instant(
        &tenant,
        "sum(rate(requests_total[1m]))",
        now_ms,
        &QueryLimits::default(),
    )?;
    let Value::Vector(samples) = answer.value else {
        return Err("a sum over series is a vector".into());
    };
    assert_eq!(samples.len(), 1);

    let sql = SqlEngine::new(Arc::clone(&engine), SqlOptions::default())?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let rows = runtime.block_on(async {
        let statement = "SELECT labels->>'instance' AS instance, max(value) FROM metrics GROUP BY 1 ORDER BY 1";
        sql.query(&tenant, statement, SqlLimits::default())
            .await?
            .collect_all()
            .await
    })?;
    assert_eq!(rows.iter().map(|batch| batch.num_rows()).sum::<usize>(), 2);
    Ok(())
}
