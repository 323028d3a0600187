//! The command line holds together: every setting is a flag, and its help names its default and its variable.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use super::*;

#[test]
fn clap_finds_no_contradiction() {
    command().debug_assert();
}

#[test]
fn every_setting_is_a_flag_with_its_default_and_variable_in_the_help() {
    let mut command = command();
    let help = command
        .find_subcommand_mut("serve")
        .unwrap()
        .render_long_help()
        .to_string();
    for key in KEYS {
        assert!(help.contains(&format!("--{}", key.name)), "{}", key.name);
        assert!(help.contains(&key.env()), "{}", key.env());
    }
}

#[test]
fn repeated_listeners_and_switches_are_read() {
    let matches = command()
        .try_get_matches_from([
            "icecore",
            "serve",
            "--http-listen",
            "127.0.0.1:1",
            "--http-listen",
            "query@127.0.0.1:2",
            "--strict-recovery",
        ])
        .unwrap();
    let flags = flags(matches.subcommand().unwrap().1);
    assert_eq!(flags["http-listen"], ["127.0.0.1:1", "query@127.0.0.1:2"]);
    assert_eq!(flags["strict-recovery"], ["true"]);
    assert!(!flags.contains_key("series-max"));
}

#[test]
fn an_unknown_flag_is_an_error_with_a_suggestion() {
    let error = command()
        .try_get_matches_from(["icecore", "serve", "--retention-metric", "1d"])
        .unwrap_err();
    assert!(error.to_string().contains("--retention-metrics"), "{error}");
}
