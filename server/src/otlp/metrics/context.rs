//! What surrounds a point: resource, scope and metric, each hashed when met, decoded only when a series is new.

use std::borrow::Cow;
use std::cell::{Cell, OnceCell};

use icecore_engine::labels::LabelsBuilder;
use icecore_engine::metadata::MetricKind as MetadataKind;
use icecore_engine::reason::{Reason, Reject};
use icecore_engine::schema::Temporality;

use super::Place;
use crate::otlp::any_value::{LabelError, Oddities, key_value, label_text};
use crate::otlp::arrival::{AttributeRun, link};
use crate::otlp::envelope::next_of;
use crate::protobuf::{Fields, WireError};
use crate::translate::{
    Labels, MetricKind, NameError, ResourceLabels, SERVICE_INSTANCE_ID, SERVICE_NAME, Translation, is_identifying,
    metric_name,
};

/// Name of the series that carries a resource's other attributes.
const TARGET_INFO: &str = "target_info";

/// One resource of a request.
pub(super) struct ResourceContext<'a> {
    message: &'a [u8],
    /// Its link of the arrival keys.
    pub(super) key: u128,
    /// Whether it has an identity and anything else to say.
    pub(super) has_target_info: bool,
    labels: OnceCell<Result<ResourceLabels, LabelError>>,
    first_ms: Cell<i64>,
    last_ms: Cell<i64>,
}

impl<'a> ResourceContext<'a> {
    pub(super) fn new(root: u128, message: &'a [u8]) -> Result<Self, WireError> {
        let (mut identity, mut others) = (false, false);
        let mut fields = Fields::of(message);
        while let Some(attribute) = next_of(&mut fields, 1)? {
            let (key, value) = key_value(attribute, &mut Oddities::default())?;
            identity |= (key == SERVICE_NAME.as_bytes() || key == SERVICE_INSTANCE_ID.as_bytes()) && !value.is_empty();
            others |= std::str::from_utf8(key).is_ok_and(|key| !is_identifying(key));
        }
        Ok(Self {
            message,
            key: link(root, message),
            has_target_info: identity && others,
            labels: OnceCell::new(),
            first_ms: Cell::new(i64::MAX),
            last_ms: Cell::new(i64::MIN),
        })
    }

    /// Notes that a point of the resource has this time.
    #[inline]
    pub(super) fn saw(&self, time_ms: i64) {
        self.first_ms.set(self.first_ms.get().min(time_ms));
        self.last_ms.set(self.last_ms.get().max(time_ms));
    }

    /// First and last time of its points.
    pub(super) fn times_ms(&self) -> Option<(i64, i64)> {
        let times = (self.first_ms.get(), self.last_ms.get());
        (times.0 <= times.1).then_some(times)
    }

    fn labels(&self, translation: &Translation, oddities: &mut Oddities) -> Result<&ResourceLabels, Reject> {
        let decoded = self.labels.get_or_init(|| {
            let attributes = attribute_pairs(oddities, |visit| {
                let mut fields = Fields::of(self.message);
                while let Some(attribute) = next_of(&mut fields, 1)? {
                    visit(attribute)?;
                }
                Ok(())
            })?;
            Ok(ResourceLabels::of(translation, attributes))
        });
        decoded.as_ref().map_err(|error| invalid_label(*error))
    }

    /// The labels of its `target_info`.
    pub(super) fn target_info(
        &self,
        translation: &Translation,
        out: &mut LabelsBuilder,
        oddities: &mut Oddities,
    ) -> Result<(), Reject> {
        let labels = self.labels(translation, oddities)?;
        let labels = labels.target_info(translation).map_err(invalid_name)?;
        labels.iter().for_each(|(name, value)| out.label(name, value));
        out.metric(TARGET_INFO);
        Ok(())
    }
}

/// One instrumentation scope of a resource.
pub(super) struct ScopeContext<'a> {
    message: &'a [u8],
    schema_url: &'a [u8],
    /// Its link of the arrival keys.
    pub(super) key: u128,
}

impl<'a> ScopeContext<'a> {
    pub(super) fn new(resource: u128, message: &'a [u8], schema_url: &'a [u8]) -> Self {
        Self {
            message,
            schema_url,
            key: link(link(resource, message), schema_url),
        }
    }

    /// Adds `otel_scope_*`, as Prometheus does when scopes are promoted.
    fn promote(&self, translation: &Translation, labels: &mut Labels, oddities: &mut Oddities) -> Result<(), Reject> {
        let (mut name, mut version): (&[u8], &[u8]) = (&[], &[]);
        let mut attributes = Vec::new();
        let mut fields = Fields::of(self.message);
        while let Some(field) = fields.next_field().map_err(malformed)? {
            match field.number {
                1 => name = field.bytes().map_err(malformed)?,
                2 => version = field.bytes().map_err(malformed)?,
                3 => attributes.push(field.bytes().map_err(malformed)?),
                _ => {}
            }
        }
        let pairs = attribute_pairs(oddities, |visit| attributes.into_iter().try_for_each(visit))
            .map_err(invalid_label)?
            .into_iter()
            .map(|(key, value)| (format!("otel_scope_{key}"), value))
            .collect();
        let (promoted, _) = Labels::of_attributes(translation, pairs).map_err(invalid_name)?;
        promoted.iter().for_each(|(name, value)| labels.set(name, value));
        labels.set("otel_scope_name", utf8(name)?);
        labels.set("otel_scope_version", utf8(version)?);
        labels.set("otel_scope_schema_url", utf8(self.schema_url)?);
        Ok(())
    }
}

/// The kinds of data a metric may have, by the field that holds them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DataKind {
    Gauge,
    Sum,
    Histogram,
    ExponentialHistogram,
    Summary,
}

/// One metric of a scope.
pub(super) struct MetricContext<'a> {
    /// Its name as sent.
    pub(super) name: &'a [u8],
    unit: &'a [u8],
    description: &'a [u8],
    /// What kind of data it has; none when this server knows no such kind.
    pub(super) kind: Option<DataKind>,
    /// The message that holds its points in field 1.
    pub(super) data: &'a [u8],
    /// How its points count.
    pub(super) temporality: Temporality,
    monotonic: bool,
    /// Its link of the arrival keys. The description takes part, so that a changed one is noticed.
    pub(super) key: u128,
    translated: OnceCell<Result<String, Reject>>,
    new_series: Cell<bool>,
}

impl<'a> MetricContext<'a> {
    pub(super) fn read(scope: u128, message: &'a [u8]) -> Result<Self, WireError> {
        let mut metric = Self {
            name: &[],
            unit: &[],
            description: &[],
            kind: None,
            data: &[],
            temporality: Temporality::Unspecified,
            monotonic: false,
            key: 0,
            translated: OnceCell::new(),
            new_series: Cell::new(false),
        };
        let mut fields = Fields::of(message);
        while let Some(field) = fields.next_field()? {
            let kind = match field.number {
                1 => {
                    metric.name = field.bytes()?;
                    continue;
                }
                2 => {
                    metric.description = field.bytes()?;
                    continue;
                }
                3 => {
                    metric.unit = field.bytes()?;
                    continue;
                }
                5 => DataKind::Gauge,
                7 => DataKind::Sum,
                9 => DataKind::Histogram,
                10 => DataKind::ExponentialHistogram,
                11 => DataKind::Summary,
                _ => continue,
            };
            metric.kind = Some(kind);
            metric.data = field.bytes()?;
        }
        metric.read_data()?;
        metric.key = link(link(link(scope, metric.name), metric.unit), metric.description)
            ^ u128::from(metric.type_number()).rotate_right(16);
        Ok(metric)
    }

    /// Temporality and monotonicity stand behind the points on the wire, and are needed before them.
    fn read_data(&mut self) -> Result<(), WireError> {
        if matches!(self.kind, None | Some(DataKind::Gauge | DataKind::Summary)) {
            return Ok(());
        }
        let mut fields = Fields::of(self.data);
        while let Some(field) = fields.next_field()? {
            match field.number {
                2 => {
                    self.temporality = match field.int32()? {
                        1 => Temporality::Delta,
                        2 => Temporality::Cumulative,
                        _ => Temporality::Unspecified,
                    }
                }
                3 if self.kind == Some(DataKind::Sum) => self.monotonic = field.bool()?,
                _ => {}
            }
        }
        Ok(())
    }

    /// What of the type decides the name: kind and monotonicity. (Temporality is no label.)
    fn type_number(&self) -> u16 {
        let kind = self.kind.map_or(0, |kind| kind as u16 + 1);
        kind << 1 | u16::from(self.monotonic)
    }

    /// Whether it has to say how its points count, and does not.
    pub(super) fn lacks_temporality(&self) -> bool {
        let must = matches!(
            self.kind,
            Some(DataKind::Sum | DataKind::Histogram | DataKind::ExponentialHistogram)
        );
        must && self.temporality == Temporality::Unspecified
    }

    fn translation_kind(&self) -> MetricKind {
        match self.kind {
            Some(DataKind::Sum) if self.monotonic => MetricKind::MonotonicSum,
            Some(DataKind::Sum) => MetricKind::NonMonotonicSum,
            Some(DataKind::Histogram) => MetricKind::Histogram,
            Some(DataKind::ExponentialHistogram) => MetricKind::ExponentialHistogram,
            Some(DataKind::Summary) => MetricKind::Summary,
            Some(DataKind::Gauge) | None => MetricKind::Gauge,
        }
    }

    fn metadata_kind(&self) -> MetadataKind {
        match self.translation_kind() {
            MetricKind::Gauge | MetricKind::NonMonotonicSum => MetadataKind::Gauge,
            MetricKind::MonotonicSum => MetadataKind::Counter,
            MetricKind::Histogram | MetricKind::ExponentialHistogram => MetadataKind::Histogram,
            MetricKind::Summary => MetadataKind::Summary,
        }
    }

    fn translated(&self, translation: &Translation) -> Result<&str, Reject> {
        let strategy = translation.options().translation_strategy;
        let translated = self.translated.get_or_init(|| {
            metric_name(strategy, utf8(self.name)?, utf8(self.unit)?, self.translation_kind()).map_err(invalid_name)
        });
        translated.as_deref().map_err(Clone::clone)
    }

    /// Name, type, unit and help, when a series of the metric was new: only then may they be new too.
    pub(super) fn metadata_due(&self) -> Option<(String, MetadataKind, Cow<'a, str>, Cow<'a, str>)> {
        if !self.new_series.get() {
            return None;
        }
        let name = self.translated.get()?.as_ref().ok()?;
        Some((
            name.clone(),
            self.metadata_kind(),
            String::from_utf8_lossy(self.unit),
            String::from_utf8_lossy(self.description),
        ))
    }
}

/// Decodes and translates all labels of a new series.
pub(super) fn series_labels(
    translation: &Translation,
    place: &Place<'_, '_>,
    run: &AttributeRun<'_>,
    suffix: &'static str,
    extra: Option<(&'static str, f64)>,
    out: &mut LabelsBuilder,
    oddities: &mut Oddities,
) -> Result<(), Reject> {
    place.metric.new_series.set(true);
    let name = place.metric.translated(translation)?;
    let pairs = attribute_pairs(oddities, |visit| run.each(visit)).map_err(invalid_label)?;
    let (mut labels, superseded) = Labels::of_attributes(translation, pairs).map_err(invalid_name)?;
    oddities.duplicate_keys += superseded;
    if translation.options().promote_scope_metadata {
        place.scope.promote(translation, &mut labels, oddities)?;
    }
    labels.add_resource(place.resource.labels(translation, oddities)?);
    if let Some((name, value)) = extra {
        labels.set(name, &bound_text(value));
    }
    labels.iter().for_each(|(name, value)| out.label(name, value));
    if suffix.is_empty() {
        out.metric(name);
    } else {
        out.metric(&format!("{name}{suffix}"));
    }
    Ok(())
}

/// A bucket's bound or a quantile as Prometheus writes it: the shortest decimal without an exponent.
fn bound_text(value: f64) -> String {
    if value == f64::INFINITY {
        "+Inf".to_owned()
    } else if value == f64::NEG_INFINITY {
        "-Inf".to_owned()
    } else {
        format!("{value}")
    }
}

/// Decodes the attributes that `each` visits into text.
fn attribute_pairs<'a>(
    oddities: &mut Oddities,
    each: impl FnOnce(&mut dyn FnMut(&'a [u8]) -> Result<(), LabelError>) -> Result<(), LabelError>,
) -> Result<Vec<(String, String)>, LabelError> {
    let mut pairs = Vec::new();
    each(&mut |attribute| {
        let (key, value) = key_value(attribute, oddities)?;
        let key = std::str::from_utf8(key).map_err(|_| LabelError::Utf8)?;
        pairs.push((key.to_owned(), label_text(value, oddities)?));
        Ok(())
    })?;
    Ok(pairs)
}

fn utf8(bytes: &[u8]) -> Result<&str, Reject> {
    std::str::from_utf8(bytes).map_err(|_| invalid_label(LabelError::Utf8))
}

fn invalid_label(error: LabelError) -> Reject {
    Reject {
        reason: match error {
            LabelError::Utf8 => Reason::InvalidLabels,
            LabelError::Value(_) => Reason::Malformed,
        },
        message: error.to_string(),
    }
}

fn invalid_name(error: NameError) -> Reject {
    Reject {
        reason: Reason::InvalidLabels,
        message: error.to_string(),
    }
}

fn malformed(error: WireError) -> Reject {
    Reject {
        reason: Reason::Malformed,
        message: error.to_string(),
    }
}
