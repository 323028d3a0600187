//! The settings as the server uses them, and their making from the layers.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use icecore_engine::ids::{Signal, TenantId};
use icecore_engine::options::{EngineOptions, PerSignal, SyncPolicy, TenantOptions};

use super::listen::parse_address;
use super::memory::{default_memory_bytes, default_threads};
use super::units::{parse_bytes, parse_duration};
use super::{ConfigError, FileLayer, KEYS, Layer, Listen};

/// What may differ between tenants; `None` is the general setting.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct TenantSettings {
    /// By signal, in the order of `Signal::ALL`.
    pub(crate) retention: [Option<Duration>; 3],
    pub(crate) series_max: Option<u64>,
    pub(crate) late_max: Option<Duration>,
    pub(crate) future_max: Option<Duration>,
}

impl TenantSettings {
    fn options(&self) -> TenantOptions {
        TenantOptions {
            retention: per_signal(self.retention),
            series_max: self.series_max,
            late_max: self.late_max,
            future_max: self.future_max,
        }
    }
}

fn per_signal<T>([metrics, logs, traces]: [T; 3]) -> PerSignal<T> {
    PerSignal { metrics, logs, traces }
}

/// Everything `serve` needs to know.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) data_dir: PathBuf,
    pub(crate) http_listen: Vec<Listen>,
    pub(crate) grpc_listen: SocketAddr,
    pub(crate) memory_bytes_max: u64,
    pub(crate) threads: usize,
    /// By signal, in the order of `Signal::ALL`.
    pub(crate) disk_bytes_max: [u64; 3],
    pub(crate) tenants_max: usize,
    /// The general settings of what a tenant may override; all but `late_max` are set.
    pub(crate) general: TenantSettings,
    pub(crate) tenants: BTreeMap<TenantId, TenantSettings>,
    pub(crate) auth_token_file: Option<PathBuf>,
    pub(crate) insecure_no_auth: bool,
    pub(crate) wal_sync: SyncPolicy,
    pub(crate) wal_bytes_max: u64,
    /// By signal, in the order of `Signal::ALL`.
    pub(crate) window_length: [Duration; 3],
    pub(crate) strict_recovery: bool,
    pub(crate) log: String,
}

impl Settings {
    /// Flags over the environment over the file over the defaults.
    pub(crate) fn from_layers(flags: Layer, env: Layer, file: FileLayer) -> Result<Self, ConfigError> {
        let mut values = defaults();
        for layer in [file.settings, env, flags] {
            values.extend(layer);
        }
        let values = Values { of: "", values };
        let settings = Self {
            data_dir: values.required("data-dir", |text| Ok(PathBuf::from(text)))?,
            http_listen: values.all("http-listen", str::parse)?,
            grpc_listen: values.required("grpc-listen", parse_address)?,
            memory_bytes_max: values
                .optional("memory-limit", parse_bytes)?
                .unwrap_or_else(default_memory_bytes),
            threads: values
                .optional("threads", parse_threads)?
                .unwrap_or_else(default_threads),
            disk_bytes_max: values.by_signal("disk-limit", parse_bytes)?,
            tenants_max: values.required("tenants-max", parse_tenants)?,
            general: values.tenant_settings()?,
            tenants: tenants(file.tenants)?,
            auth_token_file: values.optional("auth-token-file", |text| Ok(PathBuf::from(text)))?,
            insecure_no_auth: values.required("insecure-no-auth", parse_switch)?,
            wal_sync: values.required("wal-sync", parse_wal_sync)?,
            wal_bytes_max: values.required("wal-limit", parse_bytes)?,
            window_length: values.by_signal("window", parse_duration)?,
            strict_recovery: values.required("strict-recovery", parse_switch)?,
            log: values.required("log", |text| Ok(text.to_owned()))?,
        };
        settings.check_auth()?;
        Ok(settings)
    }

    /// The same as an engine is told.
    pub(crate) fn engine_options(&self) -> EngineOptions {
        let general = EngineOptions::default();
        let [metrics, logs, traces] = self.general.retention;
        let seconds = |length: Duration| i64::try_from(length.as_secs()).unwrap_or(i64::MAX);
        EngineOptions {
            memory_bytes_max: self.memory_bytes_max,
            wal_sync: self.wal_sync,
            wal_bytes_max: self.wal_bytes_max,
            retention: PerSignal {
                metrics: metrics.unwrap_or(general.retention.metrics),
                logs: logs.unwrap_or(general.retention.logs),
                traces: traces.unwrap_or(general.retention.traces),
            },
            disk_bytes_max: per_signal(self.disk_bytes_max),
            series_max: self.general.series_max.unwrap_or(general.series_max),
            tenants_max: self.tenants_max,
            late_max: self.general.late_max,
            future_max: self.general.future_max.unwrap_or(general.future_max),
            window_length_s: per_signal(self.window_length.map(seconds)),
            strict_recovery: self.strict_recovery,
            tenants: self
                .tenants
                .iter()
                .map(|(tenant, own)| (tenant.clone(), own.options()))
                .collect(),
            ..general
        }
    }

    /// A listener that other machines reach needs tokens, or the word that it shall not.
    fn check_auth(&self) -> Result<(), ConfigError> {
        if self.auth_token_file.is_some() || self.insecure_no_auth {
            return Ok(());
        }
        let addresses = self
            .http_listen
            .iter()
            .map(|listen| listen.address)
            .chain([self.grpc_listen]);
        match addresses
            .into_iter()
            .find(|address| !address.ip().to_canonical().is_loopback())
        {
            Some(address) => Err(ConfigError::NoAuth { address }),
            None => Ok(()),
        }
    }
}

/// The defaults that can be written down; those that ask the machine stay absent.
fn defaults() -> Layer {
    KEYS.iter()
        .filter(|key| !matches!(key.name, "memory-limit" | "threads" | "late-max" | "auth-token-file"))
        .map(|key| (key.name, vec![key.default.to_owned()]))
        .collect()
}

fn tenants(layers: BTreeMap<String, Layer>) -> Result<BTreeMap<TenantId, TenantSettings>, ConfigError> {
    layers
        .into_iter()
        .map(|(name, values)| {
            let tenant = TenantId::new(&name).map_err(|error| ConfigError::Value {
                name: "tenants".to_owned(),
                value: name.clone(),
                reason: error.to_string(),
            })?;
            let settings = Values { of: &name, values }.tenant_settings()?;
            Ok((tenant, settings))
        })
        .collect()
}

/// The merged values of the server or of one tenant.
struct Values<'a> {
    /// The tenant's name; empty for the server's.
    of: &'a str,
    values: Layer,
}

impl Values<'_> {
    fn all<T>(&self, name: &str, parse: impl Fn(&str) -> Result<T, String>) -> Result<Vec<T>, ConfigError> {
        self.values
            .get(name)
            .into_iter()
            .flatten()
            .map(|value| {
                parse(value).map_err(|reason| ConfigError::Value {
                    name: match self.of {
                        "" => name.to_owned(),
                        tenant => format!("tenants.{tenant}.{}", name.replace('-', "_")),
                    },
                    value: value.clone(),
                    reason,
                })
            })
            .collect()
    }

    fn optional<T>(&self, name: &str, parse: impl Fn(&str) -> Result<T, String>) -> Result<Option<T>, ConfigError> {
        Ok(self.all(name, parse)?.pop())
    }

    fn required<T>(&self, name: &str, parse: impl Fn(&str) -> Result<T, String>) -> Result<T, ConfigError> {
        self.optional(name, parse)?.ok_or_else(|| ConfigError::Value {
            name: name.to_owned(),
            value: String::new(),
            reason: "a value is needed".to_owned(),
        })
    }

    fn by_signal<T>(&self, prefix: &str, parse: impl Fn(&str) -> Result<T, String>) -> Result<[T; 3], ConfigError> {
        let [metrics, logs, traces] = Signal::ALL.map(|signal| self.required(&format!("{prefix}-{signal}"), &parse));
        Ok([metrics?, logs?, traces?])
    }

    fn tenant_settings(&self) -> Result<TenantSettings, ConfigError> {
        Ok(TenantSettings {
            retention: [
                self.optional("retention-metrics", parse_duration)?,
                self.optional("retention-logs", parse_duration)?,
                self.optional("retention-traces", parse_duration)?,
            ],
            series_max: self.optional("series-max", parse_count)?,
            late_max: self.optional("late-max", parse_duration)?,
            future_max: self.optional("future-max", parse_duration)?,
        })
    }
}

fn parse_count(text: &str) -> Result<u64, String> {
    text.replace('_', "")
        .parse()
        .map_err(|_| "a whole number is needed".to_owned())
}

fn parse_tenants(text: &str) -> Result<usize, String> {
    parse_count(text).and_then(|count| usize::try_from(count).map_err(|_| "a smaller number is needed".to_owned()))
}

fn parse_threads(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(threads @ 1..=256) => Ok(threads),
        _ => Err("a number from 1 to 256 is needed".to_owned()),
    }
}

fn parse_switch(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err("true or false is needed".to_owned()),
    }
}

fn parse_wal_sync(text: &str) -> Result<SyncPolicy, String> {
    match text {
        "every-commit" => Ok(SyncPolicy::EveryCommit),
        "os" => Ok(SyncPolicy::Os),
        duration => match parse_duration(duration) {
            Ok(Duration::ZERO) | Err(_) => Err("every-commit, a duration such as 100ms, or os is needed".to_owned()),
            Ok(duration) => Ok(SyncPolicy::Every(duration)),
        },
    }
}

#[cfg(test)]
mod tests;
