//! The fleet's telemetry as OTLP messages: what twelve SDKs and four host agents would send.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint, ResourceMetrics,
    ScopeMetrics, Sum, metric, number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};

use super::fleet::{HOSTS, Level, LogEvent, SERVICES, SpanEvent, Step};

/// Upper bounds of the duration histogram, in seconds: those of OpenTelemetry's HTTP conventions.
pub(super) const BOUNDS_S: [f64; 14] = [
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];

/// One service's requests so far, of one outcome.
#[derive(Debug, Clone, Default)]
struct Requests {
    buckets: [u64; BOUNDS_S.len() + 1],
    sum_s: f64,
    count: u64,
}

impl Requests {
    fn add(&mut self, seconds: f64) {
        let bucket = BOUNDS_S.partition_point(|bound| *bound < seconds);
        if let Some(count) = self.buckets.get_mut(bucket) {
            *count += 1;
        }
        self.sum_s += seconds;
        self.count += 1;
    }
}

/// The counters that live in the services' processes.
pub(super) struct Instruments {
    start_ns: i64,
    /// By service: answered well, failed.
    requests: [[Requests; 2]; SERVICES.len()],
}

impl Instruments {
    /// Processes that started at `start_ns`.
    pub(super) fn new(start_ns: i64) -> Self {
        Self {
            start_ns,
            requests: Default::default(),
        }
    }

    /// Counts a step's requests and reads all instruments at its end.
    pub(super) fn metrics(&mut self, step: &Step) -> ExportMetricsServiceRequest {
        for span in step.spans.iter().filter(|span| span.server) {
            let requests = self.requests.get_mut(span.service);
            if let Some(requests) = requests.and_then(|outcomes| outcomes.get_mut(usize::from(span.failed))) {
                requests.add((span.end_ns - span.start_ns) as f64 / 1e9);
            }
        }
        let services = self.requests.iter().enumerate().map(|(service, outcomes)| {
            resource_metrics(
                service_resource(service),
                vec![self.durations(step, outcomes), self.requests_total(step, outcomes)],
            )
        });
        let hosts = HOSTS.iter().zip(&step.hosts).map(|(host, (cpu, memory))| {
            let cpu = gauge(
                "system.cpu.utilization",
                "1",
                step,
                number_data_point::Value::AsDouble(*cpu),
            );
            let memory = gauge(
                "system.memory.usage",
                "By",
                step,
                number_data_point::Value::AsInt(*memory as i64),
            );
            resource_metrics(
                resource(&[
                    ("service.name", "host-agent"),
                    ("service.instance.id", host),
                    ("host.name", host),
                ]),
                vec![cpu, memory],
            )
        });
        ExportMetricsServiceRequest {
            resource_metrics: services.chain(hosts).collect(),
        }
    }

    fn durations(&self, step: &Step, outcomes: &[Requests; 2]) -> Metric {
        let points = outcomes
            .iter()
            .zip(STATUS_CODES)
            .filter(|(requests, _)| requests.count > 0);
        let data_points = points
            .map(|(requests, status)| HistogramDataPoint {
                attributes: vec![attribute("http.response.status_code", Value::IntValue(status))],
                start_time_unix_nano: self.start_ns as u64,
                time_unix_nano: step.time_ns as u64,
                count: requests.count,
                sum: Some(requests.sum_s),
                bucket_counts: requests.buckets.to_vec(),
                explicit_bounds: BOUNDS_S.to_vec(),
                ..Default::default()
            })
            .collect();
        Metric {
            name: "http.server.request.duration".to_owned(),
            description: "Duration of HTTP server requests".to_owned(),
            unit: "s".to_owned(),
            data: Some(metric::Data::Histogram(Histogram {
                data_points,
                aggregation_temporality: AggregationTemporality::Cumulative as i32,
            })),
            ..Default::default()
        }
    }

    fn requests_total(&self, step: &Step, outcomes: &[Requests; 2]) -> Metric {
        let points = outcomes
            .iter()
            .zip(STATUS_CODES)
            .filter(|(requests, _)| requests.count > 0);
        let data_points = points
            .map(|(requests, status)| NumberDataPoint {
                attributes: vec![attribute("http.response.status_code", Value::IntValue(status))],
                start_time_unix_nano: self.start_ns as u64,
                time_unix_nano: step.time_ns as u64,
                value: Some(number_data_point::Value::AsInt(requests.count as i64)),
                ..Default::default()
            })
            .collect();
        Metric {
            name: "http.server.requests".to_owned(),
            description: "HTTP requests answered".to_owned(),
            unit: "{request}".to_owned(),
            data: Some(metric::Data::Sum(Sum {
                data_points,
                aggregation_temporality: AggregationTemporality::Cumulative as i32,
                is_monotonic: true,
            })),
            ..Default::default()
        }
    }
}

/// The HTTP status of a request that went well, and of one that failed.
const STATUS_CODES: [i64; 2] = [200, 500];

/// The steps' spans, by service.
pub(super) fn traces(steps: &[Step]) -> ExportTraceServiceRequest {
    let resource_spans = (0..SERVICES.len())
        .map(|service| {
            let spans = steps
                .iter()
                .flat_map(|step| &step.spans)
                .filter(|event| event.service == service)
                .map(span)
                .collect();
            ResourceSpans {
                resource: Some(service_resource(service)),
                scope_spans: vec![ScopeSpans {
                    scope: Some(scope()),
                    spans,
                    ..Default::default()
                }],
                ..Default::default()
            }
        })
        .collect();
    ExportTraceServiceRequest { resource_spans }
}

fn span(event: &SpanEvent) -> Span {
    let (kind, status) = match (event.server, event.failed) {
        (true, false) => (SpanKind::Server, 200),
        (true, true) => (SpanKind::Server, 500),
        (false, false) => (SpanKind::Client, 200),
        (false, true) => (SpanKind::Client, 500),
    };
    let (method, route) = event.route.split_once(' ').unwrap_or(("GET", event.route));
    Span {
        trace_id: event.trace_id.to_be_bytes().to_vec(),
        span_id: event.span_id.to_be_bytes().to_vec(),
        parent_span_id: event.parent_id.map_or_else(Vec::new, |id| id.to_be_bytes().to_vec()),
        name: event.route.to_owned(),
        kind: kind as i32,
        start_time_unix_nano: event.start_ns as u64,
        end_time_unix_nano: event.end_ns as u64,
        attributes: vec![
            attribute("http.request.method", Value::StringValue(method.to_owned())),
            attribute("http.route", Value::StringValue(route.to_owned())),
            attribute("http.response.status_code", Value::IntValue(status)),
        ],
        status: event.failed.then(|| Status {
            code: StatusCode::Error as i32,
            message: "request failed".to_owned(),
        }),
        ..Default::default()
    }
}

/// The steps' log records, by service.
pub(super) fn logs(steps: &[Step]) -> ExportLogsServiceRequest {
    let resource_logs = (0..SERVICES.len())
        .map(|service| {
            let log_records = steps
                .iter()
                .flat_map(|step| &step.logs)
                .filter(|event| event.service == service)
                .map(log_record)
                .collect();
            ResourceLogs {
                resource: Some(service_resource(service)),
                scope_logs: vec![ScopeLogs {
                    scope: Some(scope()),
                    log_records,
                    ..Default::default()
                }],
                ..Default::default()
            }
        })
        .collect();
    ExportLogsServiceRequest { resource_logs }
}

fn log_record(event: &LogEvent) -> LogRecord {
    let (number, text) = match event.level {
        Level::Info => (9, "INFO"),
        Level::Warn => (13, "WARN"),
        Level::Error => (17, "ERROR"),
    };
    LogRecord {
        time_unix_nano: event.time_ns as u64,
        observed_time_unix_nano: event.time_ns as u64,
        severity_number: number,
        severity_text: text.to_owned(),
        body: Some(AnyValue {
            value: Some(Value::StringValue(event.text.clone())),
        }),
        trace_id: event.trace_id.to_be_bytes().to_vec(),
        span_id: event.span_id.to_be_bytes().to_vec(),
        flags: 1,
        ..Default::default()
    }
}

fn resource_metrics(resource: Resource, metrics: Vec<Metric>) -> ResourceMetrics {
    ResourceMetrics {
        resource: Some(resource),
        scope_metrics: vec![ScopeMetrics {
            scope: Some(scope()),
            metrics,
            ..Default::default()
        }],
        ..Default::default()
    }
}

fn gauge(name: &str, unit: &str, step: &Step, value: number_data_point::Value) -> Metric {
    Metric {
        name: name.to_owned(),
        unit: unit.to_owned(),
        data: Some(metric::Data::Gauge(Gauge {
            data_points: vec![NumberDataPoint {
                time_unix_nano: step.time_ns as u64,
                value: Some(value),
                ..Default::default()
            }],
        })),
        ..Default::default()
    }
}

fn service_resource(service: usize) -> Resource {
    let name = SERVICES.get(service).map_or("", |service| service.name);
    let host = HOSTS.get(service % HOSTS.len()).copied().unwrap_or_default();
    let instance = format!("{name}-1");
    resource(&[
        ("service.name", name),
        ("service.namespace", "shop"),
        ("service.instance.id", &instance),
        ("host.name", host),
        ("deployment.environment.name", "demo"),
    ])
}

fn resource(attributes: &[(&str, &str)]) -> Resource {
    Resource {
        attributes: attributes
            .iter()
            .map(|(key, value)| attribute(key, Value::StringValue((*value).to_owned())))
            .collect(),
        ..Default::default()
    }
}

fn scope() -> InstrumentationScope {
    InstrumentationScope {
        name: "icecore.demo".to_owned(),
        version: "1".to_owned(),
        ..Default::default()
    }
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
        ..Default::default()
    }
}
