//! What is true of the fleet's past, computed from its events and from nothing that Icecore did.

use std::collections::BTreeMap;

use super::fleet::{HOSTS, Level, SERVICES, SLOW_SERVICE, SpanEvent, Step};

/// The facts that the demo's questions ask for.
pub(super) struct Truth {
    /// By service: spans, failed spans.
    pub(super) spans: BTreeMap<&'static str, (u64, u64)>,
    /// By service: requests answered.
    pub(super) requests: BTreeMap<&'static str, u64>,
    /// By service: log records of level ERROR.
    pub(super) error_logs: BTreeMap<&'static str, u64>,
    /// By host: the highest share of CPU in use.
    pub(super) cpu_max: BTreeMap<&'static str, f64>,
    /// Durations of the slow dependency's requests, in nanoseconds, sorted.
    pub(super) slow_ns: Vec<i64>,
    /// The first trace that failed: its failed spans in order of their start.
    pub(super) failed_trace: Vec<SpanEvent>,
    /// What was logged in that trace, in order.
    pub(super) failed_trace_logs: Vec<String>,
}

impl Truth {
    pub(super) fn of(steps: &[Step]) -> Self {
        let mut truth = Self {
            spans: BTreeMap::new(),
            requests: BTreeMap::new(),
            error_logs: BTreeMap::new(),
            cpu_max: BTreeMap::new(),
            slow_ns: Vec::new(),
            failed_trace: Vec::new(),
            failed_trace_logs: Vec::new(),
        };
        for step in steps {
            truth.count(step);
        }
        truth.slow_ns.sort_unstable();
        let spans = || steps.iter().flat_map(|step| &step.spans);
        if let Some(trace_id) = spans().find(|span| span.failed).map(|span| span.trace_id) {
            truth.failed_trace = spans()
                .filter(|span| span.failed && span.trace_id == trace_id)
                .cloned()
                .collect();
            truth.failed_trace.sort_by_key(|span| span.start_ns);
            let logs = steps
                .iter()
                .flat_map(|step| &step.logs)
                .filter(|log| log.trace_id == trace_id);
            let mut logs: Vec<_> = logs.map(|log| (log.time_ns, log.text.clone())).collect();
            logs.sort();
            truth.failed_trace_logs = logs.into_iter().map(|(_, text)| text).collect();
        }
        truth
    }

    fn count(&mut self, step: &Step) {
        for span in &step.spans {
            let name = service_name(span.service);
            let counts = self.spans.entry(name).or_default();
            counts.0 += 1;
            counts.1 += u64::from(span.failed);
            if span.server {
                *self.requests.entry(name).or_default() += 1;
            }
            if span.server && span.service == SLOW_SERVICE {
                self.slow_ns.push(span.end_ns - span.start_ns);
            }
        }
        for log in step.logs.iter().filter(|log| log.level == Level::Error) {
            *self.error_logs.entry(service_name(log.service)).or_default() += 1;
        }
        for (host, (cpu, _)) in HOSTS.iter().zip(&step.hosts) {
            let max = self.cpu_max.entry(host).or_default();
            *max = max.max(*cpu);
        }
    }

    /// The quantile as Prometheus estimates it from buckets: straight lines between the bounds.
    pub(super) fn slow_quantile_s(&self, quantile: f64, bounds_s: &[f64]) -> f64 {
        let rank = quantile * self.slow_ns.len() as f64;
        let below = |bound: f64| self.slow_ns.iter().filter(|ns| **ns as f64 / 1e9 <= bound).count() as f64;
        let mut lower = 0.0;
        let mut count_lower = 0.0;
        for bound in bounds_s {
            let count = below(*bound);
            if count >= rank {
                return lower + (bound - lower) * (rank - count_lower) / (count - count_lower);
            }
            (lower, count_lower) = (*bound, count);
        }
        lower
    }
}

/// A service's name by its number.
pub(super) fn service_name(service: usize) -> &'static str {
    SERVICES.get(service).map_or("", |service| service.name)
}
