//! Points of exponential histograms: one native histogram each, scale and buckets as they came.

use icecore_engine::histogram::{Buckets, HISTOGRAM_BUCKETS_MAX, NativeHistogram};
use icecore_engine::reason::Reason;

use super::{Decoder, Place, PointHead};
use crate::otlp::arrival::AttributeRun;
use crate::protobuf::{Fields, WireError, varints};

impl Decoder<'_> {
    pub(super) fn exponential_point(&mut self, place: &Place<'_, '_>, point: &[u8]) -> Result<(), WireError> {
        let mut head = PointHead::default();
        let mut histogram = NativeHistogram::default();
        let mut run = AttributeRun::new(point, 1);
        let mut fields = Fields::of(point);
        loop {
            let start = point.len() - fields.remaining();
            let Some(field) = fields.next_field()? else { break };
            match field.number {
                1 => {
                    field.bytes()?;
                    run.extend(start, point.len() - fields.remaining());
                }
                2 => head.start_ns = field.fixed64()?,
                3 => head.time_ns = field.fixed64()?,
                4 => histogram.count = field.fixed64()?,
                5 => histogram.sum = Some(field.double()?),
                6 => histogram.schema = field.sint32()?,
                7 => histogram.zero_count = field.fixed64()?,
                8 => read_buckets(field.bytes()?, &mut histogram.positive)?,
                9 => read_buckets(field.bytes()?, &mut histogram.negative)?,
                10 => head.flags = field.uint32()?,
                11 => head.exemplars = true,
                12 => histogram.min = Some(field.double()?),
                13 => histogram.max = Some(field.double()?),
                14 => histogram.zero_threshold = field.double()?,
                _ => {}
            }
        }
        if histogram.bucket_count() > HISTOGRAM_BUCKETS_MAX {
            self.batch.reject(Reason::InvalidHistogram, 1, || {
                let name = String::from_utf8_lossy(place.metric.name);
                format!("a point of histogram {name:?} has more than {HISTOGRAM_BUCKETS_MAX} buckets: lower its scale")
            });
            return Ok(());
        }
        let time_ms = head.time_ms();
        place.resource.saw(time_ms);
        let key = run.key(place.metric.key)?;
        let slot = self.series(place, &run, key, "", None);
        self.batch.point_begin();
        if head.is_stale() {
            self.row(place, slot, head, 0.0);
        } else {
            let temporality = place.metric.temporality;
            self.batch
                .histogram(slot, time_ms, &histogram, head.start_ms(), temporality);
        }
        if head.exemplars {
            self.exemplars(point, 11, &[slot], &[])?;
        }
        self.batch.point_end();
        Ok(())
    }
}

fn read_buckets(message: &[u8], buckets: &mut Buckets) -> Result<(), WireError> {
    let mut fields = Fields::of(message);
    while let Some(field) = fields.next_field()? {
        match field.number {
            1 => buckets.offset = field.sint32()?,
            2 => varints(field, &mut buckets.counts)?,
            _ => {}
        }
    }
    Ok(())
}
