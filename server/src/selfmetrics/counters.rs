//! What the transports count: requests by route and code, whole requests refused by reason, time taken.

use std::collections::BTreeMap;
use std::time::Duration;

use parking_lot::Mutex;

use super::exposition::{Exposition, FamilyKind};
use crate::intake::Kind;

/// Upper bounds of the request histogram, in seconds.
const REQUEST_SECONDS: [f64; 10] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.25, 1.0, 5.0, 30.0];

/// The counters of one server.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// By protocol, route (a template, never a path as sent) and code.
    requests: Mutex<BTreeMap<(&'static str, String, String), u64>>,
    seconds: Mutex<BTreeMap<String, Seconds>>,
    refused: Mutex<BTreeMap<(&'static str, Kind), u64>>,
    accept_errors: Mutex<u64>,
}

#[derive(Debug, Default, Clone)]
struct Seconds {
    buckets: [u64; REQUEST_SECONDS.len()],
    sum: f64,
    count: u64,
}

impl Counters {
    /// One request answered with `code`.
    pub(crate) fn request(&self, protocol: &'static str, route: &str, code: &str, took: Duration) {
        *self
            .requests
            .lock()
            .entry((protocol, route.to_owned(), code.to_owned()))
            .or_default() += 1;
        let took = took.as_secs_f64();
        let mut seconds = self.seconds.lock();
        let seconds = seconds.entry(route.to_owned()).or_default();
        seconds.sum += took;
        seconds.count += 1;
        let bucket = REQUEST_SECONDS.iter().position(|bound| took <= *bound);
        if let Some(count) = bucket.and_then(|bucket| seconds.buckets.get_mut(bucket)) {
            *count += 1;
        }
    }

    /// One request refused as a whole; `what` is the signal or the API.
    pub(crate) fn refused(&self, what: &'static str, kind: Kind) {
        *self.refused.lock().entry((what, kind)).or_default() += 1;
    }

    /// One connection that the system would not hand over.
    pub(crate) fn accept_error(&self) {
        *self.accept_errors.lock() += 1;
    }

    pub(crate) fn render(&self, out: &mut Exposition) {
        out.family(
            "icecore_requests_total",
            FamilyKind::Counter,
            "Requests answered, by route and code (HTTP status or gRPC code)",
        );
        for ((protocol, route, code), count) in self.requests.lock().iter() {
            out.sample(
                &[("protocol", protocol), ("route", route), ("code", code)],
                *count as f64,
            );
        }
        out.family(
            "icecore_request_seconds",
            FamilyKind::Histogram,
            "Time from a request's header to its answer",
        );
        for (route, seconds) in self.seconds.lock().iter() {
            let buckets = REQUEST_SECONDS.into_iter().zip(seconds.buckets);
            out.histogram(&[("route", route)], buckets, seconds.sum, seconds.count);
        }
        out.family(
            "icecore_requests_refused_total",
            FamilyKind::Counter,
            "Requests refused as a whole, by what they were for and why",
        );
        for ((what, kind), count) in self.refused.lock().iter() {
            out.sample(&[("for", what), ("reason", kind.as_str())], *count as f64);
        }
        out.single(
            "icecore_accept_errors_total",
            FamilyKind::Counter,
            "Connections the system would not hand over, such as for want of file descriptors",
            *self.accept_errors.lock() as f64,
        );
    }
}
