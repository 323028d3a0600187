//! Exemplars: single measurements with the trace they were made in.

use icecore_engine::batch::{ExemplarRow, Slot};

use super::{Decoder, NS_PER_MS};
use crate::otlp::any_value::{RawAttributes, key_value, push_attributes};
use crate::otlp::envelope::next_of;
use crate::otlp::identity::id;
use crate::protobuf::{Fields, WireError};

impl Decoder<'_> {
    /// Hands over the exemplars that `point` has in field `number`. Each goes to the series of the first of `bounds`
    /// that is not below its value, or to the last of `slots`, which has one series more than there are bounds.
    pub(super) fn exemplars(
        &mut self,
        point: &[u8],
        number: u32,
        slots: &[Slot],
        bounds: &[f64],
    ) -> Result<(), WireError> {
        let mut fields = Fields::of(point);
        while let Some(message) = next_of(&mut fields, number)? {
            self.exemplar(message, slots, bounds)?;
        }
        Ok(())
    }

    fn exemplar(&mut self, message: &[u8], slots: &[Slot], bounds: &[f64]) -> Result<(), WireError> {
        let mut attributes = RawAttributes::new();
        let (mut time_ns, mut value) = (0, None);
        let (mut trace_id, mut span_id): (&[u8], &[u8]) = (&[], &[]);
        let mut fields = Fields::of(message);
        while let Some(field) = fields.next_field()? {
            match field.number {
                2 => time_ns = field.fixed64()?,
                3 => value = Some(field.double()?),
                4 => span_id = field.bytes()?,
                5 => trace_id = field.bytes()?,
                6 => value = Some(field.fixed64()?.cast_signed() as f64),
                7 => attributes.push(key_value(field.bytes()?, &mut self.oddities)?),
                _ => {}
            }
        }
        let Some(value) = value else {
            self.batch.note("an exemplar without a value was left out");
            return Ok(());
        };
        let position = bounds.iter().position(|bound| value <= *bound).unwrap_or(bounds.len());
        let Some(slot) = slots.get(position).or(slots.last()) else {
            return Ok(());
        };
        let mut json = std::mem::take(&mut self.scratch.json);
        json.clear();
        if let Err(error) = push_attributes(&mut json, &mut attributes, &mut self.oddities) {
            json.clear();
            json.push_str("{}");
            self.batch
                .note(format!("the attributes of an exemplar were left out: {error}"));
        }
        let exemplar = ExemplarRow {
            timestamp_ms: (time_ns / NS_PER_MS) as i64,
            value,
            trace_id: id(trace_id, &mut self.oddities),
            span_id: id(span_id, &mut self.oddities),
            attributes: &json,
        };
        self.batch.exemplar(*slot, &exemplar);
        self.scratch.json = json;
        Ok(())
    }
}
