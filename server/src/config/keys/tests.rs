//! `docs/configuration.md` is made from the table of settings: `UPDATE_DOCS=1 cargo test -p icecore-server` writes it anew.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]
#![expect(
    clippy::disallowed_methods,
    reason = "writes a page of the documentation, no data file"
)]

use std::fmt::Write as _;
use std::path::Path;

use super::*;

const INTRODUCTION: &str = "# Configuration

Every setting is a flag of `icecore serve`, a variable of the environment, and a key of the TOML file that `--config` names. A
flag beats the environment, which beats the file, which beats the default. An unknown key is an error that names the nearest
known one. Settings marked *per tenant* may also stand in a table `[tenants.NAME]` of the file:

    data_dir = \"/var/lib/icecore\"
    http_listen = [\"127.0.0.1:4318\", \"query@0.0.0.0:9090\"]
    auth_token_file = \"/etc/icecore/tokens\"
    retention_logs = \"7d\"

    [tenants.checkout]
    series_max = 20000
    retention_logs = \"30d\"

Durations are written `250ms`, `15s`, `1h30m`, `30d`; sizes `256MiB` or `10GB`. `http_listen` takes a list; in the environment
its values are separated by spaces.
";

fn page() -> String {
    let mut page = INTRODUCTION.to_owned();
    let mut heading = "";
    for key in KEYS {
        if key.heading != heading {
            heading = key.heading;
            write!(
                page,
                "\n## {heading}\n\n| flag | environment | file | default | what it does |\n|---|---|---|---|---|\n"
            )
            .unwrap();
        }
        let value = if key.value.is_empty() {
            String::new()
        } else {
            format!(" {}", key.value)
        };
        let scope = if key.per_tenant { " (*per tenant*)" } else { "" };
        let (name, env, file) = (key.name, key.env(), key.name.replace('-', "_"));
        writeln!(
            page,
            "| `--{name}{value}` | `{env}` | `{file}` | {} | {}{scope} |",
            key.default, key.help
        )
        .unwrap();
    }
    page
}

#[test]
fn the_page_of_settings_is_that_of_the_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/configuration.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, page()).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == page(),
        "docs/configuration.md is not what the table says: run with UPDATE_DOCS=1"
    );
}

#[test]
fn a_mistyped_name_finds_its_neighbour_and_nonsense_finds_none() {
    assert_eq!(
        suggestion("retention_metric", false).as_deref(),
        Some("retention_metrics")
    );
    assert_eq!(suggestion("data-dirr", true), None, "not a setting of tenants");
    assert_eq!(suggestion("xyzzy", false), None);
}
