//! Random batches, caps, times and failures: the rows stored, the counts and the ledger are those of a naive model.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
struct Item {
    /// One row, or several that stand or fall together.
    series: Vec<u32>,
    hours_back: i64,
    refused_by_decoder: bool,
    /// Made by the decoder of what came with others: stored, but no item.
    derived: bool,
}

fn item() -> impl Strategy<Value = Item> {
    let series = prop_oneof![
        4 => (0..30_u32).prop_map(|one| vec![one]),
        1 => prop::collection::btree_set(0..30_u32, 0..5).prop_map(|set| set.into_iter().collect()),
    ];
    let flags = (prop::bool::weighted(0.05), prop::bool::weighted(0.1));
    (series, -2..5_i64, flags).prop_map(|(series, hours_back, (refused_by_decoder, derived))| Item {
        derived: derived && series.len() == 1 && !refused_by_decoder,
        series,
        hours_back,
        refused_by_decoder,
    })
}

/// Which series have a sample in which hour.
#[derive(Debug, Clone, Default)]
struct Hours(BTreeMap<i64, BTreeSet<u32>>);

impl Hours {
    fn active(&self, hour: i64) -> usize {
        let of = |hour| self.0.get(&hour).cloned().unwrap_or_default();
        of(hour).union(&of(hour - 1)).count()
    }

    /// The hours with these samples, unless the cap forbids them.
    fn with(&self, series: &[u32], hour: i64, cap: usize) -> Option<Self> {
        let mut after = self.clone();
        for one in series {
            let before = after.clone();
            after.0.entry(hour).or_default().insert(*one);
            let grown_over = [hour, hour + 1]
                .iter()
                .any(|h| after.active(*h) > cap && after.active(*h) > before.active(*h));
            if grown_over {
                return None;
            }
        }
        Some(after)
    }
}

proptest! {
    #[test]
    fn every_item_is_stored_or_refused_for_its_reason(
        cap in 0..25_usize,
        batches in prop::collection::vec((prop::collection::vec(item(), 0..30), prop::bool::weighted(0.2)), 1..12),
    ) {
        let limits = TenantLimits {
            series_max: cap as u64,
            late_max_ms: PerSignal::all(3 * HOUR_MS),
            future_max_ms: HOUR_MS,
        };
        let budget = MemoryBudget::new(256 << 20);
        let tenant = Tenant::new(TenantId::default(), STORE, 1, limits, &budget);
        let mut hours = Hours::default();
        let (mut received, mut stored) = (0, 0);
        for (items, fails) in batches {
            let mut batch = tenant.metrics_batch(NOW).unwrap();
            let mut after = hours.clone();
            let (mut expected_rows, mut expected_stored) = (Vec::new(), 0);
            let (mut too_old, mut too_new, mut capped, mut decoder) = (0, 0, 0, 0);
            for item in &items {
                let timestamp = NOW.0 - item.hours_back * HOUR_MS;
                let whole = item.series.len() != 1 || item.refused_by_decoder;
                if whole {
                    batch.point_begin();
                }
                if item.refused_by_decoder {
                    batch.reject(Reason::NoValue, 1, || "none".into());
                }
                for series in &item.series {
                    if item.derived {
                        let slot = slot(&mut batch, "m", &series.to_string());
                        batch.derived_sample(slot, timestamp, f64::from(*series));
                        continue;
                    }
                    gauge(&mut batch, *series, timestamp, f64::from(*series));
                }
                if whole {
                    batch.point_end();
                }
                let counted = u64::from(!item.derived);
                if item.refused_by_decoder {
                    decoder += 1;
                } else if item.series.is_empty() {
                } else if item.hours_back > 3 {
                    too_old += counted;
                } else if item.hours_back < -1 {
                    too_new += counted;
                } else if let Some(grown) = after.with(&item.series, timestamp.div_euclid(HOUR_MS), cap) {
                    after = grown;
                    expected_rows.extend(item.series.iter().map(|series| (*series, timestamp)));
                    expected_stored += counted;
                } else {
                    capped += counted;
                }
            }
            let admitted = Tenant::admit_metrics(batch).unwrap();
            let rows: Vec<(u32, i64)> = admitted.rows.values.iter().map(|v| *v as u32)
                .zip(admitted.rows.timestamps.iter().copied()).collect();
            prop_assert_eq!(&rows, &expected_rows);
            for (at, (series, _)) in rows.iter().enumerate() {
                let key = tenant.key(SeriesRef(admitted.rows.refs[at])).unwrap();
                let expected = format!("{{\"id\":\"{series}\"}}");
                prop_assert_eq!(key.labels_json(), expected);
            }
            let distinct: BTreeSet<u32> = admitted.rows.refs.iter().copied().collect();
            prop_assert_eq!(admitted.refs.len(), distinct.len());
            prop_assert_eq!(admitted.refs.iter().copied().collect::<BTreeSet<_>>(), distinct);
            if fails {
                drop(admitted);
            } else {
                let outcome = admitted.admission.confirm();
                let of = |reason| outcome.rejected.iter().find(|(r, _)| *r == reason).map_or(0, |(_, n)| *n);
                prop_assert_eq!(outcome.stored, expected_stored);
                prop_assert_eq!(of(Reason::SeriesCap), capped);
                prop_assert_eq!(of(Reason::TooOld), too_old);
                prop_assert_eq!(of(Reason::TooFarInFuture), too_new);
                prop_assert_eq!(of(Reason::NoValue), decoder);
                received += outcome.stored + outcome.rejected_total();
                stored += outcome.stored;
                hours = after;
            }
            let counts = tenant.ledger().counts(Signal::Metrics);
            prop_assert!(counts.balances());
            prop_assert_eq!((counts.received, counts.stored + counts.replaced), (received, stored));
            for hour in -2..6 {
                let at = TimestampMs(NOW.0 - hour * HOUR_MS);
                let active = hours.active(at.0.div_euclid(HOUR_MS)) as u64;
                prop_assert_eq!(tenant.active_series(at), active);
                prop_assert!(active <= cap as u64);
            }
        }
    }
}
