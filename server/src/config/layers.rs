//! Where settings come from: the file, over it the environment, over that the flags.

use std::collections::BTreeMap;
use std::path::Path;

use super::ConfigError;
use super::keys::{self, KEYS, Takes};

/// The values one source gives, by key name.
pub(crate) type Layer = BTreeMap<&'static str, Vec<String>>;

/// What a configuration file says: settings, and settings of single tenants.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct FileLayer {
    pub(crate) settings: Layer,
    pub(crate) tenants: BTreeMap<String, Layer>,
}

/// The settings among environment variables; other variables are none of ours.
pub(crate) fn from_env(variable: impl Fn(&str) -> Option<String>) -> Layer {
    KEYS.iter()
        .filter_map(|key| {
            let value = variable(&key.env()).filter(|value| !value.is_empty())?;
            let values = match key.takes {
                Takes::Many => value.split_whitespace().map(str::to_owned).collect(),
                Takes::One | Takes::Switch => vec![value],
            };
            Some((key.name, values))
        })
        .collect()
}

/// Reads a TOML file; a key that is not known is an error with the nearest one that is.
pub(crate) fn from_file(path: &Path) -> Result<FileLayer, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|error| ConfigError::File {
        path: path.to_owned(),
        reason: error.to_string(),
    })?;
    from_toml(&text).map_err(|reason| ConfigError::File {
        path: path.to_owned(),
        reason,
    })
}

pub(crate) fn from_toml(text: &str) -> Result<FileLayer, String> {
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| error.to_string())?;
    let mut file = FileLayer::default();
    for (name, value) in &table {
        if name == "tenants" {
            let tenants = value
                .as_table()
                .ok_or("`tenants` must be a table: write [tenants.NAME]")?;
            for (tenant, value) in tenants {
                let settings = value
                    .as_table()
                    .ok_or_else(|| format!("`tenants.{tenant}` must be a table: write [tenants.{tenant}]"))?;
                let layer = settings
                    .iter()
                    .map(|(name, value)| setting(name, value, true))
                    .collect::<Result<_, _>>()?;
                file.tenants.insert(tenant.clone(), layer);
            }
        } else {
            let (name, values) = setting(name, value, false)?;
            file.settings.insert(name, values);
        }
    }
    Ok(file)
}

fn setting(name: &str, value: &toml::Value, per_tenant: bool) -> Result<(&'static str, Vec<String>), String> {
    let key = keys::find(name)
        .filter(|key| key.per_tenant || !per_tenant)
        .ok_or_else(|| unknown(name, per_tenant))?;
    let values = match (value, key.takes) {
        (toml::Value::Array(values), Takes::Many) => values.iter().map(scalar).collect::<Option<Vec<_>>>(),
        _ => scalar(value).map(|value| vec![value]),
    };
    let values =
        values.ok_or_else(|| format!("`{name}` must be written as text, as in {name} = \"{}\"", key.default))?;
    Ok((key.name, values))
}

fn unknown(name: &str, per_tenant: bool) -> String {
    let place = if per_tenant { " in a tenant's table" } else { "" };
    match keys::suggestion(name, per_tenant) {
        Some(near) => format!("unknown key `{name}`{place}; did you mean `{near}`?"),
        None => format!("unknown key `{name}`{place}; `icecore serve --help` lists them"),
    }
}

fn scalar(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Boolean(switch) => Some(switch.to_string()),
        _ => None,
    }
}
