//! Points of gauges and sums: one sample each. This is the hottest loop of ingest.

use icecore_engine::reason::Reason;

use super::{Decoder, Place, PointHead, STALE_NAN_BITS};
use crate::otlp::arrival::AttributeRun;
use crate::protobuf::{Fields, WireError};

/// Integers up to here are doubles without rounding.
const EXACT_INTEGER_MAX: u64 = 1 << 53;

impl Decoder<'_> {
    #[inline]
    pub(super) fn number_point(&mut self, place: &Place<'_, '_>, point: &[u8]) -> Result<(), WireError> {
        let mut head = PointHead::default();
        let mut value = None;
        let mut run = AttributeRun::new(point, 7);
        let mut fields = Fields::of(point);
        loop {
            let start = point.len() - fields.remaining();
            let Some(field) = fields.next_field()? else { break };
            match field.number {
                2 => head.start_ns = field.fixed64()?,
                3 => head.time_ns = field.fixed64()?,
                4 => value = Some(field.double()?),
                5 => head.exemplars = true,
                6 => value = Some(self.integer(field.fixed64()?.cast_signed())),
                7 => {
                    field.bytes()?;
                    run.extend(start, point.len() - fields.remaining());
                }
                8 => head.flags = field.uint32()?,
                _ => {}
            }
        }
        if head.is_stale() {
            value = Some(f64::from_bits(STALE_NAN_BITS));
        }
        let Some(value) = value else {
            self.batch.reject(Reason::NoValue, 1, || {
                "a data point has neither a value nor the flag that there was none".to_owned()
            });
            return Ok(());
        };
        let time_ms = head.time_ms();
        place.resource.saw(time_ms);
        let key = run.key(place.metric.key)?;
        let slot = self.series(place, &run, key, "", None);
        self.batch
            .sample(slot, time_ms, value, head.start_ms(), place.metric.temporality);
        if head.exemplars {
            self.exemplars(point, 5, &[slot], &[])?;
        }
        Ok(())
    }

    fn integer(&mut self, value: i64) -> f64 {
        let double = value as f64;
        if value.unsigned_abs() > EXACT_INTEGER_MAX && double as i128 != i128::from(value) {
            self.oddities.rounded_integers += 1;
        }
        double
    }

    /// A count as a sample's value.
    pub(super) fn count(&mut self, value: u64) -> f64 {
        let double = value as f64;
        if value > EXACT_INTEGER_MAX && double as i128 != i128::from(value) {
            self.oddities.rounded_integers += 1;
        }
        double
    }
}
