//! The live inverted index: label value -> bitmap of refs, for the series that heads may hold.

use std::collections::BTreeSet;

use hashbrown::HashMap;
use roaring::RoaringBitmap;

use crate::labels::{METRIC_NAME_LABEL, SeriesKey};
use crate::matcher::{MatchOp, Matcher};

type TextMap<V> = HashMap<Box<str>, V, foldhash::fast::RandomState>;

/// Bytes that one label value costs beside its text and its refs.
const VALUE_OVERHEAD_BYTES: u64 = 80;

/// The refs of one label value: most values of labels such as a pod's name have one series or a few.
#[derive(Debug)]
enum Refs {
    One(u32),
    Many(RoaringBitmap),
}

impl Refs {
    fn insert(&mut self, at: u32) {
        match self {
            Self::One(one) if *one == at => {}
            Self::One(one) => *self = Self::Many([*one, at].into_iter().collect()),
            Self::Many(many) => {
                many.insert(at);
            }
        }
    }

    /// Removes a ref; true when none is left.
    fn remove(&mut self, at: u32) -> bool {
        match self {
            Self::One(one) => *one == at,
            Self::Many(many) => {
                many.remove(at);
                many.is_empty()
            }
        }
    }

    fn add_to(&self, out: &mut RoaringBitmap) {
        match self {
            Self::One(one) => {
                out.insert(*one);
            }
            Self::Many(many) => *out |= many,
        }
    }

    fn meets(&self, refs: &RoaringBitmap) -> bool {
        match self {
            Self::One(one) => refs.contains(*one),
            Self::Many(many) => !many.is_disjoint(refs),
        }
    }
}

/// One label: its values, and which series have it at all.
#[derive(Debug, Default)]
struct Label {
    values: TextMap<Refs>,
    present: RoaringBitmap,
}

#[derive(Debug, Default)]
pub(super) struct LiveIndex {
    labels: TextMap<Label>,
    all: RoaringBitmap,
    text_bytes: u64,
}

impl LiveIndex {
    pub(super) fn all(&self) -> &RoaringBitmap {
        &self.all
    }

    pub(super) fn text_bytes(&self) -> u64 {
        self.text_bytes
    }

    pub(super) fn insert(&mut self, at: u32, key: &SeriesKey) {
        self.all.insert(at);
        self.insert_label(at, METRIC_NAME_LABEL, key.metric());
        for (name, value) in key.labels() {
            self.insert_label(at, &name, &value);
        }
    }

    fn insert_label(&mut self, at: u32, name: &str, value: &str) {
        if value.is_empty() {
            return;
        }
        if !self.labels.contains_key(name) {
            self.labels.insert(Box::from(name), Label::default());
        }
        let Some(label) = self.labels.get_mut(name) else {
            return;
        };
        label.present.insert(at);
        if let Some(refs) = label.values.get_mut(value) {
            refs.insert(at);
        } else {
            label.values.insert(Box::from(value), Refs::One(at));
            self.text_bytes += value.len() as u64 + VALUE_OVERHEAD_BYTES;
        }
    }

    pub(super) fn remove(&mut self, at: u32, key: &SeriesKey) {
        self.all.remove(at);
        self.remove_label(at, METRIC_NAME_LABEL, key.metric());
        for (name, value) in key.labels() {
            self.remove_label(at, &name, &value);
        }
    }

    fn remove_label(&mut self, at: u32, name: &str, value: &str) {
        let Some(label) = self.labels.get_mut(name) else {
            return;
        };
        label.present.remove(at);
        if label.values.get_mut(value).is_some_and(|refs| refs.remove(at)) {
            label.values.remove(value);
            self.text_bytes -= value.len() as u64 + VALUE_OVERHEAD_BYTES;
        }
        if label.values.is_empty() {
            self.labels.remove(name);
        }
    }

    pub(super) fn matching(&self, matchers: &[Matcher]) -> RoaringBitmap {
        let mut found: Option<RoaringBitmap> = None;
        // The exact ones first: they leave little for the expensive ones.
        let (exact, others): (Vec<_>, Vec<_>) = matchers
            .iter()
            .partition(|matcher| matches!(matcher.op, MatchOp::Equal) && !matcher.value.is_empty());
        for matcher in exact.into_iter().chain(others) {
            let before = found.as_ref().unwrap_or(&self.all);
            if before.is_empty() {
                break;
            }
            found = Some(self.narrow(before, matcher));
        }
        found.unwrap_or_else(|| self.all.clone())
    }

    /// Those of `before` that pass one matcher.
    fn narrow(&self, before: &RoaringBitmap, matcher: &Matcher) -> RoaringBitmap {
        let Some(label) = self.labels.get(matcher.name.as_str()) else {
            return if matcher.matches_absent() {
                before.clone()
            } else {
                RoaringBitmap::new()
            };
        };
        if matches!(matcher.op, MatchOp::Equal) && !matcher.value.is_empty() {
            let mut out = RoaringBitmap::new();
            if let Some(refs) = label.values.get(matcher.value.as_str()) {
                refs.add_to(&mut out);
            }
            out &= before;
            return out;
        }
        let absent_passes = matcher.matches_absent();
        // Collect the smaller story: who passes, or (where the absent pass) who does not.
        let mut listed = RoaringBitmap::new();
        for (value, refs) in &label.values {
            if matcher.matches(value) != absent_passes && refs.meets(before) {
                refs.add_to(&mut listed);
            }
        }
        if absent_passes {
            before - &listed
        } else {
            before & &listed
        }
    }

    pub(super) fn label_names(&self, refs: &RoaringBitmap) -> BTreeSet<String> {
        self.labels
            .iter()
            .filter(|(_, label)| !label.present.is_disjoint(refs))
            .map(|(name, _)| name.to_string())
            .collect()
    }

    pub(super) fn label_values(&self, name: &str, refs: &RoaringBitmap) -> BTreeSet<String> {
        let Some(label) = self.labels.get(name) else {
            return BTreeSet::new();
        };
        label
            .values
            .iter()
            .filter(|(_, found)| found.meets(refs))
            .map(|(value, _)| value.to_string())
            .collect()
    }
}
