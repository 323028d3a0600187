//! The labels of one series: its point's attributes, what its resource promotes, and who the resource is.

use super::{NameError, Translation, label_name};

/// The attribute that names the service.
pub const SERVICE_NAME: &str = "service.name";
/// The attribute that names the service's namespace.
pub const SERVICE_NAMESPACE: &str = "service.namespace";
/// The attribute that tells a service's replicas apart.
pub const SERVICE_INSTANCE_ID: &str = "service.instance.id";

/// Labels being collected, names unique, in no order.
#[derive(Debug, Default)]
pub struct Labels {
    pairs: Vec<(String, String)>,
}

impl Labels {
    /// The labels of a point's own attributes. Of one key the last value holds; values of different keys whose
    /// names come out the same are joined by `;` in the order of the keys. Returns how many values were superseded.
    pub fn of_attributes(
        translation: &Translation,
        mut attributes: Vec<(String, String)>,
    ) -> Result<(Self, u64), NameError> {
        let superseded = keep_last(&mut attributes);
        let mut labels = Self::default();
        for (key, value) in attributes {
            let name = label_name(translation.options(), &key)?;
            match labels.get_mut(&name) {
                Some(existing) => {
                    existing.push(';');
                    existing.push_str(&value);
                }
                None => labels.pairs.push((name, value)),
            }
        }
        Ok((labels, superseded))
    }

    fn get_mut(&mut self, name: &str) -> Option<&mut String> {
        self.pairs
            .iter_mut()
            .find(|(existing, _)| existing == name)
            .map(|(_, value)| value)
    }

    /// Adds a label unless one of its name is there.
    pub fn add(&mut self, name: &str, value: &str) {
        if self.get_mut(name).is_none() {
            self.pairs.push((name.to_owned(), value.to_owned()));
        }
    }

    /// Sets a label, whatever was there.
    pub fn set(&mut self, name: &str, value: &str) {
        match self.get_mut(name) {
            Some(existing) => value.clone_into(existing),
            None => self.pairs.push((name.to_owned(), value.to_owned())),
        }
    }

    /// Adds what the resource gives to each of its series; `job` and `instance` override.
    pub fn add_resource(&mut self, resource: &ResourceLabels) {
        for (name, value) in &resource.promoted {
            self.add(name, value);
        }
        self.set_identity(resource);
    }

    fn set_identity(&mut self, resource: &ResourceLabels) {
        if let Some(job) = &resource.job {
            self.set("job", job);
        }
        if let Some(instance) = &resource.instance {
            self.set("instance", instance);
        }
    }

    /// The pairs.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// Sorts by key and keeps the last of equal keys; the count of those that went.
fn keep_last(attributes: &mut Vec<(String, String)>) -> u64 {
    let before = attributes.len();
    attributes.sort_by(|(a, _), (b, _)| a.cmp(b));
    attributes.reverse();
    attributes.dedup_by(|(later, _), (kept, _)| later == kept);
    attributes.reverse();
    (before - attributes.len()) as u64
}

/// What a resource gives to its series, and its own series `target_info`.
#[derive(Debug, Default)]
pub struct ResourceLabels {
    promoted: Vec<(String, String)>,
    job: Option<String>,
    instance: Option<String>,
    info: Vec<(String, String)>,
}

impl ResourceLabels {
    /// Sorts a resource's attributes into identity, promoted labels and the rest.
    pub fn of(translation: &Translation, mut attributes: Vec<(String, String)>) -> Self {
        keep_last(&mut attributes);
        let value = |key: &str| {
            attributes
                .iter()
                .find(|(name, _)| name == key)
                .map(|(_, value)| value.clone())
        };
        let job = value(SERVICE_NAME).map(|name| match value(SERVICE_NAMESPACE) {
            Some(namespace) => format!("{namespace}/{name}"),
            None => name,
        });
        let instance = value(SERVICE_INSTANCE_ID);
        let mut promoted = Vec::new();
        for (key, value) in attributes.iter().filter(|(key, _)| translation.promotes(key)) {
            if let Ok(name) = label_name(translation.options(), key) {
                promoted.push((name, value.clone()));
            }
        }
        let keep = translation.options().keep_identifying_resource_attributes;
        attributes.retain(|(key, _)| keep || !is_identifying(key));
        Self {
            promoted,
            job,
            instance,
            info: attributes,
        }
    }

    /// The labels of `target_info`.
    pub fn target_info(&self, translation: &Translation) -> Result<Labels, NameError> {
        let (mut labels, _) = Labels::of_attributes(translation, self.info.clone())?;
        labels.set_identity(self);
        Ok(labels)
    }
}

/// Whether an attribute is part of `job` or `instance`.
pub fn is_identifying(key: &str) -> bool {
    matches!(key, SERVICE_NAME | SERVICE_NAMESPACE | SERVICE_INSTANCE_ID)
}
