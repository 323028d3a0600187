//! The data of the benches: a small fleet of hosts whose counters, gauges and constants move as those of real ones do.

use prost::Message;

/// A remote-write 1.0 request, as its specification numbers the fields.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct WriteRequest {
    #[prost(message, repeated, tag = "1")]
    pub(crate) timeseries: Vec<TimeSeries>,
}

/// One series of a request.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct TimeSeries {
    #[prost(message, repeated, tag = "1")]
    pub(crate) labels: Vec<Label>,
    #[prost(message, repeated, tag = "2")]
    pub(crate) samples: Vec<Sample>,
}

/// One label.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Label {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(string, tag = "2")]
    pub(crate) value: String,
}

/// One sample.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Sample {
    #[prost(double, tag = "1")]
    pub(crate) value: f64,
    #[prost(int64, tag = "2")]
    pub(crate) timestamp: i64,
}

/// Series of one metric on one host, as `node_cpu_seconds_total` has them.
pub(crate) const SERIES_PER_METRIC: usize = 100;
/// Seconds between two scrapes.
pub(crate) const INTERVAL_S: i64 = 15;

fn label(name: &str, value: impl Into<String>) -> Label {
    Label {
        name: name.to_owned(),
        value: value.into(),
    }
}

/// Value of series `number` at scrape `step`: of ten series five count up, three wander, two stand still.
fn value(number: usize, step: i64) -> f64 {
    let seed = number as i64 * 7_919;
    match number % 10 {
        0..5 => (seed % 1_000_000 + step * (seed % 97 + 1)) as f64,
        5..8 => ((seed + step * 31) % 1_000) as f64 / 100.0,
        _ => (seed % 4_096) as f64,
    }
}

/// One scrape of one host as a remote-write body, before compression.
pub(crate) fn scrape(host: usize, series_per_host: usize, step: i64, first_ms: i64) -> Vec<u8> {
    let timeseries = (0..series_per_host)
        .map(|number| TimeSeries {
            labels: vec![
                label(
                    "__name__",
                    format!("node_metric_{:03}_total", number / SERIES_PER_METRIC),
                ),
                label("cpu", (number % SERIES_PER_METRIC).to_string()),
                label("instance", format!("host-{host:04}:9100")),
                label("job", "node"),
            ],
            samples: vec![Sample {
                value: value(host * series_per_host + number, step),
                timestamp: first_ms + step * INTERVAL_S * 1_000,
            }],
        })
        .collect();
    WriteRequest { timeseries }.encode_to_vec()
}
