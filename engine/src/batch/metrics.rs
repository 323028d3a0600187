//! A batch of samples. What is known of a series costs one look-up; a sample costs a comparison of its time and a push
//! into three columns, which become the record of the log and the chunk of the head as they are.

use std::ops::Range;
use std::sync::Arc;

use hashbrown::{HashMap, HashSet};
use xxhash_rust::xxh3::Xxh3;

use super::{TimeBounds, add_note};
use crate::budget::{BudgetExceeded, Reservation};
use crate::histogram::NativeHistogram;
use crate::labels::{LabelsBuilder, SeriesKey};
use crate::metadata::{MetricKind, MetricMetadata};
use crate::reason::{Reason, Reject, Rejections};
use crate::record::MetricColumns;
use crate::registry::ArrivalMap;
use crate::schema::Temporality;
use crate::tenant::{MetadataMap, Tenant};

/// Slots from here on name an entry of the batch and not a ref.
const LOCAL: u32 = 1 << 31;
/// Slots from here on name a refused entry of the batch.
const REFUSED: u32 = LOCAL | 1 << 30;
/// Rows whose memory is reserved at a time.
const ROWS_PER_RESERVATION: usize = 4096;
/// Bytes reserved a row: three columns with the room that growing vectors leave.
const BYTES_PER_ROW: u64 = 40;
/// Exemplars of one batch at most; more are dropped and counted.
const EXEMPLARS_PER_BATCH_MAX: usize = 10_000;

/// A series of one batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot(u32);

impl Slot {
    /// The index of a series that only the batch knows, as its rows name it.
    pub(crate) const fn local_index(number: u32) -> Option<usize> {
        if number >= LOCAL && number < REFUSED {
            Some((number - LOCAL) as usize)
        } else {
            None
        }
    }
}

/// A series that the table did not know when the batch met it.
#[derive(Debug)]
pub(crate) struct LocalSeries {
    pub(crate) arrival_key: u128,
    pub(crate) key: SeriesKey,
    /// Its ref, once admitted.
    pub(crate) series: Option<u32>,
}

/// A measurement with its trace, as a decoder gives it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ExemplarRow<'a> {
    /// When it was measured, in milliseconds.
    pub timestamp_ms: i64,
    /// What was measured.
    pub value: f64,
    /// The trace; all zeros count as none.
    pub trace_id: Option<[u8; 16]>,
    /// The span; all zeros count as none.
    pub span_id: Option<[u8; 8]>,
    /// Its attributes as a JSON object.
    pub attributes: &'a str,
}

/// An exemplar whose series is still a slot.
#[derive(Debug)]
pub(crate) struct PendingExemplar {
    pub(crate) slot: u32,
    pub(crate) timestamp_ms: i64,
    pub(crate) value: f64,
    pub(crate) trace_id: Option<[u8; 16]>,
    pub(crate) span_id: Option<[u8; 8]>,
    pub(crate) attributes: String,
}

/// A point of several rows that is being filled.
#[derive(Debug)]
struct OpenPoint {
    rows_start: usize,
    exemplars_start: usize,
    refused: Option<(Reason, String)>,
}

/// What admission takes out of a batch.
#[derive(Debug)]
pub(crate) struct MetricsParts {
    pub(crate) columns: MetricColumns,
    pub(crate) points: Vec<Range<usize>>,
    /// Rows that the decoder made itself and the sender did not send: stored, but no items. Ascending.
    pub(crate) derived: Vec<usize>,
    pub(crate) locals: Vec<LocalSeries>,
    pub(crate) metadata: Vec<MetricMetadata>,
    pub(crate) exemplars: Vec<PendingExemplar>,
    pub(crate) exemplars_dropped: u64,
    pub(crate) rejections: Rejections,
    pub(crate) notes: Vec<String>,
    pub(crate) memory: Reservation,
}

/// Samples of one tenant on their way in.
#[derive(Debug)]
pub struct MetricsBatch {
    tenant: Arc<Tenant>,
    arrivals: ArrivalMap,
    metadata: MetadataMap,
    bounds: TimeBounds,
    local_by_arrival: HashMap<u128, Slot, foldhash::fast::RandomState>,
    refused: Vec<Reject>,
    described: HashSet<Box<str>, foldhash::fast::RandomState>,
    labels: LabelsBuilder,
    open: Option<OpenPoint>,
    paid_rows: usize,
    paid_bytes: usize,
    exhausted: Option<BudgetExceeded>,
    parts: MetricsParts,
}

impl MetricsBatch {
    pub(crate) fn new(
        tenant: Arc<Tenant>,
        bounds: TimeBounds,
        arrivals: ArrivalMap,
        metadata: MetadataMap,
        memory: Reservation,
    ) -> Self {
        Self {
            tenant,
            arrivals,
            metadata,
            bounds,
            local_by_arrival: HashMap::default(),
            refused: Vec::new(),
            described: HashSet::default(),
            labels: LabelsBuilder::default(),
            open: None,
            paid_rows: 0,
            paid_bytes: 0,
            exhausted: None,
            parts: MetricsParts {
                columns: MetricColumns::default(),
                points: Vec::new(),
                derived: Vec::new(),
                locals: Vec::new(),
                metadata: Vec::new(),
                exemplars: Vec::new(),
                exemplars_dropped: 0,
                rejections: Rejections::default(),
                notes: Vec::new(),
                memory,
            },
        }
    }

    /// Whose samples.
    pub fn tenant(&self) -> &Arc<Tenant> {
        &self.tenant
    }

    /// The seed that arrival keys should be hashed with, so that no sender can choose what collides.
    pub fn arrival_seed(&self) -> u64 {
        self.tenant.arrival_seed()
    }

    /// Rows pushed so far and not refused yet.
    pub fn rows(&self) -> usize {
        self.parts.columns.len()
    }

    /// The series whose bytes hash to `arrival_key` (128 bits over all that decides its labels, seeded with
    /// `arrival_seed`). `labels` is called only when the series is not known by these bytes. A refused series has a
    /// slot too: what is pushed to it is counted under its reason.
    #[inline]
    pub fn series(&mut self, arrival_key: u128, labels: impl FnOnce(&mut LabelsBuilder) -> Result<(), Reject>) -> Slot {
        match self.arrivals.get(arrival_key) {
            Some(series) => Slot(series),
            None => self.series_unknown(arrival_key, labels),
        }
    }

    /// The series of a metric name and labels, for callers that have them as texts: their bytes are the arrival key.
    pub fn labelled(&mut self, metric: &str, labels: &[(&str, &str)]) -> Slot {
        let mut hasher = Xxh3::with_seed(self.arrival_seed());
        for text in [metric]
            .into_iter()
            .chain(labels.iter().flat_map(|(name, value)| [*name, *value]))
        {
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        }
        self.series(hasher.digest128(), |builder| {
            builder.metric(metric);
            labels.iter().for_each(|(name, value)| builder.label(name, value));
            Ok(())
        })
    }

    #[cold]
    fn series_unknown(
        &mut self,
        arrival_key: u128,
        labels: impl FnOnce(&mut LabelsBuilder) -> Result<(), Reject>,
    ) -> Slot {
        if let Some(slot) = self.local_by_arrival.get(&arrival_key) {
            return *slot;
        }
        if let Some(series) = self.tenant.by_arrival(arrival_key) {
            return Slot(series.0);
        }
        self.labels.clear();
        let key = labels(&mut self.labels).and_then(|()| Ok(self.labels.finish()?));
        let slot = match key {
            Ok(key) => {
                self.pay_bytes(2 * key.as_str().len() + size_of::<LocalSeries>());
                self.parts.locals.push(LocalSeries {
                    arrival_key,
                    key,
                    series: None,
                });
                Slot(LOCAL + (self.parts.locals.len() - 1) as u32)
            }
            Err(reject) => {
                self.pay_bytes(reject.message.len() + size_of::<Reject>());
                self.refused.push(reject);
                Slot(REFUSED + (self.refused.len() - 1) as u32)
            }
        };
        self.local_by_arrival.insert(arrival_key, slot);
        slot
    }

    /// One sample. `start_ms` is the start of the accumulation, 0 when unknown.
    #[inline]
    pub fn sample(&mut self, slot: Slot, timestamp_ms: i64, value: f64, start_ms: i64, temporality: Temporality) {
        if slot.0 >= REFUSED
            || !self.bounds.range.contains(timestamp_ms)
            || (self.parts.columns.len() >= self.paid_rows && !self.pay_rows())
        {
            return self.refuse_row(slot, timestamp_ms);
        }
        self.parts
            .columns
            .push(slot.0, timestamp_ms, value, start_ms, temporality);
    }

    /// A sample that the decoder makes of what came with others, such as `target_info`: stored like any, but no item:
    /// neither its storing nor its refusal is counted or answered. Not for use between `point_begin` and `point_end`.
    pub fn derived_sample(&mut self, slot: Slot, timestamp_ms: i64, value: f64) {
        let before = self.parts.columns.len();
        if slot.0 < REFUSED && self.bounds.range.contains(timestamp_ms) {
            self.sample(slot, timestamp_ms, value, 0, Temporality::Unspecified);
        }
        if self.parts.columns.len() > before {
            self.parts.derived.push(before);
        }
    }

    /// One sample that is a native histogram.
    pub fn histogram(
        &mut self,
        slot: Slot,
        timestamp_ms: i64,
        histogram: &NativeHistogram,
        start_ms: i64,
        temporality: Temporality,
    ) {
        let buckets = histogram.bucket_count();
        if buckets > crate::histogram::HISTOGRAM_BUCKETS_MAX {
            let error = crate::histogram::InvalidHistogram::TooManyBuckets(buckets);
            return self.refuse_item(Reason::InvalidHistogram, || error.to_string());
        }
        let before = self.parts.columns.len();
        self.sample(slot, timestamp_ms, f64::NAN, start_ms, temporality);
        if self.parts.columns.len() > before {
            self.pay_bytes(64 + 10 * buckets);
            self.parts.columns.push_histogram(histogram);
        }
    }

    /// From here to `point_end`, all rows are one item: stored whole or refused whole.
    pub fn point_begin(&mut self) {
        self.point_end();
        self.open = Some(OpenPoint {
            rows_start: self.parts.columns.len(),
            exemplars_start: self.parts.exemplars.len(),
            refused: None,
        });
    }

    /// Ends the item that `point_begin` began.
    pub fn point_end(&mut self) {
        let Some(point) = self.open.take() else {
            return;
        };
        if let Some((reason, words)) = point.refused {
            self.parts.columns.truncate(point.rows_start);
            let dropped = self.parts.exemplars.len() - point.exemplars_start;
            self.parts.exemplars.truncate(point.exemplars_start);
            self.parts.exemplars_dropped += dropped as u64;
            self.parts.rejections.add(reason, 1, || words);
        } else if self.parts.columns.len() - point.rows_start > 1 {
            self.parts.points.push(point.rows_start..self.parts.columns.len());
        }
    }

    /// What is known of a metric. Costs a look-up when it is known already.
    pub fn metadata(&mut self, metric: &str, kind: MetricKind, unit: &str, help: &str) {
        let known = self.metadata.get(metric);
        let same = known.is_some_and(|known| known.kind == kind && known.unit == unit && known.help == help);
        if same || self.described.contains(metric) {
            return;
        }
        self.pay_bytes(2 * metric.len() + unit.len() + help.len() + size_of::<MetricMetadata>());
        self.described.insert(metric.into());
        self.parts.metadata.push(MetricMetadata {
            metric: metric.to_owned(),
            kind,
            unit: unit.to_owned(),
            help: help.to_owned(),
        });
    }

    /// An exemplar of a series. Kept when a sample of the series is admitted or was.
    pub fn exemplar(&mut self, slot: Slot, exemplar: &ExemplarRow<'_>) {
        let keep = slot.0 < REFUSED
            && self.bounds.range.contains(exemplar.timestamp_ms)
            && self.parts.exemplars.len() < EXEMPLARS_PER_BATCH_MAX;
        if !keep {
            self.parts.exemplars_dropped += 1;
            return;
        }
        self.pay_bytes(size_of::<PendingExemplar>() + exemplar.attributes.len());
        self.parts.exemplars.push(PendingExemplar {
            slot: slot.0,
            timestamp_ms: exemplar.timestamp_ms,
            value: exemplar.value,
            trace_id: exemplar.trace_id.filter(|id| *id != [0; 16]),
            span_id: exemplar.span_id.filter(|id| *id != [0; 8]),
            attributes: exemplar.attributes.to_owned(),
        });
    }

    /// Counts items that the decoder refuses itself. Inside a point it refuses the point, whatever `items` says.
    pub fn reject(&mut self, reason: Reason, items: u64, example: impl FnOnce() -> String) {
        match &mut self.open {
            Some(point) => {
                point.refused.get_or_insert_with(|| (reason, example()));
            }
            None => self.parts.rejections.add(reason, items, example),
        }
    }

    /// A warning to the sender that refuses nothing.
    pub fn note(&mut self, warning: impl Into<String>) {
        add_note(&mut self.parts.notes, warning.into());
    }

    pub(crate) fn into_parts(mut self) -> Result<(Arc<Tenant>, MetricsParts), BudgetExceeded> {
        self.point_end();
        match self.exhausted {
            Some(error) => Err(error),
            None => Ok((self.tenant, self.parts)),
        }
    }

    fn refuse_item(&mut self, reason: Reason, example: impl FnOnce() -> String) {
        self.reject(reason, 1, example);
    }

    #[cold]
    fn refuse_row(&mut self, slot: Slot, timestamp_ms: i64) {
        if self.exhausted.is_some() {
            return;
        }
        if slot.0 >= REFUSED {
            let reject = self.refused.get((slot.0 - REFUSED) as usize).cloned();
            if let Some(reject) = reject {
                self.refuse_item(reject.reason, || reject.message);
            }
            return;
        }
        let bounds = self.bounds;
        if timestamp_ms < bounds.range.start {
            self.refuse_item(Reason::TooOld, || {
                format!(
                    "first refused sample is of {timestamp_ms} ms; samples older than {} s are not taken: raise \
                     --late-max or --retention-metrics",
                    bounds.late_max_ms / 1000
                )
            });
        } else {
            self.refuse_item(Reason::TooFarInFuture, || {
                format!(
                    "first refused sample is of {timestamp_ms} ms; samples more than {} s ahead of the clock are \
                     not taken: check the sender's clock or raise --future-max",
                    bounds.future_max_ms / 1000
                )
            });
        }
    }

    /// Pays for more rows; false when there is no memory.
    #[cold]
    fn pay_rows(&mut self) -> bool {
        if self.exhausted.is_some() {
            return false;
        }
        self.pay(ROWS_PER_RESERVATION as u64 * BYTES_PER_ROW);
        if self.exhausted.is_none() {
            self.paid_rows += ROWS_PER_RESERVATION;
        }
        self.exhausted.is_none()
    }

    fn pay_bytes(&mut self, bytes: usize) {
        const STEP: usize = 16 * 1024;
        self.paid_bytes = match self.paid_bytes.checked_sub(bytes) {
            Some(left) => left,
            None => {
                self.pay((bytes + STEP) as u64);
                self.paid_bytes + STEP
            }
        };
    }

    fn pay(&mut self, bytes: u64) {
        if let Err(error) = self.parts.memory.try_grow(bytes) {
            self.exhausted.get_or_insert(error);
            // Nothing more is taken, and nothing more is counted: the whole batch is refused as retryable.
            self.paid_rows = 0;
        }
    }
}
