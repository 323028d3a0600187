//! Single values: the stale marker that stands for absence, and the compensated sums that Prometheus adds with.

/// Prometheus's stale marker. Stored, it ends a series; in results it stands for "no value". It is a signalling NaN, and
/// arithmetic makes NaNs quiet, so no computation gives these bits.
pub(crate) const STALE_BITS: u64 = 0x7ff0_0000_0000_0002;

/// No value.
pub(crate) const ABSENT: f64 = f64::from_bits(STALE_BITS);

/// Whether there is no value.
pub(crate) const fn is_absent(value: f64) -> bool {
    value.to_bits() == STALE_BITS
}

/// A sum with the part that rounding took away (Neumaier's form of Kahan's sum).
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Sum {
    /// The plain sum.
    pub(crate) sum: f64,
    /// What it lacks.
    pub(crate) lost: f64,
}

impl Sum {
    /// A sum of one value.
    pub(crate) const fn of(value: f64) -> Self {
        Self { sum: value, lost: 0.0 }
    }

    /// Adds a value.
    pub(crate) fn add(self, value: f64) -> Self {
        let sum = self.sum + value;
        let lost = if sum.is_infinite() {
            0.0
        } else if self.sum.abs() >= value.abs() {
            self.lost + ((self.sum - sum) + value)
        } else {
            self.lost + ((value - sum) + self.sum)
        };
        Self { sum, lost }
    }

    /// Both parts together.
    pub(crate) fn total(self) -> f64 {
        if self.sum.is_infinite() {
            self.sum
        } else {
            self.sum + self.lost
        }
    }
}

/// A mean that turns to the incremental form only when the sum would overflow, as Prometheus's does.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Mean {
    sum: Sum,
    count: f64,
    incremental: bool,
}

impl Mean {
    /// Adds a value.
    pub(crate) fn add(&mut self, value: f64) {
        self.count += 1.0;
        if self.count == 1.0 {
            self.sum = Sum::of(value);
            return;
        }
        if !self.incremental {
            let sum = self.sum.add(value);
            if !sum.sum.is_infinite() {
                self.sum = sum;
                return;
            }
            self.incremental = true;
            self.sum.sum /= self.count - 1.0;
            self.sum.lost /= self.count - 1.0;
        }
        let share = (self.count - 1.0) / self.count;
        self.sum = Sum {
            sum: share * self.sum.sum,
            lost: share * self.sum.lost,
        }
        .add(value / self.count);
    }

    /// The mean; NaN of nothing.
    pub(crate) fn mean(self) -> f64 {
        if self.incremental {
            self.sum.sum + self.sum.lost
        } else {
            self.sum.sum / self.count + self.sum.lost / self.count
        }
    }
}

/// The φ-quantile of values, which are sorted in place with NaN first; NaN of nothing.
pub(crate) fn quantile(q: f64, values: &mut [f64]) -> f64 {
    if values.is_empty() || q.is_nan() {
        return f64::NAN;
    }
    if q < 0.0 {
        return f64::NEG_INFINITY;
    }
    if q > 1.0 {
        return f64::INFINITY;
    }
    values.sort_by(|a, b| nan_first(*a, *b));
    let last = (values.len() - 1) as f64;
    let rank = q * last;
    let lower = rank.floor().max(0.0);
    let upper = (lower + 1.0).min(last);
    let weight = rank - rank.floor();
    let value = |index: f64| values.get(index as usize).copied().unwrap_or(f64::NAN);
    // Nothing times infinity would be NaN.
    if weight == 0.0 {
        return value(lower);
    }
    value(lower) * (1.0 - weight) + value(upper) * weight
}

/// Ascending with NaN before everything.
pub(crate) fn nan_first(a: f64, b: f64) -> std::cmp::Ordering {
    b.is_nan()
        .cmp(&a.is_nan())
        .then_with(|| a.partial_cmp(&b).unwrap_or(std::cmp::Ordering::Equal))
}

#[cfg(test)]
mod tests;
