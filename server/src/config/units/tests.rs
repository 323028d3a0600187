//! Durations and sizes as people write them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use super::*;
use proptest::prelude::*;

#[test]
fn sizes_know_both_kinds_of_thousand() {
    assert_eq!(parse_bytes("256MiB"), Ok(268_435_456));
    assert_eq!(parse_bytes("10GB"), Ok(10_000_000_000));
    assert_eq!(
        parse_bytes("1.5 KiB"),
        Err(
            "\"1.5 KiB\" is no size: write a number with B, KB, MB, GB, TB, KiB, MiB, GiB or TiB, as in 256MiB"
                .to_owned()
        )
    );
    assert_eq!(parse_bytes("1.5KiB"), Ok(1536));
    assert_eq!(parse_bytes("4096"), Ok(4096));
}

#[test]
fn durations_add_up_and_need_a_unit() {
    assert_eq!(parse_duration("30d"), Ok(Duration::from_secs(30 * 86_400)));
    assert_eq!(parse_duration("1h30m"), Ok(Duration::from_secs(5400)));
    assert_eq!(parse_duration("250ms"), Ok(Duration::from_millis(250)));
    for wrong in ["", "30", "d", "5 parsecs", "1h30", "-1h", "1000y"] {
        assert!(parse_duration(wrong).is_err(), "{wrong}");
    }
}

proptest! {
    #[test]
    fn a_printed_duration_reads_back(ms in 0u64..10_000_000_000) {
        let duration = Duration::from_millis(ms);
        prop_assert_eq!(parse_duration(&format_duration(duration)), Ok(duration));
    }
}
