//! Warnings and infos beside an answer, in Prometheus's words (without its positions in the text).

use parking_lot::Mutex;

use super::number::general;
use crate::limits::PROMQL_ANNOTATIONS_MAX;

/// What a query's nodes remarked, each remark once, in the order of first mention.
#[derive(Debug, Default)]
pub(crate) struct Annotations {
    warnings: Mutex<Vec<String>>,
    infos: Mutex<Vec<String>>,
}

impl Annotations {
    /// `rate` or `increase` of a metric whose name is not that of a counter.
    pub(crate) fn possible_non_counter(&self, metric: &str) {
        let counter = ["_total", "_sum", "_count", "_bucket"]
            .iter()
            .any(|suffix| metric.ends_with(suffix));
        if !metric.is_empty() && !counter {
            add(
                &self.infos,
                format!(
                    "PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: {metric:?}"
                ),
            );
        }
    }

    /// A φ, which should lie between 0 and 1.
    pub(crate) fn check_quantile(&self, q: f64) {
        if !(0.0..=1.0).contains(&q) {
            add(
                &self.warnings,
                format!(
                    "PromQL warning: quantile value should be between 0 and 1, got {}",
                    general(q)
                ),
            );
        }
    }

    /// A ratio outside -1 to 1, cut to it.
    pub(crate) fn invalid_ratio(&self, ratio: f64, capped: f64) {
        add(
            &self.warnings,
            format!(
                "PromQL warning: ratio value should be between -1 and 1, got {}, capping to {}",
                general(ratio),
                general(capped)
            ),
        );
    }

    /// A bucket without a bound.
    pub(crate) fn bad_bucket_label(&self, le: &str) {
        add(
            &self.warnings,
            format!("PromQL warning: bucket label \"le\" is missing or has a malformed value of {le:?}"),
        );
    }

    /// An order that a range query cannot show.
    pub(crate) fn ineffective_sort(&self) {
        add(
            &self.warnings,
            "PromQL warning: sort is ineffective for range queries since results are always ordered by labels"
                .to_owned(),
        );
    }

    /// Buckets that fell where they must rise.
    pub(crate) fn forced_monotonicity(&self) {
        add(
            &self.infos,
            "PromQL info: input to histogram_quantile needed to be fixed for monotonicity \
             (see https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)"
                .to_owned(),
        );
    }

    /// The answer was cut to a number of results.
    pub(crate) fn truncated(&self) {
        add(&self.warnings, "results truncated due to limit".to_owned());
    }

    /// (warnings, infos), each cut to a readable number.
    pub(crate) fn finish(self) -> (Vec<String>, Vec<String>) {
        (
            shorten(self.warnings.into_inner(), "warning"),
            shorten(self.infos.into_inner(), "info"),
        )
    }
}

fn add(list: &Mutex<Vec<String>>, line: String) {
    let mut list = list.lock();
    if !list.contains(&line) {
        list.push(line);
    }
}

fn shorten(mut lines: Vec<String>, what: &str) -> Vec<String> {
    let more = lines.len().saturating_sub(PROMQL_ANNOTATIONS_MAX);
    if more > 0 {
        lines.truncate(PROMQL_ANNOTATIONS_MAX);
        lines.push(format!("{more} more {what} annotations omitted"));
    }
    lines
}
