//! A small simulated shop: twelve services that call each other, four hosts, a few errors, one slow dependency. The same
//! seed gives the same fleet; what it did is known before Icecore hears of it.

use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};

/// Length of one step of the simulation: a scrape interval.
pub(super) const STEP_NS: i64 = 5_000_000_000;
/// Requests from customers in one step.
const REQUESTS_PER_STEP: i64 = 10;
/// Time on the wire, each way.
const WIRE_NS: i64 = 300_000;
/// A fraud check longer than this is complained of.
const SLOW_NS: i64 = 600_000_000;

/// The services; the index is a service's number.
pub(super) const SERVICES: [Service; 12] = [
    Service::new("frontend", (2, 9), 0),
    Service::new("auth", (1, 4), 0),
    Service::new("catalog", (3, 12), 0),
    Service::new("search", (10, 60), 8),
    Service::new("recommendations", (5, 25), 0),
    Service::new("cart", (2, 8), 0),
    Service::new("inventory", (4, 20), 0),
    Service::new("checkout", (5, 20), 0),
    Service::new("payment", (20, 80), 30),
    Service::new("fraud", (350, 900), 0),
    Service::new("shipping", (5, 30), 0),
    Service::new("notifications", (2, 10), 0),
];

/// The hosts; service `n` runs on host `n` modulo their number.
pub(super) const HOSTS: [&str; 4] = ["node-a", "node-b", "node-c", "node-d"];

/// The number of the slow dependency.
pub(super) const SLOW_SERVICE: usize = 9;

/// One service's nature.
pub(super) struct Service {
    pub(super) name: &'static str,
    /// Its own work in milliseconds, from and to.
    work_ms: (i64, i64),
    /// How many of a thousand requests fail by its own fault.
    fails_per_mille: u32,
}

impl Service {
    const fn new(name: &'static str, work_ms: (i64, i64), fails_per_mille: u32) -> Self {
        Self {
            name,
            work_ms,
            fails_per_mille,
        }
    }
}

/// A request and the requests it causes.
struct Call {
    service: usize,
    route: &'static str,
    calls: &'static [Call],
}

const fn call(service: usize, route: &'static str, calls: &'static [Call]) -> Call {
    Call { service, route, calls }
}

const AUTH: Call = call(1, "POST /token", &[]);
const STOCK: Call = call(6, "GET /stock", &[]);

/// What customers do, in equal shares.
const JOURNEYS: [Call; 3] = [
    call(
        0,
        "GET /products",
        &[
            AUTH,
            call(
                2,
                "GET /catalog",
                &[call(3, "GET /search", &[]), call(4, "GET /similar", &[])],
            ),
        ],
    ),
    call(0, "GET /cart", &[AUTH, call(5, "GET /cart/items", &[STOCK])]),
    call(
        0,
        "POST /checkout",
        &[
            AUTH,
            call(
                7,
                "POST /orders",
                &[
                    call(5, "GET /cart/items", &[STOCK]),
                    call(8, "POST /charges", &[call(9, "POST /score", &[])]),
                    call(10, "POST /parcels", &[call(11, "POST /mails", &[])]),
                ],
            ),
        ],
    ),
];

/// One span as it happened.
#[derive(Debug, Clone)]
pub(super) struct SpanEvent {
    pub(super) trace_id: u128,
    pub(super) span_id: u64,
    pub(super) parent_id: Option<u64>,
    pub(super) service: usize,
    /// The request was received (else: sent).
    pub(super) server: bool,
    pub(super) route: &'static str,
    pub(super) start_ns: i64,
    pub(super) end_ns: i64,
    pub(super) failed: bool,
}

/// One log record as it happened.
#[derive(Debug, Clone)]
pub(super) struct LogEvent {
    pub(super) service: usize,
    pub(super) time_ns: i64,
    pub(super) level: Level,
    pub(super) text: String,
    pub(super) trace_id: u128,
    pub(super) span_id: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    Info,
    Warn,
    Error,
}

/// What happened in one step.
#[derive(Debug, Default)]
pub(super) struct Step {
    /// The step's end: metrics are read then. Its requests begin before it.
    pub(super) time_ns: i64,
    pub(super) spans: Vec<SpanEvent>,
    pub(super) logs: Vec<LogEvent>,
    /// By host: share of CPU in use, bytes of memory in use.
    pub(super) hosts: [(f64, u64); HOSTS.len()],
}

/// The simulation.
pub(super) struct Fleet {
    random: SmallRng,
    next_ns: i64,
}

impl Fleet {
    /// A fleet whose first step begins at `start_ns`.
    pub(super) fn new(seed: u64, start_ns: i64) -> Self {
        Self {
            random: SmallRng::seed_from_u64(seed),
            next_ns: start_ns,
        }
    }

    /// Lets a step's time pass without a request, so that what came before has ended.
    pub(super) fn rest(&mut self) {
        self.next_ns += STEP_NS;
    }

    /// When the next step ends.
    pub(super) fn next_end_ns(&self) -> i64 {
        self.next_ns + STEP_NS
    }

    /// Lets one step happen.
    pub(super) fn step(&mut self) -> Step {
        let begin_ns = self.next_ns;
        self.next_ns += STEP_NS;
        let mut step = Step {
            time_ns: self.next_ns,
            ..Step::default()
        };
        for number in 0..REQUESTS_PER_STEP {
            let at_ns = begin_ns + number * STEP_NS / REQUESTS_PER_STEP + self.random.random_range(0..100_000_000);
            let journey = self.random.random_range(0..JOURNEYS.len());
            let trace_id = self.random.random();
            if let Some(journey) = JOURNEYS.get(journey) {
                self.receive(journey, trace_id, None, at_ns, &mut step);
            }
        }
        step.hosts = std::array::from_fn(|_| {
            (
                f64::from(self.random.random_range(50..900)) / 1000.0,
                self.random.random_range(200..1800) << 20,
            )
        });
        step
    }

    /// A service receives a request and does its work, with the requests that takes. Tells when it ends, and how.
    fn receive(
        &mut self,
        call: &Call,
        trace_id: u128,
        parent_id: Option<u64>,
        start_ns: i64,
        step: &mut Step,
    ) -> (i64, bool) {
        let span_id = self.random.random();
        let Some(service) = SERVICES.get(call.service) else {
            return (start_ns, false);
        };
        let work_ns = self
            .random
            .random_range(service.work_ms.0 * 1_000_000..service.work_ms.1 * 1_000_000);
        let mut failed = self.random.random_range(0..1000) < service.fails_per_mille;
        let own_fault = failed;
        let mut now_ns = start_ns + work_ns / 2;
        for next in call.calls {
            if failed {
                break;
            }
            let client_id = self.random.random();
            let sent_ns = now_ns;
            let (answered_ns, answer_failed) = self.receive(next, trace_id, Some(client_id), sent_ns + WIRE_NS, step);
            now_ns = answered_ns + WIRE_NS;
            failed = answer_failed;
            step.spans.push(SpanEvent {
                trace_id,
                span_id: client_id,
                parent_id: Some(span_id),
                service: call.service,
                server: false,
                route: next.route,
                start_ns: sent_ns,
                end_ns: now_ns,
                failed,
            });
        }
        let end_ns = now_ns + work_ns / 2;
        let span = SpanEvent {
            trace_id,
            span_id,
            parent_id,
            service: call.service,
            server: true,
            route: call.route,
            start_ns,
            end_ns,
            failed,
        };
        say(&span, own_fault, step);
        step.spans.push(span);
        (end_ns, failed)
    }
}

/// What a service logs of a request it answered.
fn say(span: &SpanEvent, own_fault: bool, step: &mut Step) {
    let took_ns = span.end_ns - span.start_ns;
    let took_ms = took_ns / 1_000_000;
    let name = SERVICES.get(span.service).map_or("", |service| service.name);
    let (level, text) = if own_fault {
        (
            Level::Error,
            format!("{name}: {} failed after {took_ms} ms", span.route),
        )
    } else if span.service == SLOW_SERVICE && took_ns > SLOW_NS {
        (
            Level::Warn,
            format!("{name}: slow answer of the scoring model, {took_ms} ms"),
        )
    } else if span.parent_id.is_none() {
        (Level::Info, format!("{} answered in {took_ms} ms", span.route))
    } else {
        return;
    };
    step.logs.push(LogEvent {
        service: span.service,
        time_ns: span.end_ns,
        level,
        text,
        trace_id: span.trace_id,
        span_id: span.span_id,
    });
}

#[cfg(test)]
mod tests;
