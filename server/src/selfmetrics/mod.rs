//! What the server says of itself at `/metrics`: its transports, its engine, its process.

mod counters;
mod engine;
mod exposition;
mod process;

use crate::app::App;
use exposition::{Exposition, FamilyKind};

pub(crate) use counters::Counters;

/// The whole text of `/metrics`.
pub(crate) fn render(app: &App) -> String {
    let mut out = Exposition::default();
    out.family("icecore_build_info", FamilyKind::Gauge, "The version that runs");
    out.sample(&[("version", env!("CARGO_PKG_VERSION"))], 1.0);
    app.counters.render(&mut out);
    pools(app, &mut out);
    engine::render(&app.engine, &mut out);
    process::render(&mut out);
    out.finish()
}

fn pools(app: &App, out: &mut Exposition) {
    let pools = [&app.ingest_places, &app.promql_places, &app.sql_places];
    out.family(
        "icecore_work_running",
        FamilyKind::Gauge,
        "Requests at work on blocking threads",
    );
    for pool in pools {
        out.sample(&[("pool", pool.name())], pool.running() as f64);
    }
    out.family(
        "icecore_work_waiting",
        FamilyKind::Gauge,
        "Requests that wait for a place",
    );
    for pool in pools {
        out.sample(&[("pool", pool.name())], pool.waiting() as f64);
    }
}
