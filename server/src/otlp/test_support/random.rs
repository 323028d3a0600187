//! Random OTLP messages, of every field and every kind of value, as opentelemetry-proto has them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, EntityRef, InstrumentationScope, KeyValue, KeyValueList,
};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{Span, Status};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};

use super::NOW_NS;

/// A source of messages; equal seeds give equal messages.
pub(crate) struct Random {
    pub(crate) rng: StdRng,
    finite: bool,
}

const TEXTS: [&str; 12] = [
    "",
    "a",
    "service.name",
    "$bytes",
    "$$x",
    "quo\"te",
    "back\\slash",
    "line\nfeed\ttab",
    "\u{0}\u{1f}\u{7f}",
    "üñïcödé",
    "日本語 \u{1f9ca}",
    "a long text that is not special at all, only long enough to be no short one",
];

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            rng: StdRng::seed_from_u64(seed),
            finite: false,
        }
    }

    /// The same with doubles that JSON has numbers for, because opentelemetry-proto writes no others.
    pub(crate) fn finite(seed: u64) -> Self {
        Self {
            finite: true,
            ..Self::new(seed)
        }
    }

    pub(crate) fn chance(&mut self, percent: u32) -> bool {
        self.rng.random_range(0..100) < percent
    }

    pub(crate) fn text(&mut self) -> String {
        (*TEXTS.choose(&mut self.rng).unwrap()).to_owned()
    }

    pub(crate) fn double(&mut self) -> f64 {
        match self.rng.random_range(0..8) {
            0 => 0.0,
            1 => -0.0,
            2 if !self.finite => f64::NAN,
            3 if !self.finite => f64::INFINITY,
            4 if !self.finite => f64::NEG_INFINITY,
            5 => f64::from(self.rng.random_range(-1000..1000_i32)),
            _ => Some(f64::from_bits(self.rng.random()))
                .filter(|v| v.is_finite())
                .unwrap_or(0.1),
        }
    }

    fn value(&mut self, depth: u32) -> Value {
        let kinds = if depth > 0 { 7 } else { 5 };
        match self.rng.random_range(0..kinds) {
            0 => Value::StringValue(self.text()),
            1 => Value::BoolValue(self.rng.random()),
            2 => Value::IntValue(self.rng.random()),
            3 => Value::DoubleValue(self.double()),
            4 => {
                let length = self.rng.random_range(0..6);
                Value::BytesValue((0..length).map(|_| self.rng.random()).collect())
            }
            5 => Value::ArrayValue(ArrayValue {
                values: (0..self.rng.random_range(0..4))
                    .map(|_| self.any_value(depth - 1))
                    .collect(),
            }),
            _ => Value::KvlistValue(KeyValueList {
                values: self.pairs(4, depth - 1),
            }),
        }
    }

    pub(crate) fn any_value(&mut self, depth: u32) -> AnyValue {
        AnyValue {
            value: (!self.chance(10)).then(|| self.value(depth)),
        }
    }

    fn pairs(&mut self, max: usize, depth: u32) -> Vec<KeyValue> {
        (0..self.rng.random_range(0..=max))
            .map(|_| KeyValue {
                key: self.text(),
                value: (!self.chance(5)).then(|| self.any_value(depth)),
                key_strindex: 0,
            })
            .collect()
    }

    pub(crate) fn attributes(&mut self) -> Vec<KeyValue> {
        self.pairs(20, 3)
    }

    fn count(&mut self) -> u32 {
        if self.chance(50) { 0 } else { self.rng.random() }
    }

    fn bytes(&mut self, lengths: &[usize]) -> Vec<u8> {
        let length = *lengths.choose(&mut self.rng).unwrap();
        (0..length).map(|_| self.rng.random_range(1..=255)).collect()
    }

    pub(crate) fn resource(&mut self) -> Option<Resource> {
        (!self.chance(10)).then(|| Resource {
            attributes: self.attributes(),
            dropped_attributes_count: self.count(),
            entity_refs: (0..self.rng.random_range(0..3))
                .map(|_| EntityRef {
                    schema_url: self.text(),
                    r#type: self.text(),
                    id_keys: vec![self.text(), self.text()],
                    description_keys: vec![],
                })
                .collect(),
        })
    }

    pub(crate) fn scope(&mut self) -> Option<InstrumentationScope> {
        (!self.chance(10)).then(|| InstrumentationScope {
            name: self.text(),
            version: self.text(),
            attributes: self.attributes(),
            dropped_attributes_count: self.count(),
        })
    }

    /// A time within an hour before now.
    pub(crate) fn time_ns(&mut self) -> u64 {
        NOW_NS - self.rng.random_range(0..3_600_000_000_000)
    }

    /// The start of an accumulation, now and then unknown.
    pub(crate) fn start_ns(&mut self) -> u64 {
        if self.chance(50) { 0 } else { self.time_ns() }
    }

    pub(crate) fn log_record(&mut self) -> LogRecord {
        let time_unix_nano = if self.chance(20) { 0 } else { self.time_ns() };
        LogRecord {
            time_unix_nano,
            observed_time_unix_nano: if self.chance(30) { 0 } else { self.time_ns() },
            severity_number: self.rng.random_range(-2..30),
            severity_text: self.text(),
            body: (!self.chance(10)).then(|| self.any_value(4)),
            attributes: self.attributes(),
            dropped_attributes_count: self.count(),
            flags: self.rng.random(),
            trace_id: self.bytes(&[0, 16, 16, 15]),
            span_id: self.bytes(&[0, 8, 8, 9]),
            event_name: self.text(),
        }
    }

    pub(crate) fn span(&mut self) -> Span {
        Span {
            trace_id: self.bytes(&[16, 16, 16, 16, 16, 16, 16, 16, 16, 0, 17]),
            span_id: self.bytes(&[8, 8, 8, 8, 8, 8, 8, 8, 8, 0, 7]),
            trace_state: self.text(),
            parent_span_id: self.bytes(&[0, 8, 8, 3]),
            flags: self.rng.random(),
            name: self.text(),
            kind: self.rng.random_range(-1..8),
            start_time_unix_nano: self.time_ns(),
            end_time_unix_nano: if self.chance(5) { 0 } else { self.time_ns() },
            attributes: self.attributes(),
            dropped_attributes_count: self.count(),
            events: (0..self.rng.random_range(0..4))
                .map(|_| Event {
                    time_unix_nano: self.rng.random_range(0..1 << 62),
                    name: self.text(),
                    attributes: self.attributes(),
                    dropped_attributes_count: self.count(),
                })
                .collect(),
            dropped_events_count: self.count(),
            links: (0..self.rng.random_range(0..4))
                .map(|_| Link {
                    trace_id: self.bytes(&[16]),
                    span_id: self.bytes(&[8]),
                    trace_state: self.text(),
                    attributes: self.attributes(),
                    dropped_attributes_count: self.count(),
                    flags: self.rng.random(),
                })
                .collect(),
            dropped_links_count: self.count(),
            status: (!self.chance(30)).then(|| Status {
                message: self.text(),
                code: self.rng.random_range(-1..5),
            }),
        }
    }
}
