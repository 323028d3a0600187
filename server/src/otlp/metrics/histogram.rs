//! Points of histograms with explicit bounds: `_bucket` with `le`, `_count`, and where set `_sum`, `_min`, `_max`.
//! One point is one item: its rows are stored together or not at all.

use icecore_engine::reason::Reason;

use super::{Decoder, Place, PointHead, STALE_NAN_BITS};
use crate::otlp::arrival::{AttributeRun, Member, member};
use crate::otlp::limits::EXPLICIT_BUCKETS_MAX;
use crate::protobuf::{Fields, WireError, doubles, fixed64s};

/// The single numbers of a histogram point.
#[derive(Debug, Clone, Copy, Default)]
struct Totals {
    count: u64,
    sum: Option<f64>,
    min: Option<f64>,
    max: Option<f64>,
}

impl Decoder<'_> {
    pub(super) fn histogram_point(&mut self, place: &Place<'_, '_>, point: &[u8]) -> Result<(), WireError> {
        let mut head = PointHead::default();
        let mut totals = Totals::default();
        let mut run = AttributeRun::new(point, 9);
        self.scratch.counts.clear();
        self.scratch.bounds.clear();
        let mut fields = Fields::of(point);
        loop {
            let start = point.len() - fields.remaining();
            let Some(field) = fields.next_field()? else { break };
            match field.number {
                2 => head.start_ns = field.fixed64()?,
                3 => head.time_ns = field.fixed64()?,
                4 => totals.count = field.fixed64()?,
                5 => totals.sum = Some(field.double()?),
                6 => fixed64s(field, &mut self.scratch.counts)?,
                7 => doubles(field, &mut self.scratch.bounds)?,
                8 => head.exemplars = true,
                9 => {
                    field.bytes()?;
                    run.extend(start, point.len() - fields.remaining());
                }
                10 => head.flags = field.uint32()?,
                11 => totals.min = Some(field.double()?),
                12 => totals.max = Some(field.double()?),
                _ => {}
            }
        }
        if let Err(problem) = check(&self.scratch.counts, &self.scratch.bounds, head.is_stale()) {
            self.batch.reject(Reason::InvalidHistogram, 1, || {
                let name = String::from_utf8_lossy(place.metric.name);
                format!("a point of histogram {name:?} has {problem}")
            });
            return Ok(());
        }
        place.resource.saw(head.time_ms());
        let key = run.key(place.metric.key)?;
        self.batch.point_begin();
        self.buckets(place, &run, key, head, totals.count);
        self.totals(place, &run, key, head, totals);
        if head.exemplars {
            let (slots, bounds) = (
                std::mem::take(&mut self.scratch.slots),
                std::mem::take(&mut self.scratch.bounds),
            );
            let walked = self.exemplars(point, 8, &slots, &bounds);
            (self.scratch.slots, self.scratch.bounds) = (slots, bounds);
            walked?;
        }
        self.batch.point_end();
        Ok(())
    }

    /// The buckets, counts made cumulative; the last has all observations, whatever the counts say.
    fn buckets(&mut self, place: &Place<'_, '_>, run: &AttributeRun<'_>, key: u128, head: PointHead, count: u64) {
        let (counts, bounds) = (
            std::mem::take(&mut self.scratch.counts),
            std::mem::take(&mut self.scratch.bounds),
        );
        self.scratch.slots.clear();
        let mut below = 0_u64;
        let counts_then_zeros = counts.iter().copied().chain(std::iter::repeat(0));
        let finite = bounds.iter().copied().zip(counts_then_zeros);
        for (bound, in_bucket) in finite.chain([(f64::INFINITY, 0)]) {
            below = below.saturating_add(in_bucket);
            let value = if bound == f64::INFINITY { count } else { below };
            let key = member(key, Member::Bucket(bound.to_bits()));
            let slot = self.series(place, run, key, "_bucket", Some(("le", bound)));
            self.scratch.slots.push(slot);
            let value = self.count(value);
            self.row(place, slot, head, value);
        }
        (self.scratch.counts, self.scratch.bounds) = (counts, bounds);
    }

    /// `_count` always; the others where the point has them, and `_sum` of a point without a recorded value too, so
    /// that the whole family ends together.
    fn totals(&mut self, place: &Place<'_, '_>, run: &AttributeRun<'_>, key: u128, head: PointHead, totals: Totals) {
        let count = self.count(totals.count);
        let stale_sum = head.is_stale().then_some(0.0);
        for (which, suffix, value) in [
            (Member::Count, "_count", Some(count)),
            (Member::Sum, "_sum", totals.sum.or(stale_sum)),
            (Member::Min, "_min", totals.min),
            (Member::Max, "_max", totals.max),
        ] {
            if let Some(value) = value {
                let slot = self.series(place, run, member(key, which), suffix, None);
                self.row(place, slot, head, value);
            }
        }
    }

    /// One row of a point; the stale marker where the point has no recorded value.
    pub(super) fn row(
        &mut self,
        place: &Place<'_, '_>,
        slot: icecore_engine::batch::Slot,
        head: PointHead,
        value: f64,
    ) {
        let value = if head.is_stale() {
            f64::from_bits(STALE_NAN_BITS)
        } else {
            value
        };
        self.batch
            .sample(slot, head.time_ms(), value, head.start_ms(), place.metric.temporality);
    }
}

/// Bounds and counts belong together: one count more than bounds, or none of both; bounds strictly rising.
fn check(counts: &[u64], bounds: &[f64], stale: bool) -> Result<(), String> {
    if counts.len() != bounds.len() + 1 && !(counts.is_empty() && (bounds.is_empty() || stale)) {
        return Err(format!("{} bucket counts for {} bounds", counts.len(), bounds.len()));
    }
    if bounds.len() >= EXPLICIT_BUCKETS_MAX {
        return Err(format!(
            "{} buckets; at most {EXPLICIT_BUCKETS_MAX} are kept: use fewer bounds",
            bounds.len() + 1
        ));
    }
    let rising = bounds.is_sorted_by(|a, b| a < b);
    if !rising || bounds.iter().any(|bound| !bound.is_finite()) {
        return Err("bounds that are not finite and strictly rising".to_owned());
    }
    Ok(())
}
