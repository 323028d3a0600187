//! Points, ranges and windows of time. Samples count milliseconds, logs and spans nanoseconds; partitions count seconds.

use std::fmt;

/// Milliseconds since the Unix epoch: the time of a sample, as Prometheus keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct TimestampMs(pub i64);

/// Nanoseconds since the Unix epoch: the time of a log record or a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct TimestampNs(pub i64);

impl TimestampNs {
    /// The millisecond this nanosecond lies in (rounded down, also before 1970).
    pub const fn to_ms(self) -> TimestampMs {
        TimestampMs(self.0.div_euclid(1_000_000))
    }
}

impl TimestampMs {
    /// The first nanosecond of this millisecond, saturating.
    pub const fn to_ns(self) -> TimestampNs {
        TimestampNs(self.0.saturating_mul(1_000_000))
    }
}

/// A range of time in the unit of the signal it asks (milliseconds for metrics, nanoseconds for logs and traces),
/// both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TimeRange {
    /// First instant.
    pub start: i64,
    /// Last instant.
    pub end: i64,
}

impl TimeRange {
    /// All of time.
    pub const ALL: Self = Self {
        start: i64::MIN,
        end: i64::MAX,
    };

    /// From `start` to `end`, both included; empty when `end < start`.
    pub const fn new(start: i64, end: i64) -> Self {
        Self { start, end }
    }

    /// Whether no instant lies in it.
    pub const fn is_empty(self) -> bool {
        self.end < self.start
    }

    /// Whether `at` lies in it.
    pub const fn contains(self, at: i64) -> bool {
        self.start <= at && at <= self.end
    }

    /// Whether the two share an instant.
    pub const fn overlaps(self, other: Self) -> bool {
        !self.is_empty() && !other.is_empty() && self.start <= other.end && other.start <= self.end
    }

    /// What both share.
    pub fn intersect(self, other: Self) -> Self {
        Self {
            start: self.start.max(other.start),
            end: self.end.min(other.end),
        }
    }
}

/// Seconds in a day, the default length of a partition's window.
pub const DAY_S: i64 = 86_400;

/// A partition's stretch of time: aligned to its own length, which divides a day into whole hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Window {
    /// First second, since the Unix epoch.
    pub start_s: i64,
    /// Length in seconds.
    pub length_s: i64,
}

impl Window {
    /// The window of `length_s` seconds that holds the instant `at_s`, also before 1970.
    pub const fn of(at_s: i64, length_s: i64) -> Self {
        Self {
            start_s: at_s.div_euclid(length_s).saturating_mul(length_s),
            length_s,
        }
    }

    /// First second after it.
    pub const fn end_s(self) -> i64 {
        self.start_s.saturating_add(self.length_s)
    }
}

/// The folder form, to the hour and in UTC: `2026-11-20T00`.
impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil_from_days(self.start_s.div_euclid(DAY_S));
        let hour = self.start_s.rem_euclid(DAY_S) / 3600;
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}")
    }
}

/// Reads the folder form back as the first second of the window; `None` when it is not one.
pub fn parse_window_start_s(text: &str) -> Option<i64> {
    let (date, hour) = text.split_once('T')?;
    let hour: i64 = hour.parse().ok().filter(|hour| (0..24).contains(hour))?;
    let mut parts = date.rsplitn(3, '-');
    let day: i64 = parts.next()?.parse().ok()?;
    let month: i64 = parts.next()?.parse().ok()?;
    let year: i64 = parts.next()?.parse().ok()?;
    let days = days_from_civil(year, month, day);
    (civil_from_days(days) == (year, month, day)).then_some(days * DAY_S + hour * 3600)
}

/// Gregorian date of a day number, 0 being 1970-01-01 (proleptic; eras of 400 years starting in March).
pub fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_index = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_index + 2) / 5 + 1;
    let month = if month_index < 10 {
        month_index + 3
    } else {
        month_index - 9
    };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// Day number of a Gregorian date, 0 being 1970-01-01.
pub fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests;
