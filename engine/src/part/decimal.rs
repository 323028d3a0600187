//! The split of values into exact decimals and doubles: counters and percentages are short decimals that compress as integers.

use crate::schema::{VALUE_SCALE_MAX, value_of_mantissa};

/// Mantissas beyond this are not exact as doubles.
const MANTISSA_MAX: f64 = 9_007_199_254_740_992.0;
const POWERS: [f64; VALUE_SCALE_MAX as usize + 1] = [1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6];

/// Whether a value is left out of the question of scale: it goes to the doubles whatever the others do.
#[inline]
pub(crate) fn is_special(value: f64) -> bool {
    !value.is_finite() || value.to_bits() == (-0.0f64).to_bits()
}

/// The mantissa of `value` at a power of ten, if that gives back its very bits.
#[inline]
fn mantissa_at(value: f64, power: f64) -> Option<i64> {
    let scaled = value * power;
    let mantissa = (scaled + 0.5f64.copysign(scaled)) as i64;
    let exact = scaled.abs() < MANTISSA_MAX && (mantissa as f64 / power).to_bits() == value.to_bits();
    exact.then_some(mantissa)
}

/// Smallest scale at which every ordinary value of a run is an exact decimal; its mantissas then stand in `mantissas`,
/// one per value, 0 for special ones. `None` when there is no such scale, or no ordinary value.
pub(crate) fn split(values: &[f64], mantissas: &mut Vec<i64>) -> Option<u8> {
    let mut scale = 0u8;
    let mut ordinary = false;
    for value in values.iter().filter(|value| !is_special(**value)) {
        ordinary = true;
        while mantissa_at(*value, *POWERS.get(usize::from(scale))?).is_none() {
            scale += 1;
        }
    }
    if !ordinary {
        return None;
    }
    let power = *POWERS.get(usize::from(scale))?;
    mantissas.clear();
    mantissas.reserve(values.len());
    for value in values {
        mantissas.push(if is_special(*value) {
            0
        } else {
            mantissa_at(*value, power)?
        });
    }
    Some(scale)
}

/// Appends the values of mantissas at one scale; `None` for a scale that no writer makes.
pub(crate) fn join(mantissas: &[i64], scale: u8, out: &mut Vec<f64>) -> Option<()> {
    value_of_mantissa(0, scale)?;
    let power = *POWERS.get(usize::from(scale))?;
    if scale == 0 {
        out.extend(mantissas.iter().map(|mantissa| *mantissa as f64));
    } else {
        out.extend(mantissas.iter().map(|mantissa| *mantissa as f64 / power));
    }
    Some(())
}

#[cfg(test)]
mod tests;
