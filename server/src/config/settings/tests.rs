//! Flags beat the environment, which beats the file; wrong values say where and why.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use super::super::layers::{from_env, from_toml};
use super::*;

fn layer(pairs: &[(&'static str, &str)]) -> Layer {
    pairs
        .iter()
        .map(|(name, value)| (*name, vec![(*value).to_owned()]))
        .collect()
}

fn file(text: &str) -> FileLayer {
    from_toml(text).unwrap()
}

#[test]
fn the_defaults_are_those_of_the_manual() {
    let settings = Settings::from_layers(Layer::new(), Layer::new(), FileLayer::default()).unwrap();
    assert_eq!(settings.data_dir, PathBuf::from("./icecore-data"));
    assert_eq!(settings.http_listen.len(), 1);
    assert_eq!(settings.http_listen[0].address.to_string(), "127.0.0.1:4318");
    assert_eq!(settings.grpc_listen.to_string(), "127.0.0.1:4317");
    assert_eq!(settings.disk_bytes_max, [10_000_000_000; 3]);
    let days = |days: u64| Some(Duration::from_secs(days * 86_400));
    assert_eq!(settings.general.retention, [days(30), days(14), days(7)]);
    assert_eq!(settings.general.series_max, Some(100_000));
    assert_eq!(settings.tenants_max, 64);
    assert_eq!(settings.general.late_max, None);
    assert_eq!(settings.general.future_max, Some(Duration::from_secs(3600)));
    assert_eq!(settings.wal_sync, SyncPolicy::EveryCommit);
}

#[test]
fn a_flag_beats_the_environment_and_that_the_file() {
    let file = || file("series_max = 1\ntenants_max = 1\nwal_sync = \"os\"\n");
    let env = || {
        from_env(|name| match name {
            "ICECORE_SERIES_MAX" | "ICECORE_TENANTS_MAX" => Some("2".to_owned()),
            _ => None,
        })
    };
    let settings = Settings::from_layers(layer(&[("series-max", "3")]), env(), file()).unwrap();
    assert_eq!(settings.general.series_max, Some(3));
    assert_eq!(settings.tenants_max, 2);
    assert_eq!(settings.wal_sync, SyncPolicy::Os);
}

#[test]
fn tenants_have_their_own_values_in_the_file() {
    let settings = Settings::from_layers(
        Layer::new(),
        Layer::new(),
        file("http_listen = [\"ingest@127.0.0.1:1\", \"127.0.0.1:2\"]\n[tenants.acme]\nseries_max = 5\nretention_logs = \"1d\"\n"),
    )
    .unwrap();
    let acme = &settings.tenants[&TenantId::new("acme").unwrap()];
    assert_eq!(acme.series_max, Some(5));
    assert_eq!(acme.retention, [None, Some(Duration::from_secs(86_400)), None]);
    assert_eq!(settings.http_listen.len(), 2);
}

#[test]
fn unknown_keys_are_errors_with_the_nearest_known_one() {
    assert!(
        from_toml("retention_metric = \"1d\"")
            .unwrap_err()
            .contains("`retention_metrics`")
    );
    assert!(
        from_toml("[tenants.a]\nserie_max = 1")
            .unwrap_err()
            .contains("`series_max`")
    );
    let error = from_toml("[tenants.a]\ndata_dir = \"x\"").unwrap_err();
    assert!(error.contains("unknown key `data_dir` in a tenant's table"), "{error}");
}

#[test]
fn beyond_loopback_needs_tokens_or_the_word() {
    let open = &[("http-listen", "0.0.0.0:4318")];
    let error = Settings::from_layers(layer(open), Layer::new(), FileLayer::default()).unwrap_err();
    assert!(error.to_string().contains("--auth-token-file"), "{error}");
    let grpc = &[("grpc-listen", "0.0.0.0:4317")];
    assert!(Settings::from_layers(layer(grpc), Layer::new(), FileLayer::default()).is_err());
    let accepted = &[("http-listen", "0.0.0.0:4318"), ("insecure-no-auth", "true")];
    assert!(Settings::from_layers(layer(accepted), Layer::new(), FileLayer::default()).is_ok());
    let tokens = &[("http-listen", "0.0.0.0:4318"), ("auth-token-file", "tokens")];
    assert!(Settings::from_layers(layer(tokens), Layer::new(), FileLayer::default()).is_ok());
}

#[test]
fn a_wrong_value_is_named_with_its_key() {
    let error =
        Settings::from_layers(layer(&[("retention-logs", "14")]), Layer::new(), FileLayer::default()).unwrap_err();
    assert!(error.to_string().starts_with("retention-logs = \"14\""), "{error}");
    let tenant = file("[tenants.a]\nlate_max = \"soon\"");
    let error = Settings::from_layers(Layer::new(), Layer::new(), tenant).unwrap_err();
    assert!(error.to_string().starts_with("tenants.a.late_max"), "{error}");
}
