//! Random requests decoded by opentelemetry-proto and worked out in the plainest way, against what the decoder stored.

use opentelemetry_proto::tonic::common::v1::KeyValue;
use proptest::prelude::*;
use rand::Rng as _;

use super::*;
use crate::otlp::any_value::{Oddities, label_text};
use crate::otlp::test_support::random::Random;
use crate::otlp::test_support::{NOW_MS, expected, hex};
use crate::translate::{Labels, MetricKind, ResourceLabels, metric_name};

const KEYS: [&str; 6] = ["a", "a.b", "a_b", "service.name", "le", "quantile"];

fn attributes(random: &mut Random) -> Vec<KeyValue> {
    (0..random.rng.random_range(0..5))
        .map(|_| KeyValue {
            key: KEYS[random.rng.random_range(0..KEYS.len())].to_owned(),
            value: Some(random.any_value(2)),
            ..KeyValue::default()
        })
        .collect()
}

fn exemplars(random: &mut Random) -> Vec<Exemplar> {
    (0..random.rng.random_range(0..3_u32).saturating_sub(1))
        .map(|_| Exemplar {
            filtered_attributes: attributes(random),
            time_unix_nano: random.time_ns(),
            span_id: vec![3; 8],
            trace_id: vec![4; 16],
            value: Some(if random.chance(50) {
                exemplar::Value::AsInt(random.rng.random_range(-9..9))
            } else {
                exemplar::Value::AsDouble(1.5)
            }),
        })
        .collect()
}

fn number_point(random: &mut Random) -> NumberDataPoint {
    NumberDataPoint {
        attributes: attributes(random),
        start_time_unix_nano: random.start_ns(),
        time_unix_nano: random.time_ns(),
        exemplars: exemplars(random),
        flags: random.rng.random_range(0..3),
        value: Some(if random.chance(50) {
            number_data_point::Value::AsInt(random.rng.random_range(-1000..1000))
        } else {
            number_data_point::Value::AsDouble(random.double())
        }),
    }
}

fn histogram_point(random: &mut Random) -> HistogramDataPoint {
    let bounds = random.rng.random_range(0..4_u32);
    let buckets = if bounds == 0 && random.chance(50) {
        0
    } else {
        bounds + 1
    };
    HistogramDataPoint {
        attributes: attributes(random),
        start_time_unix_nano: random.start_ns(),
        time_unix_nano: random.time_ns(),
        count: random.rng.random_range(0..1000),
        sum: random.chance(50).then(|| random.double()),
        bucket_counts: (0..buckets).map(|_| random.rng.random_range(0..100)).collect(),
        explicit_bounds: (0..bounds).map(|bound| f64::from(bound) * 0.25).collect(),
        exemplars: exemplars(random),
        flags: u32::from(random.chance(10)),
        min: random.chance(50).then(|| random.double()),
        max: random.chance(50).then(|| random.double()),
    }
}

fn exponential_point(random: &mut Random) -> ExponentialHistogramDataPoint {
    let buckets = |random: &mut Random| {
        random.chance(70).then(|| Buckets {
            offset: random.rng.random_range(-9..9),
            bucket_counts: (0..random.rng.random_range(0..5_u32))
                .map(|_| random.rng.random_range(0..99))
                .collect(),
        })
    };
    ExponentialHistogramDataPoint {
        attributes: attributes(random),
        start_time_unix_nano: random.start_ns(),
        time_unix_nano: random.time_ns(),
        count: random.rng.random(),
        sum: random.chance(50).then_some(2.5),
        scale: random.rng.random_range(-11..21),
        zero_count: random.rng.random(),
        positive: buckets(random),
        negative: buckets(random),
        flags: 0,
        exemplars: exemplars(random),
        min: random.chance(50).then_some(-1.0),
        max: random.chance(50).then_some(7.0),
        zero_threshold: 0.125,
    }
}

fn summary_point(random: &mut Random) -> SummaryDataPoint {
    SummaryDataPoint {
        attributes: attributes(random),
        start_time_unix_nano: random.start_ns(),
        time_unix_nano: random.time_ns(),
        count: random.rng.random_range(0..99),
        sum: random.double(),
        quantile_values: (0..random.rng.random_range(0..4_u32))
            .map(|quantile| ValueAtQuantile {
                quantile: f64::from(quantile) / 4.0,
                value: random.double(),
            })
            .collect(),
        flags: u32::from(random.chance(10)),
    }
}

fn list<T>(random: &mut Random, point: fn(&mut Random) -> T) -> Vec<T> {
    (0..random.rng.random_range(0..4)).map(|_| point(random)).collect()
}

fn data(random: &mut Random) -> Data {
    let aggregation_temporality = random.rng.random_range(1..3);
    match random.rng.random_range(0..5) {
        0 => gauge(list(random, number_point)),
        1 => Data::Sum(Sum {
            data_points: list(random, number_point),
            aggregation_temporality,
            is_monotonic: random.chance(50),
        }),
        2 => Data::Histogram(Histogram {
            data_points: list(random, histogram_point),
            aggregation_temporality,
        }),
        3 => Data::ExponentialHistogram(ExponentialHistogram {
            data_points: list(random, exponential_point),
            aggregation_temporality,
        }),
        _ => Data::Summary(Summary {
            data_points: list(random, summary_point),
        }),
    }
}

fn random_request(random: &mut Random) -> ExportMetricsServiceRequest {
    let resource_metrics = (0..random.rng.random_range(0..3))
        .map(|_| {
            let metrics = |random: &mut Random| {
                (0..random.rng.random_range(0..4))
                    .map(|_| {
                        metric(
                            ["m", "m.n", "x total"][random.rng.random_range(0..3)],
                            "s",
                            data(random),
                        )
                    })
                    .collect()
            };
            ResourceMetrics {
                resource: random.chance(80).then(|| Resource {
                    attributes: attributes(random),
                    ..Resource::default()
                }),
                scope_metrics: (0..random.rng.random_range(0..3))
                    .map(|_| ScopeMetrics {
                        scope: random.scope(),
                        metrics: metrics(random),
                        schema_url: random.text(),
                    })
                    .collect(),
                schema_url: random.text(),
            }
        })
        .collect();
    let request = ExportMetricsServiceRequest { resource_metrics };
    // As prost reads it back: it leaves out a plain field of -0.0, which it takes for the default.
    ExportMetricsServiceRequest::decode(request.encode_to_vec().as_slice()).unwrap()
}

/// What the plain reading of a request stores.
#[derive(Default)]
struct Model {
    rows: Vec<String>,
    exemplars: Vec<String>,
    points: u64,
}

/// The labels of a point's series as canonical text, with one label more where the series wants it.
type LabelsOf<'m> = dyn Fn(Option<(&str, String)>) -> String + 'm;

/// The family of a point: everything but what a member series adds.
struct Family<'m> {
    labels: &'m LabelsOf<'m>,
    name: &'m str,
    tail: String,
    stale: bool,
}

impl Family<'_> {
    fn series(&self, suffix: &str, extra: Option<(&str, String)>) -> String {
        format!("{}{suffix}{}", self.name, (self.labels)(extra))
    }

    fn row(&self, suffix: &str, extra: Option<(&str, String)>, value: f64) -> String {
        let value = if self.stale {
            f64::from_bits(STALE_NAN_BITS)
        } else {
            value
        };
        let value = if value.is_nan() {
            format!("NaN:{:x}", value.to_bits())
        } else {
            format!("{value:?}")
        };
        format!("{} {value} {}", self.series(suffix, extra), self.tail)
    }
}

fn pairs(attributes: &[KeyValue]) -> Vec<(String, String)> {
    attributes
        .iter()
        .map(|pair| {
            let value = pair
                .value
                .as_ref()
                .map(prost::Message::encode_to_vec)
                .unwrap_or_default();
            (pair.key.clone(), label_text(&value, &mut Oddities::default()).unwrap())
        })
        .collect()
}

impl Model {
    fn of(request: &ExportMetricsServiceRequest) -> Self {
        let mut model = Self::default();
        for resource in &request.resource_metrics {
            let attributes = resource
                .resource
                .as_ref()
                .map(|r| r.attributes.as_slice())
                .unwrap_or_default();
            for metric in resource.scope_metrics.iter().flat_map(|scope| &scope.metrics) {
                model.metric(attributes, metric);
            }
        }
        model.rows.sort();
        model.exemplars.sort();
        model
    }

    fn metric(&mut self, resource: &[KeyValue], metric: &Metric) {
        let (kind, temporality) = match metric.data.as_ref().unwrap() {
            Data::Gauge(_) => (MetricKind::Gauge, 0),
            Data::Sum(sum) if sum.is_monotonic => (MetricKind::MonotonicSum, sum.aggregation_temporality),
            Data::Sum(sum) => (MetricKind::NonMonotonicSum, sum.aggregation_temporality),
            Data::Histogram(histogram) => (MetricKind::Histogram, histogram.aggregation_temporality),
            Data::ExponentialHistogram(e) => (MetricKind::ExponentialHistogram, e.aggregation_temporality),
            Data::Summary(_) => (MetricKind::Summary, 0),
        };
        let name = metric_name(Default::default(), &metric.name, &metric.unit, kind).unwrap();
        let word = ["", " delta", " cumulative"][temporality as usize];
        let translation = Translation::default();
        let promoted = ResourceLabels::of(&translation, pairs(resource));
        let labels = |own: &[KeyValue], extra: Option<(&str, String)>| {
            let (mut labels, _) = Labels::of_attributes(&translation, pairs(own)).unwrap();
            labels.add_resource(&promoted);
            if let Some((key, value)) = extra {
                labels.set(key, &value);
            }
            let mut builder = icecore_engine::labels::LabelsBuilder::default();
            labels.iter().for_each(|(key, value)| builder.label(key, value));
            builder.finish().unwrap().labels_json().to_owned()
        };
        macro_rules! family {
            ($point:expr) => {
                &Family {
                    labels: &|extra| labels(&$point.attributes, extra),
                    name: &name,
                    tail: tail($point.time_unix_nano, $point.start_time_unix_nano, word),
                    stale: $point.flags & 1 == 1,
                }
            };
        }
        match metric.data.as_ref().unwrap() {
            Data::Gauge(Gauge { data_points }) | Data::Sum(Sum { data_points, .. }) => {
                data_points.iter().for_each(|point| self.number(family!(point), point));
            }
            Data::Histogram(data) => data
                .data_points
                .iter()
                .for_each(|point| self.histogram(family!(point), point)),
            Data::ExponentialHistogram(data) => {
                data.data_points
                    .iter()
                    .for_each(|point| self.exponential(family!(point), point));
            }
            Data::Summary(data) => data
                .data_points
                .iter()
                .for_each(|point| self.summary(family!(point), point)),
        }
    }

    fn number(&mut self, family: &Family<'_>, point: &NumberDataPoint) {
        self.points += 1;
        let value = match point.value.unwrap() {
            number_data_point::Value::AsInt(value) => value as f64,
            number_data_point::Value::AsDouble(value) => value,
        };
        self.rows.push(family.row("", None, value));
        self.exemplars(&point.exemplars, |_| family.series("", None));
    }

    fn histogram(&mut self, family: &Family<'_>, point: &HistogramDataPoint) {
        self.points += 1;
        let counts = point.bucket_counts.iter().copied();
        let mut bounds: Vec<(f64, u64)> = point.explicit_bounds.iter().copied().zip(counts).collect();
        for at in 1..bounds.len() {
            bounds[at].1 += bounds[at - 1].1;
        }
        bounds.push((f64::INFINITY, point.count));
        let le = |bound: f64| {
            if bound.is_finite() {
                format!("{bound}")
            } else {
                "+Inf".to_owned()
            }
        };
        for (bound, count) in &bounds {
            self.rows
                .push(family.row("_bucket", Some(("le", le(*bound))), *count as f64));
        }
        self.rows.push(family.row("_count", None, point.count as f64));
        let sum = point.sum.or(family.stale.then_some(0.0));
        for (suffix, value) in [("_sum", sum), ("_min", point.min), ("_max", point.max)] {
            self.rows.extend(value.map(|value| family.row(suffix, None, value)));
        }
        self.exemplars(&point.exemplars, |value| {
            let bound = bounds.iter().find(|(bound, _)| value <= *bound).unwrap().0;
            family.series("_bucket", Some(("le", le(bound))))
        });
    }

    fn exponential(&mut self, family: &Family<'_>, point: &ExponentialHistogramDataPoint) {
        use icecore_engine::histogram::{Buckets, NativeHistogram};
        self.points += 1;
        let buckets = |side: &Option<super::Buckets>| {
            side.as_ref().map_or_else(Buckets::default, |side| Buckets {
                offset: side.offset,
                counts: side.bucket_counts.clone(),
            })
        };
        let histogram = NativeHistogram {
            schema: point.scale,
            zero_threshold: point.zero_threshold,
            zero_count: point.zero_count,
            count: point.count,
            sum: point.sum,
            min: point.min,
            max: point.max,
            positive: buckets(&point.positive),
            negative: buckets(&point.negative),
            custom_bounds: Vec::new(),
        };
        self.rows
            .push(format!("{} {histogram:?} {}", family.series("", None), family.tail));
        self.exemplars(&point.exemplars, |_| family.series("", None));
    }

    fn summary(&mut self, family: &Family<'_>, point: &SummaryDataPoint) {
        self.points += 1;
        for quantile in &point.quantile_values {
            let extra = Some(("quantile", format!("{}", quantile.quantile)));
            self.rows.push(family.row("", extra, quantile.value));
        }
        self.rows.push(family.row("_sum", None, point.sum));
        self.rows.push(family.row("_count", None, point.count as f64));
    }

    fn exemplars(&mut self, exemplars: &[Exemplar], series: impl Fn(f64) -> String) {
        for exemplar in exemplars {
            let value = match exemplar.value.unwrap() {
                exemplar::Value::AsInt(value) => value as f64,
                exemplar::Value::AsDouble(value) => value,
            };
            self.exemplars.push(format!(
                "{} {value:?} @{} {} {} {}",
                series(value),
                exemplar.time_unix_nano as i64 / 1_000_000 - NOW_MS,
                hex(&exemplar.trace_id),
                hex(&exemplar.span_id),
                expected::attributes(&exemplar.filtered_attributes)
            ));
        }
    }
}

fn tail(time_ns: u64, start_ns: u64, temporality: &str) -> String {
    let ms = |ns: u64| ns as i64 / 1_000_000 - NOW_MS;
    let start = if start_ns > 0 {
        format!(" from {}", ms(start_ns))
    } else {
        String::new()
    };
    format!("@{}{start}{temporality}", ms(time_ns))
}

/// Exemplars with their attributes as what they mean.
fn meant(exemplars: Vec<String>) -> Vec<String> {
    let mut meant: Vec<String> = exemplars
        .into_iter()
        .map(|line| {
            let at = line.match_indices(" {").last().map(|(at, _)| at);
            let json_at = (0..=at.unwrap()).rev().find(|at| {
                line.is_char_boundary(*at)
                    && line[*at..].starts_with(" {")
                    && serde_json::from_str::<serde_json::Value>(&line[at + 1..]).is_ok()
            });
            let json_at = json_at.unwrap();
            let json = crate::otlp::test_support::rows::parse(&line[json_at + 1..]);
            format!("{} {json}", &line[..json_at])
        })
        .collect();
    meant.sort();
    meant
}

proptest! {
    #[test]
    fn nothing_is_lost(seed in any::<u64>()) {
        let request = random_request(&mut Random::new(seed));
        let model = Model::of(&request);
        let tenant = tenant(1_000_000);
        let body = request.encode_to_vec();
        // Once with every series new, and once with every series known.
        for _ in 0..2 {
            let mut batch = batch(&tenant);
            let decoded = decode(&body, &mut batch, &Translation::default()).unwrap();
            let stored = admit(&tenant, batch);
            prop_assert_eq!(decoded.items, model.points);
            prop_assert_eq!(&stored.outcome.rejected, &[]);
            prop_assert_eq!(stored.outcome.stored, model.points);
            let rows: Vec<&String> = stored.rows.iter().filter(|row| !row.starts_with("target_info")).collect();
            for (row, expected) in rows.iter().zip(&model.rows) {
                prop_assert_eq!(*row, expected);
            }
            prop_assert_eq!(rows.len(), model.rows.len());
            prop_assert_eq!(meant(stored.exemplars), model.exemplars.clone());
        }
    }

    #[test]
    fn json_and_protobuf_leave_the_same_rows(seed in any::<u64>()) {
        let request = random_request(&mut Random::finite(seed));
        let tenant = tenant(1_000_000);
        let json = crate::otlp::json::tests::to_json(&request).to_string();
        let (mut from_protobuf, mut from_json) = (batch(&tenant), batch(&tenant));
        decode(&request.encode_to_vec(), &mut from_protobuf, &Translation::default()).unwrap();
        decode_json(json.as_bytes(), &mut from_json, &Translation::default()).unwrap();
        let (from_protobuf, from_json) = (admit(&tenant, from_protobuf), admit(&tenant, from_json));
        prop_assert_eq!(from_protobuf.rows, from_json.rows);
        prop_assert_eq!(from_protobuf.exemplars, from_json.exemplars);
    }

    #[test]
    fn damaged_requests_end_in_rows_or_an_error(seed in any::<u64>(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut body = random_request(&mut Random::new(seed)).encode_to_vec();
        let tenant = tenant(1_000);
        if !body.is_empty() {
            let at = at.index(body.len());
            body[at] = byte;
        }
        let _ = decode(&body, &mut batch(&tenant), &Translation::default());
        body.truncate(at.index(body.len() + 1));
        let _ = decode(&body, &mut batch(&tenant), &Translation::default());
    }
}
