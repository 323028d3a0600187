//! OpenTelemetry names into Prometheus's: what a metric, an attribute and a resource are called in PromQL.
//!
//! The options carry the names and the defaults of Prometheus's `otlp:` section, with one difference: a short list of
//! resource attributes is promoted to labels by default, because dashboards group by them. Translation happens once
//! per new series; a series that is known costs none of it.

mod labels;
mod names;
mod strategy;
mod units;

pub use labels::{Labels, ResourceLabels, SERVICE_INSTANCE_ID, SERVICE_NAME, SERVICE_NAMESPACE, is_identifying};
pub use names::{MetricKind, NameError, label_name, metric_name};
pub use strategy::{Strategy, UnknownStrategy};

/// Resource attributes that become labels of every series unless the configuration names others.
pub const PROMOTED_BY_DEFAULT: [&str; 10] = [
    "service.name",
    "service.namespace",
    "deployment.environment.name",
    "deployment.environment",
    "k8s.cluster.name",
    "k8s.namespace.name",
    "k8s.pod.name",
    "k8s.container.name",
    "host.name",
    "container.id",
];

/// How names and labels are made. Plain data: the configuration file's `otlp` table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TranslationOptions {
    /// Which characters survive, and whether units and types become suffixes.
    pub translation_strategy: Strategy,
    /// Resource attributes that become labels of every series of the resource.
    pub promote_resource_attributes: Vec<String>,
    /// Promote every resource attribute (a cardinality hazard) except the ignored.
    pub promote_all_resource_attributes: bool,
    /// What `promote_all_resource_attributes` leaves out.
    pub ignore_resource_attributes: Vec<String>,
    /// Keep `service.name`, `service.namespace` and `service.instance.id` on `target_info` too.
    pub keep_identifying_resource_attributes: bool,
    /// Put the scope's name, version, schema URL and attributes on every series as `otel_scope_*` labels.
    pub promote_scope_metadata: bool,
    /// Put `key` in front of label names that begin with a single underscore.
    pub label_name_underscore_sanitization: bool,
    /// Keep runs of underscores in label names.
    pub label_name_preserve_multiple_underscores: bool,
}

impl Default for TranslationOptions {
    fn default() -> Self {
        Self {
            translation_strategy: Strategy::UnderscoreEscapingWithSuffixes,
            promote_resource_attributes: PROMOTED_BY_DEFAULT.map(str::to_owned).to_vec(),
            promote_all_resource_attributes: false,
            ignore_resource_attributes: Vec::new(),
            keep_identifying_resource_attributes: false,
            promote_scope_metadata: false,
            label_name_underscore_sanitization: true,
            label_name_preserve_multiple_underscores: true,
        }
    }
}

/// The rules of translation, made once and shared by all requests.
#[derive(Debug, Default)]
pub struct Translation {
    options: TranslationOptions,
}

impl Translation {
    /// Rules by `options`.
    pub fn new(options: TranslationOptions) -> Self {
        Self { options }
    }

    /// The options.
    pub fn options(&self) -> &TranslationOptions {
        &self.options
    }

    /// Whether a resource attribute is promoted to a label.
    fn promotes(&self, key: &str) -> bool {
        let listed = |list: &[String]| list.iter().any(|entry| entry == key);
        if self.options.promote_all_resource_attributes {
            !listed(&self.options.ignore_resource_attributes)
        } else {
            listed(&self.options.promote_resource_attributes)
        }
    }
}

#[cfg(test)]
mod tests;
