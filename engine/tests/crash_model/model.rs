//! What should be in the store: the rows that were acknowledged, and those that may be, because the power failed before
//! the answer came.

use std::collections::BTreeMap;

/// Identity of a row: tenant, signal, window, series or id, time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Identity {
    pub(crate) tenant: String,
    pub(crate) signal: &'static str,
    pub(crate) window: i64,
    pub(crate) key: String,
    pub(crate) at: i64,
}

/// A row's content in the store, and in how many sources (parts, heads) it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// In the newest source.
    pub(crate) value: String,
    pub(crate) copies: usize,
}

/// What is known of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Expected {
    pub(crate) value: String,
    /// How often it was written: copies in different sources are allowed up to that.
    pub(crate) writes: usize,
}

/// Acknowledged rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Model {
    pub(crate) rows: BTreeMap<Identity, Expected>,
}

impl Model {
    pub(crate) fn write(&mut self, identity: Identity, value: String) {
        let row = self.rows.entry(identity).or_insert(Expected {
            value: String::new(),
            writes: 0,
        });
        row.value = value;
        row.writes += 1;
    }

    /// Drops the windows that end at or before `horizon_s`.
    pub(crate) fn drop_windows(&mut self, horizon_s: i64) {
        self.rows.retain(|identity, _| identity.window + 86_400 > horizon_s);
    }

    /// Panics with the first difference.
    pub(crate) fn compare(&self, found: &BTreeMap<Identity, Found>, story: &str) {
        for (identity, expected) in &self.rows {
            let Some(row) = found.get(identity) else {
                panic!("{story}: lost {identity:?}");
            };
            assert_eq!(row.value, expected.value, "{story}: altered {identity:?}");
            assert!(
                row.copies <= expected.writes,
                "{story}: {identity:?} is there {} times, written {} times",
                row.copies,
                expected.writes
            );
        }
        for identity in found.keys() {
            assert!(self.rows.contains_key(identity), "{story}: invented {identity:?}");
        }
    }
}
