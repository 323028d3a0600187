//! The translation tables: what Prometheus calls things, case by case.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use super::*;

fn options(strategy: Strategy) -> TranslationOptions {
    TranslationOptions {
        translation_strategy: strategy,
        ..TranslationOptions::default()
    }
}

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
}

fn sorted(labels: &Labels) -> Vec<(String, String)> {
    let mut list: Vec<_> = labels.iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
    list.sort();
    list
}

#[test]
fn escaped_names_with_suffixes() {
    use MetricKind::*;
    let cases = [
        (
            "http.server.request.duration",
            "s",
            Histogram,
            "http_server_request_duration_seconds",
        ),
        ("requests", "", MonotonicSum, "requests_total"),
        ("requests_total", "", MonotonicSum, "requests_total"),
        ("total.requests", "", MonotonicSum, "requests_total"),
        ("cpu_usage", "1", Gauge, "cpu_usage_ratio"),
        ("items", "1", MonotonicSum, "items_total"),
        ("items", "1", NonMonotonicSum, "items"),
        ("response_time_seconds", "s", Gauge, "response_time_seconds"),
        ("requests", "1/s", Gauge, "requests_per_second"),
        ("throughput", "By/s", Gauge, "throughput_bytes_per_second"),
        ("queue", "{message}", Gauge, "queue"),
        ("queue", "By/{message}", Gauge, "queue_bytes"),
        ("speed", "m/m", Gauge, "speed_meters_per_minute"),
        ("latency", "us", Summary, "latency_microseconds"),
        ("mem", "TiBy", Gauge, "mem_tibibytes"),
        ("temperature", "Cel", Gauge, "temperature_celsius"),
        ("load", "%", Gauge, "load_percent"),
        (
            "custom",
            "unit@with#special/chars",
            Gauge,
            "custom_unit_with_special_per_chars",
        ),
        ("a__b", "x__y", Gauge, "a_b_x_y"),
        ("3xx.count", "", Gauge, "_3xx_count"),
        ("ns:rule.sum", "", Gauge, "ns:rule_sum"),
        ("size", "By", ExponentialHistogram, "size_bytes"),
    ];
    for (name, unit, kind, expected) in cases {
        let translated = metric_name(Strategy::UnderscoreEscapingWithSuffixes, name, unit, kind);
        assert_eq!(translated.as_deref(), Ok(expected), "{name} {unit}");
    }
}

#[test]
fn the_other_strategies() {
    use MetricKind::*;
    let cases = [
        (
            Strategy::UnderscoreEscapingWithoutSuffixes,
            "a.b..c",
            "s",
            MonotonicSum,
            "a_b_c",
        ),
        (Strategy::UnderscoreEscapingWithoutSuffixes, "a__b", "s", Gauge, "a__b"),
        (
            Strategy::UnderscoreEscapingWithoutSuffixes,
            "9lives",
            "",
            Gauge,
            "_9lives",
        ),
        (
            Strategy::NoUtf8EscapingWithSuffixes,
            "http.server.duration",
            "s",
            Histogram,
            "http.server.duration_seconds",
        ),
        (
            Strategy::NoUtf8EscapingWithSuffixes,
            "cpu_seconds_total",
            "s",
            MonotonicSum,
            "cpu_seconds_total",
        ),
        (
            Strategy::NoUtf8EscapingWithSuffixes,
            "requêsts",
            "1/s",
            MonotonicSum,
            "requêsts_per_second_total",
        ),
        (
            Strategy::NoUtf8EscapingWithSuffixes,
            "cpu_usagé",
            "1",
            Gauge,
            "cpu_usagé_ratio",
        ),
        (
            Strategy::NoUtf8EscapingWithSuffixes,
            "total",
            "",
            MonotonicSum,
            "total_total",
        ),
        (
            Strategy::NoTranslation,
            "http.server.duration",
            "s",
            MonotonicSum,
            "http.server.duration",
        ),
    ];
    for (strategy, name, unit, kind, expected) in cases {
        assert_eq!(
            metric_name(strategy, name, unit, kind).as_deref(),
            Ok(expected),
            "{strategy} {name}"
        );
    }
}

#[test]
fn names_of_which_nothing_is_left_are_refused() {
    let escaping = Strategy::UnderscoreEscapingWithoutSuffixes;
    assert!(metric_name(escaping, "@#$%", "", MetricKind::Gauge).is_err());
    assert!(metric_name(Strategy::NoTranslation, "", "", MetricKind::Gauge).is_err());
    assert!(label_name(&options(escaping), "").is_err());
    assert!(label_name(&options(escaping), "...").is_err());
    assert_eq!(label_name(&options(escaping), "__").as_deref(), Ok("__"));
}

#[test]
fn label_names() {
    let escaping = options(Strategy::UnderscoreEscapingWithSuffixes);
    for (key, expected) in [
        ("http.method", "http_method"),
        ("9th", "key_9th"),
        ("_private", "key_private"),
        ("__reserved__", "__reserved__"),
        ("a..b", "a__b"),
        ("näme", "n_me"),
    ] {
        assert_eq!(label_name(&escaping, key).as_deref(), Ok(expected), "{key}");
    }
    let permissive = TranslationOptions {
        label_name_underscore_sanitization: false,
        label_name_preserve_multiple_underscores: false,
        ..escaping
    };
    assert_eq!(label_name(&permissive, "_private").as_deref(), Ok("_private"));
    assert_eq!(label_name(&permissive, "a..b").as_deref(), Ok("a_b"));
    let verbatim = options(Strategy::NoTranslation);
    assert_eq!(label_name(&verbatim, "http.method").as_deref(), Ok("http.method"));
}

#[test]
fn keys_that_come_out_the_same_are_joined_and_repeated_keys_superseded() {
    let translation = Translation::default();
    let attributes = pairs(&[("b_c", "3"), ("b.c", "1"), ("a", "x"), ("b-c", "0"), ("a", "y")]);
    let (labels, superseded) = Labels::of_attributes(&translation, attributes).unwrap();
    assert_eq!(sorted(&labels), pairs(&[("a", "y"), ("b_c", "0;1;3")]));
    assert_eq!(superseded, 1);
}

#[test]
fn a_resource_gives_job_instance_and_what_is_promoted() {
    let translation = Translation::default();
    let resource = ResourceLabels::of(
        &translation,
        pairs(&[
            ("service.name", "shop"),
            ("service.namespace", "prod"),
            ("service.instance.id", "i-1"),
            ("host.name", "h1"),
            ("os.type", "linux"),
        ]),
    );
    let (mut labels, _) = Labels::of_attributes(&translation, pairs(&[("host.name", "own"), ("job", "mine")])).unwrap();
    labels.add_resource(&resource);
    assert_eq!(
        sorted(&labels),
        pairs(&[
            ("host_name", "own"),
            ("instance", "i-1"),
            ("job", "prod/shop"),
            ("service_name", "shop"),
            ("service_namespace", "prod"),
        ])
    );
    assert_eq!(
        sorted(&resource.target_info(&translation).unwrap()),
        pairs(&[
            ("host_name", "h1"),
            ("instance", "i-1"),
            ("job", "prod/shop"),
            ("os_type", "linux")
        ])
    );
}

#[test]
fn promotion_follows_the_options() {
    let attributes = pairs(&[("service.name", "shop"), ("os.type", "linux"), ("secret", "x")]);
    let labels_with = |options: TranslationOptions| {
        let translation = Translation::new(options);
        let mut labels = Labels::default();
        labels.add_resource(&ResourceLabels::of(&translation, attributes.clone()));
        sorted(&labels)
    };
    let all = TranslationOptions {
        promote_all_resource_attributes: true,
        ignore_resource_attributes: vec!["secret".to_owned()],
        ..TranslationOptions::default()
    };
    assert_eq!(
        labels_with(all),
        pairs(&[("job", "shop"), ("os_type", "linux"), ("service_name", "shop")])
    );
    let none = TranslationOptions {
        promote_resource_attributes: Vec::new(),
        ..TranslationOptions::default()
    };
    assert_eq!(labels_with(none), pairs(&[("job", "shop")]));
}

#[test]
fn strategies_read_by_prometheus_names() {
    for strategy in Strategy::ALL {
        assert_eq!(strategy.as_str().parse(), Ok(strategy));
    }
    let error = "Underscore".parse::<Strategy>().unwrap_err();
    assert!(error.to_string().contains("NoUTF8EscapingWithSuffixes"));
}
