//! The one table of settings: flags, environment names, keys of the file, help and defaults all come from it.

/// How often a setting may be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Takes {
    /// One value.
    One,
    /// Several values, each by its own flag; in the environment separated by spaces.
    Many,
    /// No value: its presence is its meaning.
    Switch,
}

/// One setting.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Key {
    /// As a flag without its dashes; the file writes `_` for `-`.
    pub(crate) name: &'static str,
    /// What its value is called in the help.
    pub(crate) value: &'static str,
    /// What holds when nobody says otherwise, as it would be written.
    pub(crate) default: &'static str,
    /// One line.
    pub(crate) help: &'static str,
    pub(crate) takes: Takes,
    /// May stand in a `[tenants.NAME]` table of the file.
    pub(crate) per_tenant: bool,
    /// Where it stands in the help.
    pub(crate) heading: &'static str,
}

impl Key {
    const fn one(
        name: &'static str,
        value: &'static str,
        default: &'static str,
        help: &'static str,
        heading: &'static str,
    ) -> Self {
        Self {
            name,
            value,
            default,
            help,
            takes: Takes::One,
            per_tenant: false,
            heading,
        }
    }

    const fn per_tenant(self) -> Self {
        Self {
            per_tenant: true,
            ..self
        }
    }

    const fn takes(self, takes: Takes) -> Self {
        Self { takes, ..self }
    }

    /// `ICECORE_` and the name in capitals.
    pub(crate) fn env(&self) -> String {
        format!("ICECORE_{}", self.name.replace('-', "_").to_ascii_uppercase())
    }
}

const PLACE: &str = "Where it lives and listens";
const KEEP: &str = "What is kept (per tenant in the file)";
const BOUNDS: &str = "What it may use";
const ACCESS: &str = "Who may use it";
const WORK: &str = "How it works";

/// Every setting, in the order of the help.
pub(crate) const KEYS: &[Key] = &[
    Key::one(
        "data-dir",
        "DIR",
        "./icecore-data",
        "The folder of the data; created when absent, owned by one process",
        PLACE,
    ),
    Key::one(
        "http-listen",
        "[ROLES@]ADDR",
        "127.0.0.1:4318",
        "OTLP/HTTP, remote write and every API; may be repeated; ROLES is any of ingest,query,admin (default all)",
        PLACE,
    )
    .takes(Takes::Many),
    Key::one("grpc-listen", "ADDR", "127.0.0.1:4317", "OTLP/gRPC", PLACE),
    Key::one(
        "memory-limit",
        "SIZE",
        "85% of the cgroup's limit, else 256MiB",
        "Memory that all buffers, caches and queries share",
        BOUNDS,
    ),
    Key::one(
        "threads",
        "N",
        "the CPU quota, at most 4",
        "Threads for network work, and as many for queries",
        BOUNDS,
    ),
    Key::one(
        "disk-limit-metrics",
        "SIZE",
        "10GB",
        "Disk that metrics may take; the oldest windows go first",
        BOUNDS,
    ),
    Key::one("disk-limit-logs", "SIZE", "10GB", "Disk that logs may take", BOUNDS),
    Key::one("disk-limit-traces", "SIZE", "10GB", "Disk that traces may take", BOUNDS),
    Key::one(
        "tenants-max",
        "N",
        "64",
        "Tenants at most; one more is refused by name",
        BOUNDS,
    ),
    Key::one(
        "retention-metrics",
        "DURATION",
        "30d",
        "How long samples are kept",
        KEEP,
    )
    .per_tenant(),
    Key::one(
        "retention-logs",
        "DURATION",
        "14d",
        "How long log records are kept",
        KEEP,
    )
    .per_tenant(),
    Key::one("retention-traces", "DURATION", "7d", "How long spans are kept", KEEP).per_tenant(),
    Key::one("series-max", "N", "100000", "Active series at most per tenant", KEEP).per_tenant(),
    Key::one(
        "late-max",
        "DURATION",
        "the retention",
        "How old a row may be when it arrives",
        KEEP,
    )
    .per_tenant(),
    Key::one(
        "future-max",
        "DURATION",
        "1h",
        "How far ahead of the clock a row may be",
        KEEP,
    )
    .per_tenant(),
    Key::one(
        "auth-token-file",
        "FILE",
        "none",
        "Bearer tokens, one a line; needed by listeners that are not loopback",
        ACCESS,
    ),
    Key::one(
        "insecure-no-auth",
        "",
        "false",
        "Listen beyond loopback without tokens",
        ACCESS,
    )
    .takes(Takes::Switch),
    Key::one(
        "wal-sync",
        "POLICY",
        "every-commit",
        "When an ack is given: every-commit, a DURATION between syncs, or os",
        WORK,
    ),
    Key::one(
        "wal-limit",
        "SIZE",
        "512MiB",
        "Size of the log at which the heads that hold its oldest file are flushed",
        WORK,
    ),
    Key::one(
        "window-metrics",
        "DURATION",
        "1d",
        "Length of a partition: whole hours that divide a day",
        WORK,
    ),
    Key::one("window-logs", "DURATION", "1d", "Length of a partition of logs", WORK),
    Key::one(
        "window-traces",
        "DURATION",
        "1d",
        "Length of a partition of traces",
        WORK,
    ),
    Key::one(
        "strict-recovery",
        "",
        "false",
        "Refuse to start on damaged data instead of setting it aside",
        WORK,
    )
    .takes(Takes::Switch),
    Key::one(
        "log",
        "FILTER",
        "info",
        "What is logged to standard error: error, warn, info, debug, or a filter",
        WORK,
    ),
];

/// The setting of this name, in either spelling.
pub(crate) fn find(name: &str) -> Option<&'static Key> {
    let name = name.replace('_', "-");
    KEYS.iter().find(|key| key.name == name)
}

/// The known name nearest to a mistyped one, in the file's spelling.
pub(crate) fn suggestion(name: &str, per_tenant: bool) -> Option<String> {
    let name = name.replace('_', "-");
    KEYS.iter()
        .filter(|key| key.per_tenant || !per_tenant)
        .map(|key| (strsim::jaro_winkler(key.name, &name), key))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, key)| key.name.replace('-', "_"))
}

#[cfg(test)]
mod tests;
