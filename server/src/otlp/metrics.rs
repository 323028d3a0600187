//! OTLP metrics into samples. A point whose series is known costs its numbers, one hash of its attribute bytes and one
//! look-up; only a point that is new has its attributes decoded and translated.

mod context;
mod exemplar;
mod exponential;
mod histogram;
mod number;
mod summary;

use icecore_engine::batch::{MetricsBatch, Slot};
use icecore_engine::reason::Reason;

use self::context::{DataKind, MetricContext, ResourceContext, ScopeContext};
use super::any_value::Oddities;
use super::arrival::{self, AttributeRun, Member};
use super::envelope::{Envelope, next_of};
use super::{DecodeError, Decoded};
use crate::otlp::limits::{TARGET_INFO_INTERVAL_MS, TARGET_INFO_SAMPLES_MAX};
use crate::protobuf::{Fields, WireError};
use crate::translate::Translation;

/// The value of a series that has ended: Prometheus's stale marker, one of the many NaNs.
pub const STALE_NAN_BITS: u64 = 0x7ff0_0000_0000_0002;
/// Bit of a data point's flags: there was nothing to record.
const FLAG_NO_RECORDED_VALUE: u32 = 1;
/// Nanoseconds in a millisecond.
const NS_PER_MS: u64 = 1_000_000;

/// Fills `batch` with an `ExportMetricsServiceRequest` in protobuf.
pub fn decode(body: &[u8], batch: &mut MetricsBatch, translation: &Translation) -> Result<Decoded, DecodeError> {
    let mut decoder = Decoder {
        batch,
        translation,
        oddities: Oddities::default(),
        items: 0,
        scratch: Scratch::default(),
    };
    decoder.request(body).map_err(|error| DecodeError::Wire {
        message: "ExportMetricsServiceRequest",
        error,
    })?;
    let (items, oddities) = (decoder.items, decoder.oddities);
    oddities.sentences().for_each(|sentence| batch.note(sentence));
    Ok(Decoded { items })
}

/// Fills `batch` with an `ExportMetricsServiceRequest` in JSON.
pub fn decode_json(json: &[u8], batch: &mut MetricsBatch, translation: &Translation) -> Result<Decoded, DecodeError> {
    decode(&super::json::metrics_to_protobuf(json)?, batch, translation)
}

struct Decoder<'d> {
    batch: &'d mut MetricsBatch,
    translation: &'d Translation,
    oddities: Oddities,
    items: u64,
    scratch: Scratch,
}

/// Buffers that are reused from point to point.
#[derive(Default)]
struct Scratch {
    counts: Vec<u64>,
    bounds: Vec<f64>,
    slots: Vec<Slot>,
    json: String,
}

/// The four numbers that every kind of point has.
#[derive(Debug, Clone, Copy, Default)]
struct PointHead {
    start_ns: u64,
    time_ns: u64,
    flags: u32,
    exemplars: bool,
}

impl PointHead {
    /// Nanoseconds since the epoch in whole milliseconds.
    fn time_ms(&self) -> i64 {
        (self.time_ns / NS_PER_MS) as i64
    }

    /// Start of the accumulation in whole milliseconds, 0 when unknown.
    fn start_ms(&self) -> i64 {
        (self.start_ns / NS_PER_MS) as i64
    }

    fn is_stale(&self) -> bool {
        self.flags & FLAG_NO_RECORDED_VALUE != 0
    }
}

/// Where a point stands: all that decides its series but its own attributes.
struct Place<'c, 'a> {
    resource: &'c ResourceContext<'a>,
    scope: &'c ScopeContext<'a>,
    metric: &'c MetricContext<'a>,
}

impl Decoder<'_> {
    fn request(&mut self, body: &[u8]) -> Result<(), WireError> {
        let mut fields = Fields::of(body);
        let root = arrival::root(self.batch.arrival_seed());
        while let Some(message) = next_of(&mut fields, 1)? {
            let mut envelope = Envelope::read(message)?;
            let resource = ResourceContext::new(root, envelope.head)?;
            while let Some(message) = envelope.next_item()? {
                self.scope(&resource, Envelope::read(message)?)?;
            }
            self.target_info(&resource);
        }
        Ok(())
    }

    fn scope(&mut self, resource: &ResourceContext<'_>, mut envelope: Envelope<'_>) -> Result<(), WireError> {
        let scope = ScopeContext::new(resource.key, envelope.head, envelope.schema_url);
        while let Some(message) = envelope.next_item()? {
            let metric = MetricContext::read(scope.key, message)?;
            let place = Place {
                resource,
                scope: &scope,
                metric: &metric,
            };
            self.metric(&place)?;
        }
        Ok(())
    }

    fn metric(&mut self, place: &Place<'_, '_>) -> Result<(), WireError> {
        let metric = place.metric;
        let Some(kind) = metric.kind else {
            self.oddities.empty_metrics += 1;
            return Ok(());
        };
        let mut points = Fields::of(metric.data);
        if metric.lacks_temporality() {
            let mut count = 0;
            while next_of(&mut points, 1)?.is_some() {
                count += 1;
            }
            self.items += count;
            self.batch.reject(Reason::UnspecifiedTemporality, count, || {
                let name = String::from_utf8_lossy(metric.name);
                format!("metric {name:?} does not say whether it is cumulative or delta: update the sender's SDK")
            });
            return Ok(());
        }
        while let Some(point) = next_of(&mut points, 1)? {
            self.items += 1;
            match kind {
                DataKind::Gauge | DataKind::Sum => self.number_point(place, point)?,
                DataKind::Histogram => self.histogram_point(place, point)?,
                DataKind::ExponentialHistogram => self.exponential_point(place, point)?,
                DataKind::Summary => self.summary_point(place, point)?,
            }
        }
        if let Some((name, kind, unit, help)) = metric.metadata_due() {
            self.batch.metadata(&name, kind, &unit, &help);
        }
        Ok(())
    }

    /// The series of a point, or of one member of it.
    #[inline]
    fn series(
        &mut self,
        place: &Place<'_, '_>,
        run: &AttributeRun<'_>,
        key: u128,
        suffix: &'static str,
        extra: Option<(&'static str, f64)>,
    ) -> Slot {
        let (translation, oddities) = (self.translation, &mut self.oddities);
        self.batch.series(key, |labels| {
            context::series_labels(translation, place, run, suffix, extra, labels, oddities)
        })
    }

    /// `target_info` of the resource, at the times of its points.
    fn target_info(&mut self, resource: &ResourceContext<'_>) {
        let Some((first_ms, last_ms)) = resource.times_ms().filter(|_| resource.has_target_info) else {
            return;
        };
        let key = arrival::member(resource.key, Member::Info);
        let (translation, oddities) = (self.translation, &mut self.oddities);
        let slot = self
            .batch
            .series(key, |labels| resource.target_info(translation, labels, oddities));
        let first_ms = first_ms.max(last_ms.saturating_sub(TARGET_INFO_INTERVAL_MS * TARGET_INFO_SAMPLES_MAX));
        let mut at = first_ms;
        while at < last_ms {
            self.batch.derived_sample(slot, at, 1.0);
            at += TARGET_INFO_INTERVAL_MS;
        }
        self.batch.derived_sample(slot, last_ms, 1.0);
    }
}

#[cfg(test)]
mod tests;
