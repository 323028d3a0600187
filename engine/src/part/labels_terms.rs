//! Feeding the labels of sorted series into the term dictionary: neighbours share most labels, so that most cost a compare.

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use std::hash::BuildHasher as _;

use super::terms::{TermNumber, TermsBuilder};
use crate::labels::{METRIC_NAME_LABEL, SeriesKey, parse_labels_json};

/// One label of the series before, as its text in the canonical JSON.
#[derive(Debug, Clone, Copy)]
struct Pair {
    end: usize,
    term: TermNumber,
}

/// Remembers the last series and every label text seen.
pub(crate) struct LabelTerms {
    hasher: FixedState,
    metric_key: u32,
    metric: String,
    metric_term: TermNumber,
    labels: String,
    pairs: Vec<Pair>,
    next: Vec<Pair>,
    known: HashTable<(usize, u32, TermNumber)>,
    known_text: Vec<u8>,
}

impl LabelTerms {
    /// Nothing seen yet.
    pub(crate) fn new(terms: &mut TermsBuilder) -> Self {
        Self {
            hasher: FixedState::default(),
            metric_key: terms.key(METRIC_NAME_LABEL, u32::MAX),
            metric: String::new(),
            metric_term: TermNumber::MAX,
            labels: String::new(),
            pairs: Vec::new(),
            next: Vec::new(),
            known: HashTable::new(),
            known_text: Vec::new(),
        }
    }

    /// Adds the terms of a series to `group`.
    pub(crate) fn add(&mut self, terms: &mut TermsBuilder, key: &SeriesKey, group: u32) {
        let metric = key.metric();
        if self.metric_term == TermNumber::MAX || metric != self.metric {
            self.metric.clear();
            self.metric.push_str(metric);
            // A series without a name has no term: absent compares as the empty string.
            self.metric_term = if metric.is_empty() {
                TermNumber::MAX
            } else {
                terms
                    .term(self.metric_key, metric.as_bytes())
                    .unwrap_or(TermNumber::MAX)
            };
        }
        terms.add(self.metric_term, group);
        let labels = key.labels_json();
        if labels != self.labels {
            self.walk(terms, labels);
            self.labels.clear();
            self.labels.push_str(labels);
        }
        for pair in &self.pairs {
            terms.add(pair.term, group);
        }
    }

    /// Finds the terms of `labels`, comparing label by label with the series before.
    fn walk(&mut self, terms: &mut TermsBuilder, labels: &str) {
        self.next.clear();
        let bytes = labels.as_bytes();
        let old = self.labels.as_bytes();
        // After `{`; every label then ends before a `,` or the `}`.
        let mut at = 1;
        let mut old_at = 1;
        let mut old_pairs = self.pairs.iter();
        let mut candidate = old_pairs.next();
        while at < bytes.len() && bytes.get(at) != Some(&b'}') {
            let mut found = None;
            while let Some(pair) = candidate {
                let text = old.get(old_at..pair.end).unwrap_or_default();
                let end = at + text.len();
                let same = bytes.get(at..end) == Some(text) && matches!(bytes.get(end), Some(b',' | b'}'));
                if same {
                    found = Some((end, pair.term));
                }
                // Labels are sorted: what is smaller than ours cannot come again.
                let pass = same || bytes.get(at..).is_some_and(|rest| text < rest);
                if pass {
                    old_at = pair.end + 1;
                    candidate = old_pairs.next();
                }
                if same || !pass {
                    break;
                }
            }
            let (end, term) = found.unwrap_or_else(|| {
                let end = label_end(bytes, at);
                let text = labels.get(at..end).unwrap_or_default();
                let term = known_term(&self.hasher, &mut self.known, &mut self.known_text, terms, text);
                (end, term)
            });
            self.next.push(Pair { end, term });
            at = end + 1;
        }
        std::mem::swap(&mut self.pairs, &mut self.next);
    }
}

/// Where the label that starts at `at` ends: behind the second string.
fn label_end(bytes: &[u8], at: usize) -> usize {
    let mut end = at;
    for _ in 0..2 {
        // Over the opening quote (and the colon before the second one).
        while bytes.get(end).is_some_and(|byte| *byte != b'"') {
            end += 1;
        }
        end += 1;
        loop {
            match bytes.get(end) {
                Some(b'\\') => end += 2,
                Some(b'"') | None => break,
                Some(_) => end += 1,
            }
        }
        end += 1;
    }
    end.min(bytes.len())
}

/// The term of a label's canonical text, which is as unique as the label.
fn known_term(
    hasher: &FixedState,
    known: &mut HashTable<(usize, u32, TermNumber)>,
    known_text: &mut Vec<u8>,
    terms: &mut TermsBuilder,
    text: &str,
) -> TermNumber {
    let text = text.as_bytes();
    let hash = hasher.hash_one(text);
    let same =
        |(start, length, _): &(usize, u32, TermNumber)| known_text.get(*start..*start + *length as usize) == Some(text);
    if let Some((_, _, term)) = known.find(hash, same) {
        return *term;
    }
    let object = format!("{{{}}}", String::from_utf8_lossy(text));
    let term = parse_labels_json(&object)
        .first()
        .and_then(|(name, value)| {
            let key = terms.key(name, u32::MAX);
            terms.term(key, value.as_bytes())
        })
        .unwrap_or(TermNumber::MAX);
    let start = known_text.len();
    known_text.extend_from_slice(text);
    let all = &*known_text;
    known.insert_unique(hash, (start, text.len() as u32, term), |(start, length, _)| {
        all.get(*start..*start + *length as usize)
            .map_or(0, |text| hasher.hash_one(text))
    });
    term
}
