//! Points of summaries: one series a quantile, with `_sum` and `_count`.

use icecore_engine::reason::Reason;

use super::{Decoder, Place, PointHead};
use crate::otlp::arrival::{AttributeRun, Member, member};
use crate::otlp::envelope::next_of;
use crate::otlp::limits::QUANTILES_MAX;
use crate::protobuf::{Fields, WireError};

impl Decoder<'_> {
    pub(super) fn summary_point(&mut self, place: &Place<'_, '_>, point: &[u8]) -> Result<(), WireError> {
        let mut head = PointHead::default();
        let (mut count, mut sum, mut quantiles) = (0, 0.0, 0_usize);
        let mut run = AttributeRun::new(point, 7);
        let mut fields = Fields::of(point);
        loop {
            let start = point.len() - fields.remaining();
            let Some(field) = fields.next_field()? else { break };
            match field.number {
                2 => head.start_ns = field.fixed64()?,
                3 => head.time_ns = field.fixed64()?,
                4 => count = field.fixed64()?,
                5 => sum = field.double()?,
                6 => quantiles += 1,
                7 => {
                    field.bytes()?;
                    run.extend(start, point.len() - fields.remaining());
                }
                8 => head.flags = field.uint32()?,
                _ => {}
            }
        }
        if quantiles > QUANTILES_MAX {
            self.batch.reject(Reason::InvalidHistogram, 1, || {
                format!("a summary point has {quantiles} quantiles; at most {QUANTILES_MAX} are kept")
            });
            return Ok(());
        }
        place.resource.saw(head.time_ms());
        let key = run.key(place.metric.key)?;
        self.batch.point_begin();
        let mut fields = Fields::of(point);
        while let Some(message) = next_of(&mut fields, 6)? {
            let (quantile, value) = quantile(message)?;
            let key = member(key, Member::Quantile(quantile.to_bits()));
            let slot = self.series(place, &run, key, "", Some(("quantile", quantile)));
            self.row(place, slot, head, value);
        }
        let count = self.count(count);
        for (which, suffix, value) in [(Member::Sum, "_sum", sum), (Member::Count, "_count", count)] {
            let slot = self.series(place, &run, member(key, which), suffix, None);
            self.row(place, slot, head, value);
        }
        self.batch.point_end();
        Ok(())
    }
}

fn quantile(message: &[u8]) -> Result<(f64, f64), WireError> {
    let (mut quantile, mut value) = (0.0, 0.0);
    let mut fields = Fields::of(message);
    while let Some(field) = fields.next_field()? {
        match field.number {
            1 => quantile = field.double()?,
            2 => value = field.double()?,
            _ => {}
        }
    }
    Ok((quantile, value))
}
